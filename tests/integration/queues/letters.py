"""A stack of queues, bucket and ledger alone, and dead letters of every kind in it."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.connectors import Connector
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import MapsMessage, WebMessage
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime import record
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from scout.deployment import Deployment
from scout.pipelines.messages import Pipeline
from scout.queues.message import Message
from tests.integration.account import Account
from tests.integration.runtime.ledgers import MODES, TABLE, job, make_table

EDINBURGH, LONDON, PARIS, SYDNEY = "edinburgh-1", "london-1", "paris-1", "sydney-1"
THROTTLED, MISSING = "Throttled", "InputNotFound"
_NUMBERS = itertools.count()
_MACHINE = "arn:aws:states:us-east-1:{}:stateMachine:data-scout-test-{}"


class Silent:
    """An observer of a redrive or a purge that keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []

    def waiting(self, messages: int) -> None:
        self.steps.append(("waiting", messages))

    def taken_up(self, plan: Any) -> None:
        self.steps.append(("taken up", plan.number))

    def planned(self, plan: Any) -> None:
        self.steps.append(("planned", plan.number))

    def step(self, name: str, done: int, total: int) -> None:
        self.steps.append((name, done))


@dataclass(frozen=True)
class Stack:
    """The stack; runs of Edinburgh and London are open, that of Paris is closed, and Sydney's may fetch no pages."""

    account: Account

    @classmethod
    def made(cls, account: Account) -> Stack:
        account.session.client("s3").create_bucket(Bucket=f"data-scout-test-{account.id}")
        make_table(account.session.client("dynamodb"))
        for name in ("frontier", "realtime", "batch"):
            _, dead = account.queue(f"data-scout-test-{name}-dlq")
            redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
            account.queue(f"data-scout-test-{name}", RedrivePolicy=redrive)
        account.queue("data-scout-test-batch-failures")
        stack = cls(account)
        for run_id, city in ((EDINBURGH, "edinburgh"), (LONDON, "london"), (PARIS, "paris"), (SYDNEY, "sydney")):
            ledger = stack.ledger(run_id)
            document = job(job_id=run_id, city=city.capitalize(), kill_switches={"web": run_id == SYDNEY, "llm": False})
            ledger.open_run(document, modes=MODES, settings=RunDefaults(), versions={})
        stack.ledger(PARIS).close(StoppedBy.DRAINED)
        record._CACHE.clear()
        return stack

    @property
    def bucket(self) -> str:
        return f"data-scout-test-{self.account.id}"

    @property
    def deployment(self) -> Deployment:
        account = self.account.id
        pipelines = {
            name: Pipeline.of(
                name,
                {
                    "arn": _MACHINE.format(account, name),
                    "type": "EXPRESS" if name == "realtime" else "STANDARD",
                    "migrationMode": "S3",
                    "batchSize": 1,
                    "stages": ["First"],
                    "legacyStages": [],
                    "pipeName": f"data-scout-test-{name}-pipe",
                    "queueUrl": self.url(name),
                    "dlqUrl": self.url(f"{name}-dlq"),
                    "failureQueueUrl": self.url("batch-failures") if name == "batch" else None,
                },
            )
            for name in ("realtime", "batch")
        }
        return Deployment(
            stack="test",
            session=self.account.session,
            bucket=self.bucket,
            ledger_table=TABLE,
            frontier_queue_url=self.url("frontier"),
            frontier_dlq_url=self.url("frontier-dlq"),
            city_discovery_arn=_MACHINE.format(account, "city-discovery"),
            page_processing_arn=_MACHINE.format(account, "page-processing"),
            pipe_name="data-scout-test-frontier",
            pipelines=pipelines,
        )

    def url(self, name: str) -> str:
        return self.account.sqs.get_queue_url(QueueName=f"data-scout-test-{name}")["QueueUrl"]

    def ledger(self, run_id: str) -> Ledger:
        return Ledger(TABLE, run_id, self.account.session.client("dynamodb"))

    def put(self, name: str, entries: Sequence[dict[str, Any]]) -> list[str]:
        """Send messages to a queue; their ids."""
        ids: list[str] = []
        for start in range(0, len(entries), 10):
            some: Any = [{"Id": str(index), **entry} for index, entry in enumerate(entries[start : start + 10])]
            done = self.account.sqs.send_message_batch(QueueUrl=self.url(name), Entries=some)
            assert not done.get("Failed")
            ids += [one["MessageId"] for one in sorted(done["Successful"], key=lambda one: int(one["Id"]))]
        return ids

    def failed(self, run_id: str, kind: str, count: int, error: str) -> list[dict[str, Any]]:
        """Messages of the frontier that are dead in the ledger, as SQS would have them."""
        messages = [message_of(run_id, kind) for _ in range(count)]
        ledger = self.ledger(run_id)
        ledger.enqueue(messages, "test")
        ledger.settle_messages(Settlement(message.key, MessageState.DEAD, error) for message in messages)
        return [entry_of(message) for message in messages]

    def depth(self, name: str) -> dict[str, int]:
        found = self.account.sqs.get_queue_attributes(QueueUrl=self.url(name), AttributeNames=["All"])["Attributes"]
        prefix = "ApproximateNumberOfMessages"
        return {
            key.removeprefix(prefix) or "Visible": int(value) for key, value in found.items() if key.startswith(prefix)
        }

    def contents(self, name: str, timeout: float = 60) -> Counter[str]:
        """What a queue holds, each message by its content; all that is hidden has to be back first."""
        return Counter(message.content for message in self.messages(name, timeout))

    def messages(self, name: str, timeout: float = 60) -> list[Message]:
        """The messages of a queue, which all of them are given back to."""
        deadline = time.monotonic() + timeout
        while self.depth(name)["NotVisible"]:
            assert time.monotonic() < deadline, "messages stay hidden"
            time.sleep(0.2)
        sqs, url = self.account.sqs, self.url(name)
        found: dict[str, Message] = {}
        receipts: list[str] = []
        while answer := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found |= {one["MessageId"]: Message.received(one) for one in answer}
            receipts += [one["ReceiptHandle"] for one in answer]
        for receipt in receipts:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        return list(found.values())

    def private_queues(self) -> list[str]:
        return self.account.sqs.list_queues(QueueNamePrefix="data-scout-test-frontier-dlq-redrive").get("QueueUrls", [])

    def objects(self, prefix: str = "dead-letters/") -> list[str]:
        found = self.account.session.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def lines(self, key: str) -> list[dict[str, Any]]:
        body = self.account.session.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return [json.loads(line) for line in body.decode().splitlines()]


def message_of(run_id: str, kind: str) -> WebMessage | MapsMessage:
    number = next(_NUMBERS)
    known: dict[str, Any] = {
        "city": run_id.partition("-")[0].capitalize(),
        "run_id": run_id,
        "correlation_id": str(uuid.uuid5(uuid.NAMESPACE_OID, run_id)),
    }
    if kind == "maps":
        return MapsMessage(**known, budget_token=Connector.GOOGLE_NEARBY, lat=55.9, lng=-3.2, radius=100 + number)
    page: dict[str, Any] = {"source_name": "page", "source_type": "html", "crawl_depth": 0}
    return WebMessage(**known, **page, budget_token=Connector.WEB_FETCH, source_url=f"https://example.org/{number}")


def entry_of(message: WebMessage | MapsMessage) -> dict[str, Any]:
    """As the frontier's senders send it, and with an attribute of each other type."""
    return {
        "MessageBody": message.model_dump_json(exclude_none=True),
        "MessageAttributes": {
            "correlation_id": {"DataType": "String", "StringValue": message.correlation_id},
            "run_id": {"DataType": "String", "StringValue": message.run_id},
            "tries": {"DataType": "Number.int", "StringValue": "5"},
            "raw": {"DataType": "Binary.gzip", "BinaryValue": b"\x00\xff" + message.key.encode()},
        },
    }


def report_of_run(run_id: str) -> dict[str, Any]:
    body = {
        "type": "run",
        "city": run_id.partition("-")[0],
        "run_id": run_id,
        "correlation_id": str(uuid.uuid4()),
        "budget_token": "run",
        "errors": {"TileSweep": {"Error": "ExtractNotFound", "Cause": "it is not there"}},
    }
    return {"MessageBody": json.dumps(body)}


def event_of(name: str, status: str = "TIMED_OUT", **more: Any) -> dict[str, Any]:
    detail = {"name": name, "status": status, "input": json.dumps({"city": "London"}), **more}
    return {"MessageBody": json.dumps({"detail-type": "Step Functions Execution Status Change", "detail": detail})}
