"""What a run has found so far: which places are new, and whether looking further is worth it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.items import Action, ConditionFailed, Item
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.record import Records, mark_of
from lambdas.runtime.window import LOG_LIMIT, Increment, Progress, condensed, progress_of

LOGGER = logging.getLogger(__name__)
PROGRESS = "PROGRESS"
# An update expression may have 4 KB and 300 operators
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html); 100 places take 3.6 KB.
_PLACES_AN_UPDATE = 100


class Discoveries(Records):
    """The first-seen index and the progress window of a run."""

    def first_seen(self, places: Mapping[str, Iterable[str]], batch: str) -> int:
        """Enter places into the index of the run, and count those that no other batch entered before.

        The index notes which batch entered a place, so that a repeated call with the same batch gives the same count.

        Args:
            places: The identity keys of places, by the cell of the map in which they lie.
            batch: The idempotency key.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        mark, expires_at = mark_of(batch), self.run().expires_at
        entries: list[Action] = []
        for cell, identities in sorted(places.items()):
            marks = sorted({mark_of(identity) for identity in identities})
            for start in range(0, len(marks), _PLACES_AN_UPDATE):
                names = {str(index): name for index, name in enumerate(marks[start : start + _PLACES_AN_UPDATE])}
                entering = ", ".join(f"#{index} = if_not_exists(#{index}, :batch)" for index in names)
                entries.append(
                    self.action(
                        f"SEEN#{cell}",
                        f"SET #expires_at = :expires_at, {entering}",
                        {"batch": mark, "expires_at": expires_at},
                        names=names,
                    )
                )
        entered = in_parallel(self.update, entries)
        return sum(first == mark for item in entered for first in item.values())

    def observe(self, key: str, calls: int, new: int, seen: int) -> Progress:
        """Add what a batch of calls brought. If the window then tells to stop, the run's early-stop gate closes.

        Args:
            key: The idempotency key; a repeated call adds nothing.
            calls: How many calls.
            new: Places that no call before had seen.
            seen: Places in the answers, without those found again by subdividing a saturated tile.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        adding = self.action(
            PROGRESS,
            "SET #log = list_append(#log, :increment), #mark = :one ADD #calls :calls, #new :new, #seen :seen",
            {"increment": [_written((calls, new, seen))], "one": 1, "calls": calls, "new": new, "seen": seen},
            condition="attribute_exists(#log) AND attribute_not_exists(#mark)",
            names={"mark": mark_of(key)},
        )
        try:
            item = self.update(adding)
        except ConditionFailed as refusal:
            item = self._known(refusal)
        if len(item["log"]) > LOG_LIMIT:
            self._condense(item)
        progress = self._progress(item)
        self.stop_early(progress)
        return progress

    def progress(self) -> Progress:
        """How much the run still finds, as of now. Nothing is changed.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be read.
        """
        item = self.read(PROGRESS)
        if item is None:
            raise self._unknown()
        return self._progress(item)

    def stop_early(self, progress: Progress) -> None:
        """Close the run's early-stop gate if its progress says so.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        record = self.run()
        rule = record.job.early_stop
        if record.gate is None and progress.window_full and progress.rate < rule.min_new_unique_rate:
            self.close_gate(
                StoppedBy.EARLY_STOP,
                round(progress.rate, 6),
                rule.min_new_unique_rate,
                f"new over seen in the last {rule.window_calls} of {progress.calls} calls",
            )

    def _progress(self, item: Item) -> Progress:
        log = [_read(increment) for increment in item["log"]]
        return progress_of(log, (item["calls"], item["new"], item["seen"]), self._window_calls)

    def _condense(self, item: Item) -> None:
        log = condensed([_read(increment) for increment in item["log"]], self._window_calls)
        shortening = self.action(
            PROGRESS,
            "SET #log = :log",
            {"log": [_written(increment) for increment in log], "length": len(item["log"]), "calls": item["calls"]},
            condition="size(#log) = :length AND #calls = :calls",
        )
        try:
            self.update(shortening)
        except ConditionFailed:
            LOGGER.debug("the log grew meanwhile; the next observation condenses it")

    @property
    def _window_calls(self) -> int:
        return self.run().job.early_stop.window_calls


def _written(increment: Increment) -> str:
    # As text, since the whole log is in the reply to each observation, and text is shorter than a list of numbers.
    return ",".join(map(str, increment))


def _read(text: str) -> Increment:
    calls, new, seen = map(int, text.split(","))
    return calls, new, seen
