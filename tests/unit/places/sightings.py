"""Candidates for the tests of the algorithms."""

from __future__ import annotations

from typing import Any

from lambdas.contracts.candidate import (
    AdditionalContent,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Signals,
    Source,
)
from lambdas.places.geo import Point, offset

CENTER = Point(55.9533, -3.1883)
AT = "2026-01-01T00:00:00.000Z"


def sighting(
    record: str,
    name: str,
    *,
    east: float = 0.0,
    north: float = 0.0,
    category: str | None = "museum",
    names: dict[str, str] | None = None,
    refs: dict[str, Any] | None = None,
    signals: dict[str, Any] | None = None,
    **more: Any,
) -> Candidate:
    """A candidate so many metres from the centre; ``record`` is ``<source>:<id>``."""
    source = Source(record.partition(":")[0])
    at = offset(CENTER, east, north)
    fields: dict[str, Any] = {
        "record_id": record,
        "name": name,
        "names": names or {},
        "source": source,
        "lat": at.lat,
        "lng": at.lng,
        "category": category,
        "coordinates_confidence": 0.8,
        "confidences": Confidences(overall=0.8),
        "lineage": Lineage(created_at=AT, pipeline_version="test"),
        "external_refs": ExternalRefs(**(refs or {})),
        "additional_content": AdditionalContent(
            signals=Signals(**signals) if signals else None, phone=more.pop("phone", None)
        ),
        "licences": (Licence(id=f"{source}-terms", attribution=f"(c) {source}"),),
    }
    return Candidate(**(fields | more))
