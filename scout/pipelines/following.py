"""Send a message to a pipeline, and follow it through the stages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime import envelope, keys
from lambdas.runtime.errors import PERMANENT, InputNotFound, VerificationFailed
from lambdas.runtime.storage import Storage
from scout.errors import ScoutError
from scout.pipelines.failures import Failure, last_failures
from scout.pipelines.messages import Pipeline

if TYPE_CHECKING:
    from scout.deployment import Deployment

_POLL_SECONDS = 0.3
# How often the logs are asked for failures: CloudWatch Logs allows five such requests a second in an account.
_LOGS_SECONDS = 2.0
_FAILED = {"FAILED", "TIMED_OUT", "ABORTED"}


@dataclass(frozen=True)
class StageDone:
    """The output of a stage, read back and verified.

    Attributes:
        stage: The stage.
        key: Where its output lies.
        records: How many records it processed.
        size: Bytes.
        sha256: Its digest.
        seconds: When it was seen, counted from the sending of the message.
    """

    stage: str
    key: str
    records: int
    size: int
    sha256: str
    seconds: float


@dataclass(frozen=True)
class Sent:
    """A message that came through.

    Attributes:
        pipeline: The pipeline.
        message_id: The message.
        execution_id: The folder of its outputs.
        stages: What each stage put out to S3.
        data: The data of the last of them; None if there is none.
    """

    pipeline: Pipeline
    message_id: str
    execution_id: str
    stages: tuple[StageDone, ...]
    data: Any


class Observer(Protocol):
    """Who wants to know how a message goes on."""

    def sent(self, pipeline: Pipeline, message_id: str) -> None:
        """The queue has it."""

    def stage_done(self, stage: StageDone) -> None:
        """A stage has put out."""

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        """A stage has failed, seen so many seconds after the sending of the message; it may be tried again."""


def send(deployment: Deployment, pipeline: Pipeline, body: str, *, view: Observer, timeout: float) -> Sent:
    """Send a message to a pipeline's queue, and follow it to the output of the last stage.

    Args:
        deployment: Where.
        pipeline: Which.
        body: The message; see ``read_message``.
        view: Told how it goes on.
        timeout: Seconds to follow it.

    Returns:
        What each stage put out, read back and verified.

    Raises:
        ScoutError: The message could not be followed, and was not sent; or the execution failed, or the message did
            not come through in time.
    """
    if pipeline.keeps_no_result:
        raise ScoutError(
            f"{pipeline.name} is Express and ends with the legacy stage {pipeline.stages[-1]}, whose result nobody "
            "keeps, so that no message can be followed to its end; --no-follow only sends it"
        )
    try:
        pipe = deployment.session.client("pipes").describe_pipe(Name=pipeline.pipe_name)
        if pipe["CurrentState"] != "RUNNING":
            raise ScoutError(
                f"the pipe {pipeline.pipe_name} is {pipe['CurrentState']}, so that a message would wait in the queue: "
                f"`scout pipe resume {pipeline.name}` starts it; --no-follow only sends the message"
            )
        message = _Message(deployment, pipeline, body)
        view.sent(pipeline, message.id)
        for seen in message.progress(time.monotonic() + timeout):
            if isinstance(seen, StageDone):
                view.stage_done(seen)
            else:
                view.stage_failed(seen, message.seconds)
        return message.result()
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"pipeline {pipeline.name} on stack {deployment.stack}: {error}") from error


class _Message:
    """A message on its way through a pipeline."""

    def __init__(self, deployment: Deployment, pipeline: Pipeline, body: str) -> None:
        self._deployment = deployment
        self._pipeline = pipeline
        self._storage = Storage(deployment.bucket, deployment.session.client("s3"))
        self._states = deployment.session.client("stepfunctions")
        sqs = deployment.session.client("sqs")
        self._sent_at, self._since, self._looked_at = time.monotonic(), time.time(), time.monotonic()
        self.id: str = sqs.send_message(QueueUrl=pipeline.queue_url, MessageBody=body)["MessageId"]
        self._done: dict[str, StageDone] = {}
        self._others: set[str] = set()
        self._execution_id: str | None = None
        self._failure: Failure | None = None

    @property
    def seconds(self) -> float:
        """How long ago it was sent."""
        return time.monotonic() - self._sent_at

    def progress(self, deadline: float) -> Iterator[StageDone | Failure]:
        """The outputs of the stages, each as soon as it is there, up to the last one's; between them what failed.

        Raises:
            ScoutError: The execution failed, or the deadline has passed.
        """
        pipeline, ended = self._pipeline, False
        while not ended:
            if time.monotonic() > deadline:
                raise ScoutError(self._too_late())
            self._execution_id = self._execution_id or self._find()
            # The end is asked for first: what stands after that is all there will be.
            execution = self._execution()
            for stage in pipeline.outputs:
                if stage not in self._done and (output := self._output(stage)):
                    self._done[stage] = output
                    yield output
            if failure := self._failed():
                if failure.error in PERMANENT:
                    raise ScoutError(self._failed_for_good(failure))
                yield failure
            if execution.get("status") in _FAILED:
                raise ScoutError(self._why(execution))
            all_there = self._done.keys() >= set(pipeline.outputs)
            ended = all_there if pipeline.express else execution.get("status") == "SUCCEEDED"
            time.sleep(0 if ended else _POLL_SECONDS)

    def result(self) -> Sent:
        """The whole, once the last stage has put out."""
        stages = tuple(self._done[stage] for stage in self._pipeline.outputs)
        if not stages:
            return Sent(self._pipeline, self.id, str(self._execution_id), (), None)
        with self._storage.fetch(stages[-1].key) as file:
            data = envelope.opened(file, stages[-1].key)[envelope.DATA]
        return Sent(self._pipeline, self.id, str(self._execution_id), stages, data)

    def _output(self, stage: str) -> StageDone | None:
        if self._execution_id is None:
            return None
        return read_output(self._storage, self._execution_id, stage, self.seconds)

    def _find(self) -> str | None:
        """The execution of the message, as it names the folder of its outputs."""
        if self._pipeline.express:
            found = self._storage.keys(f"executions/{self.id}-")
            return found[0].split("/")[1] if found else None
        # Newest first: that of a message that was just sent is on the first page.
        for execution in self._states.list_executions(stateMachineArn=self._pipeline.arn, maxResults=50)["executions"]:
            arn = execution["executionArn"]
            if arn not in self._others:
                if self.id in self._states.describe_execution(executionArn=arn).get("input", ""):
                    return execution["name"]
                self._others.add(arn)
        return None

    def _failed(self) -> Failure | None:
        """What failed since it was last asked for: of an Express execution the logs alone tell."""
        if not self._pipeline.express or time.monotonic() - self._looked_at < _LOGS_SECONDS:
            return None
        self._looked_at = time.monotonic()
        failure = last_failures(self._deployment, self._pipeline, self._since).get(self.id)
        if failure is None or failure == self._failure:
            return None
        self._failure = failure
        return failure

    def _failed_for_good(self, failure: Failure) -> str:
        name = self._pipeline.name
        return "\n".join(
            (
                f"message {self.id} has failed at {failure.stage} of {name}: {failure.error}: {failure.text}",
                "  the error is permanent: the message returns to the queue when its visibility time-out is over, and",
                f"  after its last receive lies in the dead-letter queue, where `scout dlq analyze {name}` finds it",
            )
        )

    def _execution(self) -> Mapping[str, Any]:
        """The execution as Step Functions has it; nothing of an Express one, of which it keeps no history."""
        if self._pipeline.express or self._execution_id is None:
            return {}
        arn = f"{self._pipeline.arn.replace(':stateMachine:', ':execution:')}:{self._execution_id}"
        return self._states.describe_execution(executionArn=arn)

    def _why(self, execution: Mapping[str, Any]) -> str:
        lines = [f"execution {self._execution_id} of {self._pipeline.name} ended {execution['status']}"]
        lines += [f"  {name}: {execution[name][:2000]}" for name in ("error", "cause") if execution.get(name)]
        return "\n".join([*lines, f"  `scout replay {self._pipeline.name}` shows it and starts it again"])

    def _too_late(self) -> str:
        pipeline = self._pipeline
        missing = next(stage for stage in pipeline.outputs if stage not in self._done)
        lines = [f"message {self.id} has not come through {pipeline.name} in time: {missing} has put nothing out"]
        if log := self._log_of(missing):
            lines.append(f"  the log of {missing}: {log}")
        if self._failure:
            lines.append(f"  it last failed at {self._failure.stage}: {self._failure.error}: {self._failure.text}")
        if pipeline.express:
            lines.append(f"  a message that fails is tried again, and then lies in {pipeline.dlq_url}")
        return "\n".join(lines)

    def _log_of(self, stage: str) -> str | None:
        """The log group of a stage's function."""
        definition = self._states.describe_state_machine(stateMachineArn=self._pipeline.arn)["definition"]
        for scope in (
            states := json.loads(definition)["States"],
            *(each["ItemProcessor"]["States"] for each in states.values() if "ItemProcessor" in each),
        ):
            function = scope.get(stage, {}).get("Parameters", {}).get("FunctionName")
            if function:
                return f"/aws/lambda/{function.split(':')[6]}"
        return None


def read_output(storage: Storage, execution_id: str, stage: str, seconds: float = 0) -> StageDone | None:
    """A stage's output, verified; None if there is none yet.

    Args:
        storage: The workflow bucket.
        execution_id: The folder of the execution's outputs.
        stage: The stage.
        seconds: What to say of when it was seen.

    Raises:
        ScoutError: It is not what the stage wrote.
    """
    key = keys.stage_output(execution_id, stage)
    try:
        with storage.fetch(key) as file:
            fields = envelope.opened(file, f"s3://{storage.bucket}/{key}")
            size = file.seek(0, 2)
    except InputNotFound:
        return None
    except VerificationFailed as error:
        raise ScoutError(str(error)) from error
    return StageDone(stage, key, fields["records"], size, fields[envelope.DIGEST], seconds)
