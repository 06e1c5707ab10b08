"""What Wikidata knows of a city."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.connectors import wikidata
from lambdas.connectors.wikidata import Wikidata, sights_query
from lambdas.connectors.wikidata_classes import category
from lambdas.contracts.candidate import Candidate
from lambdas.places.categories import AMENITIES, SIGHTS
from lambdas.places.geo import distance_m
from lambdas.places.languages import languages_of
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable
from scout.standin.wikidata_items import item_id
from tests.unit.connectors.outside import LINEAGE, Outside
from tests.unit.standin.client import EDINBURGH, TOKYO, Client

Make = Callable[..., Outside]


def sights(run: Outside, *languages: str) -> list[Candidate]:
    known = Wikidata(run.service(wikidata.INFO), languages or ("en",))
    return [place for found in known.sights(run.job.city, run.area, LINEAGE) for place in found.candidates]


def test_every_place_that_wikidata_lists_in_the_disc_is_found_where_it_is(outside: Make, client: Client):
    run = outside()
    found = {place.external_refs.wikidata_id: place for place in sights(run)}
    listed = {
        item_id(sighting): sighting
        for sighting in client.place("edinburgh").wikidata.sightings
        if sighting.entity and EDINBURGH.area.contains(sighting.at)
    }
    assert found.keys() == listed.keys()
    assert len(found) > 50
    for item, sighting in listed.items():
        place = found[item]
        assert place.lat is not None
        assert place.lng is not None
        assert distance_m((place.lat, place.lng), sighting.at) < 1
        assert place.record_id == f"wikidata:{item}"
        assert place.category in SIGHTS | AMENITIES
        assert place.licences == (wikidata.LICENCE,)
        signals = place.additional_content.signals
        assert signals is not None
        assert signals.sitelinks
        assert signals.has_wikipedia == (place.external_refs.wikipedia_url is not None)


def test_a_large_disc_is_asked_for_in_boxes(outside: Make, client: Client, monkeypatch: pytest.MonkeyPatch):
    whole = {place.record_id: place for place in sights(outside())}
    before = len(client.log()["requests"])
    monkeypatch.setattr(wikidata, "MAX_REACH_M", 700.0)
    parts = sights(outside())
    assert len(client.log()["requests"]) - before == 9
    assert {place.record_id: place for place in parts} == whole
    assert len(parts) == len(whole)


def test_names_are_in_the_languages_of_the_country(outside: Make):
    found = sights(outside(TOKYO), *languages_of("jp"))
    both = [place for place in found if {"ja", "en"} <= place.names.keys()]
    assert len(both) > 50
    assert all(place.name == place.names["ja"] for place in both)


def test_one_query_is_one_call_and_the_second_run_asks_nothing(outside: Make, client: Client):
    run = outside()
    known = Wikidata(run.service(wikidata.INFO))
    first = list(known.sights("Edinburgh", run.area, LINEAGE))
    again = list(known.sights("Edinburgh", run.area, LINEAGE))
    assert [found.calls for found in first] == [1]
    assert first == again
    assert len(client.log()["requests"]) == 1
    assert run.spent() == 1


ROW: dict[str, Any] = {
    "item": {"value": "http://www.wikidata.org/entity/Q1"},
    "at": {"value": "Point(-3.1883 55.9533)"},
    "links": {"value": "3"},
    "class": {"value": "http://www.wikidata.org/entity/Q33506"},
    "name_en": {"value": "A museum"},
}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, 1),
        ({"item": {"value": "http://evil.example/entity/Q1"}}, 0),
        ({"at": {"value": "Point(1 2 3)"}}, 0),
        ({"at": {"value": "Point(-3.1883 955.9533)"}}, 0),
        ({"at": {"value": "http://www.wikidata.org/.well-known/genid/1"}}, 0),
        ({"name_en": {"value": "  "}}, 0),
        ({"name_en": {"value": " "}, "name_mul": {"value": "Museo"}}, 1),
        ({"links": {"value": "many"}}, 1),
        ({"class": {"value": "http://www.wikidata.org/entity/Q999999999"}}, 0),
        ({"site": {"value": "javascript:alert(1)"}, "article": {"value": "http://"}}, 1),
    ],
)
def test_a_row_that_is_no_place_is_left_out(outside: Make, client: Client, change: dict[str, Any], left: int):
    run = outside()
    body = {"results": {"bindings": [{**ROW, **change}]}}
    answer(client, body)
    found = sights(run)
    assert len(found) == left
    assert all(place.additional_content.website is None for place in found)
    assert all(place.external_refs.wikipedia_url is None for place in found)


def test_the_name_for_all_languages_stands_in_for_the_last_one(outside: Make, client: Client):
    run = outside()
    local = {**ROW, "name_mul": {"value": "Museo"}, "name_ja": {"value": "博物館"}}
    del local["name_en"]
    other = {**ROW, "item": {"value": "http://www.wikidata.org/entity/Q2"}, "name_mul": {"value": "Museo"}}
    answer(client, {"results": {"bindings": [local, other]}})
    assert [(place.name, place.names) for place in sights(run, "ja", "en")] == [
        ("博物館", {"ja": "博物館", "en": "Museo"}), ("A museum", {"en": "A museum"}),
    ]  # fmt: skip


def test_an_answer_whose_query_ran_out_of_time_on_the_way_is_a_passing_failure(outside: Make, client: Client):
    run = outside()
    trace = "SPARQL-QUERY: queryStr=SELECT ?item\njava.util.concurrent.TimeoutException\n\tat java.util.concurrent"
    body = '{"head": {"vars": ["item"]}, "results": {"bindings": [{"item": {"type": "uri", "value": "' + trace
    client.faults({"service": "wikidata", "fault": "status", "status": 200, "body": body})
    with pytest.raises(ServiceUnavailable, match="TimeoutException"):
        sights(run)


@pytest.mark.parametrize("body", [{}, [], {"results": {"bindings": [1]}}, {"results": {"bindings": [{"item": "x"}]}}])
def test_what_is_no_result_is_refused(outside: Make, client: Client, body: object):
    run = outside()
    answer(client, body)
    with pytest.raises(ServiceRefused):
        sights(run)


def answer(client: Client, document: object) -> None:
    import json

    kind = "application/sparql-results+json"
    client.faults(
        {
            "service": "wikidata", "fault": "status", "status": 200, "body": json.dumps(document), "content_type": kind,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        ({"Q33506": ""}, "museum"),
        ({"Q999999990": "Category A listed church building"}, "religious"),
        ({"Q999999990": "local museum"}, "museum"),
        ({"Q999999990": "neo-Gothic castle"}, "historic"),
        ({"Q999999990": "street", "Q999999991": "district"}, None),
        ({"Q999999990": "murder"}, None),
        ({"Q999999990": "barracks"}, None),
        ({"Q999999990": "multistorey car park", "Q999999991": "business park"}, None),
        ({}, None),
        # What an item is beside that says less.
        ({"Q43229": "organization", "Q7075": "library"}, "library"),
        ({"Q43229": "organization", "Q588140": "science museum"}, "museum"),
        ({"Q570116": "tourist attraction", "Q845945": "Shinto shrine"}, "religious"),
        ({"Q570116": "tourist attraction", "Q999999990": "Japanese garden"}, "park"),
        ({"Q838948": "work of art", "Q483453": "fountain"}, "monument"),
        ({"Q570116": "tourist attraction", "Q43229": "organization"}, "attraction"),
        ({"Q43229": "organization"}, "service"),
    ],
)
def test_categories_of_classes(classes: dict[str, str], kind: str | None):
    assert category(classes) == kind


def test_every_category_of_a_class_is_one_of_this_project():
    from lambdas.connectors.wikidata_classes import _BY_ID, _GENERAL, _PATTERNS

    assert {*_BY_ID.values(), *_GENERAL.values(), *(kind for _, kind in _PATTERNS)} <= SIGHTS | AMENITIES


def test_the_query_asks_for_the_box_around_the_disc():
    query = sights_query(EDINBURGH.area, ("ja", "en"))
    assert 'wikibase:cornerSouthWest "Point(-3.220' in query
    assert "?name_ja ?name_en ?name_mul" in query
    assert "LIMIT 6000" in query


def test_languages_end_with_english():
    assert languages_of("jp") == ("ja", "en")
    assert languages_of("fi") == ("fi", "sv", "en")
    assert languages_of("gb") == languages_of(None) == ("en",)
