"""From a feature of Overture Maps' places to a candidate.

The columns are those of https://docs.overturemaps.org/schema/reference/places/place; some come and go with releases.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.connectors.overture_categories import category
from lambdas.contracts.candidate import (
    AdditionalContent,
    Candidate,
    Confidences,
    Licence,
    Lineage,
    Source,
)
from lambdas.places.addresses import address_of
from lambdas.runtime.documents import Json

LEAST_CONFIDENCE = 0.6
"""How likely Overture has to think it that a place exists, 0 to 1. Below that, many have closed or never were; Overture
leaves the choice to its users (https://docs.overturemaps.org/guides/places/)."""

# Positions come from the businesses' own pages as often as from surveys.
POSITION_CONFIDENCE = 0.85
_NAME_CONFIDENCE = 0.9
_CATEGORY_CONFIDENCE = 0.7
_MOST_CONFIDENCE = 0.9
_CLOSED = "permanently_closed"
_MAX_TEXT = 500
_MAX_NAMES = 40

# What may be kept and shown, and whether what is made of it has to be shared alike
# (https://docs.overturemaps.org/attribution/).
_SHARE_ALIKE = {"CDLA-Permissive-2.0": False, "Apache-2.0": False, "CC0-1.0": False, "CC-BY-4.0": False} | {
    "ODbL-1.0": True
}
# Releases before 2025 name no licence beside the source.
_OF_DATASET = {
    "meta": "CDLA-Permissive-2.0",
    "microsoft": "CDLA-Permissive-2.0",
    "overture": "CDLA-Permissive-2.0",
    "foursquare": "Apache-2.0",
    "alltheplaces": "CC0-1.0",
    "openstreetmap": "ODbL-1.0",
}


def document_of(row: Mapping[str, Any]) -> Json | str:
    """A feature as it is kept, with nothing in it that the candidate does not need.

    Args:
        row: Its columns; those that the release does not have are missing.

    Returns:
        The document; or why it is left out: ``closed``, ``unsure``, ``no_place`` (nothing that a visitor goes to),
        ``unlicensed`` (a source whose terms are not known) or ``incomplete`` (no name or position).
    """
    names = row.get("names") or {}
    name, at = str(names.get("primary") or "").strip()[:_MAX_TEXT], _position(row.get("geometry"))
    confidence = row.get("confidence")
    if not name or at is None or not row.get("id"):
        return "incomplete"
    if row.get("operating_status") == _CLOSED:
        return "closed"
    if confidence is None or not confidence >= LEAST_CONFIDENCE:
        return "unsure"
    kind = category(_kinds(row))
    if kind is None:
        return "no_place"
    sources = _sources(row.get("sources") or ())
    if not sources:
        return "unlicensed"
    common = dict(list((names.get("common") or {}).items())[:_MAX_NAMES])
    return {
        "id": str(row["id"]),
        "name": name,
        "names": {str(key): str(text).strip()[:_MAX_TEXT] for key, text in sorted(common.items()) if str(text).strip()},
        "lat": at[0],
        "lng": at[1],
        "category": kind,
        "confidence": min(1.0, float(confidence)),
        "website": _first(row.get("websites")),
        "phone": _first(row.get("phones")),
        "address": _address(row.get("addresses")),
        "sources": sources,
    }


def to_candidate(document: Mapping[str, Any], release: str, lineage: Lineage) -> Candidate:
    """The candidate that a feature is.

    Args:
        document: The feature, as :func:`document_of` made it.
        release: The release that it is of.
        lineage: Which run it was found by.
    """
    address = document["address"]
    return Candidate(
        record_id=f"{Source.OVERTURE}:{document['id']}",
        name=document["name"],
        names={"local": document["name"], **document["names"]},
        source=Source.OVERTURE,
        lat=document["lat"],
        lng=document["lng"],
        category=document["category"],
        coordinates_confidence=POSITION_CONFIDENCE,
        confidences=Confidences(
            overall=min(_MOST_CONFIDENCE, document["confidence"]),
            name=_NAME_CONFIDENCE,
            location=POSITION_CONFIDENCE,
            category=_CATEGORY_CONFIDENCE,
        ),
        lineage=lineage,
        additional_content=AdditionalContent(phone=document["phone"], website=document["website"]),
        address=address_of(**address) if address else None,
        licences=tuple(_licence(dataset, licence, release) for dataset, licence in document["sources"]),
    )


def _licence(dataset: str, licence: str, release: str) -> Licence:
    return Licence(
        id=licence,
        attribution=f"{dataset}, by Overture Maps Foundation, overturemaps.org, release {release}",
        share_alike=_SHARE_ALIKE[licence],
    )


def _kinds(row: Mapping[str, Any]) -> list[str | None]:
    """What it is said to be, the most specific first: by the new taxonomy, and by the categories before it."""
    taxonomy, old = row.get("taxonomy") or {}, row.get("categories") or {}
    path: Sequence[str] = taxonomy.get("hierarchy") or ()
    return [taxonomy.get("primary"), *reversed(path), old.get("primary"), row.get("basic_category")]


def _sources(given: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The data sets with their licences, each once; none where the terms of one are not known."""
    found: dict[str, str] = {}
    for source in given:
        dataset = str(source.get("dataset") or "")
        licence = source.get("license") or _OF_DATASET.get(dataset.casefold())
        if licence not in _SHARE_ALIKE:
            return []
        found.setdefault(dataset, str(licence))
    return [[dataset, licence] for dataset, licence in sorted(found.items())]


def _position(geometry: bytes | None) -> tuple[float, float] | None:
    """Latitude and longitude of a point in well-known binary (OGC 06-103r4, section 8.2); ``None`` for all else."""
    if geometry is None or len(geometry) < 21:
        return None
    order = "<" if geometry[0] == 1 else ">"
    kind, lng, lat = struct.unpack_from(f"{order}Idd", geometry, 1)
    if kind != 1 or not (math.isfinite(lat) and math.isfinite(lng) and abs(lat) <= 90 and abs(lng) <= 180):
        return None
    return lat, lng


def _first(values: Sequence[str] | None) -> str | None:
    return next((value.strip()[:_MAX_TEXT] for value in values or () if value and value.strip()), None)


def _address(given: Sequence[Mapping[str, Any]] | None) -> dict[str, str] | None:
    """The parts of the first address: ``line`` is street and number, by the custom of the country."""
    first = next(iter(given or ()), {})
    fields = {"line": "freeform", "city": "locality", "postal_code": "postcode", "country": "country"}
    parts = {name: str(first.get(field) or "").strip()[:_MAX_TEXT] for name, field in fields.items()}
    return {name: text for name, text in parts.items() if text} if parts["line"] else None
