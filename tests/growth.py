"""How the time of some work grows with its input: machines differ in their seconds, and little in such ratios."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

LINEAR: Final = 40
"""What grows as its input does, or a little faster, stays below; what grows as its square reaches 100."""
_FACTOR = 10
# Less is noise.
_LEAST_SECONDS = 0.02

T = TypeVar("T")


def growth(work: Callable[[T], object], made: Callable[[int], T], size: int) -> float:
    """How many times longer some work takes with an input of a size than with a tenth of it, in CPU time.

    Args:
        work: The work.
        made: Makes an input of about a size.
        size: The larger of the two sizes.
    """

    def seconds(number: int) -> float:
        given = made(number)
        began = time.process_time()
        work(given)
        return time.process_time() - began

    small = max(seconds(size // _FACTOR), _LEAST_SECONDS)
    return seconds(size) / small
