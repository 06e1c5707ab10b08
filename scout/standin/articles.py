"""What wikis write: Wikipedia's articles on places, Wikivoyage's guides with their listings, as wikitext."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lambdas.mock.city import Entity
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point, distance_m, offset
from scout.standin import facts
from scout.standin.maps import web_address
from scout.standin.world import Place

LISTINGS: Final[Mapping[str, str]] = {
    "artwork": "see",
    "attraction": "do",
    "bar": "drink",
    "cafe": "eat",
    "gallery": "see",
    "historic": "see",
    "hotel": "sleep",
    "library": "see",
    "market": "buy",
    "monument": "see",
    "museum": "see",
    "nature": "do",
    "park": "see",
    "religious": "see",
    "restaurant": "eat",
    "shop": "buy",
    "sports": "do",
    "theatre": "do",
    "viewpoint": "see",
}
"""The template of Wikivoyage that lists each category (https://en.wikivoyage.org/wiki/Wikivoyage:Listings)."""

_SECTIONS: Final = (
    ("See", "see"),
    ("Do", "do"),
    ("Buy", "buy"),
    ("Eat", "eat"),
    ("Drink", "drink"),
    ("Sleep", "sleep"),
)
_PER_DISTRICT: Final = 60
_DISTRICTS_FROM_M: Final = 3_000
_LEAST_DISTRICTS: Final = 8
# A guide to a larger town is split further, since a page takes only so many listings.
_PLACES_PER_DISTRICT: Final = 700
_UNKNOWN_PER_DISTRICT: Final = 4
_NOISE_M: Final = 9.0
_PROMINENT: Final = 0.3
# Page ids of real wikis are below 10**8.
_PAGE_IDS: Final = 10**8


@dataclass(frozen=True)
class Article:
    """A page of a wiki.

    Attributes:
        title: In the wiki's language.
        wikitext: The source.
        at: Its coordinates, if it has any.
        item: Its item in Wikidata.
        views: How often it is read a day.
        links: Addresses outside of the wiki that it leads to.
        inner: Titles of pages of the wiki that it leads to.
        entity: The place that it is about.
    """

    title: str
    wikitext: str
    at: Point | None = None
    item: str | None = None
    views: int = 0
    links: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    entity: Entity | None = None
    sections: tuple[str, ...] = field(default=())

    @property
    def page_id(self) -> int:
        """Its number."""
        return _PAGE_IDS + zlib.crc32(f"{self.item}|{self.title}".encode())


def wikipedia(place: Place, language: str) -> dict[str, Article]:
    """The articles of Wikipedia in a language on a town and its places, by title."""
    town = place.town
    found: dict[str, Article] = {}
    if language in ("en", town.country.language):
        text = f"'''{town.name}''' is a city in {town.country.region}, {town.country.name}."
        sites = (town.site, f"http://visit-{town.slug}.example/", f"http://data.{town.slug}.example/")
        found[town.name] = Article(town.name, text, town.area.center, place.town.item, 20_000, sites)
    for sighting in place.wikidata.sightings:
        entity = sighting.entity
        if entity is None or not entity.has_wikipedia or language not in entity.names:
            continue
        name = entity.names[language]
        title = f"{name} ({town.name})" if name in found else name
        local = f" ({entity.name})" if entity.name != name else ""
        lat, lng = sighting.at
        text = (
            f"{{{{Infobox place\n| name = {name}\n| native_name = {entity.name}\n"
            f"| coordinates = {{{{coord|{lat:.5f}|{lng:.5f}|display=inline,title}}}}\n}}}}\n"
            f"'''{name}'''{local} is a place in [[{town.name}]]. {facts.description(place.city, entity)}\n"
        )
        links = (web_address(entity.website),) if entity.website else ()
        found[title] = Article(
            title, text, sighting.at, entity.wikidata_id, facts.views(entity), links, (town.name,), entity
        )
    return found


def wikivoyage(place: Place) -> dict[str, Article]:
    """The guide to a town: one page, or one and a page for each district of a large town, by title."""
    town = place.town
    listed = _listed(place)
    if town.area.radius_m < _DISTRICTS_FROM_M:
        page = _guide(place, town.name, listed, ())
        return {page.title: page}
    districts = _districts(place)
    pages: dict[str, Article] = {}
    for name, middle in districts.items():
        near = [entity for entity in listed if _nearest(districts, entity.at) == name]
        page = _guide(place, f"{town.name}/{name}", near, (), middle)
        pages[page.title] = page
    # The town's own page lists the best known alone, and leads to the districts.
    best = sorted(listed, key=lambda entity: (-entity.prominence, entity.number))[:12]
    main = _guide(place, town.name, best, tuple(pages))
    return {main.title: main, **pages}


def _listed(place: Place) -> list[Entity]:
    """What travellers write about: what is known, and now and then a find of their own."""
    kept: list[Entity] = []
    for entity in place.city.entities:
        if entity.category not in LISTINGS or entity.part_of is not None:
            continue
        stream = Stream(place.city.key, "wikivoyage", entity.number)
        share = 0.12 if entity.off_map else min(0.75, max(0.02, entity.prominence - _PROMINENT + 0.05) * 1.6)
        if stream.chance(share):
            kept.append(entity)
    return kept


def _districts(place: Place) -> dict[str, Point]:
    stream = Stream(place.city.key, "districts")
    names: dict[str, Point] = {}
    center, reach = place.town.area.center, place.town.area.radius_m * 0.45
    wanted = max(_LEAST_DISTRICTS, round(len(place.city.entities) / _PLACES_PER_DISTRICT))
    while len(names) < wanted:
        angle = 2 * math.pi * len(names) / (wanted - 1)
        at = center if not names else offset(center, reach * math.cos(angle), reach * math.sin(angle))
        names.setdefault(place.city.naming.quarter(stream), at)
    return names


def _nearest(districts: Mapping[str, Point], at: Point) -> str:
    return min(districts, key=lambda name: (distance_m(districts[name], at), name))


def _guide(
    place: Place, title: str, entities: Sequence[Entity], districts: tuple[str, ...], at: Point | None = None
) -> Article:
    unknown = [entity for entity in entities if entity.off_map][:_UNKNOWN_PER_DISTRICT]
    known = sorted((e for e in entities if not e.off_map), key=lambda e: (-e.prominence, e.number))
    chosen = known[: _PER_DISTRICT - len(unknown)] + unknown
    lines = [
        f"'''{title.rpartition('/')[2]}''' is a part of {place.town.name}."
        if "/" in title
        else f"'''{title}''' is a city."
    ]
    if districts:
        lines.append("\n==Districts==")
        lines += [f"* [[{name}|{name.partition('/')[2]}]]" for name in districts]
    links: list[str] = []
    sections = []
    for heading, kind in _SECTIONS:
        own = [entity for entity in chosen if LISTINGS[entity.category] == kind]
        if not own:
            continue
        sections.append(heading)
        lines.append(f"\n=={heading}==")
        for entity in own:
            lines.append(_listing(place, kind, entity))
            links += [web_address(entity.website)] if entity.website else []
    lines.append("\n{{guidecity}}\n{{geo|%.4f|%.4f|zoom=14}}" % (at or place.town.area.center))
    inner = (*districts, place.town.name) if districts else (place.town.name,)
    item = place.town.item if "/" not in title else None
    return Article(
        title,
        "\n".join(lines),
        at or place.town.area.center,
        item,
        300,
        tuple(dict.fromkeys(links)),
        inner,
        sections=tuple(sections),
    )


def _listing(place: Place, kind: str, entity: Entity) -> str:
    """A place as a listing: every field has its name, and many are empty."""
    stream = Stream(place.city.key, "listing", entity.number)
    at = offset(entity.at, stream.gauss(_NOISE_M), stream.gauss(_NOISE_M))
    name = entity.names.get("en", entity.name)
    line = place.town.address(entity.street, entity.house).line if entity.street else ""
    printed = stream.chance(0.85)
    fields = {
        "name": name,
        "alt": entity.name if entity.name != name else "",
        "url": web_address(entity.website) if entity.website else "",
        "email": "",
        "address": line,
        "lat": f"{at.lat:.5f}" if printed else "",
        "long": f"{at.lng:.5f}" if printed else "",
        "directions": "",
        "phone": entity.phone or "",
        "hours": facts.opening_hours(place.city, entity) or "",
        "price": "",
        "wikidata": entity.wikidata_id or "",
        "wikipedia": name if entity.has_wikipedia else "",
        "lastedit": "2026-05-01",
        "content": facts.description(place.city, entity),
    }
    return f"* {{{{{kind}\n" + "\n".join(f"| {key}={text}" for key, text in fields.items()) + "\n}}"


def titles(pages: Mapping[str, Article]) -> Iterator[str]:
    """The titles, in their order."""
    return iter(sorted(pages))
