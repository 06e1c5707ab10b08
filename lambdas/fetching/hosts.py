"""Politeness to hosts, kept by all workers of all runs together: one connection at a time, and pauses in between.

Each host has one item in the ledger's table, beside the runs (partition ``HOST#<host>``, item ``TURNS``). No worker
waits long for its turn. It takes a time at which to come back instead, the next one that nobody else has; its message
waits in the queue until then, and finds its turn due.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.items import ConditionFailed, Item, Items
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.record import mark_of, moment

# How long a worker waits itself, in seconds.
PATIENCE_SECONDS = 3.0
# A host that a worker holds is free again after this time, in seconds, should the worker have died. No exchange is
# as long.
HOLD_SECONDS = 45.0
# Pages of one host in one run.
MAX_PAGES = 50
# The longest that a host is left alone because it said so, in seconds.
MAX_PAUSE_SECONDS = 900.0
_ITEM = "TURNS"
# The table forgets a host so long after its last turn, in seconds.
_KEPT_SECONDS = 86_400
# Between two looks at a host that another worker holds, in seconds.
_LOOK_AGAIN_SECONDS = 0.5


@dataclass
class Turn:
    """A worker's turn at a host.

    Attributes:
        pause: Seconds for which the host is left alone afterwards, should that be longer than its interval.
    """

    pause: float = 0.0


class Hosts:
    """Turns at hosts for the message that a worker handles.

    Args:
        ledger: The run's ledger.
        message: The key of the message; ``None`` where no message could come back.
        patience: How long this worker may wait itself, in seconds.
        sleep: Waits, in seconds.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        message: str | None,
        *,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._message = message
        self._patience = patience
        self._sleep = sleep
        self._clock = clock

    @contextmanager
    def turn(self, host: str, interval: float) -> Iterator[Turn]:
        """Have the host to oneself.

        Args:
            host: Its name.
            interval: Seconds from the end of one turn to the next one.

        Yields:
            The turn.

        Raises:
            Unfetched: ``host_busy``: the turn is later; ``host_too_slow``: it would be after the run's end.
            LedgerUnavailable: The ledger could not be used.
        """
        items, holder = self._ledger.beside(f"HOST#{host}"), secrets.token_hex(8)
        self._wait(items, host, interval, holder)
        began = self._clock()
        turn = Turn()
        try:
            yield turn
        finally:
            self._leave(items, holder, interval, turn.pause, self._clock() - began)

    def count_page(self, host: str, page: str) -> None:
        """Count a page of a host in this run, each once.

        Raises:
            Unfetched: ``host_cap``.
            LedgerUnavailable: The ledger could not be used.
        """
        mark = mark_of(page)
        counting = self._ledger.action(
            f"PAGES#{host}",
            "SET #mark = :one, #expires_at = :expires_at ADD #pages :one",
            {"one": 1, "most": MAX_PAGES, "expires_at": self._ledger.run().expires_at},
            condition="attribute_not_exists(#mark) AND (attribute_not_exists(#pages) OR #pages < :most)",
            names={"mark": mark},
        )
        try:
            self._ledger.update(counting)
        except ConditionFailed as refusal:
            if mark not in refusal.standing:
                raise Unfetched(
                    Reason.HOST_CAP, f"this run has asked {host} for {MAX_PAGES} pages, which is all that it may"
                ) from refusal

    def _wait(self, items: Items, host: str, interval: float, holder: str) -> None:
        """Return once the turn has come."""
        slot: float | None = None
        give_up = self._clock() + self._patience
        while True:
            now = self._clock()
            standing = self._taken(items, holder, now, interval, slot)
            if standing is None:
                return
            if slot is None:
                slot = self._own(host, now) or self._reserved(items, standing, now, interval)
                due = slot
            else:
                # It is one's turn, but another worker is not done yet.
                due = max(slot, now + _LOOK_AGAIN_SECONDS)
            if due > give_up:
                self._come_back(host, slot if slot > now else self._reserved(items, standing, now, interval))
            self._sleep(max(0.0, due - now))

    def _own(self, host: str, now: float) -> float | None:
        """The turn that a message came back for, unless it came much too late."""
        slot = self._ledger.turn_of(self._message, host) if self._message is not None else None
        return slot if slot is not None and now < slot + HOLD_SECONDS else None

    def _taken(self, items: Items, holder: str, now: float, interval: float, slot: float | None) -> Item | None:
        """Take the host if it is free and it is one's turn; else how it stands."""
        due = slot is not None and slot <= now
        # Turns that others have keep a newcomer from taking the host in between.
        mine = "" if due else " AND (attribute_not_exists(#free_at) OR #free_at <= :now)"
        taking = items.action(
            _ITEM,
            "SET #holder = :holder, #busy_until = :until, #expires_at = :expires_at"
            + ("" if due else ", #free_at = :next"),
            {
                "holder": holder,
                "now": _milliseconds(now),
                "until": _milliseconds(now + HOLD_SECONDS),
                "expires_at": round(now + _KEPT_SECONDS),
            }
            | ({} if due else {"next": _milliseconds(now + interval)}),
            condition="(attribute_not_exists(#busy_until) OR #busy_until <= :now)" + mine,
        )
        try:
            items.update(taking)
        except ConditionFailed as refusal:
            # After a lost reply the holder is oneself.
            return None if refusal.standing.get("holder") == holder else refusal.standing
        return None

    def _reserved(self, items: Items, standing: Item, now: float, interval: float) -> float:
        """Take the next turn that nobody has: when it is, in seconds since the epoch."""
        while True:
            free_at = standing.get("free_at", 0)
            # Nobody is there to give a pause back, as a holder gives the host back.
            pause = 0 if "holder" in standing else standing.get("busy_until", 0)
            start: int = max(_milliseconds(now), free_at, pause)
            # A host that answers slowly has its turns further apart.
            spacing = max(_milliseconds(interval), standing.get("pace", 0))
            known = "free_at" in standing
            reserving = items.action(
                _ITEM,
                "SET #free_at = :next, #expires_at = :expires_at",
                {"next": start + spacing, "expires_at": round(now + _KEPT_SECONDS)}
                | ({"standing": free_at} if known else {}),
                condition="#free_at = :standing" if known else "attribute_not_exists(#free_at)",
            )
            try:
                items.update(reserving)
            except ConditionFailed as refusal:
                standing = refusal.standing
                continue
            return start / 1000

    def _come_back(self, host: str, slot: float) -> None:
        deadline = moment(self._ledger.run().deadline)
        if slot >= deadline:
            raise Unfetched(
                Reason.HOST_TOO_SLOW,
                f"the turn at {host} would be {slot - deadline:.0f} s after the run ends its search",
            )
        if self._message is not None:
            self._ledger.postpone(self._message, host, slot)
        raise Unfetched(Reason.HOST_BUSY, f"the next turn at {host} is in {slot - self._clock():.1f} s")

    def _leave(self, items: Items, holder: str, interval: float, pause: float, took: float) -> None:
        """Give the host back, to be left alone for a while."""
        now = self._clock()
        leaving = items.action(
            _ITEM,
            "SET #busy_until = :until, #pace = :pace REMOVE #holder",
            {
                "holder": holder,
                "until": _milliseconds(now + max(interval, min(pause, MAX_PAUSE_SECONDS))),
                "pace": _milliseconds(interval + took),
            },
            condition="#holder = :holder",
        )
        try:
            items.update(leaving)
        except ConditionFailed:
            # Held for longer than may be, or given back by an attempt whose reply was lost.
            return


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
