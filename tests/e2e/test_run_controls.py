"""What an operator does to runs that are going on, and what becomes of runs that end badly."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.effective import Origin
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StoppedBy
from lambdas.runtime import keys
from scout.cities import runs, settings_of_run, stopping
from scout.deployment import Deployment
from scout.errors import ScoutError
from tests.e2e.support import (
    Silent,
    calls_really_made,
    changed,
    dead_letter,
    depth,
    example,
    ledger_of,
    read,
    run,
    when,
)

pytestmark = pytest.mark.e2e


def end_of(deployment: Deployment, job: RunInput, run_id: str) -> Manifest:
    execution = runs.follow(deployment, run_id, Silent(), 300)
    assert execution["status"] == "SUCCEEDED", execution
    return Manifest.model_validate_json(read(deployment, keys.manifest(job.slug, run_id)))


def test_a_kill_switch_in_the_middle_of_a_run_takes_effect_within_five_seconds(mock_stack: Deployment) -> None:
    job = example("london")
    run_id = runs.start(mock_stack, job)
    when(ledger_of(mock_stack, run_id), lambda ledger: ledger.budgets()["web"].calls >= 30)

    flipped = datetime.now(UTC)
    switches = stopping.kill(mock_stack, run_id, [BudgetGroup.WEB], on=True)
    assert switches == {"google": False, "web": True, "llm": False, "open_data": False}
    time.sleep(max(0.0, 5 - (datetime.now(UTC) - flipped).total_seconds()))
    # What is reserved counts as spent until its call is settled.
    reserved = ledger_of(mock_stack, run_id).budgets()["web"].spent

    manifest = end_of(mock_stack, job, run_id)
    assert manifest.status is RunStatus.SUCCEEDED
    web = manifest.budgets["web"]
    assert web.killed
    assert web.skipped > 0
    calls = calls_really_made(mock_stack, BudgetGroup.WEB, job.slug, manifest.started_at)
    assert len(calls) == web.calls
    # Answers are stored after their calls, on a busy machine later.
    assert calls[-1] <= flipped + timedelta(seconds=15)
    assert web.spent <= reserved, "no call began that had not been reserved within five seconds"
    others = calls_really_made(mock_stack, BudgetGroup.OPEN_DATA, job.slug, manifest.started_at)
    assert others[-1] > flipped, "the run went on with what was allowed"

    with pytest.raises(ScoutError, match="makes no more calls since"):
        stopping.kill(mock_stack, run_id, [BudgetGroup.WEB], on=False)


def test_an_unknown_run_cannot_be_killed(mock_stack: Deployment) -> None:
    with pytest.raises(ScoutError, match="has no run nobody-knows-it"):
        stopping.kill(mock_stack, "nobody-knows-it", list(BudgetGroup), on=True)


@pytest.fixture
def stopped_frontier(mock_stack: Deployment) -> Iterator[Deployment]:
    """A stack whose frontier is empty and runs again afterwards."""
    yield mock_stack
    mock_stack.session.client("sqs").purge_queue(QueueUrl=mock_stack.frontier_queue_url)
    stopping.start_frontier(mock_stack)


def test_an_emergency_stop_closes_all_runs_and_keeps_their_results_and_their_frontier(
    stopped_frontier: Deployment,
) -> None:
    stack = stopped_frontier
    jobs = [example("london"), example("tokyo")]
    started = {runs.start(stack, job): job for job in jobs}
    for run_id in started:
        ledger = ledger_of(stack, run_id)
        when(ledger, lambda ledger: len(ledger.frontier().waiting) > 20 and ledger.budgets()["google"].calls >= 25)

    stopped = stopping.emergency_stop(stack)
    at = datetime.now(UTC)
    assert (sorted(stopped.closed), stopped.aborted) == (sorted(started), [])
    with pytest.raises(ScoutError, match="emergency-stop --undo"):
        runs.start(stack, jobs[0])

    waiting = 0
    for run_id, job in started.items():
        manifest = end_of(stack, job, run_id)
        assert manifest.stopped_by is StoppedBy.KILL_SWITCH
        assert manifest.gate is not None
        assert manifest.gate.detail == "emergency stop"
        assert manifest.counts.places > 0
        assert manifest.frontier.dropped == 0
        waiting += manifest.frontier.waiting
        for group in BudgetGroup:
            for call in calls_really_made(stack, group, job.slug, manifest.started_at):
                assert call <= at + timedelta(seconds=5)
    assert waiting > 20
    # More may lie in the queue: messages whose processing was done, and whose deletion the stopped pipe left undone.
    assert depth(stack, stack.frontier_queue_url) >= waiting

    stopping.start_frontier(stack)
    assert stack.session.client("pipes").describe_pipe(Name=stack.pipe_name)["CurrentState"] == "RUNNING"


def test_a_failed_state_under_fail_fast_ends_the_run_with_one_message_in_the_dlq(mixed_stack: Deployment) -> None:
    missing = {"osm_extract": f"s3://{mixed_stack.bucket}/reference/osm/nowhere.osm.pbf"}
    job = changed(
        example("helsinki"),
        sources=missing,
        orchestrator={"fail_fast": True, "correlation_id": str(uuid.uuid4())},
    )
    run_id = runs.start(mixed_stack, job)
    execution = runs.follow(mixed_stack, run_id, Silent(), 120)
    assert (execution["status"], execution["error"]) == ("FAILED", "RunReported")
    assert "ExtractNotFound" in execution["cause"]

    report = dead_letter(mixed_stack, run_id)
    assert (report["type"], report["city"], report["run_id"]) == ("run", "helsinki", run_id)
    assert report["execution_arn"] == execution["executionArn"]
    assert report["correlation_id"] == job.orchestrator.correlation_id
    assert report["errors"]["TileSweep"]["Error"] == "ExtractNotFound"
    assert set(report["attributes"]) == {"correlation_id", "run_id"}
    assert ledger_of(mixed_stack, run_id).run().closed_at, "pages stop spending too"


def test_an_aborted_run_reaches_the_dlq_with_all_that_starts_it_again(mock_stack: Deployment) -> None:
    states = mock_stack.session.client("stepfunctions")
    job = example("edinburgh")
    run_id = runs.start(mock_stack, job)
    when(ledger_of(mock_stack, run_id), lambda ledger: ledger.budgets()["google"].calls > 0)
    arn = mock_stack.city_discovery_arn.replace(":stateMachine:", ":execution:") + f":{run_id}"
    states.stop_execution(executionArn=arn, error="OperatorStop", cause="asked to")

    report = dead_letter(mock_stack, arn)["detail"]
    assert (report["executionArn"], report["name"], report["status"]) == (arn, run_id, "ABORTED")
    again = RunInput.parse(json.loads(report["input"]))
    assert again.model_copy(update={"orchestrator": job.orchestrator}) == job


@pytest.fixture
def hasty_machine(mock_stack: Deployment) -> Iterator[Deployment]:
    """A stack whose city runs may take two seconds."""
    states, arn = mock_stack.session.client("stepfunctions"), mock_stack.city_discovery_arn
    before = states.describe_state_machine(stateMachineArn=arn)["definition"]
    hasty: dict[str, Any] = {**json.loads(before), "TimeoutSeconds": 2}
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(hasty))
    yield mock_stack
    states.update_state_machine(stateMachineArn=arn, definition=before)


def test_a_run_that_timed_out_reaches_the_dlq(hasty_machine: Deployment) -> None:
    run_id = runs.start(hasty_machine, example("edinburgh"))
    assert runs.follow(hasty_machine, run_id, Silent(), 60)["status"] == "TIMED_OUT"
    report = dead_letter(hasty_machine, run_id)["detail"]
    assert (report["name"], report["status"]) == (run_id, "TIMED_OUT")
    assert RunInput.parse(json.loads(report["input"])).city == "Edinburgh"


def test_a_run_ends_by_its_deadline_and_is_finalized_in_time(stopped_frontier: Deployment) -> None:
    stack = stopped_frontier
    job = changed(
        example("new-york"),
        timeouts={"wall_clock_seconds": 150},
        # A short run has small caps; they must not come before the deadline.
        budgets={
            **example("new-york").budgets.document(),
            "web": {"bytes_per_min": 10**9, "max_bytes_total": 10**9},
            "llm": {"tokens_per_min": 10**6, "max_tokens_total": 10**6},
        },
        kill_switches={"google": True, "open_data": True},
        early_stop={"min_new_unique_rate": 0, "window_calls": 200},
    )
    run_id = runs.start(stack, job)
    when(ledger_of(stack, run_id), lambda ledger: ledger.frontier().done > 5)
    # Without it the run would end by itself on a fast machine.
    stack.session.client("pipes").stop_pipe(Name=stack.pipe_name)
    manifest = end_of(stack, job, run_id)

    assert (manifest.status, manifest.stopped_by) == (RunStatus.SUCCEEDED, StoppedBy.DEADLINE)
    assert manifest.gate is not None
    assert manifest.gate.threshold == 120
    assert manifest.gate.value >= 120
    assert manifest.seconds <= job.timeouts.wall_clock_seconds
    assert manifest.counts.places > 0
    # What still waited was dropped, and counted.
    frontier = manifest.frontier
    assert frontier.dropped > 0
    assert frontier.enqueued == frontier.done + frontier.dropped


def test_the_environment_overrides_the_input_and_the_manifest_says_so(mock_stack: Deployment) -> None:
    variables = {"EARLY_STOP_WINDOW": "30", "BUDGET_SPLIT_RATIO": "0.5", "BUDGET_MAX_API_CALLS": "900"}
    job = settings_of_run.with_environment(example("early-stop-test"), variables)
    manifest = run(mock_stack, job)[0].manifest

    values = {name: (value.value, value.source) for name, value in manifest.settings.items()}
    assert values["early_stop.window_calls"] == (30, Origin.ENVIRONMENT)
    assert values["early_stop.min_new_unique_rate"] == (0.8, Origin.INPUT)
    assert values["split_ratio"] == (0.5, Origin.ENVIRONMENT)
    assert values["caps.google"] == (900, Origin.ENVIRONMENT)
    assert manifest.budgets["google"].cap == 900
    assert manifest.gate is not None
    assert manifest.gate.detail.startswith("new over seen in the last 30 of")
