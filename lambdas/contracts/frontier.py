"""Messages of the frontier queue: one shape for every sender and every reader.

Each message has the same envelope (``type``,
``city``, ``run_id``, ``correlation_id``, ``budget_token``, ``enqueued_at``) and the fields of its type. The
correlation id also travels as the message attribute ``correlation_id``, and the run as ``run_id``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter

from lambdas.contracts.base import Contract, Latitude, Longitude, RunId, Share, Text, Uuid, utc_now
from lambdas.contracts.connectors import Connector

Priority = Literal["low", "medium", "high"]


class WebMetadata(Contract):
    """What is known of a page before it is fetched; ``license``: the terms of a data set, as its catalogue says."""

    domain_authority: Literal["gov", "edu", "org", "com", "unknown"] | None = None
    last_updated: str | None = None
    license: str | None = None
    content_type_hint: str | None = None


class MapsMetadata(Contract):
    """Where a search came from."""

    anchor_place_id: str | None = None
    search_depth: Annotated[int, Field(ge=0, le=3)] | None = None
    h3_cell: str | None = None


class Envelope(Contract):
    """What every message carries."""

    city: Text
    run_id: RunId
    correlation_id: Uuid
    budget_token: Connector
    enqueued_at: str = Field(default_factory=utc_now)
    trust_score: Share | None = None
    coordinates_confidence: Share | None = None
    priority: Priority = "medium"

    @property
    def key(self) -> str:
        """The message's identity: the same work for the same run has the same key, however often it is sent."""
        work: dict[str, Any] = self.model_dump(mode="json", exclude={"enqueued_at", "correlation_id"})
        canonical = json.dumps(work, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:24]


class WebMessage(Envelope):
    """Fetch a page, and extract the places on it. ``timeout_seconds`` bounds the fetch."""

    type: Literal["web"] = "web"
    source_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2048)]
    source_name: Text
    source_type: Literal["html", "api", "json", "xml", "csv", "pdf"]
    crawl_depth: Annotated[int, Field(ge=0, le=5)]
    timeout_seconds: Annotated[int, Field(ge=10, le=3600)] = 300
    metadata: WebMetadata | None = None

    @property
    def is_data(self) -> bool:
        """Whether it asks for a data set of a portal, which is open data, and not for a page of the web."""
        return self.budget_token is Connector.DATA_FETCH


class MapsMessage(Envelope):
    """Search a map around a point. ``radius`` is in metres."""

    type: Literal["maps"] = "maps"
    lat: Latitude
    lng: Longitude
    radius: Annotated[int, Field(ge=50, le=50_000)]
    category: Text | None = None
    search_type: Literal["nearby", "text", "details"] = "nearby"
    place_types: tuple[Text, ...] | None = None
    metadata: MapsMetadata | None = None


FrontierMessage: TypeAlias = Annotated[WebMessage | MapsMessage, Field(discriminator="type")]
_ADAPTER: TypeAdapter[WebMessage | MapsMessage] = TypeAdapter(FrontierMessage)


def parse_message(body: str) -> WebMessage | MapsMessage:
    """Validate the body of a frontier message.

    Args:
        body: The SQS message body.

    Returns:
        The message.

    Raises:
        ValueError: ``pydantic.ValidationError``: not JSON, an unknown type, or a field that the schema refuses.
    """
    return _ADAPTER.validate_json(body)
