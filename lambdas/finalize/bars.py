"""A result measured by itself: what can be said of its quality where no truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lambdas.contracts.candidate import Place
from lambdas.contracts.finalization import QualityBars
from lambdas.contracts.manifest import Bar, Coverage
from lambdas.places.cells import cell_at, inside
from lambdas.places.columns import Columns
from lambdas.places.dedupe import group
from lambdas.places.geo import Disc, earth_fixed
from lambdas.places.sources import LARGE_REGISTERS

COVERAGE_RESOLUTION = 8
"""Cells of 0.7 km², in which a city has a place of some kind."""
NEIGHBOURS, NEIGHBOURHOOD_M = 15, 800.0
# From here on a source's position is believed to 50 m; below, the reference calls it low.
_SURE_POSITION = 0.75


@dataclass(frozen=True)
class Measured:
    """What was reached, what was asked, and how much of the disc has places."""

    bars: dict[str, Bar]
    coverage: Coverage


def measure(places: Sequence[Place], area: Disc, city: str, asked: QualityBars) -> Measured:
    """Measure a ranked result.

    Args:
        places: All of its places.
        area: The disc that was searched.
        city: The city's name.
        asked: The bars.

    Returns:
        A bar for each field of ``asked``, without ``min_`` and ``max_``. The duplicates are an estimate: places that
        the model of deduplication would still join.
    """
    coverage = _coverage(places, area)
    primaries = [place for place in places if place.tier == "primary"]
    located = [place for place in places if place.lat is not None]
    duplicates = sum(len(found.members) - 1 for found in group(_columns(places, city)))
    sure = sum(place.coordinates_confidence >= _SURE_POSITION for place in located)
    with_address = sum(_has_address(place) for place in places)
    niche = sum(LARGE_REGISTERS.isdisjoint(place.sources) for place in places)
    near = sum(count >= NEIGHBOURS for count in _secondaries_near(primaries, places))
    scored = sum(_is_scored(place) for place in primaries)
    return Measured(
        {
            "places": _at_least(len(places), asked.min_places),
            "duplicate_rate": _at_most(_share(duplicates, len(places)), asked.max_duplicate_rate),
            "within_50m": _at_least(_share(sure, len(located)), asked.min_within_50m),
            "addresses": _at_least(_share(with_address, len(places)), asked.min_addresses),
            "niche": _at_least(_share(niche, len(places)), asked.min_niche),
            "secondaries_near": _at_least(_share(near, len(primaries)), asked.min_secondaries_near),
            "scored": _at_least(_share(scored, len(primaries)), asked.min_scored),
            "covered": _at_least(_share(coverage.covered, coverage.cells), asked.min_covered),
        },
        coverage,
    )


def _columns(places: Sequence[Place], city: str) -> Columns:
    return Columns.of(sorted(places, key=lambda place: place.record_id), city)


def _coverage(places: Sequence[Place], area: Disc) -> Coverage:
    cells = set(inside(area, COVERAGE_RESOLUTION))
    points = ((place.lat, place.lng) for place in places if place.lat is not None and place.lng is not None)
    covered = cells & {cell_at(point, COVERAGE_RESOLUTION) for point in points}
    return Coverage(resolution=COVERAGE_RESOLUTION, cells=len(cells), covered=len(covered))


def _has_address(place: Place) -> bool:
    address = place.address
    return address is not None and bool(address.formatted_address or address.street_name)


def _is_scored(place: Place) -> bool:
    factors = place.score_breakdown
    return factors is not None and factors.popularity is not None and factors.authority is not None


def _secondaries_near(primaries: Sequence[Place], places: Sequence[Place]) -> list[int]:
    """For each primary the number of secondaries within :data:`NEIGHBOURHOOD_M`."""
    others = [(place.lat, place.lng) for place in places if place.tier == "secondary"]
    at = np.array([earth_fixed((lat, lng)) for lat, lng in others if lat is not None and lng is not None])
    at = at.reshape(len(at), 3)
    found = []
    for place in primaries:
        if place.lat is None or place.lng is None:
            found.append(0)
        else:
            apart = np.linalg.norm(at - np.array(earth_fixed((place.lat, place.lng))), axis=1)
            found.append(int((apart <= NEIGHBOURHOOD_M).sum()))
    return found


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _at_least(value: float | None, bar: float) -> Bar:
    return Bar(value=value, bar=bar, met=None if value is None else value >= bar)


def _at_most(value: float | None, bar: float) -> Bar:
    return Bar(value=value, bar=bar, met=None if value is None else value <= bar)
