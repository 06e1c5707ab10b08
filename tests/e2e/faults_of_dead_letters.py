"""The faults of the scenarios of docs/runbooks/dead-letter-queue.md."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.frontier import parse_message
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from scout.cities import executions, runs
from scout.queues import monitoring, named
from scout.queues.message import Message, batches
from tests.e2e.runbooks import Desk, Fault
from tests.e2e.support import changed, example
from tests.integration.account import wait_until

ERROR = "TooManyRequestsException"


class OpenRun:
    """A small run whose execution was ended by hand while its pages waited, those pages, and the report of that.

    Args:
        desk: Where.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk, stack = desk, desk.stack
        self._sqs = desk.client("sqs")
        london = example("london").document()
        job = changed(example("london"), seed={**london["seed"], "radius_km": 2})
        self.id = runs.start(stack, changed(job, orchestrator={"correlation_id": str(uuid.uuid4())}))
        desk.pipe(stack.pipe_name, "STOPPED")
        wait_until(lambda: desk.depth(stack.frontier_queue_url) >= 25, 120)
        abort(desk, self.id)
        messages = self._taken(stack.frontier_queue_url)
        self._pages = [message for message in messages if json.loads(message.body)["type"] == "web"]
        self._others = [message for message in messages if message not in self._pages]
        (self.report,) = self._taken(stack.frontier_dlq_url)
        desk.pipe(stack.pipe_name, "RUNNING")

    @property
    def ledger(self) -> Ledger:
        return Ledger(self._desk.stack.ledger_table, self.id, self._desk.client("dynamodb"))

    @property
    def page(self) -> dict[str, Any]:
        """What is written in a page that still waits."""
        return dict(json.loads(self._pages[-1].body))

    def fetched(self, count: int) -> list[Message]:
        """Pages that have been sent to the frontier, and are done."""
        pages = self._pages_to_use(count)
        self.put(self._desk.stack.frontier_queue_url, pages)
        self._desk.settled()
        return pages

    def failed(self, count: int) -> None:
        """Let pages fail for as often as it takes to become dead letters."""
        before = self._desk.depth(self._desk.stack.frontier_dlq_url)
        self.put(self._desk.stack.frontier_queue_url, self._pages_to_use(count))
        wait_until(lambda: self._desk.depth(self._desk.stack.frontier_dlq_url) >= before + count, 300)
        self._desk.settled()

    def dead(self, count: int) -> None:
        """Put pages into the DLQ as those that failed lie there."""
        pages = self._pages_to_use(count)
        keys = [parse_message(page.body).key for page in pages]
        self.ledger.settle_messages(Settlement(key, MessageState.DEAD, "Throttled") for key in keys)
        self.put(self._desk.stack.frontier_dlq_url, pages)

    def give_rest_back(self) -> None:
        """Let all that still waits wait in the frontier again."""
        self.put(self._desk.stack.frontier_queue_url, [*self._pages, *self._others])
        self._pages, self._others = [], []

    def put(self, url: str, messages: Sequence[Message]) -> None:
        """Send messages, with all their attributes."""
        for batch in batches(messages):
            entries = [message.entry(str(number)) for number, message in enumerate(batch)]
            assert not self._sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")

    def _pages_to_use(self, count: int) -> list[Message]:
        return [self._pages.pop() for _ in range(count)]

    def _taken(self, url: str) -> list[Message]:
        """All messages of a queue, taken out of it."""
        found: list[Message] = []
        while answer := self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0 if found else 10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += map(Message.received, answer)
            for one in answer:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return found


open_run: Callable[[Desk], OpenRun] = cache(OpenRun)


def abort(desk: Desk, run_id: str) -> None:
    """End the execution of a run as nobody should."""
    arn = executions.arn_of(desk.stack, run_id)
    desk.client("stepfunctions").stop_execution(executionArn=arn, error="Console", cause="by hand")


def send(desk: Desk, url: str, *bodies: Any) -> None:
    """Send messages; what is no text is sent as JSON."""
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        desk.client("sqs").send_message(QueueUrl=url, MessageBody=text)


def oldest(desk: Desk, queue: str) -> str:
    """The id of the oldest message of a DLQ."""
    code, said = desk.types(f"scout dlq peek {queue} --count 100 --json", {})
    assert code == 0, said
    return str(json.loads(said)[0]["message_id"])


def passing(desk: Desk) -> Fault:
    """The function of the mock states takes no calls."""
    run = open_run(desk)
    allow = desk.throttle("mock")
    run.failed(4)
    return Fault({"RUN": run.id}, ("safe", ERROR, "passes by itself"), allow)


def staying(desk: Desk) -> Fault:
    """Code that is wrong is deployed; later it is put right, and the operator deploys it."""
    run = open_run(desk)
    source = desk.project / "lambdas/mock/processing.py"
    good = source.read_text(encoding="utf-8")
    # What a careless change looks like.
    broken = good.replace("    message = _message(given)\n", "    message = _message(given)[0]\n", 1)
    assert broken != good
    source.write_text(broken, encoding="utf-8")
    desk.must("scout up -s mock", {})
    run.failed(3)
    variables = {"RUN": run.id, "MESSAGE": oldest(desk, "frontier")}

    def corrected() -> None:
        source.write_text(good, encoding="utf-8")

    return Fault(variables, ("fix-first", "TypeError", "WebFetch"), corrected)


def never(desk: Desk) -> Fault:
    """A sender writes what no run can use."""
    run = open_run(desk)
    page = run.page
    unknown = {**page, "run_id": "nobody-1"}
    nameless = {key: value for key, value in page.items() if key != "correlation_id"}
    send(desk, desk.stack.frontier_queue_url, "no JSON", {**page, "crawl_depth": 9}, unknown, nameless)
    wait_until(lambda: desk.depth(desk.stack.frontier_dlq_url) == 4, 90)
    return Fault({"MESSAGE": oldest(desk, "frontier")}, ("never", "invalid", "InvalidInput"))


def closed(desk: Desk) -> Fault:
    """Messages about work that other messages have done."""
    run = open_run(desk)
    run.put(desk.stack.frontier_dlq_url, run.fetched(3))
    return Fault({"RUN": run.id}, ("no-effect", "it is done already"))


def killed(desk: Desk) -> Fault:
    """Pages are dead, and their run must fetch none."""
    run = open_run(desk)
    run.dead(3)
    run.ledger.kill([BudgetGroup.WEB], True)
    return Fault({"RUN": run.id}, ("no-effect", "the kill switch web of its run is on", "scout kill"))


def cut_off(desk: Desk) -> Fault:
    """The process that moves messages is killed in the middle."""
    run = open_run(desk)
    run.dead(4)
    queue = named.dead_letter_queue(desk.stack, "frontier")
    with desk.typing(f"exec scout dlq redrive frontier --run {run.id} --rate 1") as mover:
        wait_until(lambda: monitoring.status(desk.stack, queue).open_redrive, 60)
        mover.kill()
        assert mover.wait() < 0
    return Fault({"RUN": run.id}, ("is open",))


def reported(desk: Desk) -> Fault:
    """A run was aborted; that is reported, and its pages still wait."""
    run = open_run(desk)
    run.give_rest_back()
    run.put(desk.stack.frontier_dlq_url, [run.report])
    return Fault({"RUN": run.id}, ("report", f"scout resume {run.id}"))


def everything(desk: Desk) -> Fault:
    """What a load test left."""
    send(desk, desk.stack.frontier_dlq_url, *(f"load test {number}" for number in range(12)))
    return Fault({}, ("12 messages", "never"))


FAULTS = {
    "An error that passes": passing,
    "An error that stays": staying,
    "Messages that must not go back": never,
    "A run that takes no more work": closed,
    "A kill switch is on": killed,
    "A redrive was cut off": cut_off,
    "A run reports that it failed": reported,
    "All of it is to go": everything,
}
