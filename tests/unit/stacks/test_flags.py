"""Flags: shown for every stack, and switched in a stack's file with nothing else in it touched."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from scout.errors import InputRefused, ScoutError
from scout.local import PROJECT_DIR
from scout.stacks import flags
from workflow.city_states import IMPLEMENTED_REAL, STATE_NAMES

COMMENTED = """\
# yaml-language-server: $schema=schemas/stack-config.schema.json
config:
  data-scout:force_destroy: true   # a stack to play with
  data-scout:states:
    # the first five
    DiscoverWebSources: mock
    DiscoverTargets:   "mock"
    SeedPrimaries: mock
    ExpandNeighbors: mock
    TileSweep: mock     # needs a map
    WebFetch: mock
    ExtractWithLLM: mock
    GeocodeValidate: mock
    DedupeCanonicalize: mock
    Persist: mock

    Rank: mock
    Finalize: mock
  data-scout:pipelines:
    lane: {type: EXPRESS, stages: [{name: ETLStage, function: candidate-etl}]}
"""
FLOW = "config: {data-scout:states: {" + ", ".join(f"{state}: mock" for state in STATE_NAMES) + "}}"


def project(folder: Path, **stacks: str) -> Path:
    shutil.copy(PROJECT_DIR / "Pulumi.yaml", folder)
    for name, text in stacks.items():
        (folder / f"Pulumi.{name}.yaml").write_bytes(text.encode())
    return folder


def edited(folder: Path, text: str, **changes: str) -> str:
    return flags.edit("dev", changes, project(folder, dev=text)).after


def test_one_value_changes_and_no_other_character(tmp_path: Path):
    after = edited(tmp_path, COMMENTED, TileSweep="real")
    assert after == COMMENTED.replace("TileSweep: mock ", "TileSweep: real ")
    again = edited(tmp_path, after, TileSweep="mock")
    assert again == COMMENTED


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (COMMENTED.replace("TileSweep: mock", 'TileSweep: "mock"'), 'TileSweep: "mock"', "TileSweep: real"),
        (COMMENTED.replace("\n", "\r\n"), "TileSweep: mock ", "TileSweep: real "),
        (COMMENTED.rstrip(), "TileSweep: mock ", "TileSweep: real "),
        (COMMENTED.replace("data-scout:states", "states"), "TileSweep: mock ", "TileSweep: real "),
        (COMMENTED.replace("data-scout:states", '"data-scout:states"'), "TileSweep: mock ", "TileSweep: real "),
        (FLOW, "TileSweep: mock", "TileSweep: real"),
        ("# Zürich, 東京\n" + COMMENTED, "TileSweep: mock ", "TileSweep: real "),
    ],
    ids=["quoted", "crlf", "no newline at the end", "bare key", "quoted key", "flow", "other scripts"],
)
def test_other_ways_to_write_it(tmp_path: Path, text: str, old: str, new: str):
    assert edited(tmp_path, text, TileSweep="real") == text.replace(old, new)


def test_what_is_set_already_changes_nothing(tmp_path: Path):
    change = flags.edit("dev", {"TileSweep": "mock"}, project(tmp_path, dev=COMMENTED))
    assert change.diff == ""


def test_the_difference_is_shown_and_the_file_is_written_at_once_with_its_permissions(tmp_path: Path):
    path = project(tmp_path, dev=COMMENTED) / "Pulumi.dev.yaml"
    path.chmod(0o640)
    change = flags.edit("dev", {"TileSweep": "real"}, tmp_path)
    assert path.read_text() == COMMENTED, "nothing is written before"
    shown = [line for line in change.diff.splitlines() if line[:1] in "+-"]
    assert shown == [
        "--- Pulumi.dev.yaml",
        "+++ Pulumi.dev.yaml",
        "-    TileSweep: mock     # needs a map",
        "+    TileSweep: real     # needs a map",
    ]
    change.write()
    assert path.read_text() == change.after
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["Pulumi.dev.yaml", "Pulumi.yaml"]


@pytest.mark.parametrize(
    ("text", "place"),
    [(COMMENTED.replace("    Rank: mock\n", ""), "Finalize: mock\n    Rank: mock\n"),
     (FLOW.replace("Rank: mock, ", ""), "Finalize: mock, Rank: mock}")],
)  # fmt: skip
def test_a_state_that_the_file_left_out_is_added(tmp_path: Path, text: str, place: str):
    assert place in edited(tmp_path, text, Rank="mock")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *(
            ({state: "real"}, rf"states\.{state}: has no real implementation yet \(only .*TileSweep")
            for state in STATE_NAMES
            if state not in IMPLEMENTED_REAL
        ),
        ({"Rnak": "mock"}, r"states\.Rnak: no such key; valid are 'DiscoverWebSources'"),
        ({"TileSweep": "fake"}, r"states\.TileSweep: 'fake' is not valid; valid are 'mock' or 'real'"),
    ],
)
def test_what_the_settings_refuse_is_refused_for_their_reasons(tmp_path: Path, changes: dict[str, str], reason: str):
    with pytest.raises(InputRefused, match=reason):
        edited(tmp_path, COMMENTED, **changes)


def test_a_file_that_would_be_refused_anyway_is_not_made_to_look_good(tmp_path: Path):
    text = COMMENTED.replace("force_destroy: true", "force_destroy: perhaps")
    with pytest.raises((InputRefused, ScoutError), match="force_destroy"):
        edited(tmp_path, text, TileSweep="real")


def test_an_alias_is_not_changed_with_what_it_stands_for(tmp_path: Path):
    text = COMMENTED.replace("SeedPrimaries: mock", "SeedPrimaries: &same mock").replace(
        "TileSweep: mock ", "TileSweep: *same "
    )
    with pytest.raises(ScoutError, match="cannot be changed here: change it by hand"):
        edited(tmp_path, text, TileSweep="real")


def test_an_unknown_stack_is_named(tmp_path: Path):
    with pytest.raises(ScoutError, match="no stack named 'prod' found"):
        flags.edit("prod", {"TileSweep": "real"}, project(tmp_path, dev=COMMENTED))


@pytest.mark.parametrize("word", ["TileSweep", "=real", "TileSweep=", ""])
def test_words_that_say_nothing_are_refused(word: str):
    with pytest.raises(InputRefused, match="expected is STATE=mock or STATE=real"):
        flags.parsed(["Rank=mock", word])


def test_a_state_cannot_be_both():
    with pytest.raises(InputRefused, match="Rank: is to be both mock and real"):
        flags.parsed(["Rank=mock", "Rank=real"])
    assert flags.parsed(["Rank=mock", "Persist=real", "Rank=mock"]) == {"Rank": "mock", "Persist": "real"}


def test_every_stack_is_shown_and_what_is_wrong_with_one(tmp_path: Path):
    broken = COMMENTED.replace("Rank: mock", "Rank: fake")
    found = {held.stack: held for held in flags.every_stack(project(tmp_path, dev=COMMENTED, prod=broken))}
    assert list(found) == ["dev", "prod"]
    assert found["dev"].problems == ()
    assert found["prod"].modes["Rank"] == "fake"
    assert list(found["prod"].modes) == list(STATE_NAMES)
    assert "states.Rank: 'fake' is not valid" in found["prod"].problems[0]


def test_the_project_s_own_stacks_can_be_shown():
    assert {"dev", "mock", "mixed-mock-real", "all-real"} <= {held.stack for held in flags.every_stack()}


def test_a_change_for_a_while_is_taken_back_whatever_happens(tmp_path: Path):
    path = project(tmp_path, dev=COMMENTED) / "Pulumi.dev.yaml"
    change = flags.edit("dev", {"TileSweep": "real"}, tmp_path)
    with contextlib.suppress(KeyboardInterrupt), flags.applied(change):
        assert path.read_text() == change.after
        raise KeyboardInterrupt
    assert path.read_text() == COMMENTED
    with flags.applied(change) as held:
        held.keep()
    assert path.read_text() == change.after
