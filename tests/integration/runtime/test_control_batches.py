"""The control function on the embedded AWS, batch by batch: each message has its effect once."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.frontier import WebMessage
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.errors import InvalidInput, RunClosed
from lambdas.runtime.ledger import Ledger
from tests.integration.account import wait_until
from tests.integration.runtime.ledgers import TABLE, job
from tests.integration.runtime.stages import page


@pytest.fixture
def ledger(aws, control):
    control("OpenRun", executionId="run-1", input=job("london").document())
    return Ledger(TABLE, "run-1", aws.dynamodb)


def received(*bodies: WebMessage | str, receives: int = 1) -> list[dict[str, Any]]:
    """SQS records, as a Pipe hands them over."""
    return [
        {
            "messageId": f"id-{index}",
            "receiptHandle": f"handle-{index}",
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


class TestBatches:
    def test_a_batch_is_admitted_and_settled(self, control, ledger):
        ledger.enqueue([page(number) for number in range(3)], "s")
        items = control("AdmitBatch", records=received(page(0), page(1), page(2)))["items"]
        assert [item["action"] for item in items] == ["web"] * 3
        assert items[0] == {
            "messageId": "id-0",
            "receiptHandle": "handle-0",
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
        assert ledger.frontier().use().model_dump() == {
            "enqueued": 1,
            "waiting": 0,
            "done": 1,
            "dropped": 0,
            "dead": 0,
        }

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
            (page(1, run_id="run-9").model_dump_json(exclude_none=True), "no run 'run-9'"),
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
        ledger.kill([BudgetGroup.WEB], on=True)
        (item,) = control("AdmitBatch", records=received(page(1)))["items"]
        assert (item["action"], item["reason"]) == ("drop", "the kill switch web is on")
        control("AdmitBatch", records=received(page(1)))  # delivered twice
        assert ledger.budgets()["web"].skipped == 1

    def test_an_emergency_stop_sends_what_comes_back_into_the_queue_and_keeps_what_waits(self, control, ledger):
        ledger.enqueue([page(1), page(2)], "s")
        ledger.hold()
        with pytest.raises(RunClosed, match="its frontier is kept"):
            control("AdmitBatch", records=received(page(1)))
        polled = control("PollFrontier", runId="run-1")
        assert polled["gate"] == "kill_switch"
        assert control("CloseFrontier", runId="run-1")["stoppedBy"] == "kill_switch"
        gate = ledger.run(max_age=0).gate
        assert gate is not None
        assert gate.detail == "emergency stop"
        use = ledger.frontier().use()
        assert (use.enqueued, use.waiting, use.dropped) == (2, 2, 0)
        # Whoever starts the pipe again later does not meet them for ever.
        (item,) = control("AdmitBatch", records=received(page(1)))["items"]
        assert item["action"] == "drop"

    def test_a_gate_drops_what_waits_and_counts_it(self, control, ledger):
        ledger.enqueue([page(1), page(2), page(3)], "s")
        ledger.close_gate(StoppedBy.BUDGET, 5, 5, "")
        assert control("CloseFrontier", runId="run-1")["dropped"] == 3
        use = ledger.frontier().use()
        assert (use.enqueued, use.waiting, use.dropped) == (3, 0, 3)

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


class TestReturning:
    @staticmethod
    def records(aws) -> list[dict[str, Any]]:
        """What the queue hands out, as a Pipe hands it over."""
        answer = aws.sqs.receive_message(
            QueueUrl=os.environ["FRONTIER_QUEUE_URL"], MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in answer.get("Messages", [])
        ]

    def test_what_failed_comes_back_soon_and_nothing_else_does(self, control, aws, ledger):
        ledger.enqueue([page(1), page(2)], "s")
        for body in ("{", page(1).model_dump_json(exclude_none=True), page(2).model_dump_json(exclude_none=True)):
            aws.sqs.send_message(QueueUrl=os.environ["FRONTIER_QUEUE_URL"], MessageBody=body)
        batch = wait_until(lambda: self.records(aws))
        items = control("AdmitBatch", records=batch)["items"]
        ends = outcomes(items, "failed", "failed", "done")
        ends[0]["error"], ends[1]["error"] = "InvalidInput", "Throttled"
        settled = time.monotonic()
        control("SettleBatch", items=items, outcomes=ends)

        assert self.records(aws) == []
        back = []
        for expected, seconds in ((batch[0], 2), (batch[1], 10)):
            (record,) = wait_until(lambda: self.records(aws), timeout=25)
            assert record["messageId"] == expected["messageId"]
            assert record["attributes"]["ApproximateReceiveCount"] == "2"
            # Not at once, and before the queue's own time-out of 30 s. The emulator counts in whole seconds.
            assert seconds - 1 < time.monotonic() - settled < 30
            back.append(record)
        assert control("AdmitBatch", records=[back[1]])["items"][0]["action"] == "web"

    def test_a_batch_is_settled_where_nothing_can_be_hastened(self, control, ledger, monkeypatch):
        monkeypatch.setenv("FRONTIER_QUEUE_URL", os.environ["FRONTIER_QUEUE_URL"] + "-of-nobody")
        ledger.enqueue([page(1), page(2)], "s")
        items = control("AdmitBatch", records=received(page(1), page(2)))["items"]
        answer = control("SettleBatch", items=items, outcomes=outcomes(items, "failed", "done"))
        assert answer == {"batchItemFailures": [{"itemIdentifier": "id-0"}]}
        assert (ledger.frontier().done, len(ledger.frontier().waiting)) == (1, 1)
