"""The synthetic city: the truth that every mock source sees a part of.

It follows from the city's name, the disc and a seed alone: the same on every machine and in every process. Places lie
along streets, streets in quarters; quarters differ in size by the log-normal law, and are denser near the centre, as
in real cities. No name is taken from a real map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lambdas.contracts.base import slug
from lambdas.mock.lexicon import CATEGORY_WEIGHTS, CHAINS
from lambdas.mock.naming import Naming, region_of
from lambdas.mock.stream import Lottery, Stream
from lambdas.places.categories import SIGHTS
from lambdas.places.geo import Disc, Point, offset

DEFAULT_SEED = "1"
MAX_PLACES = 9_000
_PLACES_AT_10_KM = 5_600
# A city's places grow a little slower than its radius: the outskirts are thin.
_GROWTH = 0.9
_LEAST_PLACES = 20

_CHAIN_SHARE = 0.10
_SUB_PLACE_SHARE = 0.10
_PHONE_SHARE = 0.55
_WEBSITE_SHARE = 0.35
_LONE_SHARE = 0.06
_OFF_MAP_SHARE = 0.10
# From this prominence on a place has an item in Wikidata, and from the higher one articles in Wikipedia.
WIKIDATA_FROM = 0.62
WIKIPEDIA_FROM = 0.80


@dataclass(frozen=True, slots=True)
class Entity:
    """One place that really is there.

    ``names`` are by language, the local one first; ``prominence`` runs from 0 (nobody knows it) to 1; ``off_map`` says
    that no map service knows it, only people who write about the city; ``part_of`` is the number of the place that this
    one lies inside.
    """

    number: int
    names: dict[str, str]
    category: str
    at: Point
    street: str
    house: int
    prominence: float
    phone: str | None
    website: str | None
    wikidata_id: str | None
    off_map: bool = False
    part_of: int | None = None

    @property
    def name(self) -> str:
        """The name on the spot, in the local script."""
        return next(iter(self.names.values()))

    @property
    def has_wikipedia(self) -> bool:
        """Whether there are articles about it."""
        return self.prominence >= WIKIPEDIA_FROM


@dataclass(frozen=True, slots=True)
class _Street:
    name: str
    start: Point
    east_m: float
    north_m: float


@dataclass(frozen=True)
class _Quarter:
    weight: float
    streets: tuple[_Street, ...]


@dataclass(frozen=True)
class City:
    """A synthetic city. Two with the same name, disc and seed are equal."""

    name: str
    area: Disc
    seed: str
    entities: tuple[Entity, ...]

    @cached_property
    def key(self) -> str:
        """What names this world: random streams are named after it."""
        center = self.area.center
        return f"{self.seed}|{slug(self.name)}|{center.lat:.5f}|{center.lng:.5f}|{self.area.radius_m:.0f}"

    @property
    def naming(self) -> Naming:
        """How names are made here."""
        return Naming(region_of(self.area.center))

    @classmethod
    def build(cls, name: str, area: Disc, seed: str = DEFAULT_SEED) -> City:
        """Make a city.

        Args:
            name: Its name, with at least one ASCII letter or digit.
            area: Where it lies.
            seed: Another seed makes another city in the same place.
        """
        empty = cls(name, area, seed, ())
        return cls(name, area, seed, tuple(_entities(empty)))


def size_of(area: Disc) -> int:
    """How many places a city with this disc has."""
    growth = math.pow(area.radius_m / 10_000, _GROWTH)
    wanted = _PLACES_AT_10_KM * region_of(area.center).density * growth
    return max(_LEAST_PLACES, min(MAX_PLACES, round(wanted)))


def _entities(empty: City) -> Iterator[Entity]:
    stream, naming = Stream(empty.key, "truth"), empty.naming
    quarters = Lottery((quarter, quarter.weight) for quarter in _quarters(empty))
    categories = Lottery(CATEGORY_WEIGHTS.items())
    sights: list[Entity] = []
    wanted = size_of(empty.area)
    number = 0
    while number < wanted:
        if sights and stream.chance(_SUB_PLACE_SHARE * len(sights) / (number + 1)):
            entity = _sub_place(stream, naming, number, stream.pick(sights))
        else:
            entity = _place(stream, empty, number, categories.draw(stream), quarters)
        if not empty.area.contains(entity.at):
            continue
        if entity.category in SIGHTS and entity.part_of is None:
            sights.append(entity)
        yield entity
        number += 1


def _quarters(empty: City) -> Iterator[_Quarter]:
    """The centre, and quarters around it, each with its streets."""
    stream, naming, area = Stream(empty.key, "quarters"), empty.naming, empty.area
    count = 14 + round(area.radius_m / 180)
    center = min(1_100.0, area.radius_m * 0.3)
    yield _Quarter(0.2 * count, tuple(_streets(stream, naming, area.center, center, 60)))
    for _ in range(count):
        east, north = stream.gauss(area.radius_m * 0.38), stream.gauss(area.radius_m * 0.38)
        spread = min(stream.lognormal(380, 0.5), area.radius_m * 0.3)
        streets = _streets(stream, naming, offset(area.center, east, north), spread, stream.whole(8, 18))
        yield _Quarter(stream.lognormal(1.0, 0.8), tuple(streets))


def _streets(stream: Stream, naming: Naming, middle: Point, spread_m: float, count: int) -> Iterator[_Street]:
    for _ in range(count):
        start = offset(middle, stream.gauss(spread_m), stream.gauss(spread_m))
        length, direction = stream.between(120, 700), stream.between(0, 2 * math.pi)
        yield _Street(naming.street(stream), start, length * math.cos(direction), length * math.sin(direction))


def _place(stream: Stream, empty: City, number: int, category: str, quarters: Lottery[_Quarter]) -> Entity:
    naming = empty.naming
    chain = category in CHAINS and stream.chance(_CHAIN_SHARE)
    names = {"en": stream.pick(CHAINS[category])} if chain else naming.place(stream, category)
    if stream.chance(_LONE_SHARE):
        reach = empty.area.radius_m
        at = offset(empty.area.center, stream.between(-reach, reach), stream.between(-reach, reach))
        street, house = naming.street(stream), stream.whole(1, 40)
    else:
        way = stream.pick(quarters.draw(stream).streets)
        along = stream.random()
        start = offset(way.start, way.east_m * along, way.north_m * along)
        at = offset(start, stream.between(-14, 14), stream.between(-14, 14))
        street, house = way.name, 1 + int(along * 90)
    famous = category in SIGHTS
    prominence = stream.random() ** (1.3 if famous else 4) * (1.0 if famous else 0.7)
    return Entity(
        number=number,
        names=names,
        category=category,
        at=Point(round(at.lat, 7), round(at.lng, 7)),
        street=street,
        house=house,
        prominence=0.1 if chain else round(prominence, 4),
        phone=naming.phone(number) if stream.chance(_PHONE_SHARE) else None,
        website=_website(names, number) if stream.chance(_WEBSITE_SHARE) else None,
        wikidata_id=f"Q{9_000_000_000 + number}" if prominence >= WIKIDATA_FROM and famous else None,
        off_map=not chain and prominence < WIKIDATA_FROM and stream.chance(_OFF_MAP_SHARE),
    )


def _sub_place(stream: Stream, naming: Naming, number: int, whole: Entity) -> Entity:
    at = offset(whole.at, stream.between(-35, 35), stream.between(-35, 35))
    category = stream.pick(("shop", "cafe", "service"))
    return Entity(
        number=number,
        names=naming.part_of(stream, whole.names),
        category=category,
        at=Point(round(at.lat, 7), round(at.lng, 7)),
        street=whole.street,
        house=whole.house,
        prominence=round(whole.prominence / 3, 4),
        phone=naming.phone(number) if stream.chance(_PHONE_SHARE) else None,
        website=None,
        wikidata_id=None,
        part_of=whole.number,
    )


def _website(names: dict[str, str], number: int) -> str:
    # ".example" is reserved for documentation (RFC 2606): no such site can exist.
    return f"https://www.{slug(names['en'])}-{number}.example/"
