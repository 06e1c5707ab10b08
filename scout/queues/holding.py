"""Look into a queue and give everything back: what is received is hidden from others only for as long as it is read.

Each receive counts. In a dead-letter queue nothing reads that count, since nothing is moved on from there. A queue that
moves on what was received too often is not looked into: a look would cost its messages one of their tries.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.runtime.parallel import in_parallel
from scout.errors import ScoutError
from scout.queues.interrupts import deferred
from scout.queues.message import MAX_ENTRIES, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

# A receive that waits asks all servers of a queue, not a sample of them
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).
_WAIT_SECONDS = 1
# A hold must outlast the look at the whole queue, and no more: it is what a look that is killed leaves behind.
_HOLD_SECONDS, _HOLD_SECONDS_EACH, _LONGEST_HOLD = 10, 0.02, 43_200
# Receives in a row that show nothing new: the first messages are back, so the look takes longer than its hold.
_STALE = 3
# SQS hands out at most 120,000 messages of a queue at a time
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
MOST_MESSAGES = 100_000
# Codes that say of a receipt that its message is not hidden any more, or is gone.
_NOT_HELD = {"MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"}
_PREFIX = "ApproximateNumberOfMessages"


@dataclass(frozen=True)
class Depth:
    """How many messages a queue holds, as SQS counts them: approximately, and up to a minute late.

    Attributes:
        visible: Those that a receive would get.
        in_flight: Those that somebody has received.
        delayed: Those that wait for their time.
    """

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


def depth(sqs: SQSClient, url: str) -> Depth:
    """How many messages a queue holds."""
    found = _attributes(sqs, url)
    return Depth(*(int(found[_PREFIX + kind]) for kind in ("", "NotVisible", "Delayed")))


def hold_seconds(messages: int) -> int:
    """For how long messages are hidden at most, if whoever looks is killed.

    Args:
        messages: How many there are to look at.

    Returns:
        Seconds: ten, and two for each hundred, which is three times what a hundred take from another continent.
    """
    return min(round(_HOLD_SECONDS + _HOLD_SECONDS_EACH * messages), _LONGEST_HOLD)


class Hold:
    """Messages that are hidden until they are given back or deleted; see ``held``."""

    def __init__(self, sqs: SQSClient, url: str, seconds: int, check: Callable[[], None]) -> None:
        self._sqs = sqs
        self._url = url
        self._seconds = seconds
        self._check = check
        self._receipts: dict[str, str] = {}
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._receipts)

    def batches(self, expected: int = 0, most: int = MOST_MESSAGES) -> Iterator[list[Message]]:
        """All messages of the queue, each once, however often it is received.

        Args:
            expected: How many there are at least: not the first receive that gets none is the end, but the third.
            most: Look at no more than these.
        """
        stale = 0
        while len(self._seen) < most:
            answer = self._receive(min(MAX_ENTRIES, most - len(self._seen)))
            fresh = [Message.received(found) for found in answer if found["MessageId"] not in self._seen]
            self._receipts |= {found["MessageId"]: found["ReceiptHandle"] for found in answer}
            self._seen |= {message.id for message in fresh}
            self._check()
            if fresh:
                stale = 0
                yield fresh
                continue
            stale += 1
            if stale >= _STALE or (not answer and len(self._seen) >= expected):
                return

    def messages(self, expected: int = 0, most: int = MOST_MESSAGES) -> list[Message]:
        """The same as one list, the oldest first."""
        found = [message for batch in self.batches(expected, most) for message in batch]
        return sorted(found, key=lambda message: (message.sent_at, message.id))

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete messages of one batch.

        Returns:
            Those whose deletion SQS has confirmed.
        """
        if not messages:
            return []
        entries: Any = [
            {"Id": str(index), "ReceiptHandle": self._receipts[message.id]} for index, message in enumerate(messages)
        ]
        answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        deleted = [messages[int(done["Id"])] for done in answer.get("Successful", [])]
        for message in deleted:
            del self._receipts[message.id]
        return deleted

    def give_back(self) -> None:
        """Make all that is held visible at once.

        Raises:
            ScoutError: SQS does not bring some of them back before their hold ends.
        """
        receipts = list(self._receipts.values())
        self._receipts.clear()
        parts = [receipts[start : start + MAX_ENTRIES] for start in range(0, len(receipts), MAX_ENTRIES)]
        refused = [code for codes in in_parallel(self._show, parts) for code in codes if code not in _NOT_HELD]
        if refused:
            raise ScoutError(
                f"{len(refused)} messages of {self._url} come back only within {self._seconds} s: {refused[0]}"
            )

    def _receive(self, count: int) -> Sequence[Any]:
        return self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=_WAIT_SECONDS,
            VisibilityTimeout=self._seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])

    def _show(self, receipts: Sequence[str]) -> list[str]:
        entries: Any = [
            {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for index, receipt in enumerate(receipts)
        ]
        answer = self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        return [failed["Code"].rpartition(".")[2] for failed in answer.get("Failed", [])]


@contextmanager
def held(sqs: SQSClient, url: str, most: int = MOST_MESSAGES) -> Iterator[Hold]:
    """Look into a queue. All that was received and not deleted is given back at the end, whatever ends it.

    Ctrl-C and SIGTERM take effect between two receives. If the process is killed, SQS brings back what it held, after
    ``hold_seconds``.

    Args:
        sqs: An SQS client.
        url: The queue.
        most: Look at no more than these messages.

    Raises:
        ScoutError: The queue moves on what was received too often, or some messages could not be given back.
    """
    attributes = _attributes(sqs, url)
    if "RedrivePolicy" in attributes:
        raise ScoutError(
            f"{url} moves on what was received too often ({attributes['RedrivePolicy']}), and each look counts as a "
            "receive: take the policy off, or look into the queue that it moves to"
        )
    with deferred() as check:
        hold = Hold(sqs, url, hold_seconds(min(most, int(attributes[_PREFIX]))), check)
        try:
            yield hold
        finally:
            hold.give_back()


def settle(sqs: SQSClient, url: str, waiting: Callable[[int], None]) -> None:
    """Wait until nobody holds messages of a queue: only then a look can see all of them.

    Args:
        sqs: An SQS client.
        url: The queue.
        waiting: Told now and then how many are held.

    Raises:
        ScoutError: They are held for longer than a look that was killed would have held them.
    """
    found = depth(sqs, url)
    # Beside the hold itself, what a count may be late by.
    seconds = hold_seconds(found.total) + 60
    deadline = time.monotonic() + seconds
    while found.in_flight or found.delayed:
        waiting(found.in_flight + found.delayed)
        if time.monotonic() > deadline:
            raise ScoutError(
                f"{found.in_flight + found.delayed} messages of {url} have been hidden for {seconds} s: somebody else "
                "has received them; give the command again once they are back"
            )
        time.sleep(0.5)
        found = depth(sqs, url)


def _attributes(sqs: SQSClient, url: str) -> Mapping[Any, str]:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
