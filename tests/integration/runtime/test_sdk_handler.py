"""The base handler on the embedded AWS: hand-over, write-once, failures, and a crash at any point."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lambdas.contracts.connectors import Connector
from lambdas.contracts.manifest import BudgetUse, StateMode, StateStatus
from lambdas.runtime import record
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import InputNotFound, InvalidInput, ServiceUnavailable, Throttled, VerificationFailed
from lambdas.runtime.handover import StageInput
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.run import Run
from lambdas.runtime.stage import handle
from lambdas.runtime.storage import Storage
from tests.integration.runtime.ledgers import TABLE, job, make_table, opened
from tests.integration.runtime.stages import BUCKET, Invocation, Outside, candidate, empty, page, requests


def event(stage: str = "TileSweep", previous: str | None = None, data: Any = None) -> dict[str, Any]:
    return {
        "executionId": "run-1",
        "runId": "run-1",
        "currentStage": stage,
        "previousStage": previous,
        "workflowBucket": BUCKET,
        "initialData": data,
    }


def answering(data: Any, records: int = 1) -> Callable[[StageInput, Run], StageOutput]:
    return lambda stage_input, run: StageOutput(data, records)


class TestHandler:
    def test_stages_hand_over_through_the_bucket(self, aws):
        ledger = opened(aws.dynamodb)
        stages = {
            "TileSweep": lambda given, run: StageOutput({"got": given.read()}, 3, {"tiles": 2}),
            "Rank": lambda given, run: StageOutput(given.read(), 4, result={"runStatus": "SUCCEEDED"}),
        }
        first = handle(event(data={"a": 1}), Invocation(), stages, aws)
        assert first["status"] == "SUCCESS"
        assert (first["stage"], first["recordsProcessed"], first["metrics"]) == ("TileSweep", 3, {"tiles": 2})
        assert first["outputKey"] == "executions/run-1/TileSweep/output.json"
        second = handle(event("Rank", "TileSweep"), Invocation(), stages, aws)
        assert second["runStatus"] == "SUCCEEDED"
        envelope = json.loads(Storage(BUCKET, aws.s3).get(second["outputKey"]))
        assert envelope["data"] == {"got": {"a": 1}}
        assert envelope["sha256"] == second["outputSha256"]
        report = ledger.states()["Rank"]
        assert (report.status, report.records) == (StateStatus.SUCCEEDED, 4)

    def test_a_stage_by_another_name_counts_as_the_state_whose_work_it_is(self, aws):
        ledger = opened(aws.dynamodb)
        modes = []

        def search(given: StageInput, run: Run) -> StageOutput:
            modes.append(run.mode())
            return StageOutput({}, 5)

        handle(event("SearchMaps") | {"state": "TileSweep"}, Invocation(), {"SearchMaps": search}, aws)
        assert modes == [StateMode.MOCK]
        report = ledger.states()["TileSweep"]
        assert (report.status, report.records) == (StateStatus.SUCCEEDED, 5)

    def test_budgets_are_shared_once_neighbours_have_been_looked_for(self, aws):
        ledger = opened(aws.dynamodb)
        seen: list[bool] = []

        def stage(given: StageInput, run: Run) -> StageOutput:
            seen.append(run.record.shared_at is not None)
            return StageOutput({}, 0)

        for name in ("ExpandNeighbors", "SearchMaps", "TileSweep"):
            handle(event(name) | {"state": "TileSweep"}, Invocation(), {name: stage}, aws)
        assert seen == [False, False, True]
        assert ledger.run(max_age=0).shared_at

    def test_a_stage_that_has_put_out_is_not_done_again(self, aws):
        opened(aws.dynamodb)
        first = handle(event(), Invocation(), {"TileSweep": answering({"a": 1})}, aws)

        def never(given: StageInput, run: Run) -> StageOutput:
            raise AssertionError

        assert handle(event(), Invocation(), {"TileSweep": never}, aws) == first

    def test_of_two_at_once_the_first_output_stands_and_both_answer_with_it(self, aws):
        opened(aws.dynamodb)
        aws.s3, aws.dynamodb, aws.sqs  # noqa: B018 - made here, since boto3 makes clients in one thread only
        barrier = threading.Barrier(2)

        def stage(given: StageInput, run: Run) -> StageOutput:
            barrier.wait(10)
            return StageOutput({"by": threading.get_ident()}, 1)

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(lambda _: handle(event(), Invocation(), {"TileSweep": stage}, aws), range(2))
        assert one == two

    def test_empty_input_is_input(self, aws):
        opened(aws.dynamodb)
        stages = {"TileSweep": lambda given, run: StageOutput(given.read(), 0)}
        assert handle(event(data={}), Invocation(), stages, aws)["recordsProcessed"] == 0

    @pytest.mark.parametrize("stage", ["TileSweep", "Rank"])
    def test_a_failure_is_raised_and_recorded(self, aws, stage):
        ledger = opened(aws.dynamodb)

        def failing(given: StageInput, run: Run) -> StageOutput:
            raise Throttled("wait")

        with pytest.raises(Throttled):
            handle(event(stage), Invocation(), {stage: failing}, aws)
        report = ledger.states()[stage]
        assert (report.status, report.error) == (StateStatus.FAILED, "Throttled: wait")
        assert Storage(BUCKET, aws.s3).keys("executions/") == []
        handle(event(stage), Invocation(), {stage: answering(1)}, aws)
        assert ledger.states()[stage].status is StateStatus.SUCCEEDED

    def test_a_failure_is_raised_even_if_it_cannot_be_recorded(self, aws):
        with pytest.raises(InputNotFound, match="no run 'run-1'"):
            handle(event(), Invocation(), {"TileSweep": answering(1)}, aws)

    def test_a_missing_previous_output_is_explained(self, aws):
        opened(aws.dynamodb)
        reading = {"Rank": lambda given, run: StageOutput(given.read(), 0)}
        with pytest.raises(InputNotFound) as caught:
            handle(event("Rank", "TileSweep"), Invocation(), reading, aws)
        assert str(caught.value) == (
            "Input data not found in S3. Previous stage 'TileSweep' may have failed or not written output. "
            f"Path: s3://{BUCKET}/executions/run-1/TileSweep/output.json"
        )
        optional = {"Rank": lambda given, run: StageOutput({"got": given.read_optional()}, 0)}
        assert handle(event("Rank", "TileSweep"), Invocation(), optional, aws)["status"] == "SUCCESS"

    def test_a_first_stage_needs_initial_data_if_it_reads(self, aws):
        opened(aws.dynamodb)
        with pytest.raises(InvalidInput, match="initialData is null for the first stage, TileSweep"):
            handle(event(), Invocation(), {"TileSweep": lambda given, run: StageOutput(given.read(), 0)}, aws)

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b'{"data": 1}', b'{"data": {"a": 2}, "sha256": "' + b"0" * 64 + b'"}', b"\xff"],
    )
    def test_an_output_that_was_changed_is_not_read(self, aws, body):
        opened(aws.dynamodb)
        Storage(BUCKET, aws.s3).put("executions/run-1/TileSweep/output.json", body)
        reading = {"Rank": lambda given, run: StageOutput(given.read(), 0)}
        with pytest.raises(VerificationFailed, match="executions/run-1/TileSweep"):
            handle(event("Rank", "TileSweep"), Invocation(), reading, aws)

    def test_a_stage_that_a_kill_switch_left_idle_is_skipped(self, aws):
        ledger = opened(aws.dynamodb)

        def idle(given: StageInput, run: Run) -> StageOutput:
            return StageOutput([], len(run.call(Connector.LLM_TOKENS, requests("a"), Outside())))

        handle(event(), Invocation(), {"TileSweep": idle}, aws)
        assert ledger.states()["TileSweep"].status is StateStatus.SKIPPED

    def test_an_unknown_stage_is_refused(self, aws):
        with pytest.raises(InvalidInput, match="'Rank' is none of TileSweep"):
            handle(event("Rank"), Invocation(), {"TileSweep": answering(1)}, aws)

    def test_without_time_nothing_is_begun_but_the_report(self, aws):
        ledger = opened(aws.dynamodb)
        with pytest.raises(ServiceUnavailable, match="No time is left"):
            handle(event(), Invocation(seconds=1), {"TileSweep": answering(1)}, aws)
        assert ledger.states()["TileSweep"].error == (
            "ServiceUnavailable: No time is left in this invocation for another remote call."
        )


class Crash(BaseException):
    """The process ends."""


class Crashing:
    """Ends the process at the n-th call to AWS: before it is sent, or once it was done."""

    def __init__(self, aws: Aws, moment: str, number: int) -> None:
        self.calls = 0
        self._number = number
        self._event = {"before": "before-call", "after": "after-call"}[moment]
        self._clients = (aws.s3, aws.dynamodb, aws.sqs)
        self._lock = threading.Lock()

    def __enter__(self) -> Crashing:
        for client in self._clients:
            client.meta.events.register(self._event, self._strike)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.meta.events.unregister(self._event, self._strike)

    def _strike(self, **_: Any) -> None:
        with self._lock:
            self.calls += 1
            if self.calls == self._number:
                raise Crash


def everything(run: Run, outside: Outside) -> StageOutput:
    """A stage that uses all of the SDK."""
    asked = requests("a", "b", "c", estimate=3)
    replies = run.call(Connector.WIKI, asked[:2], outside) + run.call(Connector.WIKI, asked[2:], outside)
    run.found([candidate(number) for number in range(len(replies) * 2)], calls=len(replies))
    run.send([page(number) for number in range(2)])
    return StageOutput({"bodies": [reply.body for reply in replies]}, len(replies))


def outcome(aws: Aws) -> dict[str, Any]:
    """What a run has left behind, but for the order of things, the tokens of its rates, and its spending."""
    ledger = Ledger(TABLE, "run-1", aws.dynamodb)
    storage = Storage(BUCKET, aws.s3)
    progress = ledger.progress()
    return {
        "objects": {key: storage.get(key) for key in storage.keys("")},
        "progress": (progress.calls, progress.new, progress.seen),
        "frontier": sorted(ledger.frontier().waiting),
        "state": (ledger.states()["TileSweep"].status, ledger.states()["TileSweep"].records),
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_call_and_a_retry_leave_what_an_undisturbed_stage_leaves(aws, moment):
    outside = Outside(units=2)
    stages = {"TileSweep": lambda given, run: everything(run, outside)}

    def calls() -> tuple[int, BudgetUse]:
        """Calls that were made, and what the ledger knows of."""
        return outside.asked.total(), Ledger(TABLE, "run-1", aws.dynamodb).budgets()["open_data"]

    def start_anew() -> None:
        outside.asked.clear()
        empty(aws)
        make_table(aws.dynamodb)
        opened(aws.dynamodb, of=job("london"))
        record._CACHE.clear()

    start_anew()
    with Crashing(aws, moment, 0) as counting:
        handle(event(), Invocation(), stages, aws)
    expected = outcome(aws)
    made, use = calls()
    assert (made, use.calls, use.spent, counting.calls > 15) == (3, 3, 6, True)
    repeated: set[tuple[int, int]] = set()
    for number in range(1, counting.calls + 1):
        start_anew()
        with Crashing(aws, moment, number), pytest.raises(Crash):
            handle(event(), Invocation(), stages, aws)
        record._CACHE.clear()
        before, settled = calls()
        handle(event(), Invocation(), stages, aws)
        assert outcome(aws) == expected, f"after a crash {moment} call {number}"
        made, use = calls()
        # What was called under a reservation that is still held is called again at its expense.
        unpaid = before - settled.calls
        assert (use.calls, use.spent) == (made - unpaid, 2 * (made - unpaid)), f"after a crash {moment} call {number}"
        assert unpaid == 0 or settled.spent > 2 * settled.calls, "nothing is held"
        repeated.add((unpaid, made - unpaid))
    # The settlements of two calls and of one: either they were not done, or they were and the answers were not kept.
    assert repeated >= {"before": {(2, 3), (1, 3)}, "after": {(0, 5), (0, 4)}}[moment]
