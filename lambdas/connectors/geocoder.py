"""Nominatim as a geocoder: where a place of a city is, by its name.

It is asked for what no other source of the run has, within its policy: in turn, by name, cached
(https://operations.osmfoundation.org/policies/nominatim/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lambdas.connectors.nominatim import INFO
from lambdas.connectors.protocols import Located
from lambdas.connectors.service import Service
from lambdas.contracts.base import Latitude, Longitude
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, offset
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused

_LIMIT = 10
_MAX_NAMES = 40
# Answers that are no place but where one could be
# (https://nominatim.org/release-docs/latest/customize/Ranking/).
_AREAS = frozenset({"boundary", "highway", "place", "postcode", "railway"})
_SETTLEMENTS = frozenset({"city", "county", "state", "country", "suburb", "town", "village", "road", "postcode"})


class _Result(BaseModel):
    """One result in ``jsonv2``, which writes numbers as text."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    lat: Latitude
    lon: Longitude
    category: str = ""
    addresstype: str = ""
    name: str = ""
    namedetails: dict[str, str] | None = None
    address: dict[str, str] | None = None


_RESULTS: TypeAdapter[list[_Result]] = TypeAdapter(list[_Result])


class NominatimGeocoder:
    """Places by name for a run.

    Args:
        service: Nominatim.
    """

    name = INFO.name
    licence = INFO.licence

    def __init__(self, service: Service) -> None:
        self._service = service

    def locate(self, names: Sequence[str], city: str, area: Disc) -> Mapping[str, Sequence[Located]]:
        """See ``Geocoder``.

        Raises:
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is none of Nominatim's.
        """
        fixed = {"service": self._service.base_url, "path": "/search", **_query(area)}
        requests = {Request({**fixed, "q": f"{name}, {city}"}).hash(Connector.NOMINATIM): name for name in names}
        asked = [Request({**fixed, "q": f"{name}, {city}"}) for name in requests.values()]
        replies = self._service.run.call(Connector.NOMINATIM, asked, self._fetch, Split.FRONTIER)
        return {
            requests[reply.request.hash(Connector.NOMINATIM)]: [
                located for result in _results(reply.body) if (located := _located(result, area))
            ]
            for reply in replies
        }

    def _fetch(self, request: Request) -> Reply:
        query = {name: value for name, value in request.params.items() if name not in ("service", "path")}
        body = self._service.ask("/search", query)
        return Reply(request, body, units=1, items=len(_results(body)))


def _query(area: Disc) -> dict[str, str]:
    south_west = offset(area.center, -area.radius_m, -area.radius_m)
    north_east = offset(area.center, area.radius_m, area.radius_m)
    corners = (south_west.lng, south_west.lat, north_east.lng, north_east.lat)
    return {
        "format": "jsonv2",
        "limit": str(_LIMIT),
        "addressdetails": "1",
        "namedetails": "1",
        "bounded": "1",
        "viewbox": ",".join(f"{corner:.5f}" for corner in corners),
    }


def _results(body: Any) -> list[_Result]:  # noqa: ANN401 - whatever came
    try:
        return _RESULTS.validate_python(body)
    except ValidationError as error:
        raise ServiceRefused(f"nominatim answered with what is no list of results: {error}") from error


def _located(result: _Result, area: Disc) -> Located | None:
    """A result as a place in the area; ``None`` for a street, a quarter, a town, or what lies outside."""
    if result.category in _AREAS or result.addresstype in _SETTLEMENTS or not result.name:
        return None
    if not area.contains((result.lat, result.lon)):
        return None
    names = [result.name, *(result.namedetails or {}).values()][:_MAX_NAMES]
    return Located(
        name=result.name,
        names=list(dict.fromkeys(names)),
        lat=result.lat,
        lng=result.lon,
        street=(result.address or {}).get("road"),
    )
