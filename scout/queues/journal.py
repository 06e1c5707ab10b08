"""What is recorded of redrives and purges in the workflow bucket: each object is written once, before what it allows.

========================================================== ====================================================
``dead-letters/{queue}/redrives/{number}/plan.jsonl``       what is to move, each message whole
``dead-letters/{queue}/redrives/{number}/staged.json``      which queue holds exactly that; now there is no way back
``dead-letters/{queue}/redrives/{number}/released.json``    the dead-letter queue holds nothing of that any more
``dead-letters/{queue}/redrives/{number}/log.jsonl``        it has moved: what went where
``dead-letters/{queue}/purges/{time}-{mark}.jsonl``         a backup: what was thrown away, each message whole
========================================================== ====================================================

In a file of lines the first is about the whole, and each other is a message (``scout.queues.message``). A redrive is
planned only after the one before it has its log, so that no message is ever in two plans: two that plan at the same
time write the same key, and S3 takes the first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.contracts.base import utc_now
from lambdas.runtime.documents import to_json
from lambdas.runtime.errors import OutputConflict
from lambdas.runtime.storage import Storage
from scout.errors import ScoutError
from scout.queues.message import Message

_LINES = "application/x-ndjson"
_PLAN, _STAGED, _RELEASED, _LOG = "plan.jsonl", "staged.json", "released.json", "log.jsonl"


@dataclass(frozen=True)
class Plan:
    """What a redrive moves.

    Attributes:
        number: Which redrive of its queue it is, from 1.
        target_url: Where the messages go.
        selection: What was asked for, as ``Selection.document`` says it.
        rate: Messages a second at most; None for as fast as SQS does it.
        whole: Whether that is all that the queue holds, so that SQS moves it by itself.
        planned_at: When it was planned.
        messages: The messages.
        about: What each of them is about, for the log.
    """

    number: int
    target_url: str
    selection: Mapping[str, Any]
    rate: int | None
    whole: bool
    planned_at: str
    messages: Sequence[Message]
    about: Sequence[Mapping[str, Any]]

    def _head(self) -> dict[str, Any]:
        return {
            "redrive": self.number,
            "target_url": self.target_url,
            "selection": dict(self.selection),
            "rate": self.rate,
            "whole": self.whole,
            "planned_at": self.planned_at,
        }

    def lines(self) -> bytes:
        """The plan as it is written down."""
        letters = zip(self.messages, self.about, strict=True)
        return _lines([self._head(), *({**message.document(), "about": dict(about)} for message, about in letters)])

    @classmethod
    def of_lines(cls, body: bytes) -> Plan:
        """Read what ``lines`` wrote."""
        head, *letters = (json.loads(line) for line in body.decode().split("\n")[:-1])
        return cls(
            number=head["redrive"],
            messages=[Message.of_document(letter) for letter in letters],
            about=[letter["about"] for letter in letters],
            **{name: head[name] for name in ("target_url", "selection", "rate", "whole", "planned_at")},
        )


class Journal:
    """The records of one dead-letter queue.

    Args:
        storage: The workflow bucket.
        queue: The queue's name in SQS.
    """

    def __init__(self, storage: Storage, queue: str) -> None:
        self._storage = storage
        self._folder = f"dead-letters/{queue}"

    def last(self) -> tuple[int, bool]:
        """The number of the last redrive, 0 if there was none, and whether it is still open."""
        prefix = f"{self._folder}/redrives/"
        names = [key.removeprefix(prefix).split("/") for key in self._storage.keys(prefix)]
        if not names:
            return 0, False
        number = names[-1][0]
        return int(number), [number, _LOG] not in names

    def plan(self, plan: Plan) -> str:
        """Write a plan down.

        Returns:
            Its key.

        Raises:
            ScoutError: Somebody else has planned the next redrive of this queue.
        """
        key = self.key(plan.number, _PLAN)
        try:
            self._storage.put_once(key, plan.lines(), _LINES)
        except OutputConflict as error:
            raise ScoutError(
                "somebody else has begun a redrive of this queue at the same time: give the command again, which "
                "finishes that one first"
            ) from error
        return key

    def planned(self, number: int) -> Plan:
        """The plan of a redrive."""
        return Plan.of_lines(self._storage.get(self.key(number, _PLAN)))

    def staged(self, number: int) -> str | None:
        """The queue out of which SQS moves the messages of a redrive; None if it is not known yet.

        Raises:
            ScoutError: The redrive was given up.
        """
        body = self._storage.find(self.key(number, _STAGED))
        if body is None:
            return None
        url = json.loads(body)["queue_url"]
        if url is None:
            raise ScoutError(f"redrive {number} was given up: `--give-up` once more ends it; nothing of it has moved")
        return str(url)

    def stage(self, number: int, queue_url: str | None) -> str:
        """Record the queue out of which SQS is to move the messages; None to give the redrive up. The first one stands.

        Returns:
            The one that stands.

        Raises:
            ScoutError: The redrive was given up.
        """
        self._storage.keep_first(self.key(number, _STAGED), to_json({"queue_url": queue_url, "at": utc_now()}))
        return str(self.staged(number))

    def give_up(self, number: int) -> bool:
        """End a redrive of which nothing has left the dead-letter queue.

        Returns:
            Whether it was so; otherwise it can only be finished.
        """
        standing = self.key(number, _STAGED)
        self._storage.keep_first(standing, to_json({"queue_url": None, "at": utc_now()}))
        if json.loads(self._storage.get(standing))["queue_url"] is not None:
            return False
        head = {"redrive": number, "moved": 0, "given_up": True, "at": utc_now()}
        self._storage.keep_first(self.key(number, _LOG), _lines([head]), _LINES)
        return True

    def released(self, number: int) -> bool:
        """Whether the dead-letter queue holds nothing of a redrive any more."""
        return self._storage.exists(self.key(number, _RELEASED))

    def release(self, number: int) -> None:
        """Record that the dead-letter queue holds nothing of a redrive any more."""
        self._storage.keep_first(self.key(number, _RELEASED), to_json({"at": utc_now()}))

    def log(self, plan: Plan, source_url: str, by: str) -> str:
        """Record what went where, which ends a redrive.

        Args:
            plan: What has moved.
            source_url: Where from.
            by: How.

        Returns:
            The key of the log.
        """
        at = utc_now()
        head = {"redrive": plan.number, "moved": len(plan.messages), "at": at}
        moved = (
            {
                "message_id": message.id,
                "from": source_url,
                "to": plan.target_url,
                "by": by,
                "moved_at": at,
                "content_sha256": message.content,
                "sent_at": message.sent_at,
                **about,
            }
            for message, about in zip(plan.messages, plan.about, strict=True)
        )
        key = self.key(plan.number, _LOG)
        self._storage.keep_first(key, _lines([head, *moved]), _LINES)
        return key

    def back_up(self, messages: Sequence[Message]) -> str:
        """Keep messages that are about to be thrown away, and read them back.

        Returns:
            The key of the backup.

        Raises:
            ScoutError: What stands there is not what was written.
        """
        head = {"messages": len(messages), "at": utc_now()}
        body = _lines([head, *(message.document() for message in messages)])
        key = f"{self._folder}/purges/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.jsonl"
        self._storage.put_once(key, body, _LINES)
        kept = [Message.of_document(json.loads(line)) for line in self._storage.get(key).decode().split("\n")[1:-1]]
        if kept != list(messages):
            raise ScoutError(
                f"the backup s3://{self._storage.bucket}/{key} is not what was written: nothing is deleted"
            )
        return key

    def key(self, number: int, name: str = _PLAN) -> str:
        """Where a record of a redrive lies; by default its plan."""
        return f"{self._folder}/redrives/{number:06}/{name}"


def _lines(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines. Line breaks inside of texts are escaped, so that a line is a document."""
    return b"".join(to_json(document) + b"\n" for document in documents)
