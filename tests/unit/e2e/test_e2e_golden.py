"""The golden inputs, and what is expected of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdas.contracts.manifest import StoppedBy
from scout.cities import inputs
from scout.e2e import golden
from scout.errors import InputRefused, ScoutError
from workflow.city_states import CityState

NAMES = sorted(path.name.split(".")[1] for path in inputs.EXAMPLES.glob("input.*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_input_says_what_it_has_to_come_to(name: str):
    job, expected = golden.load(name)
    assert job.job_id
    assert expected.stopped_by


def test_nothing_is_expected_of_what_is_not_there():
    assert sorted(json.loads((inputs.EXAMPLES / golden.EXPECTATIONS).read_text())) == NAMES


def test_what_is_expected_of_edinburgh():
    job, expected = golden.load("edinburgh")
    assert (job.kill_switches.web, job.kill_switches.llm) == (True, True)
    assert expected.stopped_by == (StoppedBy.DRAINED, StoppedBy.EARLY_STOP)
    assert CityState.WEB_FETCH in expected.idle
    assert CityState.TILE_SWEEP not in expected.idle


def folder(path: Path, golden_text: str) -> Path:
    (path / "input.york.json").write_text((inputs.EXAMPLES / "input.london.json").read_text())
    (path / "golden.json").write_text(golden_text)
    return path


def test_an_unknown_city_is_refused_with_those_that_there_are():
    with pytest.raises(InputRefused, match=r"no input\.atlantis\.json; the golden inputs are .*edinburgh"):
        golden.load("atlantis")


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("{}", InputRefused, "does not say what a run of it has to come to"),
        ('{"york": {"stopped_by": [], "places_at_least": 1}}', InputRefused, "stopped_by"),
        ('{"york": {"stopped_by": ["tired"], "places_at_least": 1}}', InputRefused, "stopped_by"),
        ('{"york": {"stopped_by": ["drained"], "places_at_least": 0}}', InputRefused, "places_at_least"),
        ("[", ScoutError, "cannot be read"),
    ],
)
def test_an_expectation_that_could_not_fail_or_is_wrong_is_refused(
    tmp_path: Path, text: str, kind: type[Exception], reason: str
):
    with pytest.raises(kind, match=reason):
        golden.load("york", folder(tmp_path, text))
