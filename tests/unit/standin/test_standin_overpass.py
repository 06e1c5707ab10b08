"""Overpass: queries by box, circle, polygon, area and id; what is not understood is refused.

The shapes are those of https://wiki.openstreetmap.org/wiki/Overpass_API/Overpass_QL and of
https://dev.overpass-api.de/output_formats.html#json.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.connectors.osm_categories import category
from lambdas.places.geo import distance_m
from scout.standin import facts
from scout.standin.overpass_ql import parse
from scout.standin.overpass_query import QueryError
from tests.unit.standin.client import Client

BOX = "55.94,-3.21,55.966,-3.166"


def ask(client: Client, query: str) -> dict[str, Any]:
    answer = client.form("/overpass/api/interpreter", data=query)
    assert answer.status == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_union_of_node_way_and_relation_comes_with_centres_and_tags(client: Client):
    document = ask(
        client,
        f'[out:json][timeout:60][maxsize:1073741824];\n(node["tourism"]({BOX});\nway["amenity"~"^(pub|cafe)$",i]({BOX});\n'
        f'relation["boundary"="administrative"](55.9,-3.3,56.0,-3.1););\nout center tags qt;',
    )
    assert document["version"] == 0.6
    assert set(document["osm3s"]) == {"timestamp_osm_base", "copyright"}
    assert "remark" not in document
    kinds = {element["type"] for element in document["elements"]}
    assert {"node", "relation"} <= kinds
    for element in document["elements"]:
        at = element if element["type"] == "node" else element["center"]
        assert set(at) >= {"lat", "lon"}
        assert element["tags"]
    border = next(element for element in document["elements"] if element["type"] == "relation")
    assert border["tags"]["name"] == "Edinburgh"
    assert border["tags"]["admin_level"] == "8"


def test_a_circle_holds_what_is_within_it_and_nothing_else(client: Client):
    here = (55.9533, -3.1883)
    document = ask(client, f"[out:json];nwr[name](around:400,{here[0]},{here[1]});out center tags;")
    found = {f"{element['type']}/{element['id']}" for element in document["elements"]}
    named = (item for item in client.place("edinburgh").map.objects if item.name)
    assert found == {item.key for item in named if distance_m(here, item.at) <= 400}
    assert len(found) > 20


def test_a_polygon_and_the_same_box_hold_the_same(client: Client):
    poly = "55.95 -3.20 55.95 -3.18 55.96 -3.18 55.96 -3.20"
    inside = ask(client, f'[out:json];nwr[shop](poly:"{poly}");out ids;')["elements"]
    boxed = ask(client, "[out:json][bbox:55.95,-3.20,55.96,-3.18];nwr[shop];out ids;")["elements"]
    assert inside == boxed != []


def test_an_area_is_that_of_its_relation(client: Client):
    relation = client.place("edinburgh").town.relation
    by_id = ask(client, f"[out:json];area({3_600_000_000 + relation})->.a;nwr[tourism=museum](area.a);out center tags;")
    by_name = ask(client, '[out:json];area[name="Edinburgh"]->.a;(nwr[tourism=museum](area.a););out center tags;')
    assert by_id["elements"] == by_name["elements"] != []


def test_objects_are_found_by_id_and_counted(client: Client):
    first = client.place("edinburgh").map.objects[0]
    (element,) = ask(client, f"[out:json];{first.kind}({first.ref});out;")["elements"]
    assert element["id"] == first.ref
    (count,) = ask(client, f"[out:json];nwr[shop]({BOX});out count;")["elements"]
    assert count["type"] == "count"
    assert int(count["tags"]["total"]) > 20


def test_each_tag_filter_does_what_it_says(client: Client):
    def names(condition: str) -> set[str]:
        elements = ask(client, f"[out:json];node{condition}({BOX});out tags;")["elements"]
        return {element["id"] for element in elements}

    everything = names("")
    assert names('["name"]') | names('[!"name"]') == everything
    assert names("[shop=books]") | names("[shop!=books]") == everything
    assert names('["shop"~"^b"]') | names('["shop"!~"^b"]') == everything
    assert names('[~"^(shop|amenity)$"~"."]') == names("[shop]") | names("[amenity]")


def test_the_clutter_of_a_street_has_no_name(client: Client):
    elements = ask(client, f"[out:json];node[amenity=bench]({BOX});out tags;")["elements"]
    assert elements
    assert all("name" not in element["tags"] for element in elements)


def test_places_that_are_gone_have_a_prefix(client: Client):
    elements = ask(client, f'[out:json];nwr[~"^disused:"~"."]({BOX});out tags;')["elements"]
    assert elements
    assert all(category(element["tags"])[0] is None for element in elements)


@pytest.mark.parametrize(
    "query",
    [
        "node(1,2,3);out;",
        "[out:xml];node(1);out;",
        "[out:json];node[name];out;",
        "[out:json];node(55,-3,56,-2);",
        "[out:json];foo(1);out;",
        "[out:json];node(55,-3,56,-2)[name;out;",
        '[out:json];node["name"~"("](55,-3,56,-2);out;',
        "[out:json];node(56,-3,55,-2);out;",
        "[out:json];node(around:10);out;",
        "[out:json];(node(1);>;);out;",
        "[out:json];node(1)->.a;.b out;",
        "[out:json][date:2020];node(1);out;",
        "[out:json];node(1);out sideways;",
    ],
)
def test_what_is_not_understood_is_refused_with_the_page_of_overpass(client: Client, query: str):
    answer = client.form("/overpass/api/interpreter", data=query)
    assert answer.status == 400
    assert '<strong style="color:#FF0000">Error</strong>: line 1: ' in answer.text


@given(st.text(alphabet='node(){}[];:,.~"=!->out 0123456789', max_size=60))
def test_no_text_breaks_the_parser(text: str):
    try:
        parse(text)
    except QueryError as error:
        assert str(error).startswith("line ")  # noqa: PT017 - any text may be right, too


@pytest.mark.parametrize("agent", ["", "python-urllib3/2.8.0", "curl/8.5", "Go-http-client/1.1"])
def test_a_client_without_a_name_of_its_own_gets_406(client: Client, agent: str):
    headers = {"User-Agent": agent} if agent else {"User-Agent": urllib3_skip()}
    assert client.get("/overpass/api/interpreter", headers=headers, data="[out:json];node(1);out;").status == 406


def urllib3_skip() -> str:
    from urllib3.util import SKIP_HEADER

    return SKIP_HEADER


@pytest.mark.parametrize("kind", sorted(facts.TAGS))
def test_tags_lead_back_to_the_category_that_they_stand_for(kind: str):
    for tags in facts.TAGS[kind]:
        assert category({"name": "x", **tags})[0] == kind


def test_helsinki_is_the_real_extract(client: Client):
    place = client.place("helsinki")
    document = ask(client, "[out:json];nwr[name](60.16,24.92,60.18,24.97);out center tags;")
    found = [element for element in document["elements"] if element["id"] != place.town.relation]
    assert len(found) == len(place.map.objects) > 1_200
    ateneum = [element for element in document["elements"] if element["tags"]["name"] == "Ateneum"]
    assert ateneum
    assert all(place.town.area.contains(item.at) for item in place.map.objects)
