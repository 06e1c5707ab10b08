"""Places as a map: GeoJSON (RFC 7946), with the licences that the data came under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lambdas.contracts.candidate import Licence, Place


def feature_collection(places: Sequence[Place], *, city: str) -> dict[str, Any]:
    """A FeatureCollection of places.

    Args:
        places: In the order in which they are to be listed.
        city: The city's name, as the collection's ``name``.

    Returns:
        The GeoJSON document. A place without a position has a null geometry. ``attribution`` and ``licences`` name
        everybody whose data is inside, as their licences require of who shows the map.
    """
    licences = _distinct(licence for place in places for licence in place.licences)
    return {
        "type": "FeatureCollection",
        "name": city,
        "attribution": list(dict.fromkeys(licence.attribution for licence in licences)),
        "licences": [licence.document() for licence in licences],
        "features": [feature(place) for place in places],
    }


def feature(place: Place) -> dict[str, Any]:
    """One place as a Feature: what a map shows of it."""
    located = place.lat is not None and place.lng is not None
    properties = {
        "name": place.name,
        "names": place.names,
        "category": place.category,
        "tier": place.tier,
        "rank": place.rank,
        "score": place.score,
        "sources": [source.value for source in place.sources],
        "record_id": place.record_id,
        "url": place.source_url,
        "licences": [licence.id for licence in place.licences],
        "attribution": "; ".join(licence.attribution for licence in place.licences),
    }
    return {
        "type": "Feature",
        "id": place.place_id,
        "geometry": {"type": "Point", "coordinates": [place.lng, place.lat]} if located else None,
        "properties": {key: value for key, value in properties.items() if value is not None},
    }


def _distinct(licences: Iterable[Licence]) -> list[Licence]:
    return sorted(dict.fromkeys(licences), key=lambda licence: (licence.id, licence.attribution))
