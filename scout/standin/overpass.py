"""Overpass (https://wiki.openstreetmap.org/wiki/Overpass_API): the map of the world's towns."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from lambdas.places.geo import EARTH_RADIUS_M, Disc, Point, distance_m
from scout.standin.exchange import Refused, Reply, Request, anonymous, json_reply
from scout.standin.fault_rules import Cap, Remark
from scout.standin.faults import find
from scout.standin.maps import MapObject
from scout.standin.overpass_ql import parse
from scout.standin.overpass_query import (
    Around,
    Box,
    Ids,
    InArea,
    Out,
    Polygon,
    Query,
    QueryError,
    Select,
    Union,
)
from scout.standin.towns import boundary
from scout.standin.world import Place, World

AREA_OF_RELATION: Final = 3_600_000_000
"""An area has the id of its relation plus this."""

_GENERATOR: Final = "Overpass API 0.7.62.8 e802775f"
_COPYRIGHT: Final = (
    "The data included in this document is from www.openstreetmap.org. The data is made available under ODbL."
)
_BASE: Final = "2026-11-01T00:00:00Z"
_METRES_PER_DEGREE: Final = math.pi * EARTH_RADIUS_M / 180
_Ring = Sequence[Point]
_ORDER: Final = {"node": 0, "way": 1, "relation": 2, "area": 3}


class Overpass:
    """Answers queries.

    Args:
        world: Whose map.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to ``/api/interpreter``, with the query in ``data`` or as the whole body; and ``/api/status``.

        Raises:
            Refused: By 406 without a User-Agent of the application's own (drolbr/Overpass-API#791), by 400 a query
                that is wrong or outside of what this world understands.
        """
        if anonymous(request):
            raise Refused(Reply(406, b"<p>Please set a User-Agent that names your application.</p>"))
        if request.path.endswith("/status"):
            return Reply(body=b"Connected as: 1\nRate limit: 2\n2 slots available now.\n", content_type="text/plain")
        text = request.form.get("data") or (request.body.decode("utf-8", "replace") if request.method == "POST" else "")
        try:
            elements = self._run(parse(text))
        except QueryError as error:
            raise Refused(Reply(400, _error_page(str(error)))) from error
        document: dict[str, Any] = {
            "version": 0.6,
            "generator": _GENERATOR,
            "osm3s": {"timestamp_osm_base": _BASE, "copyright": _COPYRIGHT},
            "elements": elements,
        }
        if remark := find(faults, Remark):
            document["elements"] = elements[: remark.keep]
            document["remark"] = remark.remark
        elif cap := find(faults, Cap):
            document["elements"] = elements[: cap.items]
        return json_reply(document)

    def _run(self, query: Query) -> list[dict[str, Any]]:
        sets: dict[str, dict[str, MapObject]] = {}
        sent: list[dict[str, Any]] = []
        for statement in query.statements:
            if isinstance(statement, Out):
                if statement.source not in sets and statement.source != "_":
                    raise QueryError(f"line 1: static error: The set {statement.source} is never filled")
                found = sets.get(statement.source, {}).values()
                sent += _sent(statement, sorted(found, key=lambda item: (_ORDER[item.kind], item.ref)))
            else:
                sets[statement.into] = self._found(statement, sets)
        return sent

    def _found(self, statement: Select | Union, sets: dict[str, dict[str, MapObject]]) -> dict[str, MapObject]:
        if isinstance(statement, Union):
            found: dict[str, MapObject] = {}
            for part in statement.parts:
                sets[part.into] = self._found(part, sets)
                found |= sets[part.into]
            return found
        if "area" in statement.kinds:
            candidates: Iterable[MapObject] = (
                MapObject("area", AREA_OF_RELATION + item.ref, item.at, item.tags) for item in self._borders()
            )
        else:
            candidates = self._candidates(statement, sets)
        tests = [self._test(where, sets) for where in statement.places]
        return {
            item.key: item
            for item in candidates
            if item.kind in statement.kinds
            and all(condition.holds(item.tags) for condition in statement.tags)
            and all(test(item) for test in tests)
        }

    def _candidates(self, statement: Select, sets: dict[str, dict[str, MapObject]]) -> Iterator[MapObject]:
        if statement.inputs:
            first, *others = (sets.get(name, {}) for name in statement.inputs)
            yield from (item for key, item in first.items() if all(key in other for other in others))
            return
        box = next((bounds for where in statement.places if (bounds := self._bounds(where, sets))), None)
        if "relation" in statement.kinds:
            yield from self._borders()
        for place in self._world:
            if box is None:
                yield from place.map.objects
            elif _reaches(place, box):
                yield from place.map.in_box(box.south, box.west, box.north, box.east)

    def _borders(self) -> Iterator[MapObject]:
        for place in self._world:
            yield border_of(place)

    def _bounds(self, where: object, sets: dict[str, dict[str, MapObject]]) -> Box | None:
        """A box that holds all that a condition lets through."""
        match where:
            case Box():
                return where
            case Around(radius, points):
                reach = radius / _METRES_PER_DEGREE * 1.01
                lats, lngs = [point.lat for point in points], [point.lng for point in points]
                wide = reach / max(0.01, math.cos(math.radians(max(map(abs, lats)))))
                return Box(min(lats) - reach, min(lngs) - wide, max(lats) + reach, max(lngs) + wide)
            case Polygon(points):
                return _box_around(points)
            case InArea():
                rings = self._rings(where, sets)
                return _box_around([point for ring in rings for point in ring]) if rings else Box(0, 0, 0, 0)
        return None

    def _test(self, where: object, sets: dict[str, dict[str, MapObject]]) -> Callable[[MapObject], bool]:
        """A condition on where an object is: as in Overpass, it is there if any point of it is."""
        if isinstance(where, Ids):
            return lambda item: item.ref in where.refs
        holds = self._holds(where, sets)
        return lambda item: any(holds(point) for point in item.outline or (item.at,))

    def _holds(self, where: object, sets: dict[str, dict[str, MapObject]]) -> Callable[[Point], bool]:
        match where:
            case Box(south, west, north, east):
                return lambda at: south <= at.lat <= north and west <= at.lng <= east
            case Around(radius, points):
                return lambda at: any(distance_m(point, at) <= radius for point in points)
            case Polygon(points):
                return lambda at: inside(at, points)
            case InArea():
                rings = self._rings(where, sets)
                return lambda at: any(inside(at, ring) for ring in rings)
        raise QueryError(f"line 1: static error: {where!r} is no condition")

    def _rings(self, where: InArea, sets: dict[str, dict[str, MapObject]]) -> list[_Ring]:
        refs = {where.ref} if where.ref else {item.ref for item in sets.get(where.name, {}).values()}
        return [
            ring
            for place in self._world
            if AREA_OF_RELATION + place.town.relation in refs
            for ring in boundary(place.town)
        ]


def border_of(place: Place) -> MapObject:
    """The relation of a town's border."""
    town = place.town
    tags = {
        "type": "boundary",
        "boundary": "administrative",
        "admin_level": "8",
        "name": town.name,
        "name:en": town.name,
        "place": "city",
        "wikidata": town.item,
        "wikipedia": f"en:{town.name}",
    }
    outline = tuple(point for ring in boundary(town) for point in ring)
    return MapObject("relation", town.relation, town.area.center, tags, outline=outline)


def inside(point: Point, ring: _Ring) -> bool:
    """Whether a point lies in a ring, by the number of its sides that a line to the east crosses."""
    crossed = False
    last = ring[-1]
    for corner in ring:
        if (corner.lat > point.lat) != (last.lat > point.lat):
            at = (last.lng - corner.lng) * (point.lat - corner.lat) / (last.lat - corner.lat) + corner.lng
            if point.lng < at:
                crossed = not crossed
        last = corner
    return crossed


def _box_around(points: Sequence[Point]) -> Box:
    lats, lngs = [point.lat for point in points], [point.lng for point in points]
    return Box(min(lats), min(lngs), max(lats), max(lngs))


def _reaches(place: Place, box: Box) -> bool:
    """Whether a town can have anything in a box: then its map is made, if it was not."""
    middle = Point((box.south + box.north) / 2, (box.west + box.east) / 2)
    across = distance_m((box.south, box.west), (box.north, box.east)) / 2
    return place.town.area.touches(Disc(middle, across + 5_000))


def _sent(out: Out, found: Sequence[MapObject]) -> list[dict[str, Any]]:
    if out.verbosity == "count":
        totals = {f"{kind}s": str(sum(item.kind == kind for item in found)) for kind in ("node", "way", "relation")}
        return [{"type": "count", "id": 0, "tags": {**totals, "total": str(len(found))}}]
    return [_element(out, item) for item in found[: out.limit]]


def _element(out: Out, item: MapObject) -> dict[str, Any]:
    element: dict[str, Any] = {"type": item.kind, "id": item.ref}
    if out.verbosity == "ids":
        return element
    if item.kind == "node":
        if out.verbosity != "tags" or out.geometry:
            element |= {"lat": item.at.lat, "lon": item.at.lng}
    elif out.geometry == "center":
        element["center"] = {"lat": item.at.lat, "lon": item.at.lng}
    elif out.geometry:
        reach = 0.0002
        element["bounds"] = {
            "minlat": round(item.at.lat - reach, 7),
            "minlon": round(item.at.lng - reach, 7),
            "maxlat": round(item.at.lat + reach, 7),
            "maxlon": round(item.at.lng + reach, 7),
        }
    if item.kind == "way" and out.verbosity in ("body", "skel", "meta"):
        element["nodes"] = [item.ref * 10 + number for number in (1, 2, 3, 4, 1)]
    if out.verbosity != "skel" and item.tags:
        element["tags"] = dict(item.tags)
    return element


def _error_page(what: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<html><head><title>OSM3S Response</title></head><body>\n'
        f'<p><strong style="color:#FF0000">Error</strong>: {html.escape(what)} </p>\n</body></html>\n'
    ).encode()
