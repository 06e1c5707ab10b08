"""The columns of Overture Maps, as DuckDB types, and its categories.

https://docs.overturemaps.org/schema/reference/places/place, .../divisions/division_area, .../divisions/division.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMES: Final = (
    'STRUCT("primary" VARCHAR, common MAP(VARCHAR, VARCHAR), rules STRUCT(variant VARCHAR, "language" VARCHAR, '
    'perspectives STRUCT("mode" VARCHAR, countries VARCHAR[]), "value" VARCHAR, "between" DOUBLE[], side VARCHAR)[])'
)
_SOURCES: Final = (
    "STRUCT(property VARCHAR, dataset VARCHAR, license VARCHAR, record_id VARCHAR, update_time VARCHAR, "
    'confidence DOUBLE, "between" DOUBLE[])[]'
)
_BBOX: Final = "STRUCT(xmin FLOAT, xmax FLOAT, ymin FLOAT, ymax FLOAT)"
PLACE_COLUMNS: Final[Mapping[str, str]] = {
    "id": "VARCHAR",
    "geometry": "BLOB",
    "bbox": _BBOX,
    "version": "INTEGER",
    "sources": _SOURCES,
    "names": _NAMES,
    "categories": 'STRUCT("primary" VARCHAR, alternate VARCHAR[])',
    "basic_category": "VARCHAR",
    "taxonomy": 'STRUCT("primary" VARCHAR, hierarchy VARCHAR[], alternates VARCHAR[])',
    "confidence": "DOUBLE",
    "websites": "VARCHAR[]",
    "socials": "VARCHAR[]",
    "emails": "VARCHAR[]",
    "phones": "VARCHAR[]",
    "brand": f"STRUCT(wikidata VARCHAR, names {_NAMES})",
    "addresses": "STRUCT(freeform VARCHAR, locality VARCHAR, postcode VARCHAR, region VARCHAR, country VARCHAR)[]",
    "operating_status": "VARCHAR",
}
AREA_COLUMNS: Final[Mapping[str, str]] = {
    "id": "VARCHAR",
    "geometry": "BLOB",
    "bbox": _BBOX,
    "country": "VARCHAR",
    "version": "INTEGER",
    "sources": _SOURCES,
    "subtype": "VARCHAR",
    "class": "VARCHAR",
    "names": _NAMES,
    "is_land": "BOOLEAN",
    "is_territorial": "BOOLEAN",
    "region": "VARCHAR",
    "division_id": "VARCHAR",
}
DIVISION_COLUMNS: Final[Mapping[str, str]] = {
    "id": "VARCHAR",
    "geometry": "BLOB",
    "bbox": _BBOX,
    "country": "VARCHAR",
    "version": "INTEGER",
    "sources": _SOURCES,
    "subtype": "VARCHAR",
    "class": "VARCHAR",
    "names": _NAMES,
    "wikidata": "VARCHAR",
    "region": "VARCHAR",
}
# Category of the old schema, basic category, and the path in the new taxonomy.
KINDS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "artwork": ("public_art", "public_art", ("arts_and_entertainment", "public_art")),
    "attraction": ("attractions_and_activities", "attraction", ("attractions_and_activities",)),
    "bar": ("pub", "bar", ("food_and_drink", "bar", "pub")),
    "cafe": ("coffee_shop", "cafe", ("food_and_drink", "cafe", "coffee_shop")),
    "gallery": ("art_gallery", "art_gallery", ("arts_and_entertainment", "art_gallery")),
    "historic": ("historical_landmark", "historic_site", ("cultural_and_historic", "historical_landmark")),
    "hotel": ("hotel", "hotel", ("lodging", "hotel")),
    "library": ("library", "library", ("community_and_government", "library")),
    "market": ("farmers_market", "market", ("shopping", "market", "farmers_market")),
    "monument": ("monument", "monument", ("cultural_and_historic", "monument")),
    "museum": ("museum", "museum", ("arts_and_entertainment", "museum")),
    "nature": ("nature_reserve", "nature_reserve", ("geographic_entities", "nature_reserve")),
    "park": ("park", "park", ("sports_and_recreation", "park")),
    "religious": (
        "church_cathedral",
        "place_of_worship",
        ("cultural_and_historic", "place_of_worship", "church_cathedral"),
    ),
    "restaurant": ("restaurant", "restaurant", ("food_and_drink", "restaurant")),
    "service": ("professional_services", "service", ("services_and_business", "professional_services")),
    "shop": ("shopping", "shop", ("shopping",)),
    "sports": ("sports_and_recreation_venue", "sports_venue", ("sports_and_recreation", "sports_and_recreation_venue")),
    "theatre": ("theatre", "theatre", ("arts_and_entertainment", "theatre")),
    "viewpoint": ("lookout", "viewpoint", ("geographic_entities", "lookout")),
}
