"""From OpenStreetMap's tags to the categories of this project, as a table.

The keys are looked at in the order of the table, so that a museum in a historic building is a museum. A value that the
table does not name gets the key's category under ``*``.
"""

from __future__ import annotations

from collections.abc import Mapping

CATEGORIES: Mapping[str, Mapping[str, str]] = {
    "tourism": {
        "alpine_hut": "hotel",
        "apartment": "hotel",
        "aquarium": "zoo",
        "artwork": "artwork",
        "camp_site": "hotel",
        "caravan_site": "hotel",
        "chalet": "hotel",
        "gallery": "gallery",
        "guest_house": "hotel",
        "hostel": "hotel",
        "hotel": "hotel",
        "information": "service",
        "motel": "hotel",
        "museum": "museum",
        "picnic_site": "park",
        "theme_park": "attraction",
        "viewpoint": "viewpoint",
        "wilderness_hut": "hotel",
        "zoo": "zoo",
        "*": "attraction",
    },
    "historic": {
        "castle": "historic",
        "church": "religious",
        "memorial": "monument",
        "monument": "monument",
        "statue": "monument",
        "tomb": "monument",
        "wayside_cross": "religious",
        "wayside_shrine": "religious",
        "*": "historic",
    },
    "leisure": {
        "bandstand": "music",
        "beach_resort": "beach",
        "dance": "nightlife",
        "dog_park": "park",
        "fitness_centre": "sports",
        "fitness_station": "sports",
        "garden": "park",
        "golf_course": "sports",
        "horse_riding": "sports",
        "ice_rink": "sports",
        "marina": "transport",
        "miniature_golf": "sports",
        "nature_reserve": "nature",
        "outdoor_seating": "cafe",
        "park": "park",
        "pitch": "sports",
        "playground": "park",
        "sports_centre": "sports",
        "sports_hall": "sports",
        "stadium": "sports",
        "swimming_area": "beach",
        "swimming_pool": "sports",
        "track": "sports",
        "water_park": "attraction",
        "*": "entertainment",
    },
    "amenity": {
        "artwork": "artwork",
        "arts_centre": "gallery",
        "atm": "service",
        "bandstand": "music",
        "bank": "service",
        "bar": "bar",
        "bbq": "park",
        "bicycle_rental": "transport",
        "biergarten": "bar",
        "bus_station": "transport",
        "cafe": "cafe",
        "car_rental": "transport",
        "car_sharing": "transport",
        "casino": "entertainment",
        "cinema": "cinema",
        "clinic": "health",
        "clock": "monument",
        "college": "education",
        "community_centre": "entertainment",
        "conference_centre": "entertainment",
        "courthouse": "government",
        "crematorium": "religious",
        "dentist": "health",
        "doctors": "health",
        "embassy": "government",
        "events_venue": "entertainment",
        "exhibition_centre": "entertainment",
        "fast_food": "restaurant",
        "ferry_terminal": "transport",
        "fire_station": "government",
        "food_court": "restaurant",
        "fountain": "monument",
        "grave_yard": "religious",
        "hospital": "health",
        "ice_cream": "cafe",
        "internet_cafe": "cafe",
        "kindergarten": "education",
        "library": "library",
        "marketplace": "market",
        "monastery": "religious",
        "music_venue": "music",
        "nightclub": "nightlife",
        "parking": "transport",
        "parking_entrance": "transport",
        "pharmacy": "health",
        "place_of_worship": "religious",
        "planetarium": "museum",
        "police": "government",
        "post_office": "service",
        "pub": "bar",
        "public_building": "government",
        "restaurant": "restaurant",
        "school": "education",
        "stripclub": "nightlife",
        "taxi": "transport",
        "theatre": "theatre",
        "townhall": "government",
        "university": "education",
        "veterinary": "health",
        "*": "service",
    },
    "shop": {
        "mall": "mall",
        "department_store": "mall",
        "bakery": "cafe",
        "coffee": "cafe",
        "tea": "cafe",
        "*": "shop",
    },
    "natural": {
        "bay": "water",
        "beach": "beach",
        "peak": "viewpoint",
        "spring": "water",
        "strait": "water",
        "water": "water",
        "*": "nature",
    },
    "man_made": {
        "bridge": "bridge",
        "lighthouse": "tower",
        "obelisk": "monument",
        "observatory": "museum",
        "pier": "water",
        "tower": "tower",
        "water_tower": "tower",
        "windmill": "historic",
        "*": "structure",
    },
}


def category(tags: Mapping[str, str]) -> tuple[str | None, bool]:
    """The category of a map object.

    Args:
        tags: The object's tags. Of several values in one tag (``nightclub;restaurant``) the first that the table names
            counts.

    Returns:
        The category, and whether the table names the value (else it is the key's general one); ``None`` for an object
        with none of the table's keys.
    """
    general: str | None = None
    for key, values in CATEGORIES.items():
        if key not in tags:
            continue
        for value in tags[key].split(";"):
            named = values.get(value.strip())
            if named is not None:
                return named, True
        general = general or values["*"]
    return general, False
