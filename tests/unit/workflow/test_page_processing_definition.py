"""The way of a batch through ``page-processing``: routes, failures, and what returns to the queue."""

from __future__ import annotations

import pytest

from tests.unit.workflow.definitions import EXPRESS, city_targets
from workflow.bounds import most_seconds
from workflow.graph import total
from workflow.page_processing import page_processing
from workflow.retries import STOP_ERRORS
from workflow.rules import check
from workflow.states import ALL_ERRORS, Choice, Comparison, Fail, ItemProcessor, Map, Pass, Task

TARGETS = city_targets()
PAGES = page_processing(TARGETS)
OUTCOMES = {"MessageDone", "MessageDropped", "MessageFailed", "MessageRejected"}


def _map() -> Map:
    state = PAGES.states["ProcessMessages"]
    assert isinstance(state, Map)
    return state


def _message() -> ItemProcessor:
    return _map().item_processor


def _stage(name: str) -> Task:
    state = _message().states[name]
    assert isinstance(state, Task)
    return state


def _way(action: str) -> list[str]:
    """The states that a message with this action passes, if all goes well."""
    route = _message().states["Route"]
    assert isinstance(route, Choice)
    asked = Comparison(variable="$.action", string_equals=action)
    way = [next((rule.next for rule in route.choices if rule.when == asked), route.default)]
    while isinstance(state := _message().states[way[-1]], Task):
        assert state.next is not None
        way.append(state.next)
    return way


@pytest.mark.parametrize(
    ("action", "way"),
    [
        ("web", ["WebFetch", "ExtractWithLLM", "GeocodeValidate", "MessageDone"]),
        ("maps", ["SearchMaps", "GeocodeValidate", "MessageDone"]),
        ("drop", ["MessageDropped"]),
        ("reject", ["MessageRejected"]),
        ("unheard of", ["MessageRejected"]),
    ],
)
def test_the_way_of_a_message(action: str, way: list[str]):
    assert _way(action) == way


@pytest.mark.parametrize("state", ["AdmitBatch", "SettleBatch"])
def test_a_batch_that_cannot_be_admitted_or_settled_returns_as_a_whole(state: str):
    task = PAGES.states[state]
    assert isinstance(task, Task)
    assert [(catcher.error_equals, catcher.next) for catcher in task.catch or ()] == [((ALL_ERRORS,), "BatchReturned")]
    assert PAGES.states["BatchReturned"] == Fail(error_path="$.Error", cause_path="$.Cause")


def test_no_failure_of_a_message_fails_its_batch():
    for name, state in _message().states.items():
        assert not isinstance(state, Fail), name
        if isinstance(state, Task):
            assert (state.catch or ())[-1].error_equals == (ALL_ERRORS,)
            assert (state.catch or ())[-1].next == "MessageFailed"
        else:
            assert isinstance(state, Choice | Pass)


@pytest.mark.parametrize("name", ["WebFetch", "ExtractWithLLM", "SearchMaps", "GeocodeValidate"])
def test_a_message_whose_run_may_not_spend_is_dropped(name: str):
    first = (_stage(name).catch or ())[0]
    assert first.error_equals == STOP_ERRORS
    assert first.next == "MessageDropped"


def test_every_way_ends_with_an_outcome():
    ending = {name: state for name, state in _message().states.items() if isinstance(state, Pass)}
    assert set(ending) == OUTCOMES
    outcomes = {}
    for name, state in ending.items():
        assert state.next is None
        parameters = dict(state.parameters or {})
        for field in ("messageId", "messageKey", "runId"):
            assert parameters.pop(f"{field}.$") == f"$.{field}"
        outcomes[name] = parameters
    assert outcomes == {
        "MessageDone": {"outcome": "done"},
        "MessageDropped": {"outcome": "dropped"},
        "MessageFailed": {"outcome": "failed", "error.$": "$.failure.Error"},
        "MessageRejected": {"outcome": "failed", "error": "InvalidInput"},
    }


def test_a_stage_is_given_the_message_or_the_stage_before_it():
    given = {}
    for name in ("WebFetch", "SearchMaps", "ExtractWithLLM", "GeocodeValidate"):
        payload = (_stage(name).parameters or {})["Payload"]
        assert isinstance(payload, dict)
        assert payload["currentStage"] == name
        given[name] = {key: value for key, value in payload.items() if "previous" in key or "initial" in key}
    first = {"previousStage": None, "initialData.$": "$.message"}
    later = {"previousStage.$": "$.previous.stage", "initialData": None}
    assert given == {"WebFetch": first, "SearchMaps": first, "ExtractWithLLM": later, "GeocodeValidate": later}
    for name in given:
        assert _stage(name).result_path == "$.previous"
        assert (_stage(name).result_selector or {})["stage"] == name


def test_the_output_is_exactly_what_the_pipe_reads():
    settle = PAGES.states["SettleBatch"]
    assert isinstance(settle, Task)
    assert settle.next is None
    assert settle.result_path is None
    assert settle.result_selector == {"batchItemFailures.$": "$.Payload.batchItemFailures"}


def test_the_map_takes_what_the_batch_holds():
    state = page_processing(TARGETS, batch_size=8, concurrency=5).states["ProcessMessages"]
    assert isinstance(state, Map)
    assert (state.max_items, state.max_concurrency) == (8, 5)
    assert state.to_asl()["MaxConcurrency"] == 5


def test_the_longest_batch_ends_in_time():
    """One time-out of each Task, all waits before retries: 39 + 75 + 74 + 72 + 39."""
    assert total(most_seconds(PAGES)) == 299
    assert PAGES.timeout_seconds == 300


def test_a_batch_in_more_than_one_round_would_not_end_in_time():
    [problem] = check(page_processing(TARGETS, concurrency=9), EXPRESS, TARGETS.function_timeouts)
    assert problem.state == "ProcessMessages"
    assert "seconds, 300 are allowed" in problem.message
