"""The border of a city."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambdas.connectors import nominatim
from lambdas.connectors.nominatim import Nominatim
from lambdas.places.geo import Disc
from lambdas.runtime.errors import ServiceRefused
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, TOKYO, Client

Make = Callable[..., Outside]


def test_the_city_is_that_over_the_middle_of_the_disc(outside: Make):
    run = outside()
    found = Nominatim(run.service(nominatim.INFO)).boundary("Edinburgh", run.area)
    assert found is not None
    assert (found.name, found.country_code) == ("Edinburgh", "gb")
    assert found.osm.startswith("relation/")
    assert found.wikidata_id
    assert found.geometry is not None
    assert found.geometry["type"] == "Polygon"
    south, west, north, east = found.box
    assert south < EDINBURGH.area.center.lat < north
    assert west < EDINBURGH.area.center.lng < east


def test_a_city_with_islands_has_several_shapes(outside: Make):
    run = outside(TOKYO)
    found = Nominatim(run.service(nominatim.INFO)).boundary("Tokyo", run.area)
    assert found is not None
    assert found.geometry is not None
    assert found.geometry["type"] == "MultiPolygon"


def test_a_namesake_elsewhere_is_not_the_city(outside: Make):
    run = outside()
    elsewhere = Disc.of(40.0, -100.0, 5_000)
    assert Nominatim(run.service(nominatim.INFO)).boundary("Edinburgh", elsewhere) is None


def test_the_answer_is_asked_for_once(outside: Make, client: Client):
    run = outside()
    service = Nominatim(run.service(nominatim.INFO))
    assert service.boundary("Edinburgh", run.area) == service.boundary("Edinburgh", run.area)
    assert len(client.log()["requests"]) == 1
    assert run.spent() == 1


def test_a_run_that_may_not_ask_knows_no_border(outside: Make, client: Client):
    run = outside(changes={"kill_switches": {"open_data": True}})
    assert Nominatim(run.service(nominatim.INFO)).boundary("Edinburgh", run.area) is None
    assert client.log()["requests"] == []


PLACE = {
    "osm_type": "relation", "osm_id": 1, "lat": "1", "lon": "0", "category": "place", "name": "x", "display_name": "x",
    "boundingbox": ["0", "2", "0", "2"],
}  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        {},
        [{}],
        [{**PLACE, "lat": "NaN"}],
        [{**PLACE, "lat": "91"}],
        [{**PLACE, "boundingbox": ["0"]}],
        [{**PLACE, "geojson": {"type": "Polygon", "coordinates": [[[1]]]}}],
        [{**PLACE, "geojson": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, "NaN"], [0, 0]]]}}],
        [{**PLACE, "geojson": {"type": "Sphere"}}],
    ],
)
def test_what_is_no_list_of_results_is_refused(outside: Make, client: Client, document: object):
    run, body = outside(), json.dumps(document)
    client.faults(
        {"service": "nominatim", "fault": "status", "status": 200, "body": body, "content_type": "application/json"}
    )
    with pytest.raises(ServiceRefused, match="no list of results"):
        Nominatim(run.service(nominatim.INFO)).boundary("Edinburgh", run.area)


def answer(client: Client, *documents: object) -> None:
    body, kind = json.dumps(documents), "application/json"
    client.faults({"service": "nominatim", "fault": "status", "status": 200, "body": body, "content_type": kind})


HERE = Disc.of(1.0, 1.0, 5_000)
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [0, 2], [2, 2], [0, 0]]]}
CITY = {**PLACE, "category": "boundary", "addresstype": "city", "importance": 0.5, "geojson": SQUARE}


def test_a_result_without_a_name_or_an_object_behind_it_is_no_city(outside: Make, client: Client):
    run = outside()
    house = {**PLACE, "name": "", "display_name": ""}
    worked_out = {name: value for name, value in PLACE.items() if name not in ("osm_type", "osm_id")}
    answer(client, house, worked_out, CITY)
    found = Nominatim(run.service(nominatim.INFO)).boundary("x", HERE)
    assert found is not None
    assert found.osm == "relation/1"


def test_a_city_goes_before_the_region_of_its_name(outside: Make, client: Client):
    run = outside()
    answer(client, {**CITY, "osm_id": 7, "addresstype": "state", "importance": 0.9}, CITY)
    found = Nominatim(run.service(nominatim.INFO)).boundary("x", HERE)
    assert found is not None
    assert found.osm == "relation/1"


def test_the_border_of_a_namesake_may_be_long_and_that_of_the_city_not(outside: Make, client: Client):
    run = outside()
    long = {"type": "Polygon", "coordinates": [[[0, 0], *[[0, 2]] * 20_000, [2, 2], [0, 0]]]}
    answer(client, {**CITY, "osm_id": 7, "addresstype": "country", "geojson": long}, CITY)
    assert Nominatim(run.service(nominatim.INFO)).boundary("x", HERE) is not None
    answer(client, {**CITY, "geojson": long})
    with pytest.raises(ServiceRefused, match="20,003 points"):
        Nominatim(run.service(nominatim.INFO)).boundary("y", HERE)
