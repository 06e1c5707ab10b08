"""What is refused before any state runs, and what the refusal says."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import MAX_INPUT_BYTES
from lambdas.control.frontier import next_wait
from lambdas.control.opening import parse_input
from lambdas.runtime.errors import InvalidInput

EXAMPLES = Path(__file__).parents[3] / "examples"
VALID = json.loads((EXAMPLES / "input.edinburgh.json").read_text(encoding="utf-8"))


def changed(path: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(VALID))
    *folders, name = path.split(".")
    inner = document
    for folder in folders:
        inner = inner[folder]
    inner[name] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("seed.center.lat", 91, "less than or equal to 90"),
        ("seed.center.lng", -180.5, "greater than or equal to -180"),
        ("seed.center.lat", "55", "valid number"),
        ("seed.radius_km", 0, "greater than 0"),
        ("seed.radius_km", 51, "less than or equal to 50"),
        ("seed.type", "text", "'map'"),
        ("budgets.google.max_tokens_total", -1, "greater than or equal to 0"),
        ("budgets.google.max_tokens_total", 1.5, "valid integer"),
        ("budgets.web.bytes_per_min", 10**30, "less than or equal to"),
        ("kill_switches.google", "yes", "valid boolean"),
        ("early_stop.min_new_unique_rate", 1.1, "less than or equal to 1"),
        ("early_stop.window_calls", 0, "greater than or equal to 1"),
        ("timeouts.wall_clock_seconds", None, "valid integer"),
        ("s3_prefix", "cities/../secrets/", "pattern"),
        ("s3_prefix", "executions/x/", "pattern"),
        ("job_id", "a/b", "pattern"),
        ("city", "東京", "ASCII"),
        ("orchestrator", {"correlation_id": "1"}, "pattern"),
        ("sources", {"osm_extract": "http://example.org/x.osm.pbf"}, "pattern"),
        ("surprise", 1, "not permitted"),
    ],
)
def test_each_wrong_field_is_named_with_what_is_expected(path, value, expected):
    with pytest.raises(InvalidInput) as caught:
        parse_input(changed(path, value))
    assert path in str(caught.value)
    assert expected in str(caught.value)


def test_several_wrong_fields_are_all_named():
    document = changed("seed.center.lat", 91)
    document["budgets"]["llm"]["tokens_per_min"] = -1
    del document["city"]
    with pytest.raises(InvalidInput) as caught:
        parse_input(document)
    for path in ("seed.center.lat", "budgets.llm.tokens_per_min", "city: Field required"):
        assert path in str(caught.value)


@pytest.mark.parametrize("document", [None, 1, "x", [], [VALID], {}])
def test_what_is_no_run_input_is_refused(document):
    with pytest.raises(InvalidInput, match="not valid"):
        parse_input(document)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_refused(number):
    with pytest.raises(InvalidInput, match="not JSON"):
        parse_input(changed("seed.radius_km", number))


def test_endless_nesting_is_refused():
    document: Any = {}
    for _ in range(100_000):
        document = {"a": document}
    with pytest.raises(InvalidInput, match="not JSON"):
        parse_input(document)


def test_lone_surrogates_are_refused():
    with pytest.raises(InvalidInput):
        parse_input(changed("city", "Edinburgh\ud800"))


@pytest.mark.parametrize(("extra", "refused"), [(0, "not permitted"), (1, "at most 262144 are expected")])
def test_an_input_is_as_large_as_step_functions_takes(extra, refused):
    document = {**VALID, "padding": ""}
    size = len(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    document["padding"] = "x" * (MAX_INPUT_BYTES - size + extra)
    with pytest.raises(InvalidInput, match=refused):
        parse_input(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*VALID, "x"]), inner, max_size=5),
        max_leaves=12,
    )
)
def test_no_document_does_anything_but_parse_or_be_refused(document):
    merged = {**VALID, **document} if isinstance(document, dict) else document
    with contextlib.suppress(InvalidInput):
        assert parse_input(merged).job_id


@pytest.mark.parametrize("longest", [45, 60, 300])
@pytest.mark.parametrize("moved", [True, False])
def test_the_polls_of_six_hours_fit_into_a_history(longest, moved):
    """A turn of the polling loop takes up to 32 of an execution's 25,000 events."""
    settings = RunDefaults(poll_seconds=1, max_poll_seconds=longest)
    elapsed, wait, polls = 0.0, 0.0, 0
    while elapsed < 21_600:
        wait = next_wait(wait, moved, elapsed, settings)
        assert wait <= longest
        elapsed += wait
        polls += 1
    assert polls * 32 < 24_000


def test_waits_grow_while_nothing_moves_and_start_again_once_something_does():
    settings = RunDefaults(max_poll_seconds=30)
    waits = [0.0]
    for _ in range(8):
        waits.append(next_wait(waits[-1], False, 0, settings))
    assert waits[1:5] == [2, 3, 4.5, 6.75]
    assert waits[-1] == 30
    assert next_wait(30, True, 0, settings) == 2
    assert next_wait(30, True, 600, settings) == 12
