"""Real places of a map extract, as part of a town's truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lambdas.connectors.osm_categories import category
from lambdas.connectors.osm_reader import read_extract
from lambdas.mock.city import WIKIPEDIA_FROM, City, Entity
from lambdas.mock.lexicon import TEMPLATES
from lambdas.mock.stream import Stream
from lambdas.places.categories import SIGHTS
from lambdas.places.geo import Point
from scout.standin.maps import MapObject

# The synthetic city's words know twenty categories; what is of another is told as the nearest of them.
_NEAREST = {
    "cinema": "theatre",
    "education": "library",
    "government": "service",
    "health": "service",
    "mall": "shop",
    "music": "theatre",
    "nightlife": "bar",
    "transport": "service",
}
_NAMED_IN = ("fi", "sv", "en")
# A site's name ends with the number of its place.
_NUMBER = re.compile(r"-\d+\.example")
_WIKIPEDIA_PROMINENCE = 0.85
_WIKIDATA_PROMINENCE = 0.7


def with_real_places(city: City, extract: Path) -> tuple[City, list[MapObject]]:
    """A city of the real places of an extract, and of those synthetic ones that no map knows.

    Args:
        city: The synthetic city there.
        extract: A ``.osm.pbf`` file.

    Returns:
        The city, its places numbered from 0 on, and the objects of the extract as the map has them.
    """
    objects: list[MapObject] = []
    entities: list[Entity] = []
    for item in read_extract(extract).objects:
        if not city.area.contains((item.lat, item.lng)):
            continue
        entity = _entity(city, len(entities), item.key, Point(item.lat, item.lng), item.tags)
        entities.append(entity)
        objects.append(MapObject(item.osm_type, item.osm_id, entity.at, item.tags, entity))
    entities += _discoveries(city, len(entities))
    return City(city.name, city.area, city.seed, tuple(entities)), objects


def _entity(city: City, number: int, key: str, at: Point, tags: dict[str, str]) -> Entity:
    stream = Stream(city.key, "real", key)
    kind, _ = category(tags)
    names = {language: name for language in _NAMED_IN if (name := tags.get(f"name:{language}"))}
    local = {"fi": tags["name"]} if tags["name"] not in names.values() else {}
    prominence = round(stream.random() ** 4 * 0.6, 4)
    if "wikidata" in tags:
        prominence = _WIKIPEDIA_PROMINENCE if "wikipedia" in tags else _WIKIDATA_PROMINENCE
    elif kind in SIGHTS:
        prominence = round(min(0.6, prominence + 0.3), 4)
    return Entity(
        number=number,
        # The English name last, for those who have none: pages are in English and write the local one then.
        names={**local, **names} if "en" in names else {**local, **names, "en": tags["name"]},
        category=kind if kind and kind in TEMPLATES else _NEAREST.get(kind or "", "attraction"),
        at=at,
        street=tags.get("addr:street", ""),
        house=_house(tags.get("addr:housenumber", "")),
        prominence=min(prominence, 1.0),
        phone=tags.get("phone") or tags.get("contact:phone"),
        # Its real site is not part of this world.
        website=None,
        wikidata_id=tags.get("wikidata") if prominence >= _WIKIDATA_PROMINENCE else None,
    )


def _house(text: str) -> int:
    digits = "".join(letter for letter in text.partition("-")[0] if letter.isdecimal())
    return int(digits) if 0 < len(digits) < 5 else 0


def _discoveries(city: City, first: int) -> Iterator[Entity]:
    unknown = (entity for entity in city.entities if entity.off_map)
    for number, entity in enumerate(unknown, start=first):
        website = _NUMBER.sub(f"-{number}.example", entity.website) if entity.website else None
        prominence = min(entity.prominence, WIKIPEDIA_FROM - 0.2)
        yield replace(entity, number=number, part_of=None, prominence=prominence, website=website)
