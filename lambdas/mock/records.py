"""From a record of a mock service to a candidate: what each connector's real twin does with real answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.candidate import (
    AdditionalContent,
    Address,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Signals,
    Source,
)

# The terms are those of the service that the mock stands for; the attribution says that the data is not its.
LICENCES: Mapping[Source, Licence] = {
    Source.GOOGLE: Licence(id="Google-Maps-Platform", attribution="Synthetic data, not Google's", max_age_days=30),
    Source.OSM: Licence(id="ODbL-1.0", attribution="Synthetic data, not OpenStreetMap's", share_alike=True),
    Source.OTM: Licence(id="ODbL-1.0", attribution="Synthetic data, not OpenTripMap's", share_alike=True),
    Source.WIKIDATA: Licence(id="CC0-1.0", attribution="Synthetic data, not Wikidata's"),
    Source.WEB: Licence(id="facts-only", attribution="Synthetic web pages"),
}

# How far each service's name, position and category can be believed.
_CONFIDENCE: Mapping[Source, tuple[float, float, float]] = {
    Source.GOOGLE: (0.95, 0.95, 0.85),
    Source.OSM: (0.95, 0.97, 0.90),
    Source.OTM: (0.85, 0.85, 0.80),
    Source.WIKIDATA: (0.97, 0.80, 0.90),
}


@dataclass(frozen=True)
class Origin:
    """What every candidate of a run carries. ``at`` is the start of the run, so that a retry makes equal candidates."""

    at: str
    city: str
    country: str
    correlation_id: str
    version: str

    @property
    def lineage(self) -> Lineage:
        """The lineage of a fresh sighting."""
        return Lineage(created_at=self.at, pipeline_version=self.version, correlation_id=self.correlation_id)

    def address(self, street: str | None, house: str | None) -> Address | None:
        """A postal address in the city, as far as it is known."""
        if not street:
            return None
        line = f"{house} {street}" if house else street
        return Address(
            formatted_address=f"{line}, {self.city}",
            street_number=house,
            street_name=street,
            city=self.city,
            country=self.country or None,
        )


def to_candidate(source: Source, record: Mapping[str, Any], origin: Origin) -> Candidate:
    """The candidate of a map service's record.

    Args:
        source: The service.
        record: One element of ``results`` in its answer.
        origin: The run.
    """
    name, location, category = _CONFIDENCE[source]
    refs = _refs(source, record)
    signals = {key: record[key] for key in ("rating", "reviews", "sitelinks") if key in record}
    if record.get("wikipedia"):
        signals["has_wikipedia"] = True
    return Candidate(
        record_id=f"{source}:{record['id']}",
        name=record["name"],
        # The raw cache gives keys back in alphabetical order: a retry has to make the same bytes.
        names=dict(sorted(record["names"].items())),
        source=source,
        lat=record["lat"],
        lng=record["lng"],
        category=record["category"],
        coordinates_confidence=location,
        confidences=Confidences(overall=min(name, location, category), name=name, location=location, category=category),
        lineage=origin.lineage,
        external_refs=ExternalRefs.model_validate(refs),
        additional_content=AdditionalContent(
            signals=Signals.model_validate(signals) if signals else None,
            phone=record.get("phone"),
            website=record.get("website"),
        ),
        address=origin.address(record.get("street"), record.get("house")),
        licences=(LICENCES[source],),
    )


def _refs(source: Source, record: Mapping[str, Any]) -> dict[str, Any]:
    refs: dict[str, Any] = {}
    if "wikidata" in record and source in (Source.OSM, Source.OTM, Source.WIKIDATA):
        refs["wikidata_id"] = record["wikidata"]
    match source:
        case Source.GOOGLE:
            refs["google_place_id"] = record["id"]
        case Source.OSM:
            refs["osm_type"], refs["osm_id"] = record["id"].split("/")
        case Source.OTM:
            refs["otm_id"] = record["id"]
    return refs
