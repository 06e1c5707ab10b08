"""Amazon Location Service as a geocoder: where a place of a city is, by its name.

The function's own role opens it; there is no key. ``SearchText`` finds places by name within a disc
(https://docs.aws.amazon.com/location/latest/APIReference/API_geoplaces_SearchText.html). What it answers may be kept
only where the request says ``IntendedUse=Storage``, which has a price of its own, so that every request says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lambdas.connectors.protocols import Located
from lambdas.contracts.base import Latitude, Longitude
from lambdas.contracts.candidate import Licence
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled
from lambdas.runtime.run import Run

NAME = "location"
# The terms are those of AWS (https://aws.amazon.com/service-terms/), and of the maps behind it
# (https://aws.amazon.com/location/data-providers/).
LICENCE = Licence(id="AWS-Service-Terms", attribution="Amazon Location Service and its data providers")

_MAX_RESULTS = 10
_MAX_TEXT = 200
_PLACE = "PointOfInterest"
_CONNECT_SECONDS, _READ_SECONDS = 3, 10


class _Address(BaseModel):
    model_config = ConfigDict(extra="ignore")

    street: Annotated[str | None, Field(alias="Street")] = None


class _Item(BaseModel):
    """One result. A position has the longitude first."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    kind: Annotated[str, Field(alias="PlaceType")]
    title: Annotated[str, Field(alias="Title", max_length=4096)] = ""
    position: Annotated[tuple[Longitude, Latitude] | None, Field(alias="Position")] = None
    address: Annotated[_Address, Field(alias="Address")] = _Address()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: Annotated[list[_Item], Field(alias="ResultItems")] = []


class LocationGeocoder:
    """Places by name for a run.

    Args:
        run: The run that asks.
        said: What the stack says of it: ``endpoint_url``.
    """

    name = NAME
    licence = LICENCE

    def __init__(self, run: Run, said: Mapping[str, Any]) -> None:
        self._run = run
        self._endpoint = said.get("endpoint_url")

    def locate(self, names: Sequence[str], city: str, area: Disc) -> Mapping[str, Sequence[Located]]:
        """See ``Geocoder``.

        Raises:
            Throttled: The account's quota is used up for now.
            ServiceUnavailable: Amazon Location failed, or did not answer in time.
            ServiceRefused: It does not take what it is asked, the role may not ask, or it is not to be had in this
                region.
        """
        asked = {name: self._request(name, city, area) for name in names}
        named = {request.hash(Connector.LOCATION): name for name, request in asked.items()}
        replies = self._run.call(Connector.LOCATION, list(asked.values()), self._fetch, Split.FRONTIER)
        return {
            named[reply.request.hash(Connector.LOCATION)]: [
                located for item in _answer(reply.body).items if (located := _located(item, area))
            ]
            for reply in replies
        }

    def _request(self, name: str, city: str, area: Disc) -> Request:
        circle = {"Center": [area.center.lng, area.center.lat], "Radius": round(area.radius_m)}
        return Request(
            {
                "QueryText": f"{name}, {city}"[:_MAX_TEXT],
                "Filter": {"Circle": circle},
                "MaxResults": _MAX_RESULTS,
                "IntendedUse": "Storage",
            }
        )

    def _fetch(self, request: Request) -> Reply:
        client: Any = _client(self._endpoint)
        try:
            answer = client.search_text(**request.params)
        except ClientError as error:
            raise _named(error) from error
        except BotoCoreError as error:
            raise ServiceUnavailable(f"Amazon Location could not be asked: {error}") from error
        found = _answer({"ResultItems": answer.get("ResultItems", [])})
        body = found.model_dump(by_alias=True, mode="json", exclude_none=True)
        return Reply(request, body, units=1, items=len(found.items))


def _located(item: _Item, area: Disc) -> Located | None:
    """A result as a place in the area; ``None`` for a street, a town, or what lies outside."""
    if item.kind != _PLACE or not item.title or item.position is None:
        return None
    lng, lat = item.position
    if not area.contains((lat, lng)):
        return None
    return Located(name=item.title, names=[item.title], lat=lat, lng=lng, street=item.address.street)


def _answer(body: Any) -> _Answer:  # noqa: ANN401 - whatever came
    try:
        return _Answer.model_validate(body)
    except ValidationError as error:
        raise ServiceRefused(f"Amazon Location answered with what is no list of results: {error}") from error


def _named(error: ClientError) -> StageError:
    code = error.response.get("Error", {}).get("Code", "")
    # What stands between, such as an endpoint's gateway, answers without a code.
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"Amazon Location: {error}"
    if code == "ThrottlingException" or status == 429:
        failure: StageError = Throttled(said)
        # What is refused is not charged.
        failure.units = 0
        return failure
    if status >= 500:
        return ServiceUnavailable(said)
    refusal = ServiceRefused(said)
    refusal.status, refusal.units = status, 0
    return refusal


@lru_cache(maxsize=4)
def _client(endpoint_url: str | None) -> Any:  # noqa: ANN401 - boto3-stubs for this service are no dependency
    """A client that asks once: retries are the frontier's, since each attempt costs its price."""
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1})
    # mypy knows the clients of the services whose stubs are installed.
    session: Any = boto3.Session()
    return session.client("geo-places", endpoint_url=endpoint_url, config=config)
