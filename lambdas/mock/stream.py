"""Random numbers that are the same on every machine, in every process and in every version of Python."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Stream:
    """A stream of random numbers, named by what it is for.

    Of the standard generator only ``random()`` is used: it alone, and seeding by a string, are promised to stay the
    same (https://docs.python.org/3/library/random.html#notes-on-reproducibility).

    Args:
        name: What the stream is for; equal names give equal streams.
    """

    def __init__(self, *name: object) -> None:
        # Reproducible, and never a secret.
        self.random = random.Random("|".join(map(str, name))).random  # noqa: S311

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.random() < probability

    def between(self, low: float, high: float) -> float:
        """A number from a range, all equally likely."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from a range, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[_Item]) -> _Item:
        """One of some items, all equally likely."""
        return items[int(self.random() * len(items))]

    def sample(self, items: Iterable[_Item], size: int) -> list[_Item]:
        """Some different items, or all if there are fewer."""
        left = list(items)
        return [left.pop(int(self.random() * len(left))) for _ in range(min(size, len(left)))]

    def gauss(self, sigma: float) -> float:
        """A number from a normal distribution around 0."""
        return sigma * math.sqrt(-2 * math.log(1 - self.random())) * math.cos(2 * math.pi * self.random())

    def lognormal(self, median: float, sigma: float) -> float:
        """A number from a log-normal distribution."""
        return median * math.exp(self.gauss(sigma))


class Lottery(Generic[_Item]):
    """Items with weights, made ready for many draws."""

    def __init__(self, weights: Iterable[tuple[_Item, float]]) -> None:
        pairs = list(weights)
        self._items = [item for item, _ in pairs]
        self._bounds = list(accumulate(weight for _, weight in pairs))

    def draw(self, stream: Stream) -> _Item:
        """One of the items, by weight."""
        place = bisect_right(self._bounds, stream.random() * self._bounds[-1])
        return self._items[min(place, len(self._items) - 1)]
