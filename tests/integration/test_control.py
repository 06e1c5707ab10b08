"""The control function on the embedded AWS, by the events that the state machines send it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import WebMessage
from lambdas.contracts.manifest import StoppedBy
from lambdas.control.handler import handler
from lambdas.runtime import record
from lambdas.runtime.aws import Aws
from lambdas.runtime.errors import FrontierBusy, InputNotFound, InvalidInput
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from tests.integration.account import Account
from tests.integration.ledgers import MODES, TABLE, job, make_table, merged

if TYPE_CHECKING:
    from scout.embedded.emulator import Emulator

ACCOUNT = "100000000005"
Control = Callable[..., dict[str, Any]]


class Invocation:
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="module")
def account(emulator: Emulator) -> Account:
    return Account(emulator, ACCOUNT)


@pytest.fixture
def aws(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    environment = {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": account.emulator.endpoint_url,
        "LEDGER_TABLE": TABLE,
        "STATE_MODES": json.dumps(MODES),
        "RUN_DEFAULTS": json.dumps({"poll_seconds": 3, "max_poll_seconds": 60}),
        "VERSIONS": json.dumps({"program": "1.2.3"}),
        "MAX_RECEIVE_COUNT": "5",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = make_table(account)
    yield Aws()
    client.delete_table(TableName=TABLE)
    record._CACHE.clear()


@pytest.fixture
def control(aws: Aws) -> Control:
    return lambda operation, **event: handler({"operation": operation, **event}, Invocation(), aws)


@pytest.fixture
def ledger(aws: Aws, control: Control) -> Ledger:
    control("OpenRun", executionId="run-1", input=job("london").document())
    return Ledger(TABLE, "run-1", aws.dynamodb)


def page(number: int, run_id: str = "run-1") -> WebMessage:
    return WebMessage(
        city="London",
        run_id=run_id,
        correlation_id="00000000-0000-0000-0000-000000000000",
        budget_token=Connector.WEB_FETCH,
        source_url=f"https://example.org/{number}",
        source_name="example",
        source_type="html",
        crawl_depth=0,
        enqueued_at="2026-01-01T00:00:00.000Z",
    )


def received(*bodies: WebMessage | str, receives: int = 1) -> list[dict[str, Any]]:
    """SQS records, as a Pipe hands them over."""
    return [
        {
            "messageId": f"id-{index}",
            "receiptHandle": "handle",
            "body": body if isinstance(body, str) else body.model_dump_json(exclude_none=True),
            "attributes": {"ApproximateReceiveCount": str(receives)},
            "messageAttributes": {},
        }
        for index, body in enumerate(bodies)
    ]


def outcomes(items: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """What the Map of page-processing makes of its items."""
    return [
        {field: item[field] for field in ("messageId", "messageKey", "runId")} | {"outcome": name}
        for item, name in zip(items, names, strict=True)
    ]


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

    def test_budget(self, control, ledger):
        ledger.reserve(BudgetGroup.LLM, [10**9], "k")
        assert control("PollFrontier", runId="run-1")["gate"] == "budget"

    def test_kill_switch(self, control, ledger):
        for group in BudgetGroup:
            assert control("PollFrontier", runId="run-1")["gate"] == "open"
            ledger.kill(group, on=True)
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
        assert answer == {"stoppedBy": "early_stop", "done": 0, "dropped": 120, "dead": 0}
        assert ledger.frontier().use().enqueued == 120

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
        assert answer == {"stoppedBy": "budget", "done": 1, "dropped": 1, "dead": 0}

    def test_pages_that_died_in_silence_are_not_waited_for(self, control, ledger, aws):
        ledger.enqueue([page(1)], "s")
        long_ago = record.moment(ledger.run().started_at) - 400
        Ledger(TABLE, "run-1", aws.dynamodb, lambda: long_ago).admit({page(1).key: 1})
        assert control("CloseFrontier", runId="run-1")["dropped"] == 1


class TestBatches:
    def test_a_batch_is_admitted_and_settled(self, control, ledger):
        ledger.enqueue([page(number) for number in range(3)], "s")
        items = control("AdmitBatch", records=received(page(0), page(1), page(2)))["items"]
        assert [item["action"] for item in items] == ["web"] * 3
        assert items[0] == {
            "messageId": "id-0",
            "messageKey": page(0).key,
            "action": "web",
            "reason": "",
            "runId": "run-1",
            "executionId": f"run-1-{page(0).key}",
            "message": page(0).document(),
            "receiveCount": 1,
        }
        answer = control("SettleBatch", items=items, outcomes=outcomes(items, "done", "failed", "dropped"))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "id-1"}]}
        state = ledger.frontier()
        assert (state.done, state.waiting, state.dropped) == (1, (page(1).key,), 1)

    def test_a_second_delivery_has_no_second_effect(self, control, ledger):
        ledger.enqueue([page(1)], "s")
        items = control("AdmitBatch", records=received(page(1)))["items"]
        control("SettleBatch", items=items, outcomes=outcomes(items, "done"))
        again = control("AdmitBatch", records=received(page(1), receives=2))["items"]
        assert (again[0]["action"], again[0]["reason"]) == ("drop", "it is done already")
        control("SettleBatch", items=again, outcomes=outcomes(again, "dropped"))
        assert ledger.frontier().use().model_dump() == {"enqueued": 1, "done": 1, "dropped": 0, "dead": 0}

    @pytest.mark.parametrize("first", ["done", "failed"])
    def test_twice_in_one_batch_is_once(self, control, ledger, first):
        ledger.enqueue([page(1)], "s")
        items = control("AdmitBatch", records=received(page(1), page(1)))["items"]
        assert [item["action"] for item in items] == ["web", "drop"]
        control("SettleBatch", items=items, outcomes=outcomes(items, first, "dropped"))
        state = ledger.frontier()
        assert (state.done, len(state.waiting)) == ((1, 0) if first == "done" else (0, 1))

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("{", "JSON"),
            ("[]", "object"),
            ('{"type": "other"}', "type"),
            (page(1).model_dump_json().replace("example.org", " "), "source_url"),
            (page(1, "run-9").model_dump_json(exclude_none=True), "no run 'run-9'"),
        ],
    )
    def test_what_no_run_can_use_is_rejected_and_its_neighbours_are_not(self, control, ledger, body, reason):
        ledger.enqueue([page(1)], "s")
        items = control("AdmitBatch", records=received(body, page(1)))["items"]
        assert [item["action"] for item in items] == ["reject", "web"]
        assert reason in items[0]["reason"]
        answer = control("SettleBatch", items=items, outcomes=outcomes(items, "failed", "done"))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
        assert ledger.frontier().done == 1

    def test_a_closed_run_takes_nothing(self, control, ledger):
        ledger.enqueue([page(1)], "s")
        ledger.close(StoppedBy.ERROR)
        (item,) = control("AdmitBatch", records=received(page(1)))["items"]
        assert (item["action"], item["reason"].startswith("the run was closed")) == ("drop", True)

    def test_a_closed_gate_takes_nothing(self, control, ledger):
        ledger.close_gate(StoppedBy.BUDGET, 1, 1, "")
        (item,) = control("AdmitBatch", records=received(page(1)))["items"]
        assert (item["action"], item["reason"].startswith("the gate budget closed")) == ("drop", True)
        control("SettleBatch", items=[item], outcomes=outcomes([item], "dropped"))
        assert ledger.frontier().dropped == 1

    def test_killed_work_is_dropped(self, control, ledger):
        ledger.kill(BudgetGroup.WEB, on=True)
        (item,) = control("AdmitBatch", records=received(page(1)))["items"]
        assert (item["action"], item["reason"]) == ("drop", "the kill switch web is on")

    @pytest.mark.parametrize(("receives", "dead"), [(4, 0), (5, 1)])
    def test_a_message_that_failed_for_the_last_time_is_dead(self, control, ledger, receives, dead):
        ledger.enqueue([page(1)], "s")
        items = control("AdmitBatch", records=received(page(1), receives=receives))["items"]
        (outcome,) = outcomes(items, "failed")
        answer = control("SettleBatch", items=items, outcomes=[{**outcome, "error": "Throttled"}])
        assert answer == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
        state = ledger.frontier()
        assert (state.dead, state.drained) == (dead, bool(dead))
        if dead:
            stored = ledger.read(f"MSG#{page(1).key}")
            assert stored is not None
            assert stored["error"] == "Throttled"

    def test_an_unknown_outcome_is_refused(self, control, ledger):
        items = control("AdmitBatch", records=received(page(1)))["items"]
        with pytest.raises(InvalidInput, match="'perhaps' is none of"):
            control("SettleBatch", items=items, outcomes=outcomes(items, "perhaps"))
