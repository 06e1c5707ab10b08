"""Move the messages of a dead-letter queue back to where they came from, or to another queue.

AWS: a move takes what is in the queue when it starts, oldest first, at the rate that was asked for; it works by
SendMessage, ReceiveMessage and DeleteMessage on the caller's behalf, so that moved messages are new ones, with another
id and time and with a receive count of zero
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html).
"""

from __future__ import annotations

import base64
import contextvars
import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from scout.embedded.emulator.patches.support import service
from scout.embedded.emulator.server_loop import on_server_loop

_sqs: Final = service("services.sqs")
_log: Final = logging.getLogger(__name__)

_WITHOUT_RATE: Final = 100  # messages in one step of a move that has no rate
_SOURCE: Final = "DeadLetterQueueSourceArn"


class _FailedError(Exception):
    """A move cannot go on; the message is the reason that AWS gives."""


@dataclass
class Move:
    """One move of messages.

    Attributes:
        source: ARN of the dead-letter queue.
        destination: ARN of the queue to move to; empty for the queues that the messages came from.
        rate: Messages per second at most; None for no limit.
        status: RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED.
        reason: Why it failed.
        total: How many messages there were to move at the start.
        moved: How many have been moved.
    """

    source: str
    destination: str
    rate: int | None
    status: str = "RUNNING"
    reason: str = ""
    total: int = 0
    moved: int = 0
    started: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _waiting: set[str] = field(default_factory=set)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def handle(self) -> str:
        """The task's handle, in the form that AWS gives it."""
        return base64.b64encode(json.dumps({"taskId": self.id, "sourceArn": self.source}).encode()).decode()

    @property
    def active(self) -> bool:
        """Whether it may still move something."""
        return self.status in ("RUNNING", "CANCELLING")

    def start(self) -> None:
        """Note what there is to move, and move it in a thread. Called in the event loop of the server."""
        visible = _visible(_queue(self.source))
        self._waiting = {message["id"] for message in visible}
        self.total = len(visible)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="message-move", daemon=True).start()

    def cancel(self) -> None:
        """Move nothing more. Called in the event loop of the server."""
        self.status = "CANCELLING"
        self._cancelled.set()

    def _run(self) -> None:
        try:
            while self._waiting and not self._cancelled.is_set():
                on_server_loop(self._step, _WITHOUT_RATE if self.rate is None else 1)
                if self.rate is not None and self._waiting:
                    self._cancelled.wait(1 / self.rate)
            self.status = "CANCELLED" if self._cancelled.is_set() else "COMPLETED"
        except _FailedError as failed:
            self.status, self.reason = "FAILED", str(failed)
        except Exception as error:  # noqa: BLE001 - told as the reason; the messages stay where they are
            _log.exception("moving the messages of %s", self.source)
            self.status, self.reason = "FAILED", repr(error)

    def _step(self, count: int) -> None:
        """Move some messages, oldest first.

        It runs in the event loop of the server, where nothing else changes a queue meanwhile, so that a message is in
        one of the two queues at any time.
        """
        if self._cancelled.is_set():
            return
        source = _queue(self.source)
        # A message that was received after the start belongs to whoever received it.
        movable = [message for message in _visible(source) if message["id"] in self._waiting]
        for message in movable[:count]:
            origin = message.get("sys", {}).get(_SOURCE, "")
            if not (self.destination or origin):
                raise _FailedError("CouldNotDetermineMessageSource")
            destination = _queue(self.destination or origin)
            destination["messages"].append(_renewed(message, _sqs.queue_delay(destination)))
            source["messages"] = [other for other in source["messages"] if other is not message]
            self._waiting.discard(message["id"])
            self.moved += 1
        if len(movable) <= count:
            self._waiting.clear()
        _sqs.esm_wake.set()


def _queue(arn: str) -> dict[str, Any]:
    queue: dict[str, Any] | None = _sqs._queue_by_arn(arn)
    if queue is None:
        raise _FailedError("AWS.SimpleQueueService.NonExistentQueue")
    return queue


def _visible(queue: dict[str, Any]) -> list[dict[str, Any]]:
    _sqs._expire_retained(queue)
    now = time.time()
    return [message for message in queue["messages"] if message["visible_at"] <= now]


def _renewed(message: dict[str, Any], delay: float) -> dict[str, Any]:
    """Return the message as a new one, with the same body and attributes."""
    now = time.time()
    system = {key: value for key, value in message.get("sys", {}).items() if key != _SOURCE}
    renewed = message | {
        "id": str(uuid.uuid4()),
        "sent_at": now,
        "visible_at": now + delay,
        "receipt_handle": None,
        "receive_count": 0,
        "first_receive_at": None,
        "sys": system | {"SentTimestamp": str(int(now * 1000))},
    }
    renewed.pop("enqueued_at", None)
    return renewed
