"""Places as rows of the four tables of ``schema.sql``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from lambdas.contracts.candidate import Place
from lambdas.places.cells import cell_at
from lambdas.places.near import Near, edges

Row: TypeAlias = dict[str, Any]
H3_RESOLUTIONS = (8, 9, 12)


def external_id(place: Place) -> str:
    """What the place is called in the first register that knows it: Google, OpenStreetMap, OpenTripMap, Wikidata."""
    refs = place.external_refs
    osm = f"{refs.osm_type}/{refs.osm_id}" if refs.osm_type and refs.osm_id else refs.osm_id
    return refs.google_place_id or osm or refs.otm_id or refs.wikidata_id or place.record_id


def rows_of(place: Place, *, city: str, run_id: str, seen_at: str) -> dict[str, Row]:
    """The rows of one place, by their tables.

    Args:
        place: The place.
        city: Of which city it is.
        run_id: The run that saw it.
        seen_at: When that run began (ISO 8601).
    """
    document = place.document()
    own = {"place_id": place.place_id, "seen_at": seen_at}
    rows: dict[str, Row] = {
        "t_locations_prd": {
            **own,
            "externalid": external_id(place),
            "city": city,
            "name": place.name,
            "names": place.names,
            "category": place.category,
            "source": place.source.value,
            "sources": [source.value for source in place.sources],
            "confidence": place.confidences.overall,
            "licences": [licence.document() for licence in place.licences],
            "run_id": run_id,
        },
        "t_locations_prd_details": {
            **own,
            "members": list(place.members),
            "address": document.get("address"),
            "external_refs": place.external_refs.document(),
            "additional_content": place.additional_content.document(),
            "field_provenance": place.field_provenance,
            "lineage": place.lineage.document(),
        },
    }
    if place.lat is not None and place.lng is not None:
        here = (place.lat, place.lng)
        rows["t_locations_prd_details"] |= {f"h3_index_{level}": cell_at(here, level) for level in H3_RESOLUTIONS}
        rows["t_location_coordinates"] = {
            **own,
            "latitude": place.lat,
            "longitude": place.lng,
            "coordinates_confidence": place.coordinates_confidence,
        }
    return rows


def neighborhood_rows(places: Iterable[Place], near: Sequence[Near], *, seen_at: str) -> list[Row]:
    """The NEAR edges between places, each once, with the metres between their final positions.

    Args:
        places: All places of the run.
        near: The edges that searches for neighbours found; those to records that no place has are left out.
        seen_at: When the run began (ISO 8601).
    """
    metres: dict[tuple[str, str], float] = {}
    for edge in edges(places, near):
        if edge.neighbour_id is not None:
            metres.setdefault((edge.place_id, edge.neighbour_id), edge.metres)
    return [
        {"place_id": one, "neighbor_id": other, "distance_m": distance, "seen_at": seen_at}
        for (one, other), distance in sorted(metres.items())
    ]
