"""Nominatim (https://nominatim.org/release-docs/latest/api/Overview/): towns by name, and places of the map in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lambdas.places.geo import Disc, Point, distance_m, offset
from scout.standin.exchange import Refused, Reply, Request, anonymous, json_reply
from scout.standin.maps import MapObject
from scout.standin.overpass import border_of
from scout.standin.towns import boundary
from scout.standin.world import Place, World

LICENCE: Final = "Data © OpenStreetMap contributors, ODbL 1.0. http://osm.org/copyright"
_FORMATS: Final = frozenset({"json", "jsonv2"})
_MAX_RESULTS: Final = 40
_DEFAULT_RESULTS: Final = 10
_STRUCTURED: Final = ("amenity", "street", "city", "county", "state", "country", "postalcode")
_MAIN_KEYS: Final = ("tourism", "historic", "leisure", "amenity", "shop", "natural", "man_made")
_MAX_LOOKUP: Final = 50
_REVERSE_REACH_M: Final = 600.0
_ISLAND_KM: Final = 900_000.0


class Nominatim:
    """Answers ``/search``, ``/reverse``, ``/lookup`` and ``/status``.

    Args:
        world: Whose map.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request, _: list[Any]) -> Reply:
        """The answer to a request.

        Raises:
            Refused: By 403 without a User-Agent of the application's own
                (https://operations.osmfoundation.org/policies/nominatim/), by 400 with wrong parameters.
        """
        if anonymous(request):
            raise Refused(Reply(403, b"<h1>Access blocked</h1><p>Please name your application.</p>"))
        query = request.query
        endpoint = request.path.rstrip("/").rpartition("/")[2].removesuffix(".php")
        if endpoint == "status":
            return Reply(body=b"OK", content_type="text/plain")
        if query.get("format", "jsonv2") not in _FORMATS:
            raise _wrong("Parameter 'format' must be one of: json, jsonv2")
        match endpoint:
            case "search":
                return json_reply(list(self._search(query)))
            case "reverse":
                return json_reply(_public(self._reverse(query)))
            case "lookup":
                return json_reply(list(self._lookup(query)))
        raise Refused(json_reply({"error": {"code": 404, "message": "Not found"}}, 404))

    def _search(self, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        structured = {key: query[key] for key in _STRUCTURED if query.get(key)}
        if query.get("q") and structured:
            raise _wrong("Structured query parameters (amenity, street, ...) cannot be used together with 'q'.")
        if not query.get("q") and not structured:
            raise _wrong("Nothing to search for.")
        limit = min(_MAX_RESULTS, _whole(query, "limit", _DEFAULT_RESULTS))
        codes = frozenset(code.strip().upper() for code in query.get("countrycodes", "").split(",") if code.strip())
        box = _viewbox(query)
        bounded = query.get("bounded") == "1"
        found = 0
        for document, at in self._hits(query.get("q", ""), structured, query):
            if codes and document.pop("_country") not in codes:
                continue
            document.pop("_country", None)
            if bounded and box is not None and not _holds(box, at):
                continue
            yield document
            found += 1
            if found == limit:
                return

    def _hits(
        self, text: str, structured: Mapping[str, str], query: Mapping[str, str]
    ) -> Iterator[tuple[dict[str, Any], Point]]:
        """What fits, the most important first: a town, its namesake far away, or places in a town."""
        name = structured.get("amenity") or structured.get("street") or ""
        whole = text or structured.get("city") or structured.get("county") or structured.get("state") or ""
        place = self._world.named_in(whole)
        if text:
            name = text if place is None else _without(text, place)
        if not name and place is not None:
            yield _town(place, query), place.town.area.center
            yield _namesake(place)
            return
        towns = [place] if place is not None else self._in_view(query)
        for near in towns:
            yield from ((_object(near, item, query), item.at) for _, item in self._named(near, name, structured))

    def _named(self, place: Place, name: str, structured: Mapping[str, str]) -> Sequence[tuple[float, MapObject]]:
        parts = [part.strip() for part in name.split(",") if part.strip()]
        found = place.map.named(parts[0]) if parts else []
        street = structured.get("street") if "amenity" in structured else (parts[1] if len(parts) > 1 else None)
        if not street or not found:
            return found
        # With a street only what stands there: the house number may stand before or behind its name.
        on_street = [hit for hit in found if (known := hit[1].tags.get("addr:street")) and known in street]
        return on_street or found[:1]

    def _in_view(self, query: Mapping[str, str]) -> list[Place]:
        box = _viewbox(query)
        if box is None:
            return []
        west, south, east, north = box
        middle = Point((south + north) / 2, (west + east) / 2)
        return list(self._world.touching(Disc(middle, distance_m((south, west), (north, east)) / 2)))

    def _reverse(self, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            at = Point(float(query["lat"]), float(query["lon"]))
        except (KeyError, ValueError):
            raise _wrong("Floating-point number expected for parameter 'lat'.") from None
        for place in self._world.touching(Disc(at, 1.0)):
            if _whole(query, "zoom", 18) <= 12:
                return _town(place, query)
            near = [item for item in place.map.near(Disc(at, _REVERSE_REACH_M)) if item.name]
            if near:
                return _object(place, min(near, key=lambda item: (distance_m(at, item.at), item.key)), query)
        return {"error": "Unable to geocode"}

    def _lookup(self, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        kinds = {"N": "node", "W": "way", "R": "relation"}
        ids = [text for text in query.get("osm_ids", "").split(",") if text][:_MAX_LOOKUP]
        for text in ids:
            kind, ref = kinds.get(text[0].upper(), ""), text[1:]
            for place in self._world:
                if kind == "relation" and ref == str(place.town.relation):
                    yield _public(_town(place, query))
                elif (item := place.map.by_key.get(f"{kind}/{ref}")) is not None:
                    yield _public(_object(place, item, query))


def _public(document: dict[str, Any]) -> dict[str, Any]:
    document.pop("_country", None)
    return document


def _wrong(message: str) -> Refused:
    return Refused(json_reply({"error": {"code": 400, "message": message}}, 400))


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise _wrong(f"Integer expected for parameter '{name}'.") from None


def _viewbox(query: Mapping[str, str]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of ``viewbox``, whose two corners may come in any order."""
    text = query.get("viewbox")
    if not text:
        return None
    try:
        x1, y1, x2, y2 = (float(number) for number in text.split(","))
    except ValueError:
        raise _wrong("Bad parameter 'viewbox'. Must be four comma-separated numbers.") from None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _holds(box: tuple[float, float, float, float], at: Point) -> bool:
    return box[0] <= at.lng <= box[2] and box[1] <= at.lat <= box[3]


def _without(text: str, place: Place) -> str:
    """A query without what it says of the town and its country."""
    said = {place.town.name.casefold(), place.town.country.name.casefold(), place.town.country.code.casefold()}
    parts = [part.strip() for part in text.split(",")]
    kept = [
        part
        for part in parts
        if part and part.casefold() not in said and part.casefold() != place.town.country.region.casefold()
    ]
    if len(parts) > 1:
        return ", ".join(kept)
    # One part only: "Edinburgh", or "Alder House Edinburgh".
    words = text.casefold()
    if words == place.town.name.casefold():
        return ""
    return text[: words.rfind(place.town.name.casefold())].strip() or text


def _town(place: Place, query: Mapping[str, str]) -> dict[str, Any]:
    town, country = place.town, place.town.country
    border = border_of(place)
    rings = boundary(town)
    points = [point for ring in rings for point in ring]
    document = _document(place, border, query, category="boundary", kind="administrative", importance=0.78)
    document |= {
        "place_rank": 16,
        "addresstype": "city",
        "display_name": f"{town.name}, {country.region}, {country.name}",
        "boundingbox": _bounds(points),
    }
    if query.get("addressdetails") == "1":
        document["address"] = {
            "city": town.name,
            "state": country.region,
            "ISO3166-2-lvl4": country.region_code,
            "country": country.name,
            "country_code": country.code.lower(),
        }
    if query.get("polygon_geojson") == "1":
        shells = [[[point.lng, point.lat] for point in ring] for ring in rings]
        document["geojson"] = (
            {"type": "Polygon", "coordinates": shells}
            if len(shells) == 1
            else {"type": "MultiPolygon", "coordinates": [[shell] for shell in shells]}
        )
    return document


def _namesake(place: Place) -> tuple[dict[str, Any], Point]:
    """A village of the same name in another country, as the large cities of the world have."""
    at = offset(place.town.area.center, _ISLAND_KM, -_ISLAND_KM)
    document = {
        "place_id": zlib.crc32(f"namesake|{place.town.slug}".encode()),
        "licence": LICENCE,
        "osm_type": "node",
        "osm_id": 8_700_000_000 + zlib.crc32(place.town.slug.encode()) % 10**8,
        "lat": f"{at.lat:.7f}",
        "lon": f"{at.lng:.7f}",
        "category": "place",
        "type": "village",
        "place_rank": 19,
        "importance": 0.31,
        "addresstype": "village",
        "name": place.town.name,
        "display_name": f"{place.town.name}, Elsewhere",
        "boundingbox": _bounds([offset(at, -2000, -2000), offset(at, 2000, 2000)]),
        "_country": "XX",
    }
    return document, at


def _object(place: Place, item: MapObject, query: Mapping[str, str]) -> dict[str, Any]:
    town, country, tags = place.town, place.town.country, item.tags
    key = next((key for key in _MAIN_KEYS if key in tags), "place")
    document = _document(place, item, query, category=key, kind=tags.get(key, "yes"), importance=0.00001)
    house, street = tags.get("addr:housenumber"), tags.get("addr:street") or tags.get("addr:quarter")
    parts = [item.name, *([house] if house else []), *([street] if street else []), town.name, country.region]
    postcode = tags.get("addr:postcode")
    document |= {
        "place_rank": 30,
        "addresstype": key,
        "display_name": ", ".join([*parts, *([postcode] if postcode else []), country.name]),
        "boundingbox": _bounds([offset(item.at, -6, -6), offset(item.at, 6, 6)]),
    }
    if query.get("addressdetails") == "1":
        address = {
            key: item.name,
            "house_number": house,
            "road": street,
            "city": town.name,
            "state": country.region,
            "postcode": postcode,
            "country": country.name,
            "country_code": country.code.lower(),
        }
        document["address"] = {name: text for name, text in address.items() if text}
    if query.get("polygon_geojson") == "1":
        document["geojson"] = {"type": "Point", "coordinates": [item.at.lng, item.at.lat]}
    return document


def _document(
    place: Place, item: MapObject, query: Mapping[str, str], *, category: str, kind: str, importance: float
) -> dict[str, Any]:
    first = "category" if query.get("format", "jsonv2") == "jsonv2" else "class"
    document: dict[str, Any] = {
        "place_id": zlib.crc32(item.key.encode()),
        "licence": LICENCE,
        "osm_type": item.kind,
        "osm_id": item.ref,
        "lat": f"{item.at.lat:.7f}",
        "lon": f"{item.at.lng:.7f}",
        first: category,
        "type": kind,
        "importance": importance,
        "name": item.name,
        "_country": place.town.country.code,
    }
    if query.get("extratags") == "1":
        kept = ("wikidata", "wikipedia", "website", "phone", "opening_hours", "cuisine", "brand", "place")
        document["extratags"] = {key: item.tags[key] for key in kept if key in item.tags}
    if query.get("namedetails") == "1":
        document["namedetails"] = {
            key: text for key, text in item.tags.items() if key == "name" or key.startswith("name:")
        }
    return document


def _bounds(points: Sequence[Point]) -> list[str]:
    lats, lngs = [point.lat for point in points], [point.lng for point in points]
    return [f"{number:.7f}" for number in (min(lats), max(lats), min(lngs), max(lngs))]
