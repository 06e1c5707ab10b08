"""The query service: items in a box with labels, sitelinks and sites; results as JSON of SPARQL 1.1.

Shapes: https://www.w3.org/TR/sparql11-results-json/ and
https://www.mediawiki.org/wiki/Wikidata_Query_Service/User_Manual (box, around, label).
"""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.places.geo import distance_m
from tests.unit.standin.client import Client

BOX = """SERVICE wikibase:box {
    ?item wdt:P625 ?location .
    bd:serviceParam wikibase:cornerSouthWest "Point(-3.25 55.93)"^^geo:wktLiteral .
    bd:serviceParam wikibase:cornerNorthEast "Point(-3.12 55.98)"^^geo:wktLiteral .
  }"""


def ask(client: Client, query: str) -> list[dict[str, Any]]:
    answer = client.get("/wikidata/sparql", query=query, format="json")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/sparql-results+json")
    rows: list[dict[str, Any]] = answer.json()["results"]["bindings"]
    return rows


def test_items_in_a_box_with_sitelinks_and_labels(client: Client):
    rows = ask(
        client,
        f"""SELECT ?item ?itemLabel ?location ?links ?site WHERE {{
  {BOX}
  ?item wikibase:sitelinks ?links . FILTER(?links >= 2)
  OPTIONAL {{ ?item wdt:P856 ?site }}
  SERVICE wikibase:label {{ bd:serviceParam wikibase:language "en". }}
}} ORDER BY DESC(?links) ?item LIMIT 20""",
    )
    assert len(rows) == 20
    first = rows[0]
    assert first["item"]["type"] == "uri"
    assert first["item"]["value"].startswith("http://www.wikidata.org/entity/Q")
    assert first["itemLabel"] == {"type": "literal", "value": "Edinburgh", "xml:lang": "en"}
    assert first["location"]["datatype"] == "http://www.opengis.net/ont/geosparql#wktLiteral"
    assert first["location"]["value"].startswith("Point(-3.1")
    assert first["links"]["datatype"] == "http://www.w3.org/2001/XMLSchema#integer"
    links = [int(row["links"]["value"]) for row in rows]
    assert links == sorted(links, reverse=True)
    assert any("site" in row for row in rows)
    assert any("site" not in row for row in rows), "what is not known is not there, in place of an empty text"


def test_labels_come_in_the_first_language_that_has_one(client: Client):
    query = """SELECT ?item ?itemLabel ?itemDescription WHERE {
      SERVICE wikibase:box { ?item wdt:P625 ?l .
        bd:serviceParam wikibase:cornerSouthWest "Point(139.4 35.5)"^^geo:wktLiteral ;
                        wikibase:cornerNorthEast "Point(139.9 35.9)"^^geo:wktLiteral . }
      SERVICE wikibase:label { bd:serviceParam wikibase:language "%s" }
    }"""
    japanese = {row["item"]["value"]: row["itemLabel"] for row in ask(client, query % "[AUTO_LANGUAGE],ja,en")}
    english = {row["item"]["value"]: row["itemLabel"] for row in ask(client, query % "en")}
    assert sum(label.get("xml:lang") == "ja" for label in japanese.values()) > 10
    for item, label in english.items():
        # Without a label in that language the item's own id stands there, and no language.
        assert label.get("xml:lang") == "en" or label["value"] == item.rpartition("/")[2]


def test_names_by_language_and_articles_join_as_in_sparql(client: Client):
    rows = ask(
        client,
        f"""SELECT ?item ?name ?article WHERE {{ {BOX}
      ?item rdfs:label ?name . FILTER(LANG(?name) IN ("en"))
      ?article schema:about ?item ; schema:isPartOf <https://en.wikipedia.org/> . }}""",
    )
    assert rows
    assert all(row["article"]["value"].startswith("https://en.wikipedia.org/wiki/") for row in rows)


def test_around_measures_in_kilometres(client: Client):
    rows = ask(
        client,
        """SELECT ?item ?location ?km WHERE { SERVICE wikibase:around {
      ?item wdt:P625 ?location . bd:serviceParam wikibase:center "Point(-3.1883 55.9533)"^^geo:wktLiteral .
      bd:serviceParam wikibase:radius "1" . bd:serviceParam wikibase:distance ?km . } }""",
    )
    assert rows
    for row in rows:
        lng, lat = map(float, row["location"]["value"].removeprefix("Point(").rstrip(")").split())
        assert float(row["km"]["value"]) == pytest.approx(distance_m((55.9533, -3.1883), (lat, lng)) / 1000, abs=0.01)
        assert float(row["km"]["value"]) <= 1


def test_given_items_need_no_place(client: Client):
    item = client.place("edinburgh").town.item
    rows = ask(client, f"SELECT ?n WHERE {{ VALUES ?item {{ wd:{item} }} ?item wikibase:sitelinks ?n }}")
    assert rows == [{"n": {"type": "literal", "value": "120", "datatype": "http://www.w3.org/2001/XMLSchema#integer"}}]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?a WHERE { ?a ?b ?c }",
        "SELECT nothing",
        "ASK { wd:Q1 ?a ?b }",
        "CONSTRUCT { ?a ?b ?c } WHERE { ?a ?b ?c . wd:Q1 ?d ?e }",
        "DELETE WHERE { wd:Q1 ?a ?b }",
        "SELECT ?x WHERE { SERVICE <http://127.0.0.1/sparql> { wd:Q1 ?x ?y } }",
        "SELECT ?x WHERE { SERVICE wikibase:mwapi { bd:serviceParam wikibase:api 'x' . wd:Q1 wdt:P1 ?x } }",
        'SELECT ?x { SERVICE wikibase:box { ?x wdt:P625 ?l . bd:serviceParam wikibase:cornerWest "Point(1 2)" } }',
        "SELECT ?x WHERE { unknown:Q1 ?x ?y . wd:Q1 ?a ?b }",
    ],
)
def test_what_is_not_answered_is_refused(client: Client, query: str):
    answer = client.get("/wikidata/sparql", query=query, format="json")
    assert answer.status == 400
    assert answer.text.startswith("SPARQL-QUERY: malformed or refused: ")


def test_xml_unless_json_is_asked_for(client: Client):
    query = f"SELECT ?item WHERE {{ {BOX} }} LIMIT 1"
    assert client.get("/wikidata/sparql", query=query).text.lstrip().startswith("<?xml")
    headers = {"User-Agent": "tests/1 (a@b)", "Accept": "application/sparql-results+json"}
    by_header = client.get("/wikidata/sparql", headers=headers, query=query)
    assert len(by_header.json()["results"]["bindings"]) == 1
    assert len(client.form("/wikidata/sparql", query=query, format="json").json()["results"]["bindings"]) == 1


def test_too_many_requests_and_a_name_of_its_own(client: Client):
    client.faults({"service": "wikidata", "fault": "status", "status": 429, "retry_after": 60, "times": 1})
    query = f"SELECT ?item WHERE {{ {BOX} }} LIMIT 1"
    refused = client.get("/wikidata/sparql", query=query, format="json")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert client.get("/wikidata/sparql", headers={"User-Agent": "python-requests/2"}, query=query).status == 403
