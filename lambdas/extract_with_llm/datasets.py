"""Places in files of data: GeoJSON (RFC 7946), and tables as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from lambdas.extract_with_llm.cleaning import is_order, shown
from lambdas.extract_with_llm.mentions import MAX_NAME, Mention, position
from lambdas.extract_with_llm.structured import category
from lambdas.places.addresses import address_of

MAX_RECORDS = 5_000
_MAX_NESTING = 3
_MOST_DEGREES = 180
_DELIMITERS = (",", ";", "\t", "|")
_NAMES = ("name", "title", "nombre", "nom", "nimi")
_LATS = ("lat", "latitude", "y")
_LNGS = ("lng", "lon", "long", "longitude", "x")
_KINDS = ("category", "type", "kind")
_STREETS = ("address", "street", "streetaddress", "addr:street")


def geojson(text: str) -> list[Mention]:
    """The named features of a GeoJSON document; none for what is no such document."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    features = document.get("features") if isinstance(document, dict) else None
    found = (_feature(feature) for feature in (features if isinstance(features, list) else [])[:MAX_RECORDS])
    return [mention for mention in found if mention]


def table(text: str) -> list[Mention]:
    """The rows of a table with columns for a name and a position; none for another table."""
    found: list[Mention] = []
    try:
        rows = filter(None, csv.reader(io.StringIO(text), delimiter=_delimiter(text)))
        columns = [name.strip().casefold() for name in next(rows, [])]
        for row in islice(rows, MAX_RECORDS):
            # Only the fields that a row has: a short row of a table with a million columns takes no time.
            fields = dict(zip(columns, row, strict=False))
            mention = _mention(fields, _said(fields, _LATS), _said(fields, _LNGS))
            if mention:
                found.append(mention)
    except csv.Error:
        # The rows before what is no CSV are good.
        return found
    return found


def _feature(feature: Any) -> Mention | None:  # noqa: ANN401 - what a file holds
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    properties = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or not isinstance(properties, dict):
        return None
    points = list(_points(geometry.get("coordinates"), 0))
    if not points:
        return None
    # The middle of its box, as for what has an area on a map.
    lngs, lats = zip(*points, strict=True)
    fields = {str(key).casefold(): value for key, value in properties.items() if isinstance(value, str)}
    return _mention(fields, (min(lats) + max(lats)) / 2, (min(lngs) + max(lngs)) / 2)


def _points(coordinates: object, depth: int) -> Iterator[tuple[float, float]]:
    """The positions of a geometry, whatever its type (RFC 7946, section 3.1): lists of them are at most three deep."""
    if not isinstance(coordinates, list) or depth > _MAX_NESTING:
        return
    if len(coordinates) >= 2 and all(_is_number(part) for part in coordinates[:2]):
        yield float(coordinates[0]), float(coordinates[1])
        return
    for part in coordinates:
        yield from _points(part, depth + 1)


def _is_number(value: object) -> bool:
    # Degrees: an integer in JSON may be too large to be anything else.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST_DEGREES


def _delimiter(text: str) -> str:
    """What stands most often in the first line: a comma, or what countries with decimal commas use."""
    head = text.partition("\n")[0]
    return max(_DELIMITERS, key=head.count)


def _mention(fields: Mapping[str, str], lat: object, lng: object) -> Mention | None:
    name, here = _said(fields, _NAMES), position(lat, lng)
    if not name or here is None or len(name) > MAX_NAME or any(is_order(value) for value in fields.values()):
        return None
    return Mention(
        name=name,
        category=category(_said(fields, _KINDS) or ""),
        address=address_of(_said(fields, _STREETS)),
        lat=here[0],
        lng=here[1],
    )


def _said(fields: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next(_texts(fields, names), None)


def _texts(fields: Mapping[str, str], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        text = " ".join(shown(fields.get(name, "")).split())
        if text:
            yield text
