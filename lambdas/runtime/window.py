"""The new-unique rate over the last calls: pure arithmetic on a log of increments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Increment: TypeAlias = tuple[int, int, int]
"""What a batch of calls brought: the calls, the new places, the places seen."""

# A longer log is condensed.
LOG_LIMIT = 256
_PARTS = LOG_LIMIT // 4


@dataclass(frozen=True)
class Progress:
    """How much a run still finds.

    Attributes:
        calls: Calls so far.
        new: Places that no call before had seen.
        seen: Places in the answers, re-found ones left out.
        rate: New over seen over the last ``window_calls`` calls; 1 where nothing was seen.
        window_full: Whether there were that many calls yet.
    """

    calls: int
    new: int
    seen: int
    rate: float
    window_full: bool


def last_calls(log: Sequence[Increment], window_calls: int) -> list[Increment]:
    """The shortest tail of a log that has at least ``window_calls`` calls, or the whole log.

    The tail is exact to within its first increment, which is one batch of calls.
    """
    calls = 0
    for position in range(len(log) - 1, -1, -1):
        calls += log[position][0]
        if calls >= window_calls:
            return list(log[position:])
    return list(log)


def progress_of(log: Sequence[Increment], totals: Increment, window_calls: int) -> Progress:
    """The progress of a run from its log and its totals."""
    tail = last_calls(log, window_calls)
    new, seen = (sum(increment[field] for increment in tail) for field in (1, 2))
    return Progress(*totals, rate=new / seen if seen else 1.0, window_full=sum(i[0] for i in tail) >= window_calls)


def condensed(log: Sequence[Increment], window_calls: int) -> list[Increment]:
    """A shorter log with the same window: about half of :data:`LOG_LIMIT` increments at most.

    What lies before the window goes; neighbours are put together as long as they have no more calls than a 64th of
    the window, so that the window stays exact to within that, or to within one batch if batches are larger.
    """
    most = max(1, window_calls // _PARTS)
    result: list[Increment] = []
    for calls, new, seen in last_calls(log, window_calls):
        if result and (not calls or result[-1][0] + calls <= most):
            last = result[-1]
            result[-1] = (last[0] + calls, last[1] + new, last[2] + seen)
        else:
            result.append((calls, new, seen))
    return result
