"""Delete chosen messages from a queue that is looked into, and know that none of them is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from scout.errors import ScoutError
from scout.queues.holding import depth, held, hold_seconds

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LATE_SECONDS = 60


def take_out(
    sqs: SQSClient,
    url: str,
    ids: Collection[str],
    *,
    deleted: Callable[[int], None],
    waiting: Callable[[int], None],
) -> None:
    """Delete messages from a queue, until it holds none of them.

    Messages that are not there are taken for deleted, by a process that was killed since, but not before all that such
    a process can have hidden is to be seen again: SQS's counts are too late to rely on.

    Args:
        sqs: An SQS client.
        url: The queue.
        ids: Which messages.
        deleted: Told how many are not there any more.
        waiting: Told how many may still be hidden.

    Raises:
        ScoutError: Somebody else holds messages of the queue for too long.
    """
    left = set(ids)
    hidden_for = hold_seconds(depth(sqs, url).total + len(left))
    all_seen_at = time.monotonic() + hidden_for
    deadline = all_seen_at + hidden_for + _LATE_SECONDS
    while left:
        began = time.monotonic()
        with held(sqs, url) as hold:
            for batch in hold.batches():
                left -= {message.id for message in hold.delete([message for message in batch if message.id in left])}
                deleted(len(ids) - len(left))
                if not left:
                    return
            hidden = depth(sqs, url).total - len(hold)
        if hidden <= 0 and began >= all_seen_at:
            deleted(len(ids))
            return
        if time.monotonic() > deadline:
            raise ScoutError(
                f"{hidden} messages of {url} have been hidden for {hidden_for} s: somebody else has received them; "
                "give the command again once they are back"
            )
        waiting(max(hidden, len(left)))
        # While somebody holds some, look again soon; if only the time is short, wait for that.
        time.sleep(1 if hidden > 0 else max(0, all_seen_at - time.monotonic()))
