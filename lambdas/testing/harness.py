"""What stands around a stage in its author's tests, in the place of Lambda and AWS."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from lambdas.runtime import envelope, keys
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import ExecutionContext, StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.handler import StageHandler
from lambdas.runtime.handover import put_out
from lambdas.runtime.storage import Storage
from lambdas.testing.memory_s3 import MemoryS3

_BUCKET = "local-bucket"


class Invocation:
    """The context object of an invocation.

    Args:
        seconds: What Lambda leaves it.
    """

    aws_request_id = "local-request"

    def __init__(self, seconds: float = 60) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return round(self._seconds * 1000)


class LocalAws(Aws):
    """Clients for a stage under test: S3 in memory, and whatever else the test hands over.

    Args:
        s3: The bucket; a new one if not given.
        **clients: Stand-ins for other clients, such as ``dynamodb``. A client that is asked for and not there is an
            error, so that no test calls AWS by accident.
    """

    def __init__(self, s3: MemoryS3 | None = None, **clients: object) -> None:
        super().__init__()
        self.bucket = s3 or MemoryS3()
        vars(self).update(clients, s3=self.bucket, _session=_NoSession())


class _NoSession:
    def client(self, service: str, **_: object) -> object:
        raise AssertionError(f"the stage asked for {service}: hand over LocalAws({service}=...)")


@dataclass(frozen=True)
class Ran:
    """What a stage did.

    Attributes:
        result: What it answered to the state machine.
        output: Its output, all fields of it.
        objects: What stands in the bucket, by key.
    """

    result: dict[str, Any]
    output: dict[str, Json]
    objects: dict[str, bytes] = field(repr=False)

    @property
    def data(self) -> Json:
        """What the next stage gets."""
        return self.output[envelope.DATA]


def run_stage(
    handler: StageHandler,
    data: Json,
    *,
    stage: str = "Stage",
    after: str | None = None,
    execution: str = "local-execution",
    aws: LocalAws | None = None,
    seconds: float = 60,
) -> Ran:
    """Run a stage as its state machine would.

    Args:
        handler: The stage.
        data: Its input.
        stage: Its name.
        after: The name of the stage before it; ``data`` is then read from that stage's output in S3. Without it, the
            stage is the first one, and ``data`` is the message.
        execution: The execution's id.
        aws: Clients; by default S3 alone.
        seconds: The time that the invocation has.

    Returns:
        What it answered, and its output, read back and verified.

    Raises:
        Exception: Whatever the stage raises.
    """
    clients = aws or LocalAws()
    event = {
        "executionId": execution,
        "currentStage": stage,
        "previousStage": after,
        "workflowBucket": _BUCKET,
        "initialData": data if after is None else None,
    }
    if after is not None:
        before = ExecutionContext.parse({**event, "currentStage": after, "previousStage": None})
        put_out(Storage(_BUCKET, clients.s3), before, StageOutput(data))
    result = handler(event, Invocation(seconds), clients)
    key = keys.stage_output(execution, stage)
    output = envelope.opened(io.BytesIO(clients.bucket.objects[key]), key)
    return Ran(result, output, clients.bucket.objects)
