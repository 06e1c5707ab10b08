"""A candidate: one sighting of a place by one source, and what becomes of it once duplicates are merged."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from lambdas.contracts.base import Contract, Latitude, Longitude, Share, Text, Uuid


class Source(StrEnum):
    """Who saw the place."""

    GOOGLE = "google"
    OSM = "osm"
    OTM = "otm"
    WIKIDATA = "wikidata"
    WEB = "web"
    OPEN_DATA = "open_data"
    TAVILY = "tavily"
    OVERTURE = "overture"


class Confidences(Contract):
    """How sure the source is, 0 to 1."""

    overall: Share
    name: Share | None = None
    location: Share | None = None
    category: Share | None = None


class Merge(Contract):
    """One merge, so that it can be undone: ``merged_from_id`` is the record that was folded in."""

    merged_at: str
    merged_from_id: str
    reason: str


class Lineage(Contract):
    """Where a record comes from."""

    created_at: str
    updated_at: str | None = None
    pipeline_version: str
    correlation_id: Uuid | None = None
    merge_history: tuple[Merge, ...] = ()


class ExternalRefs(Contract):
    """The same place in other registers."""

    google_place_id: str | None = None
    osm_id: str | None = None
    osm_type: Literal["node", "way", "relation"] | None = None
    otm_id: str | None = None
    wikidata_id: Annotated[str, StringConstraints(pattern=r"^Q\d+$")] | None = None
    wikipedia_url: str | None = None
    hmdb_id: str | None = None
    atlas_url: str | None = None
    city_portal_url: str | None = None


class Address(Contract):
    """A postal address, as far as it is known."""

    formatted_address: str | None = None
    street_number: str | None = None
    street_name: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postal_code: str | None = None


class WebContent(Contract):
    """What a web page said about the place."""

    source_url: str | None = None
    source_domain: str | None = None
    evidence: str | None = None
    trust_score: Share | None = None


class Signals(Contract):
    """What ranking reads; ``None`` means not known, not zero."""

    rating: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] | None = None
    reviews: Annotated[int, Field(ge=0)] | None = None
    sitelinks: Annotated[int, Field(ge=0)] | None = None
    has_wikipedia: bool | None = None
    novelty: Share | None = None


class AdditionalContent(Contract):
    """What does not fit the common fields."""

    web: WebContent | None = None
    signals: Signals | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    phone: str | None = None
    website: str | None = None


class Licence(Contract):
    """Under which terms a record may be kept and shown."""

    id: str
    attribution: str
    share_alike: bool = False
    max_age_days: int | None = None


class Candidate(Contract):
    """One place as one source sees it, with names per language and licences.

    ``record_id`` is the sighting's identity: the source and its own id, the same on every run.
    """

    record_id: Annotated[str, StringConstraints(min_length=3, max_length=300)]
    name: Text
    names: dict[str, str] = Field(default_factory=dict)
    source: Source
    lat: Latitude | None = None
    lng: Longitude | None = None
    category: str | None = None
    source_url: str | None = None
    coordinates_confidence: Share
    confidences: Confidences
    lineage: Lineage
    external_refs: ExternalRefs = ExternalRefs()
    additional_content: AdditionalContent = AdditionalContent()
    address: Address | None = None
    licences: tuple[Licence, ...] = ()


class ScoreBreakdown(Contract):
    """The factors of a place's score, each 0 to 1; ``diversity``: how unlike a primary is to those ranked before it."""

    popularity: Share | None = None
    authority: Share | None = None
    geo_centrality: Share | None = None
    novelty: Share | None = None
    graph_context: Share | None = None
    adjacency: Share | None = None
    diversity: Share | None = None


class Place(Candidate):
    """A place of the result: the merged candidates, its rank and its tier.

    ``place_id`` is stable from run to run; ``members`` are the record ids of the merged candidates; ``anchors`` are the
    nearest primaries with their distances in metres. ``field_provenance`` says of the fields of a merged place from
    which of its members each was taken; a place with one member has all from there.
    """

    place_id: Annotated[str, StringConstraints(pattern=r"^p_[a-f0-9]{20}$")]
    members: tuple[str, ...]
    sources: tuple[Source, ...]
    field_provenance: dict[str, str] = Field(default_factory=dict)
    tier: Literal["primary", "secondary"] | None = None
    rank: Annotated[int, Field(ge=1)] | None = None
    score: Share | None = None
    score_breakdown: ScoreBreakdown | None = None
    anchors: tuple[tuple[str, float], ...] = ()


CANDIDATES: TypeAdapter[list[Candidate]] = TypeAdapter(list[Candidate])
