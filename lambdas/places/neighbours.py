"""Around which primaries to look for neighbours, how far, and where after that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.candidate import Candidate
from lambdas.places.cells import around, cell_at, center_of
from lambdas.places.geo import Disc, Point, distance_m
from lambdas.places.sweep import start_resolution

# The radius of a search falls from the largest to the smallest as primaries crowd: 15 to 40 neighbours are wanted.
_RADII_M = ((8, 300), (4, 450), (2, 600), (0, 800))
_CROWD_M = 800.0
# Nearer to a primary that was searched around, another search would bring the same again.
_APART_M = 350.0
# The cells of the second ring are about as wide as a search, and smaller only where the whole city is.
_RING_RESOLUTION = 8
_MAX_RING = 60


@dataclass(frozen=True)
class Anchor:
    """A primary to search around; the radius is in metres."""

    place_id: str
    at: Point
    radius_m: int

    @property
    def disc(self) -> Disc:
        """Where to search."""
        return Disc(self.at, self.radius_m)


def anchors_of(primaries: Iterable[Mapping[str, Any]]) -> list[Anchor]:
    """The primaries to search around, none near another; the denser they lie, the smaller the radius.

    Args:
        primaries: As SeedPrimaries puts them out, best first: ``place_id``, ``lat`` and ``lng`` of each.
    """
    points = [(primary["place_id"], Point(primary["lat"], primary["lng"])) for primary in primaries]
    chosen: list[Anchor] = []
    for place_id, at in points:
        if any(distance_m(at, anchor.at) < _APART_M for anchor in chosen):
            continue
        crowd = sum(distance_m(at, other) <= _CROWD_M for _, other in points) - 1
        radius = next(radius for least, radius in _RADII_M if crowd >= least)
        chosen.append(Anchor(place_id, at, radius))
    return chosen


def second_ring(anchors: Iterable[Anchor], neighbours: Sequence[Candidate], area: Disc) -> list[str]:
    """Cells beside those that were searched, the ones with most known neighbours around them first."""
    resolution = max(_RING_RESOLUTION, start_resolution(area))
    searched = {cell_at(anchor.at, resolution) for anchor in anchors}
    known = Counter(cell_at((place.lat or 0.0, place.lng or 0.0), resolution) for place in neighbours)
    beside = {cell for center in searched for cell in around(center, 2)} - searched
    wanted = [cell for cell in beside if area.contains(center_of(cell))]
    crowd = {cell: sum(known[other] for other in around(cell)) for cell in wanted}
    return sorted(wanted, key=lambda cell: (-crowd[cell], cell))[:_MAX_RING]
