"""The adaptive H3 sweep: find everything in a disc through a service that returns at most ``cap`` records a call.

Each tile is an H3 cell, asked for by the disc around it. An answer with ``cap`` records or more is
*saturated*, something may have been left out, so the cell's children are asked too. The order is breadth first: under
a budget that ends early it knows more of a city than depth first, or than following the richest cell.

The sweep plans and never calls::

    sweep = Sweep(area, cap=100)
    while tiles := sweep.take(25):
        for tile, reply in ask(tiles):
            fresh = sweep.answer(tile, [record.id for record in reply])

A tile that is taken and not answered (a gate closed, a budget ended) stays open: :meth:`Sweep.snapshot` names it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from lambdas.places.cells import around, cell_at, children_of, disc_of, edge_m, resolution_of
from lambdas.places.geo import Disc

MAX_RESOLUTION = 12
"""Cells of this resolution are 20 m wide: what is saturated here cannot be resolved by position."""

# At the start a cell's edge is at most this share of the area's radius: few calls where a city is empty, and hardly
# more than one saturated level where it is not.
_START_EDGE_SHARE = 1 / 4


@dataclass(frozen=True, slots=True)
class Tile:
    """One call to make: the records inside ``disc``, which covers the H3 cell ``cell``."""

    cell: str
    disc: Disc

    @classmethod
    def of(cls, cell: str) -> Tile:
        """The tile of a cell: its disc reaches a little beyond the outermost vertex (:func:`disc_of`)."""
        return cls(cell, disc_of(cell))


class Snapshot(TypedDict):
    """A sweep at rest, as JSON holds it: what is left to ask, and what was returned."""

    pending: list[str]
    unresolved: list[str]
    returned: list[str]


class Sweep:
    """Which tiles to ask next, given the answers so far.

    Args:
        area: The disc to know completely.
        cap: The largest number of records in one answer; more are cut off.
        distance_ranked: The service returns the nearest records first, so that a saturated answer is complete as far
            as its farthest record. Children that lie wholly within that distance are skipped.
        max_resolution: The finest H3 resolution to ask, up to 15.
        snapshot: Where an earlier sweep of the same area stopped; without it the sweep starts afresh.

    Raises:
        ValueError: ``cap`` is below 1.
    """

    def __init__(
        self,
        area: Disc,
        *,
        cap: int,
        distance_ranked: bool = False,
        max_resolution: int = MAX_RESOLUTION,
        snapshot: Snapshot | None = None,
    ) -> None:
        if cap < 1:
            raise ValueError(f"cap is {cap}; a service that returns no records cannot be swept")
        self.area = area
        self.cap = cap
        self.distance_ranked = distance_ranked
        self.max_resolution = max_resolution
        self.answered = 0
        self._queue: deque[Tile] = deque()
        self._taken: dict[str, Tile] = {}
        self._returned: set[str] = set()
        self._unresolved: list[str] = []
        if snapshot is None:
            self._queue.extend(cover(area, start_resolution(area, max_resolution)))
        else:
            self._queue.extend(Tile.of(cell) for cell in snapshot["pending"])
            self._returned.update(snapshot["returned"])
            self._unresolved.extend(snapshot["unresolved"])

    @property
    def done(self) -> bool:
        """Whether every tile was answered."""
        return not self._queue and not self._taken

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Cells of the finest resolution that were still saturated: more is there than the service tells."""
        return tuple(self._unresolved)

    def take(self, size: int) -> list[Tile]:
        """The next tiles to ask, at most ``size``, breadth first; none when all there are were taken."""
        batch = [self._queue.popleft() for _ in range(min(size, len(self._queue)))]
        self._taken.update((tile.cell, tile) for tile in batch)
        return batch

    def answer(self, tile: Tile, record_ids: Sequence[str], farthest_m: float | None = None) -> frozenset[str]:
        """Take a tile's answer, and plan its children if it is saturated.

        Args:
            tile: A tile that was taken and not answered yet.
            record_ids: The service's own ids of the records that it returned, inside the area or not.
            farthest_m: Distance from the tile's centre to the farthest of them, in metres; read only if the service
                ranks by distance.

        Returns:
            The ids that no earlier tile returned. The others were found again only because tiles overlap and because
            a saturated tile is asked twice, so they say nothing about how well the city is known.

        Raises:
            KeyError: The tile was not taken, or is already answered.
        """
        del self._taken[tile.cell]
        self.answered += 1
        if len(record_ids) >= self.cap:
            self._subdivide(tile, farthest_m if self.distance_ranked else None)
        fresh = frozenset(record_ids) - self._returned
        self._returned |= fresh
        return fresh

    def snapshot(self) -> Snapshot:
        """The sweep at rest; tiles that were taken and not answered come first when it is resumed."""
        pending = [*self._taken, *(tile.cell for tile in self._queue)]
        return Snapshot(pending=pending, unresolved=list(self._unresolved), returned=sorted(self._returned))

    def _subdivide(self, tile: Tile, known_m: float | None) -> None:
        if resolution_of(tile.cell) >= self.max_resolution:
            self._unresolved.append(tile.cell)
            return
        known = Disc(tile.disc.center, known_m) if known_m is not None else None
        children = (Tile.of(child) for child in children_of(tile.cell))
        self._queue.extend(
            child
            for child in children
            if self.area.touches(child.disc) and not (known and known.contains_disc(child.disc))
        )


def start_resolution(area: Disc, max_resolution: int = MAX_RESOLUTION) -> int:
    """The coarsest H3 resolution whose cells fit the area: their average edge is at most a quarter of its radius."""
    for resolution in range(max_resolution):
        if edge_m(resolution) <= area.radius_m * _START_EDGE_SHARE:
            return resolution
    return max_resolution


def cover(area: Disc, resolution: int) -> Iterator[Tile]:
    """The tiles of one resolution that touch an area, from its centre outwards."""
    tiles: Iterable[Tile] = [Tile.of(cell_at(area.center, resolution))]
    known: set[str] = set()
    while tiles:
        # A cell that touches the area has a neighbour nearer to the centre that does: walking outwards finds all.
        inside = [tile for tile in tiles if area.touches(tile.disc)]
        yield from inside
        known.update(tile.cell for tile in tiles)
        edge = sorted({cell for tile in inside for cell in around(tile.cell)} - known)
        tiles = [Tile.of(cell) for cell in edge]
