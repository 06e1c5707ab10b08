"""Start failed executions of a Standard pipeline again, with the input that they had, or from where they failed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from scout.errors import ScoutError
from scout.pipelines.messages import VERIFICATION

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.pipelines.messages import Pipeline

# The name of a replay: that of the execution, and which replay of it. Step Functions takes 80 characters.
_REPLAY = re.compile(r"(?P<base>.+)-replay-(?P<number>\d+)")
_NAME_LENGTH = 80
_DIGEST_LENGTH = 8
_RECEIVES = 10


@dataclass(frozen=True)
class Failed:
    """An execution that ended badly, as the failure rule reported it.

    Attributes:
        execution_arn: The execution.
        name: Its name.
        status: FAILED, TIMED_OUT or ABORTED.
        error: The error's name, if there is one.
        cause: What it says.
        input: What the execution was started with; None where the event has left it out for its size.
    """

    execution_arn: str
    name: str
    status: str
    error: str | None
    cause: str | None
    input: str | None

    @property
    def replay_name(self) -> str:
        """The name of the next replay: always the same for the same failure, so that it is started once."""
        earlier = _REPLAY.fullmatch(self.name)
        base, number = (earlier["base"], int(earlier["number"])) if earlier else (self.name, 0)
        suffix = f"-replay-{number + 1}"
        if len(base) + len(suffix) > _NAME_LENGTH:
            # Names that differ only where they are cut off must not become one.
            digest = sha256(base.encode()).hexdigest()[:_DIGEST_LENGTH]
            base = f"{base[: _NAME_LENGTH - len(suffix) - _DIGEST_LENGTH - 1]}-{digest}"
        return base + suffix

    def document(self) -> dict[str, Any]:
        """For machines."""
        return vars(self) | {"replay_name": self.replay_name}


@dataclass
class Replay:
    """What lay in a failure queue.

    Attributes:
        wanted: The failures that were asked for.
        foreign: Messages that are no report of an execution; they stay.
    """

    wanted: list[Failed] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def replay(
    deployment: Deployment,
    pipeline: Pipeline,
    *,
    wanted: Callable[[Failed], bool],
    dry_run: bool,
    started: Callable[[Failed], None],
    redrive: bool = False,
) -> Replay:
    """Start failed executions again. A report is taken out of the queue only once its execution has been started.

    A replay that was cut off is taken up by the next: what was started by then is not started twice. One that has
    failed again in the meantime is left for the next time.

    Args:
        deployment: Where.
        pipeline: Which; a Standard one.
        wanted: Which failures to replay; the others stay in the queue.
        dry_run: Start nothing, and take nothing out.
        started: Told of each that was started.
        redrive: Let each execution go on from the stage that failed (RedriveExecution, within 14 days of its end),
            instead of starting a new one from the beginning.

    Returns:
        What was found.

    Raises:
        ScoutError: The pipeline is an Express one, AWS refused, or another execution has the name of a replay.
    """
    if pipeline.failure_queue_url is None:
        raise ScoutError(
            f"{pipeline.name} is an Express pipeline: a message that it could not do returns to its queue, and after "
            f"its tries lies in {pipeline.dlq_url}; `scout dlq redrive {pipeline.name}` moves it back"
        )
    sqs, url = deployment.session.client("sqs"), pipeline.failure_queue_url
    start = _redrive if redrive else _start
    result, begun = Replay(), set[str]()
    stays: list[str] = []
    try:
        for message in _received(sqs, url):
            handle = message["ReceiptHandle"]
            failed = _parsed(message["Body"])
            if failed is not None and failed.name.startswith(VERIFICATION):
                # What `verify-migration` tried out is nobody's message.
                sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                continue
            stays.append(handle)
            if failed is None:
                result.foreign.append(message["MessageId"])
            elif failed.name not in begun and wanted(failed):
                result.wanted.append(failed)
                if not dry_run:
                    begun.add(start(deployment, pipeline, failed))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                    stays.remove(handle)
                    started(failed)
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"pipeline {pipeline.name} on stack {deployment.stack}: {error}") from error
    finally:
        # Looking at a report must not hide it, nor must a failure of this.
        for handle in stays:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return result


def failed_stage(deployment: Deployment, failed: Failed) -> str | None:
    """The stage at which an execution ended; None if its history does not say so."""
    states = deployment.session.client("stepfunctions")
    history = states.get_execution_history(executionArn=failed.execution_arn, reverseOrder=True, maxResults=25)
    entered = (event for event in history["events"] if event["type"] == "TaskStateEntered")
    return next((event["stateEnteredEventDetails"]["name"] for event in entered), None)


def _received(sqs: Any, url: str) -> Iterator[Any]:  # noqa: ANN401 - a boto3 client
    """Every message of a queue, once."""
    seen: set[str] = set()
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_RECEIVES, WaitTimeSeconds=1).get(
        "Messages"
    ):
        fresh = [message for message in messages if message["MessageId"] not in seen]
        if not fresh:
            return
        seen |= {message["MessageId"] for message in fresh}
        yield from fresh


def _parsed(body: str) -> Failed | None:
    """A report of an execution; None if it is none."""
    try:
        detail = json.loads(body)["detail"]
        return Failed(
            execution_arn=detail["executionArn"],
            name=detail["name"],
            status=detail["status"],
            error=detail.get("error"),
            cause=detail.get("cause"),
            input=detail.get("input"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _start(deployment: Deployment, pipeline: Pipeline, failed: Failed) -> str:
    """Start it anew; the name of the execution."""
    states = deployment.session.client("stepfunctions")
    text = failed.input
    if text is None:
        # An event has no room for a large input; the execution itself still knows it, for 90 days.
        text = states.describe_execution(executionArn=failed.execution_arn)["input"]
    name = failed.replay_name
    try:
        states.start_execution(stateMachineArn=pipeline.arn, name=name, input=text)
    except states.exceptions.ExecutionAlreadyExists as error:
        # By a replay that was cut off before it could take the report out.
        arn = f"{pipeline.arn.replace(':stateMachine:', ':execution:')}:{name}"
        if states.describe_execution(executionArn=arn)["input"] != text:
            raise ScoutError(
                f"{failed.name} cannot be started again as {name}: another execution of that name has another input; "
                "its report stays in the queue"
            ) from error
    return name


def _redrive(deployment: Deployment, pipeline: Pipeline, failed: Failed) -> str:
    """Let it go on; the name of the execution."""
    states = deployment.session.client("stepfunctions")
    try:
        states.redrive_execution(executionArn=failed.execution_arn)
    except states.exceptions.ExecutionNotRedrivable as error:
        found = states.describe_execution(executionArn=failed.execution_arn)
        # A redrive that was cut off before it could take the report out has let it go on already.
        if found["status"] in {"FAILED", "TIMED_OUT", "ABORTED"}:
            raise ScoutError(
                f"{failed.name} of {pipeline.name} cannot go on from where it failed: {error}. "
                f"Without --redrive it is started from the beginning"
            ) from error
    return failed.name
