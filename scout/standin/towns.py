"""The cities of the stand-in world, and how addresses are written in each."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from math import cos, pi, sin
from pathlib import Path
from typing import Final

from lambdas.contracts.base import slug
from lambdas.contracts.job import RunInput
from lambdas.mock.lexicon import Locale
from lambdas.mock.naming import Region, region_of
from lambdas.mock.stream import Stream
from lambdas.places.geo import Disc, Point, offset

_RELATIONS: Final = 8_900_000_000
_ITEMS: Final = 8_000_000_000
_FINLAND: Final = (59.5, 70.2, 19.0, 31.6)


@dataclass(frozen=True)
class Country:
    """A country as services name it: ISO 3166-1 codes, its name, and the region that its city of this world is in."""

    code: str
    code3: str
    name: str
    region: str
    region_code: str
    language: str


_COUNTRIES: Final = {
    "scotland": Country("GB", "GBR", "United Kingdom", "Scotland", "GB-SCT", "en"),
    "england": Country("GB", "GBR", "United Kingdom", "England", "GB-ENG", "en"),
    "japan": Country("JP", "JPN", "Japan", "Kanto", "JP-13", "ja"),
    "america": Country("US", "USA", "United States", "New York", "US-NY", "en"),
    "finland": Country("FI", "FIN", "Finland", "Uusimaa", "FI-18", "fi"),
}
# No country at all: a city that is made for a test can lie anywhere.
_NOWHERE: Final = Country("XX", "XXX", "Elsewhere", "Elsewhere", "XX-1", "en")


@dataclass(frozen=True)
class Town:
    """A city of the world.

    Attributes:
        name: As run inputs write it.
        area: The disc that its places lie in.
        extract: A map extract with real places, which the world's pages and knowledge bases then speak of too.
    """

    name: str
    area: Disc
    extract: Path | None = None

    @property
    def slug(self) -> str:
        """Its name in addresses of web sites."""
        return slug(self.name)

    @property
    def relation(self) -> int:
        """The id of its border in OpenStreetMap, outside of the range of real ones."""
        return _RELATIONS + zlib.crc32(self.slug.encode()) % 10**8

    @property
    def item(self) -> str:
        """Its item in Wikidata, outside of the range of real ones and of the mock's."""
        return f"Q{_ITEMS + zlib.crc32(self.slug.encode()) % 10**8}"

    @property
    def site(self) -> str:
        """The address of its official site."""
        return f"http://www.{self.slug}-city.example/"

    @property
    def country(self) -> Country:
        """The country that it lies in."""
        south, north, west, east = _FINLAND
        center = self.area.center
        if south <= center.lat <= north and west <= center.lng <= east:
            return _COUNTRIES["finland"]
        return _COUNTRIES.get(self._region.name, _NOWHERE)

    @property
    def _region(self) -> Region:
        return region_of(self.area.center)

    def address(self, street: str, house: int) -> PostalAddress:
        """The address of a house by the custom of the country; house 0 stands for a street whose house is not known."""
        code, told = self.country.code, str(house) if house else ""
        number = int.from_bytes(hashlib.sha256(street.encode()).digest()[:4], "big")
        locale: Locale | None = self._region.locale
        if code == "JP":
            # Japanese addresses go by quarter, block and house: a house on a street has no number there.
            quarter = street.removesuffix("-dori")
            block = f"{1 + number % 5}-{house}-{1 + house % 9}"
            return PostalAddress(self, f"{block} {quarter}", quarter, block, f"1{number % 90 + 10}-00{house % 90 + 10}")
        if code == "FI":
            return PostalAddress(self, f"{street} {told}".strip(), street, told, f"00{number % 90 + 10}0")
        postcode = locale.postcode.format(1 + number % 16, house % 9 + 1) if locale else ""
        return PostalAddress(self, f"{told} {street}".strip(), street, told, postcode)


@dataclass(frozen=True)
class PostalAddress:
    """An address: ``line`` is street and house as people write them there, ``street`` and ``house`` its parts."""

    town: Town
    line: str
    street: str
    house: str
    postcode: str

    @property
    def label(self) -> str:
        """The whole address in one line."""
        town, country = self.town, self.town.country
        match country.code:
            case "US":
                return f"{self.line}, {town.name}, NY {self.postcode}, {country.name}"
            case "FI":
                return f"{self.line}, {self.postcode} {town.name}, {country.name}"
            case _:
                return f"{self.line}, {town.name} {self.postcode}, {country.name}".replace("  ", " ")


def golden_towns(examples: Path) -> tuple[Town, ...]:
    """The cities of the run inputs in a folder: of several inputs for one city, the one with the largest disc.

    Args:
        examples: The folder with ``input.*.json``.
    """
    found: dict[str, Town] = {}
    for path in sorted(examples.glob("input.*.json")):
        job = RunInput.parse(json.loads(path.read_text(encoding="utf-8")))
        center = job.seed.center
        extract = _extract(job.sources.osm_extract) if job.sources else None
        town = Town(job.city, Disc.of(center.lat, center.lng, job.seed.radius_km * 1000), extract)
        other = found.get(town.slug)
        if other is None or other.area.radius_m < town.area.radius_m:
            found[town.slug] = town
    return tuple(found[name] for name in sorted(found))


def _extract(uri: str) -> Path | None:
    """The file of a ``package://`` extract, if that package is installed."""
    package, _, inner = uri.removeprefix("package://").partition("/")
    if not uri.startswith("package://"):
        return None
    spec = find_spec(package)
    places: Iterable[str] = (spec.submodule_search_locations or ()) if spec else ()
    return next((path for place in places if (path := Path(place) / inner).is_file()), None)


def boundary(town: Town) -> list[list[Point]]:
    """The town's border as closed rings, the main one first.

    It encloses the disc, and is as uneven as borders are. A city on the sea has an island beside it.
    """

    def ring(center: Point, radius: float, corners: int) -> list[Point]:
        points = []
        for number in range(corners):
            # Never inside the polygon's own inscribed circle, so that the whole disc lies within.
            reach = radius * stream.between(1.03, 1.22) / cos(pi / corners)
            angle = 2 * pi * number / corners
            at = offset(center, reach * cos(angle), reach * sin(angle))
            points.append(Point(round(at.lat, 6), round(at.lng, 6)))
        return [*points, points[0]]

    stream = Stream(town.slug, "boundary")
    center, radius = town.area.center, town.area.radius_m
    rings = [ring(center, radius, 48)]
    if town.country.code == "JP":
        rings.append(ring(offset(center, radius * 3, -radius * 9), radius / 10, 12))
    return rings
