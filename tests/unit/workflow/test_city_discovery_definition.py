"""The way of a run through ``city-discovery``: gates, failures, what is handed on and what is reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflow.definitions import STANDARD, choice_of, city_targets, task_of
from workflow.city_discovery import GATES, city_discovery
from workflow.city_states import PHASES, CityState, Phase
from workflow.graph import loops, reachable, successors
from workflow.retries import STOP_ERRORS
from workflow.rules import check
from workflow.states import ALL_ERRORS, Choice, Comparison, Fail, Succeed, Task

TARGETS = city_targets()
CITY = city_discovery(TARGETS, dlq_url="https://queue")
DISCOVERY = [state.value for state in PHASES[Phase.DISCOVERY]]
FINALIZATION = [state.value for state in PHASES[Phase.FINALIZATION]]


def _payload(name: str) -> dict[str, Any]:
    payload = (task_of(CITY, name).parameters or {})["Payload"]
    assert isinstance(payload, dict)
    return payload


def _caught(name: str, error: str = ALL_ERRORS) -> str:
    """Where an error of a state leads."""
    return next(catcher.next for catcher in task_of(CITY, name).catch or () if error in catcher.error_equals)


def _way(start: str, **answers: bool) -> list[str]:
    """The states from one on, if all goes well: a Choice goes its first way if it is answered so, else its default."""
    way = [start]
    while True:
        state = CITY.states[way[-1]]
        if isinstance(state, Succeed | Fail):
            return way
        if isinstance(state, Choice):
            way.append(state.choices[0].next if answers.get(way[-1]) else state.default)
        else:
            assert state.next is not None
            way.append(state.next)


def test_a_run_without_trouble():
    assert _way("OpenRun", FrontierDrained=True) == [
        "OpenRun", "IsDuplicateRun", *DISCOVERY, "PollFrontier", *GATES, "FrontierDrained", "CloseFrontier",
        *FINALIZATION, "IsRunFailed", "RunSucceeded",
    ]  # fmt: skip


def test_the_same_job_twice_does_nothing_more():
    assert _way("OpenRun", IsDuplicateRun=True) == ["OpenRun", "IsDuplicateRun", "AlreadyRun"]
    assert isinstance(CITY.states["AlreadyRun"], Succeed)


def test_a_run_that_is_refused_fails_with_the_reason():
    assert _caught("OpenRun") == "RunRefused"
    assert CITY.states["RunRefused"] == Fail(error_path="$.Error", cause_path="$.Cause")
    # The whole state is replaced by the error, whatever the input was.
    assert [catcher.result_path for catcher in task_of(CITY, "OpenRun").catch or ()] == [None]


@pytest.mark.parametrize("gate", GATES)
def test_a_closed_gate_ends_the_search_and_keeps_what_was_found(gate: str):
    assert _way(gate, **{gate: True}) == [gate, "CloseFrontier", *FINALIZATION, "IsRunFailed", "RunSucceeded"]
    condition = choice_of(CITY, gate).choices[0].when
    assert condition == Comparison(variable="$.frontier.gate", string_equals=GATES[gate])


def test_polling_is_the_only_loop_and_it_waits():
    assert loops(successors(CITY)) == {frozenset({"PollFrontier", *GATES, "FrontierDrained", "AwaitFrontier"})}


@pytest.mark.parametrize(("seconds", "fits"), [(29, True), (28, False)])
def test_polling_for_six_hours_stays_within_25_000_events(seconds: int, fits: bool):
    definition = city_discovery(TARGETS, dlq_url="https://queue", mean_poll_seconds=seconds)
    found = check(definition, STANDARD, TARGETS.function_timeouts)
    assert [problem.state for problem in found] == ([] if fits else ["PollFrontier"])


@pytest.mark.parametrize("state", [*DISCOVERY, "PollFrontier"])
def test_a_failed_search_goes_on_with_what_was_found(state: str):
    assert _way(_caught(state)) == [
        "ToDLQOrContinue", "CloseFrontier", *FINALIZATION, "IsRunFailed", "RunSucceeded",
    ]  # fmt: skip


@pytest.mark.parametrize("state", [*DISCOVERY, "PollFrontier"])
def test_a_failed_search_that_fails_fast_stops_its_pages_and_is_reported(state: str):
    assert _way(_caught(state), ToDLQOrContinue=True) == ["ToDLQOrContinue", "StopFrontier", "SendToDLQ", "RunReported"]


@pytest.mark.parametrize("state", FINALIZATION[:-1])
def test_a_failed_finalization_is_finalized_or_reported(state: str):
    assert _way(_caught(state)) == ["ToDLQOrFinalize", "Finalize", "IsRunFailed", "RunSucceeded"]
    assert _way(_caught(state), ToDLQOrFinalize=True) == ["ToDLQOrFinalize", "SendToDLQ", "RunReported"]


def test_a_frontier_that_cannot_be_closed_is_left_open():
    assert _way(_caught("CloseFrontier"))[:2] == ["ToDLQOrDedupe", "DedupeCanonicalize"]
    assert _way(_caught("CloseFrontier"), ToDLQOrDedupe=True) == ["ToDLQOrDedupe", "SendToDLQ", "RunReported"]
    assert "CloseFrontier" not in reachable(successors(CITY), {"ToDLQOrDedupe"})


@pytest.mark.parametrize("choice", ["ToDLQOrContinue", "ToDLQOrDedupe", "ToDLQOrFinalize"])
def test_fail_fast_is_what_open_run_said(choice: str):
    assert choice_of(CITY, choice).choices[0].when == Comparison(variable="$.run.failFast", boolean_equals=True)


def test_a_run_that_cannot_be_finalized_fails_and_is_reported():
    assert _way(_caught("Finalize")) == ["SendToDLQ", "RunReported"]
    assert _way("IsRunFailed", IsRunFailed=True) == ["IsRunFailed", "RunFailed"]
    assert _caught("SendToDLQ") == "RunFailed"


def test_every_error_is_kept_under_its_state():
    kept = {
        name: catcher.result_path
        for name, state in CITY.states.items()
        if isinstance(state, Task) and name != "OpenRun"
        for catcher in state.catch or ()
        if catcher.error_equals == (ALL_ERRORS,)
    }
    assert kept == {name: f"$.errors.{name}" for name in kept}
    assert len(kept) == 13


@pytest.mark.parametrize("error", STOP_ERRORS)
def test_a_search_that_may_not_spend_is_skipped_and_is_no_error(error: str):
    for state, following in zip(DISCOVERY, [*DISCOVERY[1:], "PollFrontier"], strict=True):
        assert _caught(state, error) == following == task_of(CITY, state).next
        assert (task_of(CITY, state).catch or ())[0].result_path == f"$.results.{state}"


def test_stages_are_chained_by_the_names_of_their_predecessors():
    assert {name: _payload(name)["previousStage"] for name in (*DISCOVERY, *FINALIZATION)} == {
        "DiscoverWebSources": None,
        "DiscoverTargets": "DiscoverWebSources",
        "SeedPrimaries": "DiscoverTargets",
        "ExpandNeighbors": "SeedPrimaries",
        "TileSweep": "ExpandNeighbors",
        "DedupeCanonicalize": "TileSweep",
        "Persist": "DedupeCanonicalize",
        "Rank": "Persist",
        "Finalize": "Rank",
    }


def test_only_the_first_stage_gets_the_input_and_only_the_last_the_errors():
    given = {name: {key: value for key, value in _payload(name).items() if key.startswith("initialData")}
             for name in (*DISCOVERY, *FINALIZATION)}  # fmt: skip
    assert given.pop("DiscoverWebSources") == {"initialData.$": "$$.Execution.Input"}
    assert given.pop("Finalize") == {"initialData": {"errors.$": "$.errors"}}
    assert all(value == {"initialData": None} for value in given.values())


def test_what_states_hand_on_is_small():
    kept = {"status.$", "recordsProcessed.$", "outputKey.$"}
    for name in (*DISCOVERY, *FINALIZATION[:-1]):
        assert set(task_of(CITY, name).result_selector or {}) == kept
        assert task_of(CITY, name).result_path == f"$.results.{name}"
    assert set(task_of(CITY, "Finalize").result_selector or {}) == {*kept, "runStatus.$"}


def test_the_report_has_the_shape_of_a_frontier_message():
    parameters = task_of(CITY, "SendToDLQ").parameters or {}
    assert parameters["QueueUrl"] == "https://queue"
    body, attributes = parameters["MessageBody"], parameters["MessageAttributes"]
    assert isinstance(body, dict)
    assert isinstance(attributes, dict)
    assert {key.removesuffix(".$") for key in body} == {
        "type", "city", "run_id", "correlation_id", "budget_token", "enqueued_at", "execution_arn", "errors",
    }  # fmt: skip
    assert body["type"] == body["budget_token"] == "run"
    # Only what surely exists: a path that is missing would fail the execution without a report.
    assert {value for key, value in body.items() if key.endswith(".$")} == {
        "$.run.city", "$.run.runId", "$.run.correlationId", "$.errors", "$$.State.EnteredTime", "$$.Execution.Id",
    }  # fmt: skip
    assert set(attributes) == {"correlation_id", "run_id"}


def test_every_other_state_has_what_open_run_makes():
    assert task_of(CITY, "OpenRun").result_selector == {"run.$": "$.Payload.run", "results": {}, "errors": {}}
    assert _payload("OpenRun") == {
        "operation": "OpenRun",
        "executionId.$": "$$.Execution.Name",
        "executionArn.$": "$$.Execution.Id",
        "stateMachineArn.$": "$$.StateMachine.Id",
        "input.$": "$",
    }
    assert (
        _payload("CloseFrontier")
        == _payload("StopFrontier")
        == {
            "operation": "CloseFrontier",
            "runId.$": "$.run.runId",
        }
    )


def test_closing_outlasts_the_pages_in_flight():
    """The longest a page can be in flight is the 300 s of an Express execution; jitter halves the waits on average."""
    busy = (task_of(CITY, "CloseFrontier").retry or ())[0]
    assert busy.error_equals == ("FrontierBusy",)
    assert busy.total_delay / 2 > 300
    assert CITY.states["AwaitFrontier"].to_asl()["SecondsPath"] == "$.frontier.waitSeconds"
    assert CityState.TILE_SWEEP in CITY.states
