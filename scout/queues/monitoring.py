"""How a dead-letter queue goes on: how many messages it holds, and how old they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lambdas.contracts.base import utc_now
from lambdas.runtime.storage import Storage
from scout.queues.analyzing import explained
from scout.queues.holding import Depth, depth, held
from scout.queues.journal import Journal
from scout.queues.moving import arn_of, running

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue

# To see how old the oldest is, so many messages are hidden for a moment at most.
_LOOK_AT = 1000


@dataclass(frozen=True)
class Status:
    """A dead-letter queue, as it can be seen without receiving anything.

    Attributes:
        queue: The queue.
        depth: What it holds.
        target: What the queue holds that its messages came from; None if it holds reports alone.
        moving: Whether SQS is moving messages out of it.
        open_redrive: The redrive that was cut off, or is going on; None if there is none.
    """

    queue: DeadLetterQueue
    depth: Depth
    target: Depth | None
    moving: bool
    open_redrive: int | None

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "queue": self.queue.name,
            "url": self.queue.url,
            **_counts(self.depth),
            "target": _counts(self.target) if self.target else None,
            "moving": self.moving,
            "open_redrive": self.open_redrive,
        }


@dataclass(frozen=True)
class Sample:
    """A dead-letter queue at one moment.

    Attributes:
        at: The moment, ISO 8601.
        depth: What it holds.
        oldest_seconds: The age of the oldest message, since it was first sent; None if it holds none that can be seen.
        all_seen: Whether all messages were looked at for that.
    """

    at: str
    depth: Depth
    oldest_seconds: int | None
    all_seen: bool

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "at": self.at,
            **_counts(self.depth),
            "oldest_seconds": self.oldest_seconds,
            "all_seen": self.all_seen,
        }


def status(deployment: Deployment, queue: DeadLetterQueue) -> Status:
    """What a queue holds, without receiving anything.

    Raises:
        ScoutError: AWS refused.
    """
    with explained(deployment, queue.name):
        sqs = deployment.session.client("sqs")
        journal = Journal(Storage(deployment.bucket, deployment.session.client("s3")), queue.physical_name)
        last, is_open = journal.last()
        return Status(
            queue=queue,
            depth=depth(sqs, queue.url),
            target=depth(sqs, queue.target_url) if queue.target_url else None,
            moving=running(sqs, arn_of(sqs, queue.url)),
            open_redrive=last if is_open else None,
        )


def counts(deployment: Deployment, url: str) -> dict[str, int]:
    """How many messages a queue holds, for machines."""
    return _counts(depth(deployment.session.client("sqs"), url))


def follow(
    deployment: Deployment, queue: DeadLetterQueue, *, interval: float, seconds: float | None
) -> Iterator[Sample]:
    """Look at a queue again and again.

    Args:
        deployment: The stack.
        queue: The queue.
        interval: Seconds between two looks.
        seconds: For how long; None for ever.

    Raises:
        ScoutError: AWS refused.
    """
    began = time.monotonic()
    sqs = deployment.session.client("sqs")
    while True:
        with explained(deployment, queue.name):
            yield _sample(sqs, queue.url)
        left = interval if seconds is None else min(interval, began + seconds - time.monotonic())
        if left <= 0:
            return
        time.sleep(left)


def _sample(sqs: Any, url: str) -> Sample:  # noqa: ANN401 - a boto3 client
    found = depth(sqs, url)
    if not found.visible:
        return Sample(utc_now(), found, None, all_seen=not found.total)
    with held(sqs, url, _LOOK_AT) as hold:
        messages = hold.messages(most=min(found.visible, _LOOK_AT))
    oldest = round(time.time() - messages[0].sent_at) if messages else None
    return Sample(utc_now(), found, oldest, all_seen=len(messages) >= found.total)


def _counts(found: Depth) -> dict[str, int]:
    return {**asdict(found), "total": found.total}
