"""Ranking: the primaries, what a visitor comes for, and the secondaries, what lies around them.

A primary's score is the weighted mean of five factors, each 0 to 1:

popularity
    ratings (weighed by their number), reviews and Wikipedia's links, as a percentile within the city
authority
    how many independent sources and registers know the place
geo_centrality
    1 / (1 + kilometres to the centre)
novelty
    what the sources say, else how rare the category is in the city
graph_context
    how many places lie near, relative to the densest spot

A factor that is not known is left out, and the other weights grow: not known is not zero. A secondary's score is its
adjacency: 0.6 proximity to a primary + 0.2 novelty + 0.2 need of coverage (few places around).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lambdas.contracts.candidate import Place, ScoreBreakdown
from lambdas.places.categories import SIGHTS
from lambdas.places.cells import around, cell_at
from lambdas.places.geo import Point, distance_m, earth_fixed

WEIGHTS: Mapping[str, float] = {
    "popularity": 0.35,
    "authority": 0.30,
    "geo_centrality": 0.15,
    "novelty": 0.10,
    "graph_context": 0.10,
}
MAX_PRIMARIES = 200
ADJACENT_M = 800.0
"""How far from a primary a secondary is still adjacent to it."""

_ANCHORS = 3
# Cells of this resolution and their neighbours hold everything within 800 m.
_ANCHOR_RESOLUTION = 7
_DENSITY_RESOLUTION = 9
# A rating counts in full from about this many reviews; with fewer it leans to the mean of all ratings.
_PRIOR_REVIEWS = 20
_PRIOR_RATING = 4.0
_TRUST = {"google": 0.5, "osm": 0.4, "otm": 0.3, "wikidata": 0.6, "web": 0.2, "open_data": 0.5, "tavily": 0.1}
_SITE_TRUST, _WIKIPEDIA_TRUST = 0.2, 0.5


@dataclass(frozen=True)
class _City:
    """What the factors are relative to."""

    center: Point
    popularity: list[float]
    categories: Counter[str | None]
    commonest: int
    density: Counter[str]
    densest: int

    @classmethod
    def of(cls, places: Sequence[Place], center: Point) -> _City:
        raw = (_raw_popularity(place) for place in places)
        categories = Counter(place.category for place in places)
        density = Counter(cell for place in places if (cell := _cell(place, _DENSITY_RESOLUTION)))
        return cls(
            center=center,
            popularity=sorted(value for value in raw if value is not None),
            categories=categories,
            commonest=max(categories.values(), default=0),
            density=density,
            densest=max(density.values(), default=0),
        )

    def factors(self, place: Place) -> ScoreBreakdown:
        popularity = _raw_popularity(place)
        signals = place.additional_content.signals
        known = signals.novelty if signals else None
        return ScoreBreakdown(
            popularity=None if popularity is None else self._percentile(popularity),
            authority=_authority(place),
            geo_centrality=self._centrality(place),
            novelty=known if known is not None else self._rarity(place.category),
            graph_context=self._crowd(place),
        )

    def _crowd(self, place: Place) -> float | None:
        """How many places share the cell, as a share of the densest cell's, on a logarithmic scale."""
        cell = _cell(place, _DENSITY_RESOLUTION)
        if cell is None:
            return None
        return math.log1p(self.density[cell]) / math.log1p(self.densest)

    def _percentile(self, popularity: float) -> float:
        below, upto = bisect_left(self.popularity, popularity), bisect_right(self.popularity, popularity)
        return (below + upto) / 2 / len(self.popularity)

    def _centrality(self, place: Place) -> float | None:
        point = _point(place)
        return None if point is None else 1 / (1 + distance_m(self.center, point) / 1000)

    def _rarity(self, category: str | None) -> float:
        return 1 - self.categories[category] / self.commonest


def rank(places: Sequence[Place], center: Point, *, max_primaries: int = MAX_PRIMARIES) -> list[Place]:
    """Score places, and put them in order.

    Args:
        places: The canonical places of one city.
        center: The city's centre.
        max_primaries: How many of the sights become primaries at most.

    Returns:
        The places with tier, score, breakdown, the nearest primaries as anchors, and ranks from 1: first the primaries,
        then the secondaries, each by falling score; equal scores by id.
    """
    city = _City.of(places, center)
    factors = {place.place_id: city.factors(place) for place in places}
    scores = {place_id: _weighted(breakdown) for place_id, breakdown in factors.items()}
    by_score = sorted(places, key=lambda place: (-scores[place.place_id], place.place_id))
    primaries = [place for place in by_score if place.category in SIGHTS][:max_primaries]
    anchors = _Anchors(primaries)
    near = {place.place_id: anchors.near(place) for place in places}
    tops = {place.place_id for place in primaries}
    for place in places:
        if place.place_id not in tops:
            own = factors[place.place_id]
            score = _adjacency(near[place.place_id], own)
            scores[place.place_id] = score
            factors[place.place_id] = own.model_copy(update={"adjacency": score})
    others = (place for place in places if place.place_id not in tops)
    secondaries = sorted(others, key=lambda place: (-scores[place.place_id], place.place_id))
    return [
        place.model_copy(
            update={
                "tier": "primary" if number <= len(primaries) else "secondary",
                "rank": number,
                "score": scores[place.place_id],
                "score_breakdown": factors[place.place_id],
                "anchors": near[place.place_id],
            }
        )
        for number, place in enumerate((*primaries, *secondaries), start=1)
    ]


class _Anchors:
    """The primaries, found by position."""

    def __init__(self, primaries: Sequence[Place]) -> None:
        self._blocks: defaultdict[str, list[tuple[str, tuple[float, float, float]]]] = defaultdict(list)
        for place in primaries:
            point, cell = _point(place), _cell(place, _ANCHOR_RESOLUTION)
            if point and cell:
                self._blocks[cell].append((place.place_id, earth_fixed(point)))
        self._around: dict[str, list[tuple[str, tuple[float, float, float]]]] = {}

    def near(self, place: Place) -> tuple[tuple[str, float], ...]:
        """The nearest primaries within :data:`ADJACENT_M`, without the place itself, with distances in metres."""
        point, cell = _point(place), _cell(place, _ANCHOR_RESOLUTION)
        if point is None or cell is None:
            return ()
        if cell not in self._around:
            self._around[cell] = [anchor for other in around(cell) for anchor in self._blocks.get(other, ())]
        here = earth_fixed(point)
        found = sorted(
            (distance, place_id)
            for place_id, there in self._around[cell]
            if (distance := math.dist(here, there)) <= ADJACENT_M and place_id != place.place_id
        )
        return tuple((place_id, round(distance, 1)) for distance, place_id in found[:_ANCHORS])


def _adjacency(anchors: tuple[tuple[str, float], ...], own: ScoreBreakdown) -> float:
    proximity = 1 - anchors[0][1] / ADJACENT_M if anchors else 0.0
    need = 0.0 if own.graph_context is None else 1 - own.graph_context
    return round(0.6 * proximity + 0.2 * (own.novelty or 0.0) + 0.2 * need, 6)


def _weighted(breakdown: ScoreBreakdown) -> float:
    known: dict[str, float] = {name: value for name in WEIGHTS if (value := getattr(breakdown, name)) is not None}
    total = sum(WEIGHTS[name] for name in known)
    return round(sum(WEIGHTS[name] * value for name, value in known.items()) / total, 6)


def _raw_popularity(place: Place) -> float | None:
    signals = place.additional_content.signals
    if signals is None:
        return None
    parts = []
    if signals.rating is not None and signals.reviews is not None:
        believed = (_PRIOR_REVIEWS * _PRIOR_RATING + signals.reviews * signals.rating) / (
            _PRIOR_REVIEWS + signals.reviews
        )
        parts.append(believed / 5 * math.log1p(signals.reviews))
    if signals.sitelinks is not None:
        parts.append(2 * math.log1p(signals.sitelinks))
    return max(parts, default=None)


def _authority(place: Place) -> float:
    unknown = 1.0
    for source in place.sources:
        unknown *= 1 - _TRUST[source]
    if place.external_refs.wikidata_id and "wikidata" not in place.sources:
        unknown *= 1 - _TRUST["wikidata"]
    signals = place.additional_content.signals
    if place.external_refs.wikipedia_url or (signals and signals.has_wikipedia):
        unknown *= 1 - _WIKIPEDIA_TRUST
    if place.additional_content.website:
        unknown *= 1 - _SITE_TRUST
    return round(1 - unknown, 6)


def _point(place: Place) -> Point | None:
    return None if place.lat is None or place.lng is None else Point(place.lat, place.lng)


def _cell(place: Place, resolution: int) -> str | None:
    point = _point(place)
    return None if point is None else cell_at(point, resolution)
