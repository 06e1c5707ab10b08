"""The queues of a stack by the names that commands take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scout.errors import ScoutError

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.pipelines.messages import Pipeline

FRONTIER = "frontier"
_FAILURES = "-failures"


@dataclass(frozen=True)
class DeadLetterQueue:
    """A queue of what could not be done.

    Attributes:
        name: As commands name it: ``frontier``, a pipeline, or a pipeline and ``-failures``.
        url: Its URL.
        target_url: The queue that its messages came from; None if it holds reports alone.
        pipeline: The pipeline that it belongs to; None for the frontier's.
    """

    name: str
    url: str
    target_url: str | None
    pipeline: Pipeline | None = None

    @property
    def physical_name(self) -> str:
        """Its name in SQS."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class FedQueue:
    """A queue and the pipe that empties it.

    Attributes:
        name: As commands name it: ``frontier`` or a pipeline.
        url: Its URL.
        pipe_name: The pipe.
    """

    name: str
    url: str
    pipe_name: str


def dead_letter_queues(deployment: Deployment) -> dict[str, DeadLetterQueue]:
    """All dead-letter queues and failure queues of a stack, by their names."""
    found = [
        DeadLetterQueue(name, pipeline.dlq_url, pipeline.queue_url, pipeline)
        for name, pipeline in deployment.pipelines.items()
    ]
    found += [
        DeadLetterQueue(name + _FAILURES, pipeline.failure_queue_url, None, pipeline)
        for name, pipeline in deployment.pipelines.items()
        if pipeline.failure_queue_url
    ]
    if deployment.frontier_dlq_url:
        found.insert(0, DeadLetterQueue(FRONTIER, deployment.frontier_dlq_url, deployment.frontier_queue_url))
    queues: dict[str, DeadLetterQueue] = {}
    for queue in found:
        # Where two have one name, the frontier comes before a pipeline, and a pipeline before another's failures.
        queues.setdefault(queue.name, queue)
    return queues


def dead_letter_queue(deployment: Deployment, name: str) -> DeadLetterQueue:
    """A dead-letter queue of a stack.

    Args:
        deployment: The stack.
        name: ``frontier``, a pipeline for its queue's DLQ, or a Standard pipeline with ``-failures`` behind it.

    Raises:
        ScoutError: The stack has none of that name.
    """
    found = dead_letter_queues(deployment)
    if name not in found:
        raise ScoutError(f"stack {deployment.stack} has no dead-letter queue {name!r}; it has: {', '.join(found)}")
    return found[name]


def fed_queue(deployment: Deployment, name: str) -> FedQueue:
    """A queue that a pipe empties.

    Args:
        deployment: The stack.
        name: ``frontier`` or a pipeline.

    Raises:
        ScoutError: The stack has none of that name.
    """
    if name == FRONTIER and deployment.frontier_queue_url:
        return FedQueue(name, deployment.frontier_queue_url, deployment.pipe_name)
    if name not in deployment.pipelines:
        known = ", ".join([FRONTIER, *deployment.pipelines])
        raise ScoutError(f"stack {deployment.stack} has no pipe of {name!r}; it has: {known}")
    pipeline = deployment.pipelines[name]
    return FedQueue(name, pipeline.queue_url, pipeline.pipe_name)
