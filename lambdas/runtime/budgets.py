"""Budgets and rates of a run: every change is one conditional update that carries its own idempotency key."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.contracts.manifest import BudgetUse, StoppedBy
from lambdas.runtime.items import ConditionFailed, Item
from lambdas.runtime.record import Records, mark_of


@dataclass(frozen=True)
class Reservation:
    """A part of a budget that is held for calls about to be made.

    Attributes:
        group: Whose budget.
        key: The idempotency key.
        granted: How many of the asked amounts, from the first on.
        amount: What is held, in units of the group: their sum, or more if an earlier attempt asked for more.
        split: For whom it is spent.
    """

    group: BudgetGroup
    key: str
    granted: int
    amount: int
    split: Split = Split.SECONDARIES


class Budgets(Records):
    """The budgets of a run, one item each: ``spent`` counts what is reserved as spent.

    It is also counted for whom, primaries or secondaries, so that each keeps to its quota while the budgets are split.
    The item also holds a mark with the amount of each reservation until it is settled or released, and one for each
    batch that was skipped. A mark takes about 20 bytes of the item's 400 KB: there is room for some 20,000.
    """

    def reserve(
        self, group: BudgetGroup, amounts: Sequence[int], key: str, split: Split = Split.SECONDARIES
    ) -> Reservation:
        """Hold a part of a budget for calls about to be made.

        As many of the amounts as fit are granted, from the first on. While a reservation with the same key is held,
        as after a crash, it is answered with and nothing is charged. If the next amount would pass the cap, the run's
        budget gate closes; a quota that is used up closes nothing, since the rest of the budget is still to be spent.

        Args:
            group: Whose budget.
            amounts: The most that each call may use, in units of the group, each at least 1.
            key: The idempotency key: the state and the hashes of its requests.
            split: For whom it is spent.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used; nothing may be spent.
        """
        cap, quota = self.run().job.cap(group), self.run().quota(group, split)
        sums = list(accumulate(amounts, initial=0))
        mark, spent, used = mark_of(key), 0, 0
        held: int | None = None
        while True:
            granted = _fitting(sums, min(cap - spent, quota - used))
            if granted < len(amounts) and quota < cap:
                # What this process remembers may be from before the budgets were shared.
                quota = self.run(max_age=0).quota(group, split)
                granted = _fitting(sums, min(cap - spent, quota - used))
            if not granted:
                break
            reserving = self.action(
                f"BUDGET#{group}",
                f"SET #mark = :amount ADD #spent :amount, #{split} :amount",
                {"amount": sums[granted], "room": cap - sums[granted], "quota": quota - sums[granted]},
                condition=f"#spent <= :room AND #{split} <= :quota AND attribute_not_exists(#mark)",
                names={"mark": mark},
            )
            try:
                spent = self.update(reserving)["spent"]
                break
            except ConditionFailed as refusal:
                standing = self._known(refusal)
                spent, used = standing["spent"], standing[split]
                held = standing.get(mark)
                if held is not None:
                    granted = _fitting(sums, held)
                    break
        if granted < len(amounts) and spent + amounts[granted] > cap:
            self.close_gate(StoppedBy.BUDGET, spent, cap, f"{group}: {amounts[granted]} more would pass the cap")
        return Reservation(group, key, granted, sums[granted] if held is None else held, split)

    def settle(self, reservation: Reservation, spent: int, calls: int) -> bool:
        """Replace a reservation by what the calls really used. A repeated call changes nothing.

        Its key is forgotten: what a retry calls again, or calls in addition, it has to reserve anew.

        Args:
            reservation: From :meth:`reserve`.
            spent: What was used, in units of the group.
            calls: How many calls were made.

        Returns:
            Whether it was this call that settled it.

        Raises:
            LedgerUnavailable: The ledger could not be used; the reservation stays.
        """
        if not reservation.granted:
            return False
        settling = self.action(
            f"BUDGET#{reservation.group}",
            f"REMOVE #mark ADD #spent :change, #{reservation.split} :change, #calls :calls",
            {"change": spent - reservation.amount, "calls": calls, "amount": reservation.amount},
            condition="#mark = :amount",
            names={"mark": mark_of(reservation.key)},
        )
        try:
            self.update(settling)
        except ConditionFailed as refusal:
            self._known(refusal)  # settled already
            return False
        return True

    def release(self, reservation: Reservation) -> None:
        """Give back what a reservation holds, since none of its calls was made. A repeated call changes nothing.

        Args:
            reservation: From :meth:`reserve`.

        Raises:
            LedgerUnavailable: The ledger could not be used; the reservation stays.
        """
        self.settle(reservation, 0, 0)

    def skip(self, group: BudgetGroup, count: int, key: str) -> None:
        """Count work that a kill switch left out. A repeated call with the same key counts nothing.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        skipping = self.action(
            f"BUDGET#{group}",
            "SET #mark = :none ADD #skipped :count",
            {"none": 0, "count": count},
            condition="attribute_exists(#spent) AND attribute_not_exists(#mark)",
            names={"mark": mark_of(f"skip|{key}")},
        )
        try:
            self.update(skipping)
        except ConditionFailed as refusal:
            self._known(refusal)  # counted already

    def budgets(self) -> dict[str, BudgetUse]:
        """What each group has used, for the manifest.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be read.
        """
        record = self.run()
        items = {item["item"]: item for item in self.read_all("BUDGET#", "spent", "calls", "skipped", Split.PRIMARIES)}
        return {
            group.value: _use(items[f"BUDGET#{group}"], record.job.cap(group), record.killed(group))
            for group in BudgetGroup
        }

    def take(self, connector: Connector, tokens: int, key: str) -> float:
        """Take tokens from a connector's bucket, if they are there.

        The bucket is one number, the moment at which it will be full again (the generic cell rate algorithm), so that
        workers change it in one update, without reading it first and without disturbing each other.

        Args:
            connector: Which bucket.
            tokens: How many.
            key: The idempotency key; a call that is repeated at once, after a lost reply, takes nothing more.

        Returns:
            0 if they were taken; else the seconds after which to ask again, infinite if that would never help.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        record = self.run()
        bucket = record.settings.bucket(connector)
        if tokens > bucket.capacity:
            return math.inf
        # In milliseconds. A bucket without refill has a clock that stands still.
        per_token = 1000 / bucket.per_second if bucket.refill else 1
        now = round(self._clock() * 1000) if bucket.refill else 0
        cost = math.ceil(tokens * per_token)
        latest = now + math.floor((bucket.capacity - tokens) * per_token)
        full_at = self._full_at.get(connector, 0)
        while full_at <= latest:
            full = full_at <= now
            taking = self.action(
                f"RATE#{connector}",
                "SET #last = :key, #expires_at = :expires_at"
                + (", #full_at = :after" if full else " ADD #full_at :cost"),
                {"key": mark_of(key), "now": now, "expires_at": record.expires_at}
                | ({"after": now + cost} if full else {"cost": cost, "latest": latest}),
                condition="NOT #last = :key AND "
                + (
                    "(attribute_not_exists(#full_at) OR #full_at <= :now)"
                    if full
                    else "#full_at BETWEEN :now AND :latest"
                ),
            )
            try:
                self._full_at[connector] = self.update(taking)["full_at"]
            except ConditionFailed as refusal:
                full_at = refusal.standing["full_at"]
                if refusal.standing["last"] != mark_of(key):
                    continue
            return 0.0
        self._full_at[connector] = full_at
        return (full_at - latest) / 1000 if bucket.refill else math.inf

    @cached_property
    def _full_at(self) -> dict[Connector, int]:
        # What this process last saw. The true value is never earlier, so that a refusal by it is right.
        return {}


def _fitting(sums: Sequence[int], room: int) -> int:
    """How many amounts fit into a room, given their running sums from 0 on."""
    return max(0, bisect_right(sums, room) - 1)


def _use(item: Item, cap: int, killed: bool) -> BudgetUse:
    return BudgetUse(
        cap=cap,
        spent=item["spent"],
        primaries=item[Split.PRIMARIES],
        calls=item["calls"],
        skipped=item.get("skipped", 0),
        killed=killed,
    )
