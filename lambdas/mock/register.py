"""What one map service knows of a city: its part of the truth, with its own errors."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.candidate import Source
from lambdas.mock.city import City, Entity
from lambdas.mock.naming import typo, variant
from lambdas.mock.stream import Stream
from lambdas.places.categories import SIGHTS
from lambdas.places.geo import EARTH_RADIUS_M, Disc, Point, earth_fixed, offset


@dataclass(frozen=True)
class Profile:
    """What a service covers and how well.

    Attributes:
        source: Whose records these are.
        sights: Share of the sights that it knows; prominent ones more often.
        amenities: Share of all other places that it knows.
        noise_m: Standard deviation of its positions.
        outliers: Share of records whose position is some 40 to 90 m off.
        variants: Share of names written in another way.
        typos: Share of names with a wrong letter.
        twins: Share of places that it lists twice.
        false_share: Records that stand for nothing, relative to the others.
        english: Share of records that have an English name beside a local one; without a local one all have.
        facts: Share of records with the phone number and the website.
    """

    source: Source
    sights: float
    amenities: float
    noise_m: float
    outliers: float
    variants: float
    typos: float
    twins: float
    false_share: float
    english: float
    facts: float


GOOGLE = Profile(Source.GOOGLE, 0.62, 0.62, 6.0, 0.010, 0.12, 0.010, 0.015, 0.018, 0.85, 0.80)
OSM = Profile(Source.OSM, 0.84, 0.80, 4.0, 0.004, 0.04, 0.015, 0.012, 0.008, 0.80, 0.35)
OTM = Profile(Source.OTM, 0.60, 0.02, 10.0, 0.015, 0.08, 0.015, 0.005, 0.020, 0.70, 0.10)
WIKIDATA = Profile(Source.WIKIDATA, 0.96, 0.0, 14.0, 0.020, 0.03, 0.0, 0.0, 0.0, 0.95, 0.0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record of a service. ``entity`` is the truth behind it, if any, and never leaves the world."""

    id: str
    names: dict[str, str]
    category: str
    at: Point
    entity: Entity | None
    street: str
    house: int
    has_facts: bool
    prominence: float

    @property
    def name(self) -> str:
        """The name on the spot."""
        return next(iter(self.names.values()))

    def document(self) -> dict[str, Any]:
        """The record as the service returns it, without what it does not know."""
        known = self.entity if self.has_facts else None
        article = self.entity if self.entity and self.entity.wikidata_id else None
        record: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "names": self.names,
            "category": self.category,
            "lat": self.at.lat,
            "lng": self.at.lng,
            "street": self.street,
            "house": str(self.house),
            "phone": known and known.phone,
            "website": known and known.website,
            "wikidata": article and article.wikidata_id,
            "wikipedia": True if article and article.has_wikipedia else None,
        }
        return {key: value for key, value in record.items() if value is not None}


class Register:
    """All records of one service in one city, found by position or by prominence."""

    def __init__(self, city: City, profile: Profile) -> None:
        self.profile = profile
        self.sightings = tuple(sorted(_sightings(city, profile), key=lambda sighting: (sighting.at, sighting.id)))
        self._lats = [sighting.at.lat for sighting in self.sightings]
        self._space = [earth_fixed(sighting.at) for sighting in self.sightings]

    def near(self, disc: Disc, limit: int, categories: Collection[str] = ()) -> list[tuple[float, Sighting]]:
        """The records inside a disc, the nearest first.

        Args:
            disc: Where.
            limit: At most so many.
            categories: Only these; all if empty.

        Returns:
            Distance from the centre in metres, and record.
        """
        band = math.degrees(disc.radius_m / EARTH_RADIUS_M) * 1.001
        low = bisect_left(self._lats, disc.center.lat - band)
        high = bisect_right(self._lats, disc.center.lat + band)
        here = earth_fixed(disc.center)
        found = [
            (distance, index)
            for index in range(low, high)
            if (distance := math.dist(here, self._space[index])) <= disc.radius_m
            and (not categories or self.sightings[index].category in categories)
        ]
        found.sort()
        return [(distance, self.sightings[index]) for distance, index in found[:limit]]

    def known_for(self, categories: Collection[str]) -> list[Sighting]:
        """The records of some categories, the most prominent first."""
        chosen = (sighting for sighting in self.sightings if sighting.category in categories)
        return sorted(chosen, key=lambda sighting: (-sighting.prominence, sighting.id))


def _sightings(city: City, profile: Profile) -> Iterator[Sighting]:
    stream = Stream(city.key, profile.source)
    true = 0
    for entity in city.entities:
        if stream.chance(_coverage(profile, entity)):
            for copy in range(2 if stream.chance(profile.twins) else 1):
                yield _sighting(stream, city, profile, entity, copy)
                true += 1
    yield from _false_sightings(city, profile, round(true * profile.false_share))


def _coverage(profile: Profile, entity: Entity) -> float:
    if entity.off_map:
        return 0.0
    if profile.source is Source.WIKIDATA:
        return profile.sights if entity.wikidata_id else 0.0
    if entity.category in SIGHTS:
        return min(0.97, profile.sights + 0.25 * (entity.prominence - 0.3))
    return profile.amenities


def _sighting(stream: Stream, city: City, profile: Profile, entity: Entity, copy: int) -> Sighting:
    far = stream.between(40, 90) if stream.chance(profile.outliers) else 0.0
    direction = stream.between(0, 2 * math.pi)
    at = offset(
        entity.at,
        far * math.cos(direction) + stream.gauss(profile.noise_m),
        far * math.sin(direction) + stream.gauss(profile.noise_m),
    )
    return Sighting(
        id=_native_id(city, profile.source, entity.number, copy),
        names=_names(stream, profile, entity, altered=copy > 0),
        category=_category(stream, entity.category),
        at=Point(round(at.lat, 7), round(at.lng, 7)),
        entity=entity,
        street=entity.street,
        house=entity.house,
        has_facts=stream.chance(profile.facts),
        prominence=entity.prominence,
    )


def _names(stream: Stream, profile: Profile, entity: Entity, *, altered: bool) -> dict[str, str]:
    names = dict(entity.names)
    if "ja" in names:
        if stream.chance(0.6):
            del names["ja-Latn"]
        if not stream.chance(profile.english):
            del names["en"]
    changed = stream.random()
    for language, name in names.items():
        if changed < profile.typos:
            names[language] = typo(stream, name)
        elif altered or changed < profile.typos + profile.variants:
            names[language] = variant(stream, name)
    return names


def _category(stream: Stream, category: str) -> str:
    """What a service files a place under: for one in twenty-five a neighbouring category."""
    if category in SIGHTS and stream.chance(0.04):
        return "attraction"
    return category


def _false_sightings(city: City, profile: Profile, count: int) -> Iterator[Sighting]:
    """Records of what never was, or is long gone: invented names beside real places."""
    stream = Stream(city.key, profile.source, "false")
    for number in range(count):
        beside = stream.pick(city.entities)
        at = offset(beside.at, stream.gauss(60), stream.gauss(60))
        yield Sighting(
            id=_native_id(city, profile.source, -1 - number, 0),
            names=city.naming.place(stream, beside.category),
            category=beside.category,
            at=Point(round(at.lat, 7), round(at.lng, 7)),
            entity=None,
            street=beside.street,
            house=beside.house,
            has_facts=False,
            prominence=0.05,
        )


def _native_id(city: City, source: Source, number: int, copy: int) -> str:
    """An id in the form of the source's own, far outside the range of its real ones; it tells nothing of the truth."""
    digest = hashlib.sha256(f"{city.key}|{source}|{number}|{copy}".encode()).hexdigest()
    match source:
        case Source.OSM:
            kind = "way" if copy else "node"
            return f"{kind}/{9_000_000_000_000 + int(digest[:10], 16) % 10**12}"
        case Source.WIKIDATA:
            return f"Q{9_000_000_000 + number}"
        case Source.OTM:
            return f"N{digest[:12]}"
        case _:
            return f"mock-{digest[:20]}"
