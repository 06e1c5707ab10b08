"""The categories of places that every source is mapped to, in two kinds."""

from __future__ import annotations

SIGHTS = frozenset(
    {
        "artwork",
        "attraction",
        "beach",
        "bridge",
        "gallery",
        "historic",
        "library",
        "market",
        "monument",
        "museum",
        "music",
        "nature",
        "park",
        "religious",
        "theatre",
        "tower",
        "viewpoint",
        "water",
        "zoo",
    }
)
"""What a visitor comes to a city for; only these become primaries."""

AMENITIES = frozenset(
    {
        "bar",
        "cafe",
        "cinema",
        "education",
        "entertainment",
        "government",
        "health",
        "hotel",
        "mall",
        "nightlife",
        "restaurant",
        "service",
        "shop",
        "sports",
        "structure",
        "transport",
    }
)
"""What a visitor uses on the way."""
