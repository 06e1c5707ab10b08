"""Parts of the work of finding pairs, so that several machines can do it: who has which pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lambdas.places.columns import Flags, Hashes, Numbers

# 2^64 over the golden ratio: multiplied by it, numbers that lie side by side are spread over all parts.
_SPREADING = np.uint64(0x9E3779B97F4A7C15)
# In the number of an H3 cell (https://h3geo.org/docs/core-library/h3Indexing) each of the 15 resolutions has three
# bits, the finest last. Without those beyond the 7th, a cell is its ancestor of about five square kilometres.
_BELOW_TILE = np.uint64(3 * (15 - 7))


@dataclass(frozen=True)
class Part:
    """One of ``of`` equal parts, by its ``number`` from 0.

    Each key, and each tile of the map, belongs to exactly one of the parts, the same in every process.
    """

    number: int = 0
    of: int = 1

    def owns(self, hashes: Hashes) -> Flags:
        """Which of some keys or tiles are this part's."""
        owned: Flags = part_of(hashes, self.of) == self.number
        return owned


WHOLE = Part()
"""All of the work, in one process."""


def part_of(hashes: Hashes, parts: int) -> Numbers:
    """The number of the part that each key or tile belongs to, of so many parts."""
    numbers: Numbers = (((hashes * _SPREADING) >> np.uint64(32)) % np.uint64(parts)).astype(np.int64)
    return numbers


def tiles(cells: Hashes) -> Hashes:
    """For each cell the tile of the map that it lies in."""
    return cells >> _BELOW_TILE
