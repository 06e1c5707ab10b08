"""DynamoDB and SNS in memory, a clock that tests turn, and crashes at the point they choose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from lambdas.runtime.handler import StageHandler
from lambdas.testing import LocalAws, run_stage
from tests.unit.candidates.conditions import holds

TABLE = "candidates"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:notifications"
FIFO_TOPIC = f"{TOPIC}.fifo"
_FIFO_SECONDS = 300
_MAX_ITEM_BYTES = 400 * 1024
_plain = TypeDeserializer().deserialize


class Crash(BaseException):
    """The process ends here; nothing in it can catch this."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now


class Faults:
    """Counts calls, and crashes or fails at the one that a test chooses.

    Attributes:
        crash: The number of the call, from 1 on, and whether to crash ``before`` or ``after`` it is done.
        refusals: Errors to answer with, by the operation.
    """

    def __init__(self) -> None:
        self.crash: tuple[int, str] | None = None
        self.refusals: dict[str, Exception] = {}
        self.calls: list[str] = []
        self._lock = threading.RLock()

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        with self._lock:
            self.calls.append(operation)
            number = len(self.calls)
            if self.crash == (number, "before"):
                raise Crash
            if operation in self.refusals:
                raise self.refusals[operation]
            yield
            if self.crash == (number, "after"):
                raise Crash


class MemoryTable:
    """A table with the key ``pk`` and ``sk``; it forgets nothing by itself, as DynamoDB may not for days.

    Attributes:
        items: What stands in it, by key; numbers are ``Decimal``.
        writes: How many puts were done.
        refused: Errors to answer with, by ``sk``.
    """

    def __init__(self, faults: Faults | None = None) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes = 0
        self.refused: dict[str, Exception] = {}
        self._faults = faults or Faults()
        self._typed: dict[tuple[str, str], dict[str, Any]] = {}

    def put_item(self, **put: Any) -> dict[str, Any]:
        assert (put["TableName"], put["ReturnValuesOnConditionCheckFailure"]) == (TABLE, "ALL_OLD")
        item = {name: _plain(value) for name, value in put["Item"].items()}
        values = {name: _plain(value) for name, value in put["ExpressionAttributeValues"].items()}
        key = (item["pk"], item["sk"])
        with self._faults.call("put_item"):
            if key[1] in self.refused:
                raise self.refused[key[1]]
            if len(json.dumps(put["Item"])) > _MAX_ITEM_BYTES:
                raise client_error("ValidationException", "Item size has exceeded the maximum allowed size")
            standing = self.items.get(key, {})
            if not holds(put["ConditionExpression"], put["ExpressionAttributeNames"], values, standing):
                raise client_error("ConditionalCheckFailedException", Item=self._typed[key])
            self.items[key], self._typed[key] = item, put["Item"]
            self.writes += 1
        return {}


class MemoryTopic:
    """A topic; one whose ARN ends in ``.fifo`` drops for five minutes what has the same id.

    Attributes:
        delivered: When, and what, in their order.
    """

    def __init__(self, clock: Clock, faults: Faults | None = None) -> None:
        self.delivered: list[tuple[float, dict[str, Any]]] = []
        self._clock = clock
        self._faults = faults or Faults()
        self._accepted: dict[str, float] = {}

    def publish(self, **message: Any) -> dict[str, Any]:
        identity = message.get("MessageDeduplicationId")
        assert (identity is not None) == message["TopicArn"].endswith(".fifo") == ("MessageGroupId" in message)
        assert message["MessageAttributes"]["programId"]["StringValue"]
        with self._faults.call("publish"):
            if identity is not None:
                if self._clock() < self._accepted.get(identity, 0) + _FIFO_SECONDS:
                    return {}
                self._accepted[identity] = self._clock()
            self.delivered.append((self._clock(), json.loads(message["Message"])))
        return {}

    def ids(self) -> list[str]:
        return [message["candidateId"] for _, message in self.delivered]


def client_error(code: str, message: str = "refused", status: int = 400, **more: Any) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(answer, "Operation")


def run_as(execution: str, handler: StageHandler, data: Any, aws: LocalAws, seconds: float = 45) -> Any:
    """Run a first stage in an execution of this name; the data of its output."""
    return run_stage(handler, data, execution=execution, aws=aws, seconds=seconds).data
