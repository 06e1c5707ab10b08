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
    how many NEAR edges the place has, relative to the place with most; for a place that no search for neighbours came
    upon, how many places share its cell, relative to the densest

A factor that is not known is left out, and the other weights grow: not known is not zero. The primaries then stand in
an order that also values variety (:mod:`lambdas.places.diversity`). A secondary's score is its adjacency: 0.6 proximity
to a primary + 0.2 novelty + 0.2 need of coverage (few places around).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lambdas.contracts.candidate import Place, ScoreBreakdown, Source
from lambdas.contracts.finalization import RankSettings
from lambdas.places.categories import SIGHTS
from lambdas.places.cells import around, cell_at
from lambdas.places.diversity import diverse
from lambdas.places.fusion import place_id_of
from lambdas.places.geo import Point, distance_m, earth_fixed
from lambdas.places.sources import trust

Near: TypeAlias = tuple[str, str, float]
"""A NEAR edge: a primary's place id, a neighbour's record id, and the metres between them."""
ADJACENT_M = 800.0
"""How far from a primary a secondary is still adjacent to it."""

_ANCHORS = 3
# Cells of this resolution and their neighbours hold everything within 800 m.
_ANCHOR_RESOLUTION = 7
_DENSITY_RESOLUTION = 9
# A rating counts in full from about this many reviews; with fewer it leans to the mean of all ratings.
_PRIOR_REVIEWS = 20
_PRIOR_RATING = 4.0
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
    degrees: Mapping[str, int]
    busiest: int

    @classmethod
    def of(cls, places: Sequence[Place], center: Point, near: Iterable[Near]) -> _City:
        raw = (_raw_popularity(place) for place in places)
        categories = Counter(place.category for place in places)
        density = Counter(cell for place in places if (cell := _cell(place, _DENSITY_RESOLUTION)))
        degrees = _degrees(places, near)
        return cls(
            degrees=degrees,
            busiest=max(degrees.values(), default=0),
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
            graph_context=self._connections(place) if place.place_id in self.degrees else self._crowd(place),
        )

    def _connections(self, place: Place) -> float:
        """How many NEAR edges it has, on a logarithmic scale."""
        return math.log1p(self.degrees[place.place_id]) / math.log1p(self.busiest)

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


def rank(
    places: Sequence[Place], center: Point, *, settings: RankSettings | None = None, near: Iterable[Near] = ()
) -> list[Place]:
    """Score places, and put them in order.

    Args:
        places: The canonical places of one city.
        center: The city's centre.
        settings: Weights, how many of the sights become primaries at most, and how much variety counts.
        near: The NEAR edges that searches for neighbours found.

    Returns:
        The places with tier, score, breakdown, the nearest primaries as anchors, and ranks from 1: first the primaries,
        in the order in which variety chose them, then the secondaries by falling score; equal scores by id.
    """
    using = settings or RankSettings()
    city = _City.of(places, center, near)
    factors = {place.place_id: city.factors(place) for place in places}
    scores = {place_id: _weighted(breakdown, using) for place_id, breakdown in factors.items()}
    primaries = _primaries(places, scores, factors, using)
    anchors = _Anchors(primaries)
    beside = {place.place_id: anchors.near(place) for place in places}
    tops = {place.place_id for place in primaries}
    for place in places:
        if place.place_id not in tops:
            own = factors[place.place_id]
            score = _adjacency(beside[place.place_id], own)
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
                "anchors": beside[place.place_id],
            }
        )
        for number, place in enumerate((*primaries, *secondaries), start=1)
    ]


def _primaries(
    places: Sequence[Place], scores: Mapping[str, float], factors: dict[str, ScoreBreakdown], using: RankSettings
) -> list[Place]:
    """The sights that come first; how unlike each is to those before it is noted in its factors."""
    sights = [place for place in places if place.category in SIGHTS]
    best = sorted(sights, key=lambda place: (-scores[place.place_id], place.place_id))
    chosen = diverse(best, [scores[place.place_id] for place in best], using.max_primaries, using.relevance)
    for position, unlike in chosen:
        place_id = best[position].place_id
        factors[place_id] = factors[place_id].model_copy(update={"diversity": unlike})
    return [best[position] for position, _ in chosen]


def _degrees(places: Sequence[Place], near: Iterable[Near]) -> Counter[str]:
    """How many NEAR edges each place has; an edge to a record that no place has counts for the primary alone."""
    of_record = {member: place.place_id for place in places for member in place.members}
    # The primary was named before the run's end, perhaps after another of its members.
    of_place = {place_id_of(member): place_id for member, place_id in of_record.items()}
    of_place.update((place.place_id, place.place_id) for place in places)
    degrees: Counter[str] = Counter()
    for primary, record, _ in near:
        one, other = of_place.get(primary), of_record.get(record)
        if one is not None and one != other:
            degrees.update({one: 1} if other is None else {one: 1, other: 1})
    return degrees


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


def _weighted(breakdown: ScoreBreakdown, using: RankSettings) -> float:
    weights = using.weights.model_dump()
    known: dict[str, float] = {name: value for name in weights if (value := getattr(breakdown, name)) is not None}
    total = sum(weights[name] for name in known)
    return round(sum(weights[name] * value for name, value in known.items()) / total, 6) if total else 0.0


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
        unknown *= 1 - trust(source)
    if place.external_refs.wikidata_id and Source.WIKIDATA not in place.sources:
        unknown *= 1 - trust(Source.WIKIDATA)
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
