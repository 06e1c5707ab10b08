"""A result of real states measured against the truth of the world that they found it in."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any, Final

from rapidfuzz import fuzz

from lambdas.contracts.candidate import Place as FoundPlace
from lambdas.contracts.job import RunInput
from lambdas.mock.city import Entity
from lambdas.places.geo import Disc, distance_m
from lambdas.places.names import normalise
from scout.standin.location import place_id
from scout.standin.overture import feature_id
from scout.standin.sites import Sites
from scout.standin.world import Place

WITHIN_M: Final = 50.0
_REACH_M: Final = 150.0
_ALIKE: Final = 82.0
_CELL: Final = 0.002


@dataclass(frozen=True)
class Measured:
    """How good a result is.

    Attributes:
        places: Places in the result.
        entities: Places that really are in the job's disc.
        found: How many of those the result holds, each counted once.
        recall: Their share.
        precision: Share of the result's places that stand for a real one.
        duplicate_rate: Share of the result's places that stand for one that another stands for too.
        within_50m: Share of the real ones' places that are at most 50 m off.
        median_m: Half of the positions are at most so far off.
        p95_m: So are 95 of 100.
        unknown_to_maps: Found ones that no map of this world knows, only people who write about the city.
    """

    places: int
    entities: int
    found: int
    recall: float | None
    precision: float | None
    duplicate_rate: float | None
    within_50m: float | None
    median_m: float | None
    p95_m: float | None
    unknown_to_maps: int

    def document(self) -> dict[str, Any]:
        """As JSON would hold it."""
        return asdict(self)


class Truth:
    """What really is in a town, found by what any service of this world calls it.

    Args:
        sites: The web.
        place: The town.
    """

    def __init__(self, sites: Sites, place: Place) -> None:
        self._place = place
        self._by_id = dict(_ids(place))
        self._cells: defaultdict[tuple[int, int], list[Entity]] = defaultdict(list)
        for entity in place.city.entities:
            self._cells[_cell(entity.at)].append(entity)
        self._mentioned: defaultdict[str, dict[str, Entity | None]] = defaultdict(dict)
        for url, mention in sites.of(place).mentions():
            self._mentioned[url][normalise(mention.name)] = mention.entity

    def by_id(self, ref: str) -> Entity | None:
        """The truth behind an id of a service: ``node/1``, ``Q1``, an id of Overture Maps or of Amazon Location."""
        return self._by_id.get(ref)

    def of(self, found: FoundPlace) -> Entity | None:
        """The truth behind a place of a result: what most of its ids stand for, or else what is like it beside it."""
        votes: Counter[int] = Counter()
        for ref in _refs(found):
            entity = self._by_id.get(ref)
            if entity is not None:
                votes[entity.number] += 1
        if votes:
            best = max(votes, key=lambda number: (votes[number], -number))
            return self._place.city.entities[best]
        return self._on_page(found) or self._beside(found)

    def _on_page(self, found: FoundPlace) -> Entity | None:
        page = self._mentioned.get((found.source_url or "").replace("https://", "http://", 1))
        return page.get(normalise(found.name)) if page else None

    def _beside(self, found: FoundPlace) -> Entity | None:
        """The nearest place with such a name; a name alone or a position alone proves nothing."""
        if found.lat is None or found.lng is None:
            return None
        at = (found.lat, found.lng)
        names = [normalise(name) for name in {found.name, *found.names.values()}]
        near = [
            (distance, entity)
            for entity in self._around(at)
            if (distance := distance_m(at, entity.at)) <= _REACH_M
            and any(
                fuzz.token_sort_ratio(name, normalise(own)) >= _ALIKE for name in names for own in entity.names.values()
            )
        ]
        return min(near, key=lambda pair: (pair[0], pair[1].number))[1] if near else None

    def _around(self, at: tuple[float, float]) -> Iterator[Entity]:
        row, column = _cell(at)
        for north in (-1, 0, 1):
            for east in range(-2, 3):
                yield from self._cells.get((row + north, column + east), ())


def measure(sites: Sites, job: RunInput, places: Sequence[FoundPlace]) -> Measured:
    """Measure a result.

    Args:
        sites: The web of the world that the run saw.
        job: What the run was asked for.
        places: What it found.

    Returns:
        The measures; only entities inside the job's disc count, and a place outside stands for none.

    Raises:
        ValueError: The job's city is not in the world.
    """
    place = sites.world.named_in(job.city)
    if place is None:
        raise ValueError(f"{job.city} is not in this world: {', '.join(sites.world.places)} are")
    center = job.seed.center
    disc = Disc.of(center.lat, center.lng, job.seed.radius_km * 1000)
    known = place.once("truth-index", lambda: Truth(sites, place))
    wanted = {entity.number for entity in place.city.entities if disc.contains(entity.at)}
    found = [(item, entity) for item in places if (entity := known.of(item)) and entity.number in wanted]
    different = {entity.number: entity for _, entity in found}
    errors = sorted(
        distance_m((item.lat, item.lng), entity.at)
        for item, entity in found
        if item.lat is not None and item.lng is not None
    )
    cuts: Sequence[float | None] = quantiles(errors, n=20) if len(errors) > 1 else [None] * 19
    return Measured(
        places=len(places),
        entities=len(wanted),
        found=len(different),
        recall=_share(len(different), len(wanted)),
        precision=_share(len(found), len(places)),
        duplicate_rate=_share(len(found) - len(different), len(places)),
        within_50m=_share(sum(error <= WITHIN_M for error in errors), len(found)),
        median_m=_metres(cuts[9]),
        p95_m=_metres(cuts[18]),
        unknown_to_maps=sum(entity.off_map for entity in different.values()),
    )


def _ids(place: Place) -> Iterator[tuple[str, Entity]]:
    for item in place.map.objects:
        if item.entity is not None:
            yield item.key, item.entity
    for entity in place.city.entities:
        if entity.wikidata_id:
            yield entity.wikidata_id, entity
    for sighting in place.overture.sightings:
        if sighting.entity is not None:
            yield feature_id(place, sighting), sighting.entity
    for sighting in place.commercial.sightings:
        if sighting.entity is not None:
            yield place_id(sighting), sighting.entity


def _refs(found: FoundPlace) -> Iterator[str]:
    """The ids in a place: those of its members (``source:id``), and what it says of itself."""
    for member in (found.record_id, *found.members):
        yield member.partition(":")[2]
    refs = found.external_refs
    if refs.osm_type and refs.osm_id:
        yield f"{refs.osm_type}/{refs.osm_id}"
    if refs.wikidata_id:
        yield refs.wikidata_id


def _cell(at: tuple[float, float]) -> tuple[int, int]:
    return int(at[0] // _CELL), int(at[1] // _CELL)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _metres(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
