"""A deployed pipeline, and the messages that it takes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.documents import from_json
from scout.errors import InputRefused, ScoutError

if TYPE_CHECKING:
    from pathlib import Path

    from scout.deployment import Deployment

# What an execution can be started with, and a pipe can hand over at once
# (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html,
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html).
MAX_INPUT_BYTES = 262_144
# What the event of the first stage holds beside the message.
_EVENT_BYTES = 1_024
# Executions that `verify-migration` starts are called so.
VERIFICATION = "verify-"
_POLL_SECONDS = 0.3
_FAILED = {"FAILED", "TIMED_OUT", "ABORTED"}


@dataclass(frozen=True)
class Pipeline:
    """A deployed pipeline.

    Attributes:
        name: Its name in the stack.
        arn: Its state machine.
        express: Whether it is an Express workflow.
        migration_mode: How its stages hand over: LEGACY, HYBRID or S3.
        batch_size: The most messages that one execution gets.
        stages: Its stages in their order.
        legacy_stages: Those of them that leave no output in S3.
        pipe_name: The pipe that feeds it.
        queue_url: Its queue.
        dlq_url: That queue's dead-letter queue.
        failure_queue_url: Where executions that ended badly are reported; None for Express.
    """

    name: str
    arn: str
    express: bool
    migration_mode: str
    batch_size: int
    stages: tuple[str, ...]
    legacy_stages: tuple[str, ...]
    pipe_name: str
    queue_url: str
    dlq_url: str
    failure_queue_url: str | None

    @classmethod
    def of(cls, name: str, outputs: Mapping[str, Any]) -> Pipeline:
        """Read what a stack exports of a pipeline."""
        return cls(
            name=name,
            arn=outputs["arn"],
            express=outputs["type"] == "EXPRESS",
            migration_mode=outputs["migrationMode"],
            batch_size=int(outputs["batchSize"]),
            stages=tuple(outputs["stages"]),
            legacy_stages=tuple(outputs["legacyStages"]),
            pipe_name=outputs["pipeName"],
            queue_url=outputs["queueUrl"],
            dlq_url=outputs["dlqUrl"],
            failure_queue_url=outputs.get("failureQueueUrl"),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """The stages that leave an output in S3."""
        return tuple(stage for stage in self.stages if stage not in self.legacy_stages)

    @property
    def keeps_no_result(self) -> bool:
        """Whether nobody can see that a message came through: an Express pipeline that ends with a legacy stage."""
        return self.express and self.stages[-1] in self.legacy_stages


def named(deployment: Deployment, name: str) -> Pipeline:
    """A pipeline of a stack.

    Raises:
        ScoutError: The stack has none of that name.
    """
    if name not in deployment.pipelines:
        known = ", ".join(deployment.pipelines) or "none"
        raise ScoutError(f"stack {deployment.stack} has no pipeline {name!r}; it has: {known}")
    return deployment.pipelines[name]


def read_message(path: Path, pipeline: Pipeline, bucket: str) -> str:
    """Read the body of a message, and see that the pipeline can take it.

    Args:
        path: A JSON file.
        pipeline: Which.
        bucket: The workflow bucket, for the advice.

    Raises:
        InputRefused: It is not JSON, holds nothing but a text or null, or is larger than the pipeline takes.
        ScoutError: It cannot be read.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ScoutError(f"{path} cannot be read: {error.strerror}") from error
    return checked(body, str(path), bucket, batch_size=pipeline.batch_size)


def checked(body: bytes, name: str, bucket: str, *, batch_size: int = 1) -> str:
    """As ``read_message``, for a body that is read already."""
    try:
        text = body.decode("utf-8")
        document = from_json(text)
    except ValueError as error:
        raise InputRefused(name, [f"it is not JSON in UTF-8: {error}"]) from error
    if document is None or isinstance(document, str):
        # A stage could not tell them from a message that is none, or that is not JSON.
        raise InputRefused(name, ["it holds null or a single text: send an object or a list"])
    # The pipe may pass it on as it stands, with its blanks and escapes.
    size = len(execution_input(str(uuid.uuid4()), "")) - len('""') + len(body)
    most = MAX_INPUT_BYTES // batch_size - _EVENT_BYTES
    if size > most:
        batch = f" of each of {batch_size} messages in a batch" if batch_size > 1 else ""
        advice = f"put the data to s3://{bucket}/incoming/ and send its key"
        raise InputRefused(
            name, [f"an execution would get {size:,} bytes of it, and can take {most:,}{batch}: {advice}"]
        )
    return text


def execution_input(message_id: str, data: object) -> str:
    """The input of an execution for one message, as the pipe makes it."""
    return json.dumps([{"messageId": message_id, "initialData": data}], ensure_ascii=False)


def put(deployment: Deployment, pipeline: Pipeline, body: str) -> str:
    """Put a message into a pipeline's queue, and leave it at that.

    Returns:
        The message's id.

    Raises:
        ScoutError: SQS refused it.
    """
    try:
        sqs = deployment.session.client("sqs")
        return str(sqs.send_message(QueueUrl=pipeline.queue_url, MessageBody=body)["MessageId"])
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"pipeline {pipeline.name} on stack {deployment.stack}: {error}") from error
