"""Throw dead letters away: a backup of them first, and then exactly what is in the backup.

PurgeQueue would also delete what has come in since somebody looked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lambdas.runtime.storage import Storage
from scout.errors import ScoutError
from scout.queues.analyzing import Letter, explained, judged
from scout.queues.holding import depth, held, settle
from scout.queues.journal import Journal
from scout.queues.removing import take_out

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue
    from scout.queues.selecting import Selection


class Observer(Protocol):
    """Who wants to know how a purge goes on."""

    def waiting(self, messages: int) -> None:
        """Messages are held by somebody else, or by a process that was killed, and will be back."""

    def step(self, name: str, done: int, total: int) -> None:
        """Messages have been deleted."""


@dataclass(frozen=True)
class Purged:
    """What was thrown away, or would be.

    Attributes:
        letters: The letters.
        missing: Ids that were asked for and are not there.
        backup_key: Where they are kept; None if nothing was deleted.
    """

    letters: list[Letter]
    missing: list[str]
    backup_key: str | None = None

    def document(self) -> dict[str, Any]:
        """For machines."""
        ids = [letter.message.id for letter in self.letters]
        return {"messages": ids, "missing": self.missing, "backup_key": self.backup_key}


def purge(
    deployment: Deployment,
    queue: DeadLetterQueue,
    selection: Selection,
    *,
    confirmed: Callable[[list[Letter]], bool],
    view: Observer,
) -> Purged:
    """Keep dead letters in the bucket, and delete them from their queue then.

    If it is cut off, what was not deleted yet is still in the queue, and the next purge begins anew with that.

    Args:
        deployment: The stack.
        queue: The queue.
        selection: Which letters.
        confirmed: Asked, with the letters, whether to go on.
        view: Told how it goes on.

    Raises:
        ScoutError: A redrive of the queue is open, AWS refused, or the backup is not what was written.
    """
    with explained(deployment, queue.name):
        sqs = deployment.session.client("sqs")
        journal = Journal(Storage(deployment.bucket, deployment.session.client("s3")), queue.physical_name)
        last, is_open = journal.last()
        if is_open:
            raise ScoutError(
                f"redrive {last} of {queue.name} was cut off, or is going on: `scout dlq redrive {queue.name} --all` "
                "finishes it first, and with `--give-up` it is given up"
            )
        settle(sqs, queue.url, view.waiting)
        there = depth(sqs, queue.url)
        with held(sqs, queue.url) as hold:
            messages = hold.messages(expected=there.visible)
        letters = judged(deployment, queue, messages)
        chosen = selection.chosen(letters)[: selection.count]
        missing = sorted(set(selection.message) - {letter.message.id for letter in letters})
        if not chosen or not confirmed(chosen):
            return Purged(chosen, missing)
        key = journal.back_up([letter.message for letter in chosen])
        ids = [letter.message.id for letter in chosen]
        take_out(sqs, queue.url, ids, deleted=lambda done: view.step("deleted", done, len(ids)), waiting=view.waiting)
        return Purged(chosen, missing, key)
