"""Read a dead-letter queue whole, say what each letter is and what is to be done about it, and group them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.errors import StageError
from scout.errors import ScoutError
from scout.queues.contents import UNKNOWN, Content, read
from scout.queues.facts import Facts, Known
from scout.queues.holding import MOST_MESSAGES, depth, held
from scout.queues.judging import Judgement, advice, judge
from scout.queues.selecting import age_of

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.queues.message import Message
    from scout.queues.named import DeadLetterQueue

_EXAMPLES = 10


class Field(StrEnum):
    """By what dead letters are grouped."""

    TYPE = "type"
    CITY = "city"
    RUN = "run"
    STATE = "state"
    ERROR = "error"
    AGE = "age"


@dataclass(frozen=True)
class Letter:
    """A dead letter, what is known of it, and what is to be done."""

    content: Content
    known: Known
    judgement: Judgement

    @property
    def message(self) -> Message:
        """The message."""
        return self.content.message

    def document(self) -> dict[str, Any]:
        """For machines."""
        judgement = self.judgement
        judged = {"safety": judgement.safety.value, "reason": judgement.reason}
        return {**self.message.document(), **self.content.document(), **judged}


@dataclass(frozen=True)
class Reading:
    """A dead-letter queue, read.

    Attributes:
        letters: What was there to be seen, the oldest first.
        hidden: How many more there are that somebody else holds, or that were too many to look at.
    """

    letters: list[Letter]
    hidden: int


@dataclass
class Group:
    """Dead letters that have everything in common by which they were grouped.

    Attributes:
        fields: What they have in common.
        judgement: What is to be done about each of them.
        command: The command that does it.
        messages: The messages, the oldest first.
    """

    fields: dict[str, str]
    judgement: Judgement
    command: str
    messages: list[Message] = field(default_factory=list)

    def document(self, now: float) -> dict[str, Any]:
        """For machines; ages are in seconds."""
        return {
            **self.fields,
            "count": len(self.messages),
            "oldest_seconds": round(now - self.messages[0].sent_at),
            "newest_seconds": round(now - self.messages[-1].sent_at),
            "safety": self.judgement.safety.value,
            "reason": self.judgement.reason,
            "command": self.command,
            "message_ids": [message.id for message in self.messages[:_EXAMPLES]],
        }


@contextmanager
def explained(deployment: Deployment, queue: str) -> Iterator[None]:
    """Say of which queue an error of AWS speaks.

    Raises:
        ScoutError: Instead of an error of AWS.
    """
    try:
        yield
    except (ClientError, BotoCoreError, StageError) as error:
        raise ScoutError(f"queue {queue} of stack {deployment.stack}: {error}") from error


def analyze(deployment: Deployment, queue: DeadLetterQueue) -> Reading:
    """Read a queue whole, and judge each letter. Nothing is changed.

    Raises:
        ScoutError: AWS refused, or the queue moves on what is looked at.
    """
    with explained(deployment, queue.name):
        sqs = deployment.session.client("sqs")
        with held(sqs, queue.url) as hold:
            messages = hold.messages()
            there = depth(sqs, queue.url)
            hidden = max(0, there.total - len(messages))
        return Reading(judged(deployment, queue, messages), hidden)


def judged(deployment: Deployment, queue: DeadLetterQueue, messages: Sequence[Message]) -> list[Letter]:
    """Say what each message is, what is known of it, and what is to be done.

    Raises:
        StageError: Ledger or bucket could not be read.
    """
    facts = Facts(deployment)
    contents = facts.completed([read(queue, message, deployment.bucket) for message in messages], queue.pipeline)
    now = time.time()
    letters = []
    for content in contents:
        known = facts.of(content) if queue.pipeline is None else Known()
        letters.append(Letter(content, known, judge(queue, content, known, now)))
    return letters


def peek(deployment: Deployment, queue: DeadLetterQueue, count: int) -> list[Content]:
    """Look at some messages of a queue, and give them back at once.

    Args:
        deployment: The stack.
        queue: The queue.
        count: How many at most.

    Returns:
        What they are, the oldest first, as far as they say it themselves.

    Raises:
        ScoutError: AWS refused, or the queue moves on what is looked at.
    """
    with explained(deployment, queue.name):
        with held(deployment.session.client("sqs"), queue.url, min(count, MOST_MESSAGES)) as hold:
            messages = hold.messages(most=min(count, MOST_MESSAGES))
        return [read(queue, message, deployment.bucket) for message in messages]


def grouped(queue: DeadLetterQueue, letters: Sequence[Letter], by: AbstractSet[Field], now: float) -> list[Group]:
    """Group letters; those that are not to be treated alike are never in one group.

    Args:
        queue: Where they lie.
        letters: The letters, the oldest first.
        by: What those of a group have in common.
        now: Seconds since the epoch.

    Returns:
        The groups, the largest first.
    """
    groups: dict[tuple[str, ...], Group] = {}
    for letter in letters:
        age = age_of(now - letter.message.sent_at)
        # The values by the names of the options that choose them, and with the age as it is shown.
        options = {name.value: getattr(letter.content, name) or UNKNOWN for name in Field if name in by - {Field.AGE}}
        fields = {**options, "age": age.name} if Field.AGE in by else options
        # Reasons name moments and fields, which differ from letter to letter: only the safety keeps groups apart.
        key = (*fields.values(), letter.judgement.safety)
        if key not in groups:
            bounds = age.bounds if Field.AGE in by else {}
            command = advice(queue, letter.judgement, {**options, **bounds})
            groups[key] = Group(fields, letter.judgement, command)
        groups[key].messages.append(letter.message)
    return sorted(groups.values(), key=lambda group: -len(group.messages))
