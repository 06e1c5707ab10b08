"""Google Places (New) as a check: whether Google knows a place where the result has it, and by which id.

Google's terms forbid to keep what Places answers, save for place ids, which may be kept for ever
(https://developers.google.com/maps/documentation/places/web-service/policies). So a request asks for nothing but the
id, and nothing but the id is kept of an answer: no name, no position and no rating of Google's gets into a result.
See https://developers.google.com/maps/documentation/places/web-service/text-search
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lambdas.connectors.service import Service, ServiceInfo
from lambdas.contracts.candidate import Licence, Place
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import offset
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import ServiceRefused

LICENCE = Licence(id="google-maps-platform-terms", attribution="Place ids by Google Maps Platform")
INFO = ServiceInfo(
    "google", Connector.GOOGLE_TEXT, "https://places.googleapis.com", LICENCE, seconds=10.0, max_bytes=65_536
)
FIELD_MASK = "places.id"
"""What is asked for: by this mask Google also sets the price, which is lowest for ids alone."""

# From the middle of the square in which it is sought to its sides.
_REACH_M = 150.0


class _Found(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=500)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    places: list[_Found] = []


class GooglePlaces:
    """Google Places for a run.

    Args:
        service: Google Places.
        key: Its key.
    """

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._key = key

    def ids(self, places: Sequence[Place], city: str) -> Mapping[str, str | None]:
        """By which ids Google knows some places.

        Args:
            places: They; those without a position are left out.
            city: The city.

        Returns:
            The ids by the ids of the places, ``None`` where Google knows none of that name there; fewer where the run
            may not ask for all.

        Raises:
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is none of Google's.
        """
        found: dict[str, str | None] = {}
        for place in places:
            if place.lat is None or place.lng is None:
                continue
            request = self._request(place.name, city, (place.lat, place.lng))
            replies = self._service.run.call(Connector.GOOGLE_TEXT, [request], self._fetch, Split.PRIMARIES)
            if not replies:
                break
            body: Any = replies[0].body
            found[place.place_id] = body["place_id"]
        return found

    def _request(self, name: str, city: str, at: tuple[float, float]) -> Request:
        low, high = offset(at, -_REACH_M, -_REACH_M), offset(at, _REACH_M, _REACH_M)
        corners: dict[str, Json] = {
            "low": {"latitude": round(low.lat, 6), "longitude": round(low.lng, 6)},
            "high": {"latitude": round(high.lat, 6), "longitude": round(high.lng, 6)},
        }
        asked: dict[str, Json] = {
            "textQuery": f"{name}, {city}",
            "pageSize": 1,
            "locationRestriction": {"rectangle": corners},
        }
        return Request({"service": self._service.base_url, **asked})

    def _fetch(self, request: Request) -> Reply:
        asked = {name: value for name, value in request.params.items() if name != "service"}
        headers = {"X-Goog-Api-Key": self._key, "X-Goog-FieldMask": FIELD_MASK}
        body = self._service.ask("/v1/places:searchText", {}, document=asked, headers=headers)
        try:
            places = _Answer.model_validate(body).places
        except ValidationError as error:
            raise ServiceRefused(f"google answered with what is no result of a search: {error}") from error
        return Reply(request, {"place_id": places[0].id if places else None}, units=1, items=len(places))
