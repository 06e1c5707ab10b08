"""Nominatim (https://nominatim.org/release-docs/latest/api/Search/): the border of a city.

The public instance takes one request a second of a whole application, wants it named, and its answers cached
(https://operations.osmfoundation.org/policies/nominatim/).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lambdas.connectors.osm_candidate import LICENCE
from lambdas.connectors.protocols import Boundary
from lambdas.connectors.service import Service, ServiceInfo
from lambdas.contracts.base import Latitude, Longitude
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, distance_m, offset
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused

INFO = ServiceInfo("nominatim", Connector.NOMINATIM, "https://nominatim.openstreetmap.org", LICENCE, interval=1.0)

# Degrees by which a simplified border may differ from the surveyed one: some 50 m.
_THRESHOLD = 0.0005
_MAX_POINTS = 20_000
_MAX_NAME = 2_048
_SETTLED = frozenset({"boundary", "place"})
# As what a result stands in an address (``addresstype``). Luxembourg and Quebec are in a region of the same name, which
# is known better (https://nominatim.org/release-docs/latest/api/Output/).
_CITIES = frozenset({"city", "municipality", "town", "village"})

_Position = Annotated[list[float], Field(min_length=2, max_length=3)]
_Ring = Annotated[list[_Position], Field(min_length=4)]


class _Polygon(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    type: Literal["Polygon"]
    coordinates: Annotated[list[_Ring], Field(min_length=1)]

    @property
    def points(self) -> int:
        return sum(len(ring) for ring in self.coordinates)


class _MultiPolygon(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[Annotated[list[_Ring], Field(min_length=1)]], Field(min_length=1)]

    @property
    def points(self) -> int:
        return sum(len(ring) for shape in self.coordinates for ring in shape)


class _Other(BaseModel):
    """A point or a line: no area."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["Point", "LineString", "MultiLineString"]


class _Found(BaseModel):
    """One result in ``jsonv2``, which writes numbers as text.

    A house has no name of its own, and what was worked out, such as a postcode, is no object of OpenStreetMap
    (https://github.com/osm-search/Nominatim/blob/master/src/nominatim_api/v1/format_json.py).
    """

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    osm_type: Literal["node", "way", "relation"] | None = None
    osm_id: int | None = None
    lat: Latitude
    lon: Longitude
    category: str
    addresstype: str = ""
    importance: float = 0.0
    name: Annotated[str, Field(max_length=_MAX_NAME)] = ""
    display_name: Annotated[str, Field(max_length=_MAX_NAME)] = ""
    boundingbox: tuple[float, float, float, float]
    geojson: Annotated[_Polygon | _MultiPolygon | _Other, Field(discriminator="type")] | None = None
    extratags: dict[str, str] | None = None
    address: dict[str, str] | None = None

    @property
    def settled(self) -> bool:
        named = self.name.strip() and self.display_name.strip()
        return self.category in _SETTLED and self.osm_type is not None and self.osm_id is not None and bool(named)

    @property
    def points(self) -> int:
        return self.geojson.points if isinstance(self.geojson, _Polygon | _MultiPolygon) else 0

    @property
    def has_area(self) -> bool:
        return isinstance(self.geojson, _Polygon | _MultiPolygon)


_RESULTS: TypeAdapter[list[_Found]] = TypeAdapter(list[_Found])


class Nominatim:
    """Borders of cities for a run.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def boundary(self, city: str, area: Disc) -> Boundary | None:
        """See ``Boundaries``.

        Of several results the one is taken that has an area and reaches over the middle of the disc, of several of
        those a city before a region and the most important; without one, the nearest to the middle that lies inside of
        the disc.

        Raises:
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is none of Nominatim's, or the
                border has too many points.
        """
        request = Request({"service": self._service.base_url, "path": "/search", **_query(city, area)})
        replies = self._service.run.call(Connector.NOMINATIM, [request], self._fetch, Split.PRIMARIES)
        if not replies:
            return None
        best = _chosen([result for result in _results(replies[0].body) if result.settled], area)
        if best is None:
            return None
        if best.points > _MAX_POINTS:
            raise ServiceRefused(f"the border of {best.name} has {best.points:,} points, more than {_MAX_POINTS:,}")
        return _boundary(best)

    def _fetch(self, request: Request) -> Reply:
        query = {name: value for name, value in request.params.items() if name not in ("service", "path")}
        body = self._service.ask("/search", query)
        return Reply(request, body, units=1, items=len(_results(body)))


def _query(city: str, area: Disc) -> dict[str, str]:
    south_west = offset(area.center, -area.radius_m, -area.radius_m)
    north_east = offset(area.center, area.radius_m, area.radius_m)
    corners = (south_west.lng, south_west.lat, north_east.lng, north_east.lat)
    return {
        "q": city,
        "format": "jsonv2",
        "limit": "10",
        "polygon_geojson": "1",
        "polygon_threshold": str(_THRESHOLD),
        "extratags": "1",
        "addressdetails": "1",
        "accept-language": "en",
        "viewbox": ",".join(f"{corner:.5f}" for corner in corners),
    }


def _results(body: Any) -> list[_Found]:  # noqa: ANN401 - whatever came
    try:
        return _RESULTS.validate_python(body)
    except ValidationError as error:
        raise ServiceRefused(f"nominatim answered with what is no list of results: {error}") from error


def _chosen(found: list[_Found], area: Disc) -> _Found | None:
    lat, lng = area.center
    over = [result for result in found if result.has_area and _holds(result.boundingbox, lat, lng)]
    if over:
        return min(over, key=lambda result: (result.addresstype not in _CITIES, -result.importance, _key(result)))
    near = [(distance_m(area.center, (result.lat, result.lon)), result) for result in found]
    inside = [(distance, result) for distance, result in near if distance <= area.radius_m]
    return min(inside, key=lambda pair: (pair[0], _key(pair[1])))[1] if inside else None


def _key(result: _Found) -> str:
    return f"{result.osm_type}/{result.osm_id}"


def _holds(box: tuple[float, float, float, float], lat: float, lng: float) -> bool:
    south, north, west, east = box
    across = west <= lng <= east if west <= east else lng >= west or lng <= east
    return south <= lat <= north and across


def _boundary(result: _Found) -> Boundary:
    south, north, west, east = result.boundingbox
    item = (result.extratags or {}).get("wikidata", "")
    return Boundary(
        name=result.name.strip(),
        display_name=result.display_name.strip(),
        osm=_key(result),
        wikidata_id=item if item[:1] == "Q" and item[1:].isdigit() and item.isascii() else None,
        country_code=(result.address or {}).get("country_code"),
        lat=result.lat,
        lng=result.lon,
        box=(south, west, north, east),
        geometry=result.geojson.model_dump() if result.geojson is not None and result.has_area else None,
    )
