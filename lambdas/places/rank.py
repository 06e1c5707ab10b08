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
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lambdas.contracts.candidate import Place, ScoreBreakdown, Source
from lambdas.contracts.finalization import RankSettings
from lambdas.places.categories import SIGHTS
from lambdas.places.cells import around, cell_at
from lambdas.places.diversity import diverse
from lambdas.places.geo import Point, distance_m, earth_fixed
from lambdas.places.near import Near, edges
from lambdas.places.sources import trust

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


class _Traits(NamedTuple):
    """What is ranked of a place, and kept in memory of it: some 400 bytes."""

    place_id: str
    category: str | None
    at: Point | None
    popularity: float | None
    authority: float
    novelty: float | None

    @classmethod
    def of(cls, place: Place) -> _Traits:
        signals = place.additional_content.signals
        return cls(
            place_id=place.place_id,
            category=place.category,
            at=None if place.lat is None or place.lng is None else Point(place.lat, place.lng),
            popularity=_raw_popularity(place),
            authority=_authority(place),
            novelty=signals.novelty if signals else None,
        )

    def cell(self, resolution: int) -> str | None:
        return None if self.at is None else cell_at(self.at, resolution)


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
    def of(cls, places: Sequence[_Traits], center: Point, degrees: Mapping[str, int]) -> _City:
        categories = Counter(place.category for place in places)
        density = Counter(cell for place in places if (cell := place.cell(_DENSITY_RESOLUTION)))
        return cls(
            degrees=degrees,
            busiest=max(degrees.values(), default=0),
            center=center,
            popularity=sorted(place.popularity for place in places if place.popularity is not None),
            categories=categories,
            commonest=max(categories.values(), default=0),
            density=density,
            densest=max(density.values(), default=0),
        )

    def factors(self, place: _Traits) -> ScoreBreakdown:
        return ScoreBreakdown(
            popularity=None if place.popularity is None else self._percentile(place.popularity),
            authority=place.authority,
            geo_centrality=None if place.at is None else 1 / (1 + distance_m(self.center, place.at) / 1000),
            novelty=self._rarity(place.category) if place.novelty is None else place.novelty,
            graph_context=self._connections(place) if place.place_id in self.degrees else self._crowd(place),
        )

    def _connections(self, place: _Traits) -> float:
        """How many NEAR edges it has, on a logarithmic scale."""
        return math.log1p(self.degrees[place.place_id]) / math.log1p(self.busiest)

    def _crowd(self, place: _Traits) -> float | None:
        """How many places share the cell, as a share of the densest cell's, on a logarithmic scale."""
        cell = place.cell(_DENSITY_RESOLUTION)
        if cell is None:
            return None
        return math.log1p(self.density[cell]) / math.log1p(self.densest)

    def _percentile(self, popularity: float) -> float:
        below, upto = bisect_left(self.popularity, popularity), bisect_right(self.popularity, popularity)
        return (below + upto) / 2 / len(self.popularity)

    def _rarity(self, category: str | None) -> float:
        return 1 - self.categories[category] / self.commonest


def rank(
    places: Sequence[Place], center: Point, *, settings: RankSettings | None = None, near: Sequence[Near] = ()
) -> Iterator[Place]:
    """Score places, and put them in order.

    Args:
        places: The canonical places of one city. They need not fit into memory: each is read three times at most.
        center: The city's centre.
        settings: Weights, how many of the sights become primaries at most, and how much variety counts.
        near: The NEAR edges that searches for neighbours found.

    Yields:
        The places with tier, score, breakdown, the nearest primaries as anchors, and ranks from 1: first the primaries,
        in the order in which variety chose them, then the secondaries by falling score; equal scores by id.
    """
    using = settings or RankSettings()
    traits = [_Traits.of(place) for place in places]
    city = _City.of(traits, center, _degrees(places, near))
    scores = array("d", (_weighted(city.factors(place), using) for place in traits))
    primaries = _primaries(traits, scores, using)
    anchors = _Anchors([traits[number] for number in primaries])
    others = [number for number in range(len(traits)) if number not in primaries]
    for number in others:
        place = traits[number]
        scores[number] = _adjacency(anchors.near(place), city.factors(place))
    others.sort(key=lambda number: (-scores[number], traits[number].place_id))
    for position, number in enumerate((*primaries, *others), start=1):
        primary, factors = number in primaries, city.factors(traits[number])
        own = {"diversity": primaries[number]} if primary else {"adjacency": scores[number]}
        yield places[number].model_copy(
            update={
                "tier": "primary" if primary else "secondary",
                "rank": position,
                "score": scores[number],
                "score_breakdown": factors.model_copy(update=own),
                "anchors": anchors.near(traits[number]),
            }
        )


def _primaries(places: Sequence[_Traits], scores: Sequence[float], using: RankSettings) -> dict[int, float]:
    """The numbers of the sights that come first, in their order, each with how unlike it is to those before it."""
    sights = [number for number, place in enumerate(places) if place.category in SIGHTS]
    best = sorted(sights, key=lambda number: (-scores[number], places[number].place_id))
    of_best = [places[number] for number in best]
    chosen = diverse(
        [place.at for place in of_best],
        [place.category or "" for place in of_best],
        [scores[number] for number in best],
        count=using.max_primaries,
        relevance=using.relevance,
    )
    return {best[position]: unlike for position, unlike in chosen}


def _degrees(places: Sequence[Place], near: Sequence[Near]) -> Counter[str]:
    """How many NEAR edges each place has; an edge to a record that no place has counts for the primary alone."""
    degrees: Counter[str] = Counter()
    for edge in edges(places, near):
        degrees.update(end for end in (edge.place_id, edge.neighbour_id) if end is not None)
    return degrees


class _Anchors:
    """The primaries, found by position."""

    def __init__(self, primaries: Sequence[_Traits]) -> None:
        self._blocks: defaultdict[str, list[tuple[str, tuple[float, float, float]]]] = defaultdict(list)
        for place in primaries:
            if place.at is not None:
                self._blocks[cell_at(place.at, _ANCHOR_RESOLUTION)].append((place.place_id, earth_fixed(place.at)))
        self._around: dict[str, list[tuple[str, tuple[float, float, float]]]] = {}

    def near(self, place: _Traits) -> tuple[tuple[str, float], ...]:
        """The nearest primaries within :data:`ADJACENT_M`, without the place itself, with distances in metres."""
        if place.at is None:
            return ()
        cell = cell_at(place.at, _ANCHOR_RESOLUTION)
        if cell not in self._around:
            self._around[cell] = [anchor for other in around(cell) for anchor in self._blocks.get(other, ())]
        here = earth_fixed(place.at)
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
