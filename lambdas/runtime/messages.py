"""The messages of a run's frontier, one item each, so that delivery at least once has its effect once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lambdas.contracts.frontier import FrontierMessage
from lambdas.contracts.manifest import FrontierUse
from lambdas.runtime.items import Action
from lambdas.runtime.record import Records, mark_of

# An Express execution ends within this time (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html):
# a message that was admitted longer ago is not being processed any more.
IN_FLIGHT_SECONDS = 300
_PREFIX = "MSG#"
_ERROR_LENGTH = 1000


class MessageState(StrEnum):
    """Where a message stands. ``queued``: in the queue, or back in it; ``admitted``: being processed."""

    QUEUED = "queued"
    ADMITTED = "admitted"
    DONE = "done"
    DROPPED = "dropped"
    DEAD = "dead"


@dataclass(frozen=True)
class Enqueued:
    """What enqueuing found.

    Attributes:
        new: How many messages the ledger did not know.
        to_send: Those, and known ones of the same sender that may never have reached the queue.
    """

    new: int
    to_send: list[FrontierMessage]


@dataclass(frozen=True)
class Settlement:
    """How the processing of a message ended: its new state, and the error if there was one."""

    key: str
    state: MessageState
    error: str | None = None


@dataclass(frozen=True)
class FrontierState:
    """Where the messages of a run stand.

    Attributes:
        waiting: The keys of those in the queue, or on their way back into it.
        lost: The keys of those whose processing ended without a word and which will not be received again.
        in_flight: How many are being processed.
        done: How many had their effect.
        dropped: How many were left out, since the run looked for no more.
        dead: How many failed as often as the queue allows.
    """

    waiting: tuple[str, ...]
    lost: tuple[str, ...]
    in_flight: int
    done: int
    dropped: int
    dead: int

    @property
    def drained(self) -> bool:
        """Whether nothing waits and nothing is being processed."""
        return not self.waiting and not self.in_flight

    def use(self) -> FrontierUse:
        """These numbers as the manifest has them."""
        enqueued = len(self.waiting) + len(self.lost) + self.in_flight + self.done + self.dropped + self.dead
        return FrontierUse(
            enqueued=enqueued,
            waiting=len(self.waiting),
            done=self.done,
            dropped=self.dropped,
            dead=self.dead + len(self.lost),
        )


class Messages(Records):
    """The frontier messages of a run in the ledger."""

    def enqueue(self, messages: Sequence[FrontierMessage], sender: str) -> Enqueued:
        """Enter messages before they are sent. The same work is entered once, however often it is asked for.

        Args:
            messages: What to send.
            sender: Who sends: its repeated call sends again what may never have reached the queue.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        by_key = {message.key: message for message in messages}
        expires_at = self.run().expires_at
        entering = [
            self.action(
                _item(key),
                "SET #state = :queued, #type = :type, #sender = :sender, #expires_at = :expires_at",
                {
                    "queued": MessageState.QUEUED.value,
                    "type": message.type,
                    "sender": sender,
                    "expires_at": expires_at,
                },
                condition="attribute_not_exists(#state)",
            )
            for key, message in by_key.items()
        ]
        known = self.transact(entering)
        to_send = [
            message
            for position, message in enumerate(by_key.values())
            if position not in known
            or (known[position]["state"], known[position].get("sender")) == (MessageState.QUEUED, sender)
        ]
        return Enqueued(len(by_key) - len(known), to_send)

    def admit(self, receives: Mapping[str, int]) -> dict[str, MessageState]:
        """Begin the processing of messages that were received.

        Args:
            receives: How often each was received, by message key.

        Returns:
            Those that are not to be processed, since they were already: their states by message key.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        keys = list(receives)
        admitting = [
            self.action(
                _item(key),
                "SET #state = :admitted, #admitted_at = :now, #receives = :receives",
                {
                    "admitted": MessageState.ADMITTED.value,
                    "now": round(self._clock()),
                    "receives": count,
                    "done": MessageState.DONE.value,
                    "dropped": MessageState.DROPPED.value,
                },
                # A dead message that was sent again by hand is taken up again.
                condition="NOT #state IN (:done, :dropped)",
            )
            for key, count in receives.items()
        ]
        refused = self.transact(admitting)
        return {keys[position]: MessageState(item["state"]) for position, item in refused.items()}

    def settle_messages(self, settlements: Iterable[Settlement]) -> int:
        """Record how the processing of messages ended. What was done stays done.

        Args:
            settlements: One for each message key.

        Returns:
            How many changed their state.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        settling = [self._settling(settlement) for settlement in settlements]
        return len(settling) - len(self.transact(settling))

    def postpone(self, key: str, what: str, moment: float) -> None:
        """Note when a message may be processed again, since something that it needs is taken until then.

        Args:
            key: The message's.
            what: The thing that is taken, such as a host.
            moment: When it is this message's, in seconds since the epoch.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        postponing = self.action(
            _item(key),
            "SET #not_before = :moment, #turn = :moment",
            {"moment": moment},
            condition="attribute_exists(#state)",
            names={"turn": mark_of(what)},
        )
        self.transact([postponing])

    def turn_of(self, key: str, what: str) -> float | None:
        """From when on a thing is a message's, in seconds since the epoch, if it was postponed for it.

        Raises:
            LedgerUnavailable: The ledger could not be read.
        """
        item = self.read(_item(key)) or {}
        turn: float | None = item.get(mark_of(what))
        return turn

    def waits(self, keys: Iterable[str]) -> dict[str, float]:
        """How long messages that were postponed are to wait, in seconds from now, by key; the others are left out.

        Raises:
            LedgerUnavailable: The ledger could not be read.
        """
        now = self._clock()
        items = {key: self.read(_item(key)) or {} for key in keys}
        return {key: item["not_before"] - now for key, item in items.items() if item.get("not_before", 0) > now}

    def drop_waiting(self) -> int:
        """Leave out every message that waits. One whose processing begins meanwhile is not dropped.

        Returns:
            How many were dropped.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        values = {
            "dropped": MessageState.DROPPED.value,
            "queued": MessageState.QUEUED.value,
            "admitted": MessageState.ADMITTED.value,
            "silent": self._clock() - IN_FLIGHT_SECONDS,
        }
        condition = "#state = :queued OR (#state = :admitted AND #admitted_at < :silent)"
        dropping = [
            self.action(_item(key), "SET #state = :dropped", values, condition=condition)
            for key in self.frontier().waiting
        ]
        return len(dropping) - len(self.transact(dropping))

    def frontier(self, max_receives: int | None = None) -> FrontierState:
        """Where the messages of this run stand.

        Args:
            max_receives: How often the queue hands out a message before it goes to the dead letters.

        Raises:
            LedgerUnavailable: The ledger could not be read.
        """
        now = self._clock()
        counts = Counter[MessageState]()
        waiting, lost = [], []
        for item in self.read_all(_PREFIX, "state", "admitted_at", "receives"):
            state, key = MessageState(item["state"]), item["item"].removeprefix(_PREFIX)
            silent = state is MessageState.ADMITTED and now - item["admitted_at"] > IN_FLIGHT_SECONDS
            if silent and max_receives is not None and item["receives"] >= max_receives:
                lost.append(key)
            elif silent or state is MessageState.QUEUED:
                waiting.append(key)
            else:
                counts[state] += 1
        return FrontierState(
            tuple(waiting),
            tuple(lost),
            in_flight=counts[MessageState.ADMITTED],
            done=counts[MessageState.DONE],
            dropped=counts[MessageState.DROPPED],
            dead=counts[MessageState.DEAD],
        )

    def _settling(self, settlement: Settlement) -> Action:
        error = {"error": settlement.error[:_ERROR_LENGTH]} if settlement.error else {}
        return self.action(
            _item(settlement.key),
            "SET #state = :state" + (", #error = :error" if error else ""),
            {"state": settlement.state.value, "done": MessageState.DONE.value, **error},
            condition="NOT #state IN (:done, :state)",
        )


def _item(key: str) -> str:
    return f"{_PREFIX}{key}"
