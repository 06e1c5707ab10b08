"""Names in a part of the world: of places, of streets, and how other people write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.mock import japanese
from lambdas.mock.lexicon import (
    ADJECTIVES,
    AMERICAN,
    ENGLISH,
    EUROPEAN,
    FIRST_NAMES,
    SAINTS,
    SCOTTISH,
    SUB_PLACES,
    TEMPLATES,
    THINGS,
    Locale,
)
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point

_ABBREVIATIONS = (
    ("Street", "St"),
    ("St ", "Saint "),
    (" & ", " and "),
    ("The ", ""),
    ("Museum", "Mus."),
    ("Centre", "Ctr"),
    ("Theatre", "Theater"),
    (" and ", " & "),
    ("'s", "s"),
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Region:
    """A part of the world. ``density`` is its cities' places relative to a city like Edinburgh."""

    name: str
    south: float
    north: float
    west: float
    east: float
    density: float
    locale: Locale | None

    def holds(self, point: Point) -> bool:
        """Whether a point lies in the region's box."""
        return self.south <= point.lat <= self.north and self.west <= point.lng <= self.east


# The first that holds the city's centre counts; a region without a locale has Japanese names.
REGIONS = (
    Region("scotland", 54.7, 61.0, -8.7, -0.5, 1.0, SCOTTISH),
    Region("england", 49.8, 54.7, -6.5, 1.9, 1.5, ENGLISH),
    Region("japan", 30.0, 46.0, 128.0, 146.0, 1.6, None),
    Region("america", 24.0, 50.0, -125.0, -66.0, 1.4, AMERICAN),
    Region("elsewhere", -90.0, 90.0, -180.0, 180.0, 0.9, EUROPEAN),
)


def region_of(point: Point) -> Region:
    """The region that a city's centre lies in."""
    return next(region for region in REGIONS if region.holds(point))


@dataclass(frozen=True)
class Naming:
    """Makes names as they are in a region."""

    region: Region

    @property
    def country(self) -> str:
        """ISO 3166-1 code, or ``""`` where the region is no country."""
        return self.region.locale.country if self.region.locale else "JP"

    def place(self, stream: Stream, category: str) -> dict[str, str]:
        """The names of a place by language; the first is the one on the spot."""
        locale = self.region.locale
        if locale is None:
            return japanese.names(stream, category)
        return {"en": stream.pick(TEMPLATES[category]).format_map(_words(stream, locale))}

    def part_of(self, stream: Stream, whole: Mapping[str, str]) -> dict[str, str]:
        """The names of a place inside another, after its names."""
        if self.region.locale is None:
            return japanese.part_of(stream, whole)
        return {"en": f"{whole['en']} {stream.pick(SUB_PLACES)}"}

    def quarter(self, stream: Stream) -> str:
        """The name of a quarter of the city, in Latin letters."""
        locale = self.region.locale
        return japanese.stem(stream)[1] if locale is None else _stem(stream, locale)

    def street(self, stream: Stream) -> str:
        """The name of a street, in Latin letters."""
        locale = self.region.locale
        if locale is None:
            return f"{japanese.stem(stream)[1]}-dori"
        first = stream.pick(locale.surnames) if stream.chance(0.3) else _stem(stream, locale)
        return f"{first} {stream.pick(locale.street_kinds)}"

    def phone(self, number: int) -> str:
        """The phone number of the place with this number, no other's."""
        locale = self.region.locale
        return f"+81 3 5{number:07d}" if locale is None else locale.phone.format(number)


def _stem(stream: Stream, locale: Locale) -> str:
    return stream.pick(locale.heads) + stream.pick(locale.tails)


def _words(stream: Stream, locale: Locale) -> dict[str, str]:
    surname = stream.pick(locale.surnames)
    return {
        "stem": _stem(stream, locale),
        "surname": f"{stream.pick(FIRST_NAMES)} {surname}" if stream.chance(0.6) else surname,
        "adj": stream.pick(ADJECTIVES),
        "thing": stream.pick(THINGS),
        "other": stream.pick(THINGS),
        "saint": stream.pick(SAINTS),
    }


def variant(stream: Stream, name: str) -> str:
    """A name as somebody else writes it: with another abbreviation, or with one letter wrong."""
    usable = [(long, short) for long, short in _ABBREVIATIONS if long in name]
    if usable and stream.chance(0.7):
        long, short = stream.pick(usable)
        return name.replace(long, short, 1).strip()
    return typo(stream, name)


def typo(stream: Stream, name: str) -> str:
    """A name with one letter wrong; a name without small Latin letters stays as it is."""
    places = [index for index, letter in enumerate(name) if index and letter in _LETTERS]
    if len(places) < 5:
        return name
    at = stream.pick(places)
    if stream.chance(0.5):
        return name[:at] + name[at + 1 :]
    return name[:at] + stream.pick(_LETTERS) + name[at + 1 :]
