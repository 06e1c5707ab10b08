"""DedupeCanonicalize by count: in its function, or on Glue with more sightings than that has memory for."""

from __future__ import annotations

import json

import pytest

from tests.unit.workflow.definitions import STANDARD, choice_of, city_targets, task_of
from workflow.bounds import state_seconds
from workflow.city_discovery import DEDUPE_BY_COUNT, LARGE_DEDUPE, SEARCH_SECONDS, city_discovery
from workflow.city_states import PHASES, CityState, Phase
from workflow.definition import render
from workflow.rules import check
from workflow.states import ALL_ERRORS, And, Comparison
from workflow.targets import GlueJobTarget, LargeDedupe

JOB = GlueJobTarget(name="data-scout-test-dedupe-canonicalize", timeout_minutes=120)
SMALL = city_targets()
LARGE = city_targets(large_dedupe=LargeDedupe(beyond=1_000_000, job=JOB))
CITY, PLAIN = (city_discovery(targets, dlq_url="https://queue") for targets in (LARGE, SMALL))


def test_without_a_job_there_is_no_choice_and_nothing_is_counted():
    assert not {DEDUPE_BY_COUNT, LARGE_DEDUPE} & PLAIN.states.keys()
    assert "$.found" not in render(PLAIN)


def test_the_job_does_it_beyond_the_count_and_the_function_up_to_it():
    choice = choice_of(CITY, DEDUPE_BY_COUNT)
    (rule,) = choice.choices
    assert (rule.next, choice.default) == (LARGE_DEDUPE, CityState.DEDUPE_CANONICALIZE)
    assert rule.when == And(
        rules=(
            Comparison(variable="$.found.candidates", is_present=True),
            Comparison(variable="$.found.candidates", numeric_greater_than=1_000_000),
        )
    )
    assert task_of(CITY, "CloseFrontier").result_selector == {"candidates.$": "$.Payload.candidates"}
    assert task_of(CITY, "CloseFrontier").result_path == "$.found"


def test_every_way_to_the_function_leads_past_the_choice():
    leading = {
        name: state
        for name, state in CITY.states.items()
        if CityState.DEDUPE_CANONICALIZE in json.dumps([getattr(state, "next", None), getattr(state, "default", None)])
    }
    assert leading.keys() == {DEDUPE_BY_COUNT}
    assert task_of(CITY, "CloseFrontier").next == choice_of(CITY, "ToDLQOrDedupe").default == DEDUPE_BY_COUNT
    # Where the frontier could not be closed nobody has counted, and the path is not there.
    assert [(catcher.result_path, catcher.next) for catcher in task_of(CITY, "CloseFrontier").catch or ()] == [
        ("$.errors.CloseFrontier", "ToDLQOrDedupe")
    ]


def test_the_job_is_told_what_the_function_is_told():
    parameters = task_of(CITY, LARGE_DEDUPE).parameters or {}
    assert parameters["JobName"] == JOB.name
    assert parameters["Arguments"] == {
        "--execution_id.$": "$$.Execution.Name",
        "--run_id.$": "$.run.runId",
        "--stage_name": "DedupeCanonicalize",
        "--previous_stage": "TileSweep",
        "--workflow_bucket": LARGE.workflow_bucket,
    }


def test_the_states_after_it_do_not_know_which_it_was():
    job, function = task_of(CITY, LARGE_DEDUPE), task_of(CITY, CityState.DEDUPE_CANONICALIZE)
    assert job.next == function.next == CityState.PERSIST
    assert job.result_path == function.result_path == "$.results.DedupeCanonicalize"
    assert job.catch == function.catch
    outputs = "States.Format('executions/{}/DedupeCanonicalize/output.json', $$.Execution.Name)"
    assert (job.result_selector or {})["outputKey.$"] == outputs


def test_a_busy_job_is_waited_for_and_a_failed_one_tried_once_more():
    busy, other = task_of(CITY, LARGE_DEDUPE).retry or ()
    assert "Glue.ConcurrentRunsExceededException" in busy.error_equals
    assert busy.total_delay > 3600
    assert (other.error_equals, other.max_attempts) == ((ALL_ERRORS,), 1)


@pytest.mark.parametrize("minutes", [5, 1_440])
def test_an_execution_lasts_as_long_as_its_search_and_its_finalization_may(minutes: int):
    job = GlueJobTarget(name="job", timeout_minutes=minutes)
    targets = city_targets(large_dedupe=LargeDedupe(beyond=0, job=job))
    definition = city_discovery(targets, dlq_url="https://queue")
    job_seconds = state_seconds(definition.states[LARGE_DEDUPE])
    assert job_seconds > 2 * 60 * minutes
    seconds = job_seconds + sum(state_seconds(definition.states[state]) for state in PHASES[Phase.FINALIZATION])
    assert 0 <= (definition.timeout_seconds or 0) - SEARCH_SECONDS - seconds < 1
    # The polls of six hours fit all the same: they end with the run's deadline, not with the execution.
    assert not check(definition, STANDARD, targets.function_timeouts)
