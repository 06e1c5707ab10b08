"""The control function on the embedded AWS, by the events that the state machines send it."""

from __future__ import annotations

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.manifest import StoppedBy
from lambdas.control.handler import handler
from lambdas.runtime import record
from lambdas.runtime.errors import FrontierBusy, InputNotFound, InvalidInput
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from tests.integration.runtime.ledgers import MODES, TABLE, job, merged
from tests.integration.runtime.stages import Invocation, candidate, page, run_of


@pytest.fixture
def ledger(aws, control):
    control("OpenRun", executionId="run-1", input=job("london").document())
    return Ledger(TABLE, "run-1", aws.dynamodb)


class TestOpenRun:
    def test_it_starts_the_data_of_the_execution(self, control, aws):
        arn = "arn:aws:states:us-east-1:100000000005:execution:city-discovery:run-1"
        document = merged(job().document(), {"orchestrator": {"fail_fast": True}})
        answer = control("OpenRun", executionId="run-1", executionArn=arn, stateMachineArn="x", input=document)
        run = answer.pop("run")
        assert answer == {"results": {}, "errors": {}}
        assert run == {
            "runId": "run-1",
            "duplicate": False,
            "failFast": True,
            "city": "edinburgh",
            "correlationId": "5b82ca70-b601-5100-a70a-45def212889c",
        }
        opened = Ledger(TABLE, "run-1", aws.dynamodb).run()
        assert (opened.execution_arn, opened.versions, dict(opened.modes)) == (arn, {"program": "1.2.3"}, MODES)
        assert opened.settings.poll_seconds == 3

    def test_a_retry_is_no_duplicate_and_another_execution_is(self, control):
        first, retried, other = (
            control("OpenRun", executionId=name, input=job().document())["run"] for name in ("run-1", "run-1", "run-2")
        )
        assert first == retried
        assert other == {**first, "duplicate": True}

    def test_a_wrong_input_opens_nothing(self, control, aws):
        with pytest.raises(InvalidInput, match=r"seed\.center\.lat"):
            control("OpenRun", executionId="run-1", input=merged(job().document(), {"seed": {"center": {"lat": 91}}}))
        assert aws.dynamodb.scan(TableName=TABLE)["Count"] == 0


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "operation: None is none of OpenRun, PollFrontier, CloseFrontier, AdmitBatch, SettleBatch"),
        ({"operation": "Destroy"}, "'Destroy' is none of"),
        ({"operation": "OpenRun", "executionId": "run-1"}, "input: Field required"),
        ({"operation": "PollFrontier", "runId": "../x"}, "runId"),
        ({"operation": "AdmitBatch", "records": {}}, "records"),
    ],
)
def test_a_wrong_event_is_refused(aws, event, message):
    with pytest.raises(InvalidInput, match=message.replace(".", r"\.")):
        handler(event, Invocation(), aws)


@pytest.mark.parametrize("operation", ["PollFrontier", "CloseFrontier"])
def test_an_unknown_run_is_refused(control, operation):
    with pytest.raises(InputNotFound, match="no run 'run-9'"):
        control(operation, runId="run-9")


class TestPolling:
    def test_an_empty_frontier_is_drained(self, control, ledger):
        assert control("PollFrontier", runId="run-1") == {
            "gate": "open",
            "drained": True,
            "pending": 0,
            "inFlight": 0,
            "done": 0,
            "dropped": 0,
            "dead": 0,
            "newUniqueRate": 1.0,
            "windowFull": False,
            "waitSeconds": 3,
        }

    def test_waits_grow_until_something_moves(self, control, ledger):
        ledger.enqueue([page(1)], "s")
        waits = [control("PollFrontier", runId="run-1")["waitSeconds"] for _ in range(4)]
        assert waits == [3, 5, 7, 11]
        ledger.admit({page(1).key: 1})
        answer = control("PollFrontier", runId="run-1")
        assert (answer["pending"], answer["inFlight"], answer["drained"], answer["waitSeconds"]) == (0, 1, False, 3)

    def test_early_stop(self, control, ledger):
        ledger.observe("k", 200, 1, 100)
        answer = control("PollFrontier", runId="run-1")
        assert (answer["gate"], answer["newUniqueRate"], answer["windowFull"]) == ("early_stop", 0.01, True)

    def test_early_stop_that_was_seen_and_not_said(self, control, ledger, aws):
        """As after a crash between the observation and the closing of the gate."""
        ledger.update(
            ledger.action(
                "PROGRESS",
                "SET #log = :log, #calls = :calls, #new = :none, #seen = :calls",
                {"log": ["200,0,200"], "calls": 200, "none": 0},
            )
        )
        assert ledger.progress().window_full
        assert ledger.gate(max_age=0) is None
        assert control("PollFrontier", runId="run-1")["gate"] == "early_stop"

    def test_budget(self, control, ledger):
        ledger.reserve(BudgetGroup.LLM, [10**9], "k")
        assert control("PollFrontier", runId="run-1")["gate"] == "budget"

    def test_kill_switch(self, control, ledger):
        for group in BudgetGroup:
            assert control("PollFrontier", runId="run-1")["gate"] == "open"
            ledger.kill([group], on=True)
        assert control("PollFrontier", runId="run-1")["gate"] == "kill_switch"

    def test_deadline(self, control, aws):
        short = job(timeouts={"wall_clock_seconds": 1}).model_copy(update={"job_id": "short"})
        early = Ledger(TABLE, "run-2", aws.dynamodb, lambda: 1000.0)
        early.open_run(short, modes=MODES, settings=RunDefaults(), versions={})
        answer = control("PollFrontier", runId="run-2")
        assert (answer["gate"], answer["waitSeconds"]) == ("deadline", 1)
        gate = early.run(max_age=0).gate
        assert gate is not None
        assert (gate.threshold, gate.value > 0.8) == (0.8, True)

    def test_the_wait_ends_with_the_deadline(self, control, aws):
        short = job(timeouts={"wall_clock_seconds": 2}).model_copy(update={"job_id": "short"})
        control("OpenRun", executionId="run-2", input=short.document())
        assert control("PollFrontier", runId="run-2")["waitSeconds"] <= 2

    def test_silence_at_the_last_receive_is_death(self, control, ledger, aws):
        ledger.enqueue([page(1)], "s")
        long_ago = record.moment(ledger.run().started_at) - 400
        Ledger(TABLE, "run-1", aws.dynamodb, lambda: long_ago).admit({page(1).key: 5})
        answer = control("PollFrontier", runId="run-1")
        assert (answer["drained"], answer["dead"]) == (True, 1)
        assert ledger.frontier().dead == 1


class TestClosing:
    def test_a_drained_frontier(self, control, ledger):
        control("PollFrontier", runId="run-1")
        assert control("CloseFrontier", runId="run-1")["stoppedBy"] == "drained"
        assert ledger.run().closed_at is not None

    def test_a_gate_drops_what_waits(self, control, ledger):
        ledger.enqueue([page(number) for number in range(120)], "s")
        ledger.close_gate(StoppedBy.EARLY_STOP, 0, 0.05, "")
        answer = control("CloseFrontier", runId="run-1")
        assert answer == {"stoppedBy": "early_stop", "done": 0, "dropped": 120, "dead": 0, "candidates": 0}
        assert ledger.frontier().use().enqueued == 120

    def test_how_many_sightings_were_reported(self, control, ledger, aws):
        run_of(aws).found([candidate(number) for number in range(7)], calls=1)
        run_of(aws, state="Rank").found([candidate(number) for number in range(5, 10)], calls=1)
        assert control("CloseFrontier", runId="run-1")["candidates"] == 12

    def test_an_error_before_the_frontier_was_drained(self, control, ledger):
        ledger.enqueue([page(1)], "s")
        control("PollFrontier", runId="run-1")
        assert control("CloseFrontier", runId="run-1")["stoppedBy"] == "error"

    def test_pages_in_flight_are_waited_for(self, control, ledger):
        ledger.enqueue([page(1), page(2)], "s")
        ledger.admit({page(1).key: 1})
        ledger.close_gate(StoppedBy.BUDGET, 1, 1, "")
        with pytest.raises(FrontierBusy, match="1 messages"):
            control("CloseFrontier", runId="run-1")
        ledger.settle_messages([Settlement(page(1).key, MessageState.DONE)])
        answer = control("CloseFrontier", runId="run-1")
        assert answer == {"stoppedBy": "budget", "done": 1, "dropped": 1, "dead": 0, "candidates": 0}

    def test_pages_that_died_in_silence_are_not_waited_for(self, control, ledger, aws):
        ledger.enqueue([page(1)], "s")
        long_ago = record.moment(ledger.run().started_at) - 400
        Ledger(TABLE, "run-1", aws.dynamodb, lambda: long_ago).admit({page(1).key: 1})
        assert control("CloseFrontier", runId="run-1")["dropped"] == 1
