"""Objects of the map around points."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambdas.connectors import overpass
from lambdas.connectors.osm_object import OsmObject
from lambdas.connectors.overpass import MAX_DISCS, Overpass, around_query
from lambdas.contracts.connectors import Split
from lambdas.places.geo import Disc, offset
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, Client

Make = Callable[..., Outside]
CENTER = EDINBURGH.area.center
HERE = Disc(CENTER, 400)
THERE = Disc(offset(CENTER, 500, 0), 300)


def ask(run: Outside, *groups: list[Disc]) -> list[list[OsmObject]]:
    return Overpass(run.service(overpass.INFO)).around(groups, Split.SECONDARIES)


def test_all_named_objects_around_some_points_are_found_once(outside: Make, client: Client):
    (found,) = ask(outside(), [HERE, THERE])
    keys = {"tourism", "historic", "leisure", "amenity", "shop", "natural", "man_made"}
    wanted = {
        item.key
        for disc in (HERE, THERE)
        for item in client.place("edinburgh").map.near(disc)
        if item.name and keys & item.tags.keys()
    }
    assert {item.key for item in found} == wanted
    assert len(found) == len(wanted)


def test_a_group_is_one_query(outside: Make, client: Client):
    run = outside()
    assert len(ask(run, [HERE], [THERE])) == 2
    assert ask(run, [HERE], [THERE]) == ask(run, [HERE], [THERE])
    assert len(client.log()["requests"]) == 2
    assert run.spent() == 2


def test_a_remark_is_an_error_and_nothing_of_it_is_kept(outside: Make, client: Client):
    run = outside()
    client.faults({"service": "overpass", "fault": "remark", "keep": 3, "times": 1})
    with pytest.raises(ServiceUnavailable, match="did not answer to the end"):
        ask(run, [HERE])
    (found,) = ask(run, [HERE])
    assert len(found) > 3


def test_a_page_that_says_it_is_too_busy_is_a_passing_failure(outside: Make, client: Client):
    run = outside()
    said = "runtime error: open64: 0 Success /osm3s_osm_base Dispatcher_Client::request_read_and_idx::timeout."
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<html><body><p><strong>Error</strong>: {said}</p></body></html>'
    client.faults(
        {"service": "overpass", "fault": "status", "status": 200, "body": body, "content_type": "text/html", "times": 1}
    )
    with pytest.raises(ServiceUnavailable, match="failed on the way: b'runtime error"):
        ask(run, [HERE])
    assert len(ask(run, [HERE])[0]) > 3


@pytest.mark.parametrize("body", ["[]", "{}", '{"elements": {}}'])
def test_what_has_no_elements_is_refused(outside: Make, client: Client, body: str):
    run = outside()
    client.faults({"service": "overpass", "fault": "status", "status": 200, "body": body})
    with pytest.raises(ServiceRefused):
        ask(run, [HERE])


def test_elements_that_are_no_places_are_left_out(outside: Make, client: Client):
    run = outside()
    good = {"type": "node", "id": 1, "lat": 55.95, "lon": -3.19, "tags": {"name": "A", "shop": "books"}}
    elements = [good, good, {**good, "id": 2, "lat": 95}, {**good, "id": 3, "tags": {}}, {**good, "id": "x"}, 5]
    elements += [{**good, "type": "way", "id": 4}, {**good, "type": "area", "id": 5, "center": good}]
    body = json.dumps({"elements": elements})
    client.faults({"service": "overpass", "fault": "status", "status": 200, "body": body})
    (found,) = ask(run, [HERE])
    assert [item.key for item in found] == ["node/1"]


@pytest.mark.parametrize("count", [0, MAX_DISCS + 1])
def test_a_query_takes_some_discs_and_not_too_many(count: int):
    with pytest.raises(ValueError, match="discs"):
        around_query([HERE] * count)
