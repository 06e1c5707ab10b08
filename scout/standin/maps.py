"""The map of a town as OpenStreetMap has it: named objects with tags, found by position, by id and by name."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rapidfuzz import fuzz, process

from lambdas.mock.city import City, Entity
from lambdas.mock.register import Register, Sighting
from lambdas.mock.stream import Stream
from lambdas.places.geo import EARTH_RADIUS_M, Disc, Point, offset
from lambdas.places.names import normalise
from scout.standin import facts
from scout.standin.towns import Town

_CLUTTER_SHARE: Final = 0.15
_CLUTTER: Final = ("bench", "waste_basket", "bicycle_parking", "post_box", "atm")
_CLOSED_SHARE: Final = 0.5
_METRES_PER_DEGREE: Final = math.pi * EARTH_RADIUS_M / 180
# Outside of the mock's ids (9 * 10**12 and up) and of all real ones.
_CLUTTER_ID: Final = 8_000_000_000_000


@dataclass(frozen=True, slots=True)
class MapObject:
    """An object of the map.

    ``outline`` are the points that it reaches, if they are others than its middle. ``entity`` is the truth behind it,
    if any, and never leaves the world.
    """

    kind: str
    ref: int
    at: Point
    tags: Mapping[str, str]
    entity: Entity | None = None
    outline: tuple[Point, ...] = ()

    @property
    def key(self) -> str:
        """Its identity in OpenStreetMap: ``node/123``."""
        return f"{self.kind}/{self.ref}"

    @property
    def name(self) -> str:
        """The name on the map, or nothing."""
        return self.tags.get("name", "")


class TownMap:
    """All objects of one town.

    Args:
        town: The town.
        city: Its synthetic truth.
        register: What OpenStreetMap's mappers know of it.
        real: Objects of a real extract, which are part of the map as they are.
    """

    def __init__(self, town: Town, city: City, register: Register, real: Iterable[MapObject] = ()) -> None:
        self.town = town
        drawn = _drawn(town, city, register)
        self.objects: tuple[MapObject, ...] = tuple(
            sorted((*real, *drawn), key=lambda item: (item.at.lat, item.kind, item.ref))
        )
        self._lats = [item.at.lat for item in self.objects]
        self.by_key: Mapping[str, MapObject] = {item.key: item for item in self.objects}

    def in_box(self, south: float, west: float, north: float, east: float) -> Iterator[MapObject]:
        """The objects in a box, from the south to the north."""
        for index in range(bisect_left(self._lats, south), bisect_right(self._lats, north)):
            if west <= self.objects[index].at.lng <= east:
                yield self.objects[index]

    def near(self, disc: Disc) -> Iterator[MapObject]:
        """The objects in a disc."""
        reach = disc.radius_m / _METRES_PER_DEGREE * 1.001
        wide = reach / max(0.01, math.cos(math.radians(disc.center.lat)))
        lat, lng = disc.center
        return (
            item for item in self.in_box(lat - reach, lng - wide, lat + reach, lng + wide) if disc.contains(item.at)
        )

    def named(self, name: str, limit: int = 5, least: float = 86) -> list[tuple[float, MapObject]]:
        """The objects whose names in any language are like a name: how alike (0 to 100), and the object."""
        hits = process.extract(_sorted(name), self._gazetteer[0], scorer=fuzz.ratio, score_cutoff=least, limit=limit)
        found: dict[str, tuple[float, MapObject]] = {}
        for _, score, index in hits:
            item = self._gazetteer[1][index]
            found.setdefault(item.key, (score, item))
        return sorted(found.values(), key=lambda hit: (-hit[0], hit[1].key))

    @cached_property
    def _gazetteer(self) -> tuple[list[str], list[MapObject]]:
        pairs = [
            (_sorted(value), item)
            for item in self.objects
            for key, value in item.tags.items()
            if key == "name" or key.startswith("name:") or key in ("alt_name", "official_name")
        ]
        return [name for name, _ in pairs], [item for _, item in pairs]


def _sorted(name: str) -> str:
    return " ".join(sorted(normalise(name).split()))


def _drawn(town: Town, city: City, register: Register) -> Iterator[MapObject]:
    """What stands for the synthetic city: its sightings, and things without names that stand in every street."""
    stream = Stream(city.key, "clutter")
    for sighting in register.sightings:
        kind, _, ref = sighting.id.partition("/")
        yield MapObject(kind, int(ref), sighting.at, _tags(town, city, sighting), sighting.entity)
    for number in range(round(len(register.sightings) * _CLUTTER_SHARE)):
        beside = stream.pick(register.sightings)
        at = offset(beside.at, stream.gauss(40), stream.gauss(40))
        tags = {"amenity": stream.pick(_CLUTTER)}
        yield MapObject("node", _CLUTTER_ID + number, Point(round(at.lat, 7), round(at.lng, 7)), tags)


def _tags(town: Town, city: City, sighting: Sighting) -> dict[str, str]:
    entity = sighting.entity
    number = entity.number if entity else int(sighting.id.partition("/")[2]) % 10**9
    kinds = facts.tags_of(city, number, sighting.category)
    tags = {"name": sighting.name}
    if len(sighting.names) > 1:
        tags |= {f"name:{language}": name for language, name in sighting.names.items()}
    if entity is None and Stream(city.key, "closed", sighting.id).chance(_CLOSED_SHARE):
        # It is gone; mappers leave the object with a prefix, so that nobody draws it again.
        return tags | {f"disused:{key}": value for key, value in kinds.items()}
    tags |= kinds
    tags |= _address(town, sighting)
    if chain := facts.brand(sighting.names):
        tags["brand"] = chain
    if entity is None:
        return tags
    if sighting.has_facts:
        tags |= {"phone": entity.phone} if entity.phone else {}
        tags |= {"website": web_address(entity.website)} if entity.website else {}
        if hours := facts.opening_hours(city, entity):
            tags["opening_hours"] = hours
    if entity.wikidata_id:
        tags["wikidata"] = entity.wikidata_id
        if entity.has_wikipedia:
            tags["wikipedia"] = f"en:{entity.names.get('en', entity.name)}"
    return tags


def _address(town: Town, sighting: Sighting) -> dict[str, str]:
    address = town.address(sighting.street, sighting.house)
    country = {"addr:city": town.name, "addr:country": town.country.code, "addr:postcode": address.postcode}
    if town.country.code == "JP":
        chome, block, house = address.house.split("-")
        return country | {
            "addr:quarter": address.street,
            "addr:neighbourhood": f"{address.street} {chome}-chome",
            "addr:block_number": block,
            "addr:housenumber": house,
        }
    return country | {"addr:street": address.street, "addr:housenumber": address.house}


def web_address(website: str) -> str:
    """A site of the synthetic city as this world serves it: without TLS, which needs no authority to be trusted."""
    return website.replace("https://", "http://", 1)
