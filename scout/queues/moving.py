"""SQS moves messages from one queue to another by itself, whether or not the process that asked for it lives on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scout.errors import ScoutError
from scout.queues.holding import depth, held

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
RATES = range(1, 501)
_ACTIVE = {"RUNNING", "CANCELLING"}
# Most attributes of a queue are known everywhere within this time
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html).
_ATTRIBUTE_SECONDS = 75
_NOT_YET = "must be configured as a Dead Letter Queue"
_ALREADY = "already a task running"
_POLL_SECONDS = 0.5
# A task that was started is in the list of tasks by then.
_LISTED_SECONDS = 30
# Tasks that may end without an error and leave something behind: what was hidden when they looked.
_TASKS = 20


def arn_of(sqs: SQSClient, url: str) -> str:
    """A queue's ARN."""
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def running(sqs: SQSClient, source_arn: str) -> bool:
    """Whether SQS is moving messages out of a queue."""
    return _last(sqs, source_arn).get("Status") in _ACTIVE


def has_sources(sqs: SQSClient, url: str) -> bool:
    """Whether a queue is the dead-letter queue of another: SQS moves messages out of such queues alone."""
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=url)
    return any(page["queueUrls"] for page in pages)


def move_all(
    sqs: SQSClient,
    source_url: str,
    target_url: str,
    *,
    rate: int | None,
    moved: Callable[[int], None],
    left: Callable[[], bool] | None = None,
) -> None:
    """Let SQS move messages until none are left.

    Args:
        sqs: An SQS client.
        source_url: From where; the dead-letter queue of some queue.
        target_url: Where to.
        rate: Messages a second at most, one of ``RATES``; None for as fast as SQS does it.
        moved: Told how many have been moved, approximately.
        left: Whether there is anything left to move; by default, whether the queue holds any message.

    Raises:
        ScoutError: SQS could not move them; it says why. Those that it has not moved are where they were.
    """
    source_arn, target_arn = arn_of(sqs, source_url), arn_of(sqs, target_url)
    for _ in range(_TASKS):
        earlier = _last(sqs, source_arn)
        # A task may be under way already, begun by a process that was killed since.
        if earlier.get("Status") in _ACTIVE:
            earlier = {}
        elif left() if left else _holds_any(sqs, source_url):
            _start(sqs, source_arn, target_arn, rate)
        else:
            return
        _follow(sqs, source_arn, moved, after=earlier.get("StartedTimestamp"))
    raise ScoutError(
        f"SQS has ended {_TASKS} moves out of {source_url}, and messages are still there: somebody holds them"
    )


def _start(sqs: SQSClient, source_arn: str, target_arn: str, rate: int | None) -> None:
    deadline = time.monotonic() + _ATTRIBUTE_SECONDS
    arguments: dict[str, Any] = {"MaxNumberOfMessagesPerSecond": rate} if rate else {}
    while True:
        try:
            sqs.start_message_move_task(SourceArn=source_arn, DestinationArn=target_arn, **arguments)
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if _ALREADY in message:
                return
            if _NOT_YET not in message or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _follow(sqs: SQSClient, source_arn: str, moved: Callable[[int], None], after: int | None) -> None:
    """Wait for the end of the task that was started after another one."""
    deadline = time.monotonic() + _LISTED_SECONDS
    while True:
        task = _last(sqs, source_arn)
        if task.get("StartedTimestamp") == after:
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)
            continue
        moved(task.get("ApproximateNumberOfMessagesMoved", 0))
        status = task.get("Status")
        if status in ("FAILED", "CANCELLED"):
            reason = task.get("FailureReason", "somebody has cancelled it")
            raise ScoutError(f"the move out of {source_arn.rpartition(':')[2]} ended {status}: {reason}")
        if status not in _ACTIVE:
            return
        time.sleep(_POLL_SECONDS)


def _last(sqs: SQSClient, source_arn: str) -> dict[str, Any]:
    results = sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1).get("Results", [])
    return dict(results[0]) if results else {}


def _holds_any(sqs: SQSClient, url: str) -> bool:
    """Whether a queue holds a message, seen or unseen. Counts may be late, so it is also looked into."""
    if depth(sqs, url).total:
        return True
    with held(sqs, url) as hold:
        return bool(hold.messages(most=1))
