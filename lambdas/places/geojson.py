"""Places as a map: GeoJSON (RFC 7946), with the licences that the data came under."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

from lambdas.contracts.candidate import Licence, Place


def write_collection(places: Iterable[Place], file: IO[bytes], *, city: str) -> None:
    """Write places to a file as a FeatureCollection, of which one place is in memory at a time.

    A place without a position has a null geometry. After the places, ``attribution`` and ``licences`` name everybody
    whose data is inside, as their licences require of who shows the map.

    Args:
        places: In the order in which they are to be listed.
        file: Where.
        city: The city's name, as the collection's ``name``.
    """
    licences: dict[Licence, None] = {}
    file.write(b'{"type":"FeatureCollection","name":%b,"features":[' % _text(city))
    for number, place in enumerate(places):
        licences.update(dict.fromkeys(place.licences))
        file.write((b",\n" if number else b"\n") + _text(feature(place)))
    ordered = sorted(licences, key=lambda licence: (licence.id, licence.attribution))
    owed = list(dict.fromkeys(licence.attribution for licence in ordered))
    documents = [licence.document() for licence in ordered]
    file.write(b'\n],"attribution":%b,"licences":%b}\n' % (_text(owed), _text(documents)))


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


def _text(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
