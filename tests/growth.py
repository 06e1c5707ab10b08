"""How the time of some work grows with its input: machines differ in their seconds, and little in such ratios."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final, TypeVar

LINEAR: Final = 40
"""What grows as its input does, or a little faster, stays below; what grows as its square reaches 100."""
_FACTOR = 10
# Less is noise.
_LEAST_SECONDS = 0.002
# Of so many measurements the best counts: a cache or another process makes each of them longer, and none shorter.
_TIMES = 3

T = TypeVar("T")


def growth(work: Callable[[T], object], made: Callable[[int], T], size: int) -> float:
    """How many times longer some work takes with an input of a size than with a tenth of it, in CPU time at its best.

    Args:
        work: The work.
        made: Makes an input of about a size.
        size: The larger of the two sizes.
    """

    def seconds(number: int) -> float:
        return min(_seconds(work, made(number)) for _ in range(_TIMES))

    return seconds(size) / max(seconds(size // _FACTOR), _LEAST_SECONDS)


def _seconds(work: Callable[[T], object], given: T) -> float:
    """CPU seconds of this thread alone, without what the collector does for all that the process holds."""
    gc.disable()
    try:
        began = time.thread_time()
        work(given)
        return time.thread_time() - began
    finally:
        gc.enable()
