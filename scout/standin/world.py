"""The world: its towns, and what each service knows of them. Made when first asked for, from a seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from lambdas.contracts.candidate import Source
from lambdas.mock.city import DEFAULT_SEED, City
from lambdas.mock.register import GOOGLE, OSM, WIKIDATA, Profile, Register
from lambdas.places.geo import Disc
from scout.standin.maps import MapObject, TownMap
from scout.standin.real_places import with_real_places
from scout.standin.towns import Town

OVERTURE: Final = Profile(Source.OPEN_DATA, 0.66, 0.70, 7.0, 0.010, 0.08, 0.010, 0.012, 0.020, 0.75, 0.75)
"""What Overture Maps knows: much of business, from social networks; its positions are rougher than a map's."""

_Made = TypeVar("_Made")


class Place:
    """One town with all that services know of it. Several threads may ask at once.

    Args:
        town: The town.
        seed: Another seed makes another city in the same place.
    """

    def __init__(self, town: Town, seed: str) -> None:
        self.town = town
        self._seed = seed
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}

    @property
    def city(self) -> City:
        """The truth."""
        return self._truth[0]

    @property
    def map(self) -> TownMap:
        """OpenStreetMap."""
        # The mappers of a real extract have drawn what is on the map already.
        real = self._truth[1]
        return self.once(
            "map",
            lambda: TownMap(self.town, self.city, Register(self.city, OSM) if not real else _unseen(self.city), real),
        )

    @property
    def overture(self) -> Register:
        """Overture Maps."""
        return self.once("overture", lambda: Register(self.city, OVERTURE))

    @property
    def commercial(self) -> Register:
        """The map that Amazon Location Service is built on."""
        return self.once("commercial", lambda: Register(self.city, GOOGLE))

    @property
    def wikidata(self) -> Register:
        """Wikidata's items with a position."""
        return self.once("wikidata", lambda: Register(self.city, WIKIDATA))

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """What ``make`` made under this name, made at the first call."""
        made: _Made | None = self._made.get(name)
        if made is not None:
            return made
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            found: _Made = self._made[name]
            return found

    @property
    def _truth(self) -> tuple[City, list[MapObject]]:
        return self.once("truth", self._build)

    def _build(self) -> tuple[City, list[MapObject]]:
        city = City.build(self.town.name, self.town.area, self._seed)
        if self.town.extract is None:
            return city, []
        return with_real_places(city, self.town.extract)


def _unseen(city: City) -> Register:
    """A map that nobody has drawn anything on but what a real extract brings."""
    nothing = Profile(Source.OSM, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return Register(City(city.name, city.area, city.seed, ()), nothing)


class World:
    """All towns.

    Args:
        towns: They.
        seed: Of everything in them.
    """

    def __init__(self, towns: Iterable[Town], seed: str = DEFAULT_SEED) -> None:
        self.seed = seed
        self.places: Mapping[str, Place] = {town.slug: Place(town, seed) for town in towns}

    def __iter__(self) -> Iterator[Place]:
        return iter(self.places.values())

    def touching(self, disc: Disc) -> Iterator[Place]:
        """The towns that a disc reaches into. Positions of services lie a little outside, too."""
        return (place for place in self if place.town.area.touches(Disc(disc.center, disc.radius_m + 1_000)))

    def named_in(self, text: str) -> Place | None:
        """The town that a text names: of several, the one that it names last."""
        lowered = f" {text.casefold()} "
        found = [(lowered.rfind(place.town.name.casefold()), place) for place in self]
        at, place = max(found, key=lambda pair: pair[0], default=(-1, None))
        return place if at >= 0 else None
