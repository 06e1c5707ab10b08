"""Overpass (https://wiki.openstreetmap.org/wiki/Overpass_API): named objects of OpenStreetMap around points.

The public instance wants one query at a time from one application, a name in the User-Agent, and 30 s of silence after
it said 429. A query that ran out of time or memory is answered with status 200, a ``remark``, and whatever was found
until then: that is an error here. One for which there was no room is answered with a page in HTML, by status 504, by
some instances also 200 (mvexel/overpass-api-python-wrapper#35).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lambdas.connectors.osm_candidate import LICENCE, to_candidate
from lambdas.connectors.osm_object import PLACE_KEYS, OsmObject
from lambdas.connectors.protocols import Findings
from lambdas.connectors.service import Service, ServiceInfo
from lambdas.contracts.candidate import Lineage
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable

INFO = ServiceInfo(
    "overpass",
    Connector.OVERPASS,
    "https://overpass-api.de",
    LICENCE,
    interval=1.0,
    pause=30.0,
    seconds=40.0,
    failing=re.compile(rb"runtime error|Dispatcher_Client::"),
)
MAX_DISCS = 50
_QUERY_SECONDS = 30
_MAX_BYTES = 268_435_456
_MAX_TAGS = 200


class Overpass:
    """Overpass for a run; also a knowledge base, of what is in Wikidata.

    Args:
        service: The service.
    """

    name = INFO.name

    def __init__(self, service: Service) -> None:
        self._service = service

    def around(self, groups: Sequence[Sequence[Disc]], split: Split) -> list[list[OsmObject]]:
        """The named objects around some points.

        Args:
            groups: Discs, at most :data:`MAX_DISCS` in a group; each group is one query.
            split: For whom they are sought.

        Returns:
            For each group that the run may ask for, in their order, its objects, each once.

        Raises:
            ServiceUnavailable: A query ran out of time or memory.
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is none of Overpass's.
        """
        replies = self._service.run.call(
            Connector.OVERPASS, [self.request(discs) for discs in groups], self.fetch, split
        )
        return [self.objects(reply) for reply in replies]

    def sights(self, _: str, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """The objects in a disc that Wikidata knows, too; nothing where the run may not ask.

        Raises:
            StageError: As ``around``.
        """
        request = Request({"service": self._service.base_url, "data": sights_query(area)})
        for reply in self._service.run.call(Connector.OVERPASS, [request], self.fetch, Split.PRIMARIES):
            inside = (item for item in self.objects(reply) if area.contains((item.lat, item.lng)))
            yield Findings([to_candidate(item, lineage) for item in inside], calls=1)

    def request(self, discs: Sequence[Disc], most: int | None = None) -> Request:
        """The request for the named objects in some discs; with ``most``, for at most so many of them."""
        return Request({"service": self._service.base_url, "data": around_query(discs, most)})

    def objects(self, reply: Reply) -> list[OsmObject]:
        """The objects in a reply, each once."""
        return list(_objects(reply.body))

    def returned(self, reply: Reply) -> list[str]:
        """The keys of all elements in a reply, also of those that are no objects: a relation of relations has no centre
        (drolbr/Overpass-API#733).
        """
        elements: list[Any] = reply.body["elements"]
        return [f"{each.get('type')}/{each.get('id')}" for each in elements if isinstance(each, dict)]

    def fetch(self, request: Request) -> Reply:
        """Make one call.

        Raises:
            StageError: As ``around``.
        """
        body: Any = self._service.ask("/api/interpreter", {"data": request.params["data"]})
        if not isinstance(body, dict) or not isinstance(body.get("elements"), list):
            raise ServiceRefused("overpass answered with what has no elements")
        if remark := body.get("remark"):
            raise ServiceUnavailable(f"overpass did not answer to the end: {str(remark)[:300]}")
        return Reply(request, {"elements": body["elements"]}, units=1, items=len(body["elements"]))


def around_query(discs: Sequence[Disc], most: int | None = None) -> str:
    """The query for all named objects that a visitor may go to, in any of some discs; or for ``most`` of them.

    Raises:
        ValueError: There are too many.
    """
    if not 0 < len(discs) <= MAX_DISCS:
        raise ValueError(f"a query takes 1 to {MAX_DISCS} discs, not {len(discs)}")
    keys = f'[~"^({"|".join(PLACE_KEYS)})$"~"."]'
    parts = "".join(
        f'nwr["name"]{keys}(around:{disc.radius_m:.0f},{disc.center.lat:.6f},{disc.center.lng:.6f});' for disc in discs
    )
    limit = "" if most is None else f" {most}"
    return f"[out:json][timeout:{_QUERY_SECONDS}][maxsize:{_MAX_BYTES}];({parts});out center tags qt{limit};"


def sights_query(area: Disc) -> str:
    """The query for what is in Wikidata, too, and is no shop: of a city's objects the ones that it is known for."""
    keys = "|".join(key for key in PLACE_KEYS if key != "shop")
    return (
        f"[out:json][timeout:{_QUERY_SECONDS}][maxsize:{_MAX_BYTES}];"
        f'nwr["name"]["wikidata"][~"^({keys})$"~"."]'
        f"(around:{area.radius_m:.0f},{area.center.lat:.6f},{area.center.lng:.6f});out center tags qt;"
    )


def _objects(body: Mapping[str, Any]) -> Iterable[OsmObject]:
    seen = set()
    for element in body["elements"]:
        item = _object(element)
        if item is not None and item.key not in seen:
            seen.add(item.key)
            yield item


def _object(element: Any) -> OsmObject | None:  # noqa: ANN401 - whatever came
    """An element; ``None`` for one without a position or a name, or of another kind."""
    try:
        place = element if element["type"] == "node" else element["center"]
        tags = {str(key): str(value) for key, value in list(element["tags"].items())[:_MAX_TAGS]}
        document = {
            "type": element["type"],
            "id": int(element["id"]),
            "lat": float(place["lat"]),
            "lng": float(place["lon"]),
            "complete": True,
            "tags": tags,
        }
        item = OsmObject.from_document(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    inside = abs(item.lat) <= 90 and abs(item.lng) <= 180
    return item if inside and item.osm_type in ("node", "way", "relation") and tags.get("name", "").strip() else None
