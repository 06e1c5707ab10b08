"""What the world's services know of a place beyond the synthetic city: opening hours, tags, texts, and all the same.

Everything follows from the city and the place's number, so that two services say the same of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lambdas.mock.city import City, Entity
from lambdas.mock.lexicon import ADJECTIVES, CHAINS, THINGS
from lambdas.mock.stream import Stream

TAGS: Final[Mapping[str, tuple[Mapping[str, str], ...]]] = {
    "artwork": ({"tourism": "artwork", "artwork_type": "sculpture"}, {"tourism": "artwork", "artwork_type": "mural"}),
    "attraction": ({"tourism": "attraction"}, {"tourism": "theme_park"}),
    "bar": ({"amenity": "pub"}, {"amenity": "bar"}, {"amenity": "biergarten"}),
    "cafe": ({"amenity": "cafe"}, {"shop": "bakery"}, {"amenity": "cafe", "cuisine": "coffee_shop"}),
    "gallery": ({"tourism": "gallery"}, {"amenity": "arts_centre"}),
    "historic": ({"historic": "castle"}, {"historic": "manor"}, {"historic": "ruins"}, {"historic": "building"}),
    "hotel": ({"tourism": "hotel"}, {"tourism": "guest_house"}, {"tourism": "hostel"}),
    "library": ({"amenity": "library"},),
    "market": ({"amenity": "marketplace"},),
    "monument": ({"historic": "memorial"}, {"historic": "monument"}, {"amenity": "fountain"}),
    "museum": ({"tourism": "museum"}, {"tourism": "museum", "museum": "history"}),
    "nature": ({"leisure": "nature_reserve"},),
    "park": ({"leisure": "park"}, {"leisure": "garden"}, {"leisure": "playground"}),
    "religious": ({"amenity": "place_of_worship", "religion": "christian"}, {"historic": "church"}),
    "restaurant": (
        {"amenity": "restaurant", "cuisine": "regional"},
        {"amenity": "restaurant", "cuisine": "noodle"},
        {"amenity": "fast_food", "cuisine": "sandwich"},
    ),
    "service": ({"amenity": "post_office"}, {"amenity": "bank"}, {"tourism": "information"}),
    "shop": (
        {"shop": "books"},
        {"shop": "clothes"},
        {"shop": "supermarket"},
        {"shop": "gift"},
        {"shop": "bicycle"},
        {"shop": "antiques"},
    ),
    "sports": ({"leisure": "sports_centre"}, {"leisure": "pitch"}, {"leisure": "swimming_pool"}),
    "theatre": ({"amenity": "theatre"},),
    "viewpoint": ({"tourism": "viewpoint"}, {"natural": "peak"}),
}
"""What OpenStreetMap's mappers tag a place of each category with."""

_HOURS: Final = (
    "Mo-Su 10:00-18:00",
    "Tu-Su 10:00-17:00; Mo off",
    "Mo-Fr 08:00-17:00; Sa 09:00-14:00",
    "Mo-Th 12:00-23:00; Fr,Sa 12:00-01:00; Su 12:30-22:00",
    "24/7",
)
_OPEN_ALWAYS: Final = frozenset({"artwork", "monument", "nature", "viewpoint"})
_HOURS_SHARE: Final = 0.5
_CHAIN_NAMES: Final = frozenset(name for names in CHAINS.values() for name in names)


def tags_of(city: City, number: int, category: str) -> Mapping[str, str]:
    """The tags that say what a place is; a category of another world than the synthetic one has general ones."""
    kinds = TAGS.get(category, ({"amenity": category},))
    return Stream(city.key, "tags", number).pick(kinds)


def opening_hours(city: City, entity: Entity) -> str | None:
    """When a place is open, in OpenStreetMap's notation; ``None`` where nobody says so."""
    if entity.category in _OPEN_ALWAYS:
        return None
    stream = Stream(city.key, "hours", entity.number)
    return stream.pick(_HOURS) if stream.chance(_HOURS_SHARE) else None


def brand(names: Mapping[str, str]) -> str | None:
    """The chain that a place belongs to."""
    name = names.get("en")
    return name if name in _CHAIN_NAMES else None


def description(city: City, entity: Entity) -> str:
    """A sentence about a place, the same wherever it is told."""
    stream = Stream(city.key, "description", entity.number)
    adjective, thing = stream.pick(ADJECTIVES).lower(), stream.pick(THINGS).lower()
    kind = entity.category.replace("_", " ")
    return f"A {adjective} {kind} in {city.name}, known for the {thing} above its door."


def email(entity: Entity) -> str | None:
    """Its address for mail, if it has a web site."""
    return f"hello@{entity.website.split('/')[2]}" if entity.website else None


def views(entity: Entity) -> int:
    """How often its article is read a day."""
    return round(4 + 900 * max(0.0, entity.prominence - 0.55) ** 2)


def sitelinks(entity: Entity) -> int:
    """How many articles in all languages it has."""
    return max(1, round(1 + 60 * max(0.0, entity.prominence - 0.55) ** 2))
