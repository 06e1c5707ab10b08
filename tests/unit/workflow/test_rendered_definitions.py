"""What holds for both definitions: the rules, statelint, the snapshot, and how every Task treats errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from statelint.linter import Linter
from syrupy.assertion import SnapshotAssertion

from lambdas.runtime.errors import PERMANENT, TRANSIENT
from tests.unit.workflow.definitions import EXPRESS, STANDARD, city_targets, machine
from workflow.city_discovery import city_discovery
from workflow.city_states import PHASES, STATE_NAMES, CityState, Phase
from workflow.definition import MachineType, StateMachine, render
from workflow.graph import all_states
from workflow.page_processing import SEARCH_MAPS, page_processing
from workflow.retries import PERMANENT_ERRORS, STATE_RETRIES, TIMEOUT_ERRORS, TRANSIENT_ERRORS, RetryPolicy
from workflow.rules import check
from workflow.states import ALL_ERRORS, Pass, Task
from workflow.targets import Targets

TARGETS = city_targets()
CITY = city_discovery(TARGETS, dlq_url="https://sqs.eu-west-1.amazonaws.com/123456789012/data-scout-test-frontier-dlq")
PAGES = page_processing(TARGETS)
BOTH = pytest.mark.parametrize(
    ("definition", "machine_type"), [(CITY, STANDARD), (PAGES, EXPRESS)], ids=["city-discovery", "page-processing"]
)
TASKS = {
    f"{definition.name}: {name}": state
    for definition in (CITY, PAGES)
    for name, state in all_states(definition)
    if isinstance(state, Task)
}
EACH_TASK = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())

# What statelint reports although AWS takes it, with the reason. Nothing so far.
KNOWN_FALSE_ALARMS: dict[str, str] = {}


@BOTH
def test_the_rules_find_nothing(definition: StateMachine, machine_type: MachineType):
    assert check(definition, machine_type, TARGETS.function_timeouts) == []


@BOTH
def test_statelint_finds_nothing(definition: StateMachine, machine_type: MachineType):
    assert [problem for problem in Linter.validate(render(definition)) if problem not in KNOWN_FALSE_ALARMS] == []


def test_statelint_would_find_something():
    assert any("Nowhere" in problem for problem in Linter.validate(render(machine({"Work": Pass(next="Nowhere")}))))


@BOTH
def test_the_rendered_definition_is_the_accepted_one(
    definition: StateMachine, machine_type: MachineType, snapshot: SnapshotAssertion
):
    assert render(definition) == snapshot


def _attempts(task: Task, error: str) -> int:
    """How often Step Functions would retry this error: the first retrier that names it decides."""
    for retrier in task.retry or ():
        if {error, ALL_ERRORS} & set(retrier.error_equals):
            return retrier.max_attempts
    return 0


def test_there_are_tasks_to_test():
    assert len(TASKS) == 20


@EACH_TASK
def test_every_task_has_a_time_out_a_catch_and_a_retry(task: Task):
    assert task.timeout_seconds is not None
    assert task.catch is not None
    assert task.catch[-1].error_equals == (ALL_ERRORS,)
    assert task.retry is not None
    assert task.retry[-1].error_equals == (ALL_ERRORS,)


@EACH_TASK
def test_every_retry_has_jitter_and_a_longest_wait(task: Task):
    retried = [retrier for retrier in task.retry or () if retrier.max_attempts]
    assert retried
    for retrier in retried:
        assert retrier.jitter_strategy == "FULL"
        assert retrier.max_delay_seconds is not None


@EACH_TASK
def test_permanent_errors_are_not_retried_and_transient_ones_are(task: Task):
    assert [error for error in PERMANENT_ERRORS if _attempts(task, error)] == []
    never = {"FrontierBusy"} if task is CITY.states["StopFrontier"] else set()
    assert {error for error in TRANSIENT_ERRORS if not _attempts(task, error)} == never
    assert _attempts(task, "SomethingUnheardOf") > 0


def test_the_errors_are_those_that_handlers_raise():
    assert set(PERMANENT_ERRORS) == set(PERMANENT)
    assert set(TRANSIENT_ERRORS) == {*TRANSIENT, *(error for error in TRANSIENT_ERRORS if error.startswith("Lambda."))}


@EACH_TASK
def test_a_task_outlives_its_function_and_hands_it_what_it_needs(task: Task):
    if task.function is None:
        assert task.resource == "arn:aws:states:::sqs:sendMessage"
        return
    assert TARGETS.function_timeouts[task.function] < (task.timeout_seconds or 0)
    payload = _payload(task)
    assert ("operation" in payload) != ("currentStage" in payload)
    if "currentStage" in payload:
        keys = {key.removesuffix(".$") for key in payload}
        named = {"executionId", "runId", "currentStage", "previousStage", "workflowBucket", "initialData"}
        assert keys == named | ({"state"} if payload["currentStage"] == SEARCH_MAPS else set())
        assert payload.get("state", payload["currentStage"]) in set(CityState)
        assert payload["workflowBucket"] == TARGETS.workflow_bucket


def _payload(task: Task) -> dict[str, Any]:
    payload = (task.parameters or {})["Payload"]
    assert isinstance(payload, dict)
    return payload


def test_every_state_of_the_city_is_run_by_its_own_function():
    stages = {
        str(_payload(task)["currentStage"]): task.function
        for task in TASKS.values()
        if "currentStage" in str(task.parameters)
    }
    assert stages == {
        **{state.value: TARGETS.functions[state].arn for state in CityState},
        "SearchMaps": TARGETS.functions[CityState.EXPAND_NEIGHBORS].arn,
    }


def test_the_twelve_states_are_in_three_phases_in_order():
    assert STATE_NAMES == (
        "DiscoverWebSources", "DiscoverTargets", "SeedPrimaries", "ExpandNeighbors", "TileSweep",
        "WebFetch", "ExtractWithLLM", "GeocodeValidate",
        "DedupeCanonicalize", "Persist", "Rank", "Finalize",
    )  # fmt: skip
    assert [state for phase in Phase for state in PHASES[phase]] == list(CityState)


def test_retries_are_those_of_the_reference():
    """Interval, backoff and attempts of each state of the reference system; it had no retry for Finalize."""
    assert {
        state.value: (policy.interval_seconds, policy.backoff_rate, policy.max_attempts)
        for state, policy in STATE_RETRIES.items()
    } == {
        **dict.fromkeys(STATE_NAMES[:5], (2, 2.0, 3)),
        "WebFetch": (1, 2.0, 4),
        "ExtractWithLLM": (2, 2.0, 3),
        "GeocodeValidate": (1, 2.0, 3),
        **dict.fromkeys(STATE_NAMES[8:], (1, 2.0, 3)),
    }


def test_the_last_retrier_of_a_stage_is_its_policy():
    for name, task in TASKS.items():
        if "currentStage" in str(task.parameters):
            stage = str(_payload(task)["currentStage"])
            policy = STATE_RETRIES[CityState.EXPAND_NEIGHBORS if stage == "SearchMaps" else CityState(stage)]
            expected = policy if name.startswith("city-discovery") else policy.capped(3)
            assert (task.retry or ())[-1] == expected.on(ALL_ERRORS)


def test_a_stack_may_choose_other_retries():
    policy = RetryPolicy(interval_seconds=5, backoff_rate=1.5, max_attempts=7, max_delay_seconds=40)
    states = city_discovery(TARGETS, dlq_url="q", retries={**STATE_RETRIES, CityState.RANK: policy}).states
    assert (states["Rank"].to_asl()["Retry"])[-1] == {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 5,
        "MaxAttempts": 7,
        "BackoffRate": 1.5,
        "MaxDelaySeconds": 40,
        "JitterStrategy": "FULL",
    }


def test_the_first_wait_stays_below_the_longest_where_waits_are_capped():
    capped = RetryPolicy(interval_seconds=5, max_delay_seconds=40).capped(3)
    assert (capped.interval_seconds, capped.max_delay_seconds) == (2, 3)
    assert RetryPolicy.model_validate(capped.model_dump()) == capped


def test_time_outs_are_retried_by_the_city_and_left_to_the_queue_by_the_pages():
    for name, task in TASKS.items():
        for error in TIMEOUT_ERRORS:
            assert (_attempts(task, error) > 0) == name.startswith("city-discovery"), name


def test_another_partition_has_other_integrations():
    targets = city_targets(partition="aws-cn")
    resources = {task.resource for _, task in _tasks(city_discovery(targets, dlq_url="q"))}
    assert resources == {"arn:aws-cn:states:::lambda:invoke", "arn:aws-cn:states:::sqs:sendMessage"}


def _tasks(definition: StateMachine) -> Iterator[tuple[str, Task]]:
    return ((name, state) for name, state in all_states(definition) if isinstance(state, Task))


def test_a_stack_without_a_function_for_each_state_is_refused():
    functions = {
        state: function for state, function in TARGETS.functions.items() if state.value not in {"Rank", "Persist"}
    }
    with pytest.raises(ValueError, match="no function is given for Persist, Rank"):
        Targets(functions=functions, control=TARGETS.control, workflow_bucket="bucket")
