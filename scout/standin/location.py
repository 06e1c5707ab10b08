"""Amazon Location Service, Places (https://docs.aws.amazon.com/location/latest/APIReference/API_Operations_Amazon_Location_Service_Places_V2.html)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from rapidfuzz import fuzz, process

from lambdas.mock.register import Sighting
from lambdas.places.geo import Disc, Point, distance_m
from lambdas.places.names import normalise
from scout.standin import facts
from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.fault_rules import Cap
from scout.standin.faults import find
from scout.standin.maps import web_address
from scout.standin.world import Place, World

_CATEGORIES: Final[Mapping[str, str]] = {
    "artwork": "monument",
    "attraction": "tourist_attraction",
    "bar": "bar_or_pub",
    "cafe": "coffee_shop",
    "gallery": "gallery",
    "historic": "historical_monument",
    "hotel": "hotel",
    "library": "library",
    "market": "market",
    "monument": "landmark-attraction",
    "museum": "museum",
    "nature": "park-recreation_area",
    "park": "park-recreation_area",
    "religious": "religious_place",
    "restaurant": "restaurant",
    "shop": "specialty_store",
    "sports": "sports_facility-venue",
    "theatre": "theater",
    "viewpoint": "scenic_point",
}
_MAX_RESULTS: Final = 100
_LEAST_ALIKE: Final = 86
_MAX_RADIUS: Final = 21_000_000
_USES: Final = frozenset({"SingleUse", "Storage"})


class Location:
    """Answers SearchNearby, SearchText and Geocode.

    Args:
        world: Whose places.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to a request.

        Raises:
            Refused: By 400 (``ValidationException``) with wrong parameters, by 404 for another operation.
        """
        operation = request.path.rstrip("/").rpartition("/")[2]
        try:
            asked = request.json()
        except ValueError:
            raise _refused("The request is not JSON.") from None
        use = asked.get("IntendedUse", "SingleUse")
        if use not in _USES:
            raise _refused(f"IntendedUse must be one of {sorted(_USES)}")
        match operation:
            case "search-nearby":
                document = self._nearby(asked, find(faults, Cap))
            case "search-text":
                document = self._text(asked)
            case "geocode":
                document = self._geocode(asked)
            case _:
                raise Refused(
                    json_reply({"message": "Unknown operation"}, 404, x_amzn_ErrorType="UnknownOperationException")
                )
        return json_reply(document, x_amz_geo_pricing_bucket="Stored" if use == "Storage" else "Core")

    def _nearby(self, asked: Mapping[str, Any], cap: Cap | None) -> dict[str, Any]:
        at = _position(asked.get("QueryPosition"))
        radius = asked.get("QueryRadius", 1_000)
        if not isinstance(radius, int) or not 1 <= radius <= _MAX_RADIUS:
            raise _refused("QueryRadius is out of range.")
        limit = _limit(asked, 20)
        start = _start(asked.get("NextToken"))
        wanted = set((asked.get("Filter") or {}).get("IncludeCategories") or ())
        disc = Disc(at, float(radius))
        hits = sorted(
            (
                (distance, place, sighting)
                for place in self._world.touching(disc)
                for distance, sighting in place.commercial.near(disc, _MAX_RADIUS)
                if not wanted or _category(sighting) in wanted
            ),
            key=lambda hit: (hit[0], hit[2].id),
        )
        limit = min(limit, cap.items) if cap else limit
        document: dict[str, Any] = {
            "ResultItems": [
                {**_item(place, sighting), "Distance": round(distance)}
                for distance, place, sighting in hits[start : start + limit]
            ]
        }
        if start + limit < len(hits) and cap is None:
            document["NextToken"] = base64.b64encode(str(start + limit).encode()).decode()
        return document

    def _text(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        text, within = asked.get("QueryText"), asked.get("Filter") or {}
        circle = within.get("Circle")
        if not text or circle is None:
            raise _refused("QueryText and Filter.Circle are needed.")
        disc = Disc(_position(circle.get("Center")), float(circle.get("Radius", 0)))
        place = self._world.named_in(text)
        if place is None:
            return {"ResultItems": []}
        found = [sighting for sighting, _ in alike(place, before(text, place)) if disc.contains(sighting.at)]
        limit = _limit(asked, 20)
        center = disc.center
        return {
            "ResultItems": [
                {**_item(place, sighting), "Distance": round(distance_m(center, sighting.at))}
                for sighting in found[:limit]
            ]
        }

    def _geocode(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        text = asked.get("QueryText") or " ".join(str(part) for part in (asked.get("QueryComponents") or {}).values())
        if not text:
            raise _refused("QueryText or QueryComponents is needed.")
        place = self._world.named_in(text)
        countries = set((asked.get("Filter") or {}).get("IncludeCountries") or ())
        if place is None or (countries and not countries & {place.town.country.code, place.town.country.code3}):
            return {"ResultItems": []}
        name = before(text, place)
        if not name:
            return {"ResultItems": [_town_item(place)]}
        return {
            "ResultItems": [
                {**_item(place, sighting), "MatchScores": {"Overall": round(score / 100, 4)}}
                for sighting, score in alike(place, name)[: _limit(asked, 20)]
            ]
        }


def before(text: str, place: Place) -> str:
    """What a query names in front of the town."""
    return text[: text.casefold().rfind(place.town.name.casefold())].rstrip(" ,")


def alike(place: Place, name: str) -> list[tuple[Sighting, float]]:
    """The places of a town whose names are like one, the most similar first, with how similar they are in percent."""
    known = {sighting.id: " ".join(sorted(normalise(sighting.name).split())) for sighting in place.commercial.sightings}
    found = process.extract(
        " ".join(sorted(normalise(name.partition(",")[0]).split())),
        known,
        scorer=fuzz.ratio,
        score_cutoff=_LEAST_ALIKE,
        limit=_MAX_RESULTS,
    )
    by_id = {sighting.id: sighting for sighting in place.commercial.sightings}
    return [(by_id[ref], score) for _, score, ref in found]


def _refused(message: str) -> Refused:
    document = {"message": message, "reason": "FieldValidationFailed", "fieldList": []}
    return Refused(json_reply(document, 400, x_amzn_ErrorType="ValidationException"))


def _position(value: object) -> Point:
    """A position as the service writes it: longitude first."""
    match value:
        case [int() | float() as lng, int() | float() as lat]:
            return Point(float(lat), float(lng))
    raise _refused("A position is [longitude, latitude].")


def _limit(asked: Mapping[str, Any], default: int) -> int:
    limit = asked.get("MaxResults", default)
    if not isinstance(limit, int) or not 1 <= limit <= _MAX_RESULTS:
        raise _refused(f"MaxResults must be 1 to {_MAX_RESULTS}.")
    return limit


def _start(token: object) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(str(token)))
    except ValueError:
        raise _refused("NextToken is not one that this service gave.") from None


def _category(sighting: Sighting) -> str:
    return _CATEGORIES.get(sighting.category, "point_of_interest")


def _item(place: Place, sighting: Sighting) -> dict[str, Any]:
    entity = sighting.entity if sighting.has_facts else None
    kind = _category(sighting)
    item: dict[str, Any] = {
        "PlaceId": place_id(sighting),
        "PlaceType": "PointOfInterest",
        "Title": sighting.name,
        "Address": _address(place, sighting),
        "Position": [sighting.at.lng, sighting.at.lat],
        "Categories": [{"Id": kind, "Name": kind.replace("_", " ").title(), "Primary": True}],
    }
    contacts: dict[str, Any] = {}
    if entity and entity.phone:
        contacts["Phones"] = [{"Value": entity.phone.replace(" ", "")}]
    if entity and entity.website:
        contacts["Websites"] = [{"Value": web_address(entity.website)}]
    if contacts:
        item["Contacts"] = contacts
    if entity and (hours := facts.opening_hours(place.city, entity)):
        item["OpeningHours"] = [{"Display": hours.split("; ")}]
    if brand := facts.brand(sighting.names):
        item["BusinessChains"] = [{"Name": brand, "Id": brand.casefold().replace(" ", "_")}]
    return item


def place_id(sighting: Sighting) -> str:
    """The id of a place in this service, opaque as the real ones."""
    return "AQAA" + base64.urlsafe_b64encode(f"standin:{sighting.id}".encode()).decode().rstrip("=")


def _address(place: Place, sighting: Sighting) -> dict[str, Any]:
    country, address = place.town.country, place.town.address(sighting.street, sighting.house)
    return {
        "Label": f"{sighting.name}, {address.label}",
        "Country": {"Code2": country.code, "Code3": country.code3, "Name": country.name},
        "Region": {"Code": country.region_code, "Name": country.region},
        "Locality": place.town.name,
        "PostalCode": address.postcode,
        "Street": address.street,
        "AddressNumber": address.house,
    }


def _town_item(place: Place) -> dict[str, Any]:
    country, center = place.town.country, place.town.area.center
    reach = place.town.area.radius_m / distance_m(center, (center.lat, center.lng + 1))
    return {
        "PlaceId": f"AQAA{place.town.relation}",
        "PlaceType": "Locality",
        "Title": f"{place.town.name}, {country.region}, {country.name}",
        "Address": {
            "Label": f"{place.town.name}, {country.region}, {country.name}",
            "Country": {"Code2": country.code, "Code3": country.code3, "Name": country.name},
            "Region": {"Code": country.region_code, "Name": country.region},
            "Locality": place.town.name,
        },
        "Position": [center.lng, center.lat],
        "MapView": [center.lng - reach, center.lat - reach / 2, center.lng + reach, center.lat + reach / 2],
        "MatchScores": {"Overall": 1.0},
    }
