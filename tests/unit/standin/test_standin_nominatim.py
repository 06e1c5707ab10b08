"""Nominatim: towns with their border, places in them, reverse and lookup.

The fields are those of https://nominatim.org/release-docs/latest/api/Output/.
"""

from __future__ import annotations

import pytest
from urllib3.util import SKIP_HEADER

from lambdas.places.geo import Point, distance_m
from scout.standin.overpass import inside
from tests.unit.standin.client import Client

FIELDS = {
    "place_id",
    "licence",
    "osm_type",
    "osm_id",
    "lat",
    "lon",
    "category",
    "type",
    "place_rank",
    "importance",
    "addresstype",
    "name",
    "display_name",
    "boundingbox",
}


def known(client: Client, town: str):
    """A named object of a town whose name no other has, with its truth."""
    objects = client.place(town).map.objects
    return next(item for item in objects if item.entity and len(client.place(town).map.named(item.name, least=80)) == 1)


def test_a_town_comes_first_with_its_border_and_item(client: Client):
    found = client.get(
        "/nominatim/search",
        q="Edinburgh, United Kingdom",
        polygon_geojson=1,
        extratags=1,
        addressdetails=1,
        format="jsonv2",
    ).json()
    town = found[0]
    assert set(town) == FIELDS | {"extratags", "address", "geojson"}
    assert (town["osm_type"], town["category"], town["type"]) == ("relation", "boundary", "administrative")
    assert isinstance(town["lat"], str)
    assert town["extratags"]["wikidata"] == client.place("edinburgh").town.item
    assert town["address"]["country_code"] == "gb"
    assert town["geojson"]["type"] == "Polygon"
    south, north, west, east = map(float, town["boundingbox"])
    assert south < 55.9533 < north
    assert west < -3.1883 < east


def test_the_border_holds_every_place_of_the_town(client: Client):
    (town,) = client.get("/nominatim/search", city="Tokyo", countrycodes="jp", polygon_geojson=1).json()
    assert town["geojson"]["type"] == "MultiPolygon", "Tokyo has islands"
    ring = [Point(lat, lng) for lng, lat in town["geojson"]["coordinates"][0][0]]
    assert all(inside(entity.at, ring) for entity in client.place("tokyo").city.entities)


def test_a_namesake_far_away_comes_second_unless_the_country_is_said(client: Client):
    both = client.get("/nominatim/search", q="Edinburgh").json()
    assert [hit["name"] for hit in both] == ["Edinburgh", "Edinburgh"]
    assert both[0]["importance"] > both[1]["importance"]
    assert (
        distance_m((float(both[0]["lat"]), float(both[0]["lon"])), (float(both[1]["lat"]), float(both[1]["lon"]))) > 5e5
    )
    assert len(client.get("/nominatim/search", q="Edinburgh", countrycodes="gb").json()) == 1
    box = "-3.4,55.8,-3.0,56.1"
    assert len(client.get("/nominatim/search", q="Edinburgh", viewbox=box, bounded=1).json()) == 1


def test_a_place_is_found_by_name_with_its_address(client: Client):
    item = known(client, "edinburgh")
    (found,) = client.get(
        "/nominatim/search", q=f"{item.name}, Edinburgh", addressdetails=1, namedetails=1, limit=1
    ).json()
    assert (found["osm_type"], found["osm_id"]) == (item.kind, item.ref)
    assert (float(found["lat"]), float(found["lon"])) == pytest.approx(item.at)
    assert found["address"]["road"] == item.tags["addr:street"]
    assert found["namedetails"]["name"] == item.name


def test_a_place_is_found_inside_a_view_without_a_town(client: Client):
    item = known(client, "tokyo")
    lat, lng = item.at
    found = client.get(
        "/nominatim/search", q=item.name, viewbox=f"{lng - 0.1},{lat + 0.1},{lng + 0.1},{lat - 0.1}", bounded=1
    )
    assert item.ref in [hit["osm_id"] for hit in found.json()]


def test_reverse_and_lookup_lead_to_the_same_object(client: Client):
    item = known(client, "edinburgh")
    back = client.get("/nominatim/reverse", lat=item.at.lat, lon=item.at.lng, addressdetails=1).json()
    assert distance_m(item.at, (float(back["lat"]), float(back["lon"]))) < 1
    (looked,) = client.get("/nominatim/lookup", osm_ids=f"{item.kind[0].upper()}{item.ref}").json()
    assert looked["name"] == item.name
    assert client.get("/nominatim/reverse", lat=0, lon=0).json() == {"error": "Unable to geocode"}
    assert client.get("/nominatim/reverse", lat=item.at.lat, lon=item.at.lng, zoom=10).json()["name"] == "Edinburgh"


@pytest.mark.parametrize(
    "query",
    [
        {"q": "Edinburgh", "format": "xml"},
        {"q": "a", "city": "b"},
        {},
        {"q": "a", "limit": "x"},
        {"q": "a", "viewbox": "1,2"},
    ],
)
def test_wrong_parameters_are_told(client: Client, query: dict[str, str]):
    answer = client.get("/nominatim/search", **query)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == 400


def test_a_client_without_a_name_of_its_own_is_blocked(client: Client):
    assert client.get("/nominatim/search", headers={"User-Agent": SKIP_HEADER}, q="Edinburgh").status == 403


def test_one_request_a_second_where_that_is_asked_for(client: Client):
    client.faults({"service": "nominatim", "fault": "rate", "per_second": 0.2})
    first = client.get("/nominatim/search", q="Edinburgh")
    second = client.get("/nominatim/search", q="Edinburgh")
    assert (first.status, second.status) == (200, 429)
    assert second.headers["Retry-After"] == "1"
