"""Pause and resume a pipe, and drain its queue first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scout.errors import ScoutError
from scout.queues.holding import Depth, depth

if TYPE_CHECKING:
    import boto3

    from scout.queues.named import FedQueue

Order = Literal["start", "stop"]
# StopPipe returns before the pipe has stopped (https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/).
_PIPE_SECONDS = 120
# The states of a pipe that does what it was told: on the way, and in the end.
_STATES: dict[Order, tuple[str, str]] = {"start": ("STARTING", "RUNNING"), "stop": ("STOPPING", "STOPPED")}
_POLL_SECONDS = 1


@dataclass(frozen=True)
class Drained:
    """A queue that was emptied, and whose pipe was paused then.

    Attributes:
        seconds: How long that took.
        left: What came in before the pipe had stopped, and waits now.
    """

    seconds: float
    left: Depth


def order(session: boto3.Session, pipe: str, what: Order) -> None:
    """Ask for a pipe to start or to stop, unless it does so already.

    Args:
        session: Credentials and region.
        pipe: The pipe's name.
        what: The order.
    """
    pipes = session.client("pipes")
    if state(session, pipe) not in _STATES[what]:
        (pipes.start_pipe if what == "start" else pipes.stop_pipe)(Name=pipe)


def wait(session: boto3.Session, pipe: str, what: Order) -> None:
    """Wait until a pipe has done what was ordered.

    Raises:
        ScoutError: It has not within two minutes, or it failed to.
    """
    pipes = session.client("pipes")
    deadline = time.monotonic() + _PIPE_SECONDS
    while True:
        found = pipes.describe_pipe(Name=pipe)
        now = found["CurrentState"]
        if now == _STATES[what][-1]:
            return
        if now.endswith("_FAILED"):
            raise ScoutError(f"pipe {pipe} is {now}: {found.get('StateReason', 'AWS gives no reason')}")
        if time.monotonic() > deadline:
            raise ScoutError(f"pipe {pipe} is still {now} after {_PIPE_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def state(session: boto3.Session, pipe: str) -> str:
    """The present state of a pipe, such as RUNNING."""
    return session.client("pipes").describe_pipe(Name=pipe)["CurrentState"]


def drain(
    session: boto3.Session, queue: FedQueue, *, quiet: float, timeout: float, seen: Callable[[Depth], None]
) -> Drained:
    """Let a pipe empty its queue, and stop it then: a pipe that is stopped first empties nothing.

    Args:
        session: Credentials and region.
        queue: The queue and its pipe.
        quiet: For how many seconds the queue must be seen empty, with nothing in flight or delayed. The counts of SQS
            are late by up to a minute
            (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/confirm-queue-is-empty.html).
        timeout: Seconds to wait for that.
        seen: Told what the queue holds.

    Raises:
        ScoutError: The pipe does not run, or the queue was not empty in time; the pipe then still runs.
    """
    sqs = session.client("sqs")
    if (now := state(session, queue.pipe_name)) != "RUNNING":
        raise ScoutError(
            f"pipe {queue.pipe_name} is {now}, and nothing else empties its queue: `scout pipe resume {queue.name}` "
            "first"
        )
    began = time.monotonic()
    empty_since: float | None = None
    while True:
        found = depth(sqs, queue.url)
        seen(found)
        at = time.monotonic()
        empty_since = None if found.total else empty_since or at
        if empty_since is not None and at - empty_since >= quiet:
            break
        if at - began > timeout:
            raise ScoutError(
                f"queue {queue.name} holds {found.visible} messages, {found.in_flight} in flight and {found.delayed} "
                f"delayed after {timeout:.0f} s; its pipe goes on"
            )
        time.sleep(_POLL_SECONDS)
    order(session, queue.pipe_name, "stop")
    wait(session, queue.pipe_name, "stop")
    return Drained(time.monotonic() - began, depth(sqs, queue.url))
