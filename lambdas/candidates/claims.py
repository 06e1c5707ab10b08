"""Claims: who may notify a customer about a subject, so that nobody is asked twice within a few minutes.

An execution claims the pair, publishes, and marks the claim as published, which holds it for the window. A claim that
is not marked holds nobody up for long: whoever crashed may have crashed before publishing, and a notification that is
never sent is worse than one that is sent twice. So the same execution may take its own claim again at once, and any
other one when the invocation that claimed cannot be running any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lambdas.candidates.table import ConditionFailed, Item, Table

WINDOW_SECONDS = 300

_IS_FREE = "attribute_not_exists(#pk) OR #heldUntil <= :now OR (#owner = :owner AND #published = :published)"
_IS_MINE = "#owner = :owner"


class Answer(StrEnum):
    """Whether a pair could be claimed."""

    CLAIMED = "claimed"
    """It was. The notification is to be sent."""
    DONE = "done"
    """An earlier attempt of this execution has sent it."""
    SUPPRESSED = "suppressed"
    """Another execution has sent it within the window."""
    BUSY = "busy"
    """Another execution may be sending it now."""


@dataclass(frozen=True)
class Claims:
    """The claims that one execution makes.

    Attributes:
        table: The table.
        owner: The execution.
        clock: Seconds since 1970.
        lease_seconds: For how long from now this invocation may still be publishing.
    """

    table: Table
    owner: str
    clock: Callable[[], float]
    lease_seconds: Callable[[], float]

    def take(self, pair: tuple[str, str]) -> Answer:
        """Claim a customer and a subject.

        Raises:
            Exception: As ``Table.put``.
        """
        item = self._item(pair, self.lease_seconds(), published=False)
        try:
            self.table.put(item, _IS_FREE, now=_milliseconds(self.clock()), owner=self.owner, published=False)
        except ConditionFailed as refusal:
            if not refusal.standing["published"]:
                return Answer.BUSY
            return Answer.DONE if refusal.standing["owner"] == self.owner else Answer.SUPPRESSED
        return Answer.CLAIMED

    def mark(self, pair: tuple[str, str]) -> bool:
        """Say that the notification was sent; from now on the window runs.

        Returns:
            Whether the claim was still this execution's.

        Raises:
            Exception: As ``Table.put``.
        """
        try:
            self.table.put(self._item(pair, WINDOW_SECONDS, published=True), _IS_MINE, owner=self.owner)
        except ConditionFailed:
            return False
        return True

    def _item(self, pair: tuple[str, str], held_seconds: float, *, published: bool) -> Item:
        now, (customer_id, subject_id) = self.clock(), pair
        return {
            "pk": f"DEDUP#{customer_id}|{subject_id}",
            "sk": "CLAIM",
            "owner": self.owner,
            "published": published,
            "heldUntil": _milliseconds(now + held_seconds),
            "expires_at": int(now + max(held_seconds, WINDOW_SECONDS)) + WINDOW_SECONDS,
        }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
