"""A result measured by itself: what can be said of its quality where no truth is known."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lambdas.contracts.candidate import Place
from lambdas.contracts.finalization import QualityBars
from lambdas.contracts.manifest import Bar, Coverage
from lambdas.places.cells import cell_at, inside
from lambdas.places.columns import Columns
from lambdas.places.dedupe import group
from lambdas.places.geo import Disc, Point, earth_fixed
from lambdas.places.sources import LARGE_REGISTERS

COVERAGE_RESOLUTION = 8
"""Cells of 0.7 km², in which a city has a place of some kind."""
NEIGHBOURS, NEIGHBOURHOOD_M = 15, 800.0
MOST_COMPARED = 1_000_000
"""Of more places duplicates are not looked for: the columns of these take 1.8 GB of the function's memory."""
# From here on a source's position is believed to 50 m; below, the reference calls it low.
_SURE_POSITION = 0.75


@dataclass(frozen=True)
class Measured:
    """What was reached, what was asked, and how much of the disc has places."""

    bars: dict[str, Bar]
    coverage: Coverage


class _Counted:
    """What one reading of the places tells."""

    def __init__(self) -> None:
        self.located = self.sure = self.with_address = self.niche = self.scored = 0
        self.records: list[str] = []
        self.cells: set[str] = set()
        self.primaries: list[Point | None] = []
        self._secondaries = array("d")

    def add(self, place: Place) -> None:
        here = None if place.lat is None or place.lng is None else Point(place.lat, place.lng)
        if here is not None:
            self.located += 1
            self.sure += place.coordinates_confidence >= _SURE_POSITION
            self.cells.add(cell_at(here, COVERAGE_RESOLUTION))
        self.records.append(place.record_id)
        self.with_address += _has_address(place)
        self.niche += LARGE_REGISTERS.isdisjoint(place.sources)
        if place.tier == "primary":
            self.primaries.append(here)
            self.scored += _is_scored(place)
        elif place.tier == "secondary" and here is not None:
            self._secondaries.extend(earth_fixed(here))

    def with_neighbours(self) -> int:
        """How many primaries have :data:`NEIGHBOURS` secondaries within :data:`NEIGHBOURHOOD_M`."""
        at = np.array(self._secondaries).reshape(-1, 3)
        apart = (np.linalg.norm(at - np.array(earth_fixed(place)), axis=1) for place in self.primaries if place)
        return sum(int((metres <= NEIGHBOURHOOD_M).sum()) >= NEIGHBOURS for metres in apart)


def measure(places: Sequence[Place], area: Disc, city: str, asked: QualityBars) -> Measured:
    """Measure a ranked result.

    Args:
        places: All of its places. They need not fit into memory: each is read twice.
        area: The disc that was searched.
        city: The city's name.
        asked: The bars.

    Returns:
        A bar for each field of ``asked``, without ``min_`` and ``max_``. The duplicates are an estimate: places that
        the model of deduplication would still join. It is not made of more than :data:`MOST_COMPARED` places.
    """
    counted = _Counted()
    for place in places:
        counted.add(place)
    count, primaries = len(places), len(counted.primaries)
    cells = set(inside(area, COVERAGE_RESOLUTION))
    coverage = Coverage(resolution=COVERAGE_RESOLUTION, cells=len(cells), covered=len(cells & counted.cells))
    return Measured(
        {
            "places": _at_least(count, asked.min_places),
            "duplicate_rate": _at_most(_duplicates(places, counted.records, city), asked.max_duplicate_rate),
            "within_50m": _at_least(_share(counted.sure, counted.located), asked.min_within_50m),
            "addresses": _at_least(_share(counted.with_address, count), asked.min_addresses),
            "niche": _at_least(_share(counted.niche, count), asked.min_niche),
            "secondaries_near": _at_least(_share(counted.with_neighbours(), primaries), asked.min_secondaries_near),
            "scored": _at_least(_share(counted.scored, primaries), asked.min_scored),
            "covered": _at_least(_share(coverage.covered, coverage.cells), asked.min_covered),
        },
        coverage,
    )


def _duplicates(places: Sequence[Place], records: Sequence[str], city: str) -> float | None:
    if len(places) > MOST_COMPARED:
        return None
    ordered = sorted(range(len(places)), key=records.__getitem__)
    groups = group(Columns.of((places[number] for number in ordered), city))
    return _share(sum(len(found.members) - 1 for found in groups), len(places))


def _has_address(place: Place) -> bool:
    address = place.address
    return address is not None and bool(address.formatted_address or address.street_name)


def _is_scored(place: Place) -> bool:
    factors = place.score_breakdown
    return factors is not None and factors.popularity is not None and factors.authority is not None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _at_least(value: float | None, bar: float) -> Bar:
    return Bar(value=value, bar=bar, met=None if value is None else value >= bar)


def _at_most(value: float | None, bar: float) -> Bar:
    return Bar(value=value, bar=bar, met=None if value is None else value <= bar)
