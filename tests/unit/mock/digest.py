"""One value for the whole world of a city."""

from __future__ import annotations

import hashlib

from lambdas.mock.city import City
from lambdas.mock.world import World
from lambdas.places.geo import Disc


def digest_of(city: City) -> str:
    """The digest of the truth, of all registers and of all pages."""
    world = World(city)
    parts = [repr(city.entities), repr(list(world.web.pages.values()))]
    parts += [repr(register.sightings) for register in (world.google, world.osm, world.otm, world.wikidata)]
    parts += [repr(world.fetch(url)) for url in world.web.pages]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    print(digest_of(City.build("Tokyo", Disc.of(35.6762, 139.6503, 1_000))))
