"""The MediaWiki API of Wikipedia and Wikivoyage.

Shapes: https://www.mediawiki.org/wiki/API:Geosearch, API:Query, API:Parsing_wikitext, Manual:Maxlag_parameter;
https://en.wikivoyage.org/wiki/Wikivoyage:Listings.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from lambdas.places.geo import distance_m
from tests.unit.standin.client import Client

API = "/w/api.php"


def query(client: Client, project: str = "wikipedia", **asked: object) -> dict[str, Any]:
    answer = client.get(f"/{project}{API}", action="query", format="json", formatversion=2, **asked)
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def test_geosearch_gives_the_nearest_first_up_to_ten_kilometres(client: Client):
    found = query(client, list="geosearch", gscoord="55.9533|-3.1883", gsradius=10_000, gslimit=500)["query"][
        "geosearch"
    ]
    assert set(found[0]) == {"pageid", "ns", "title", "lat", "lon", "dist", "primary"}
    assert found[0]["title"] == "Edinburgh"
    distances = [page["dist"] for page in found]
    assert distances == sorted(distances)
    assert all(
        page["dist"] == pytest.approx(distance_m((55.9533, -3.1883), (page["lat"], page["lon"])), abs=2)
        for page in found
    )
    assert len(query(client, list="geosearch", gscoord="55.9533|-3.1883", gsradius=10_000)["query"]["geosearch"]) == 10


def test_pages_tell_their_views_item_coordinates_and_links(client: Client):
    found = query(client, list="geosearch", gscoord="55.9533|-3.1883", gsradius=3_000, gslimit=20)["query"]["geosearch"]
    pages = query(
        client,
        titles="|".join(page["title"] for page in found) + "|No such page",
        prop="pageviews|pageprops|coordinates|extlinks",
        pvipdays=7,
        ellimit="max",
    )["query"]["pages"]
    by_title = {page["title"]: page for page in pages}
    assert by_title["No such page"]["missing"] is True
    page = by_title[found[1]["title"]]
    assert len(page["pageviews"]) == 7
    assert list(page["pageviews"].values())[-1] is None, "today is not counted yet"
    assert re.fullmatch(r"Q\d+", page["pageprops"]["wikibase_item"])
    assert set(page["coordinates"][0]) == {"lat", "lon", "primary", "globe"}
    assert any(page.get("extlinks", [{}])[0].get("url", "").startswith("http://") for page in pages)


def test_links_go_on_in_the_next_answer(client: Client):
    titles = "|".join(
        page["title"]
        for page in query(client, list="geosearch", gscoord="55.9533|-3.1883", gsradius=5_000, gslimit=50)["query"][
            "geosearch"
        ]
    )
    whole = query(client, titles=titles, prop="extlinks", ellimit="max")
    assert "continue" not in whole
    seen: list[str] = []
    onward: dict[str, str] = {}
    while True:
        part = query(client, titles=titles, prop="extlinks", ellimit=3, **onward)
        seen += [link["url"] for page in part["query"]["pages"] for link in page.get("extlinks", [])]
        if "continue" not in part:
            break
        onward = part["continue"]
    assert seen == [link["url"] for page in whole["query"]["pages"] for link in page.get("extlinks", [])]


def test_japanese_articles_have_japanese_titles(client: Client):
    answer = client.get(
        f"/wikipedia/ja{API}",
        action="query",
        format="json",
        list="geosearch",
        gscoord="35.6762|139.6503",
        gsradius=9_000,
        gslimit=500,
    )
    titles = [page["title"] for page in answer.json()["query"]["geosearch"]]
    assert sum(not title.isascii() for title in titles) > 10
    assert answer.json()["query"]["geosearch"][0]["primary"] == "", "the old format marks with an empty text"


def test_a_large_town_has_districts_with_listings(client: Client):
    main = client.get(
        f"/wikivoyage{API}",
        action="parse",
        page="Tokyo",
        prop="wikitext|links|sections",
        format="json",
        formatversion=2,
    ).json()["parse"]
    assert "==Districts==" in main["wikitext"]
    districts = [link["title"] for link in main["links"] if link["title"].startswith("Tokyo/")]
    assert len(districts) == 8
    listings = 0
    for title in districts:
        page = client.get(f"/wikivoyage{API}", action="parse", page=title, prop="wikitext", format="json").json()[
            "parse"
        ]
        text = page["wikitext"]["*"]
        found = re.findall(r"\{\{(see|do|buy|eat|drink|sleep)\n((?:\| [a-z]+=[^\n]*\n)+)\}\}", text)
        assert len(found) == text.count("\n| name=")
        listings += len(found)
    assert listings > 100


def test_a_small_town_is_one_page(client: Client):
    page = client.get(
        f"/wikivoyage{API}", action="parse", page="Helsinki", prop="wikitext", format="json", formatversion=2
    )
    text = page.json()["parse"]["wikitext"]
    assert "==Districts==" not in text
    assert "| name=Ateneum\n" in text, "Helsinki's guide speaks of real places"
    assert "| wikidata=Q754507\n" in text


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "query", "list": "geosearch", "gscoord": "1|2"}, "badformat"),
        ({"action": "edit", "format": "json"}, "badvalue"),
        ({"action": "query", "format": "json", "list": "allpages"}, "badvalue"),
        ({"action": "query", "format": "json", "prop": "nonsense", "titles": "Edinburgh"}, "badvalue"),
        ({"action": "query", "format": "json", "list": "geosearch"}, "missingparam"),
        (
            {"action": "query", "format": "json", "list": "geosearch", "gscoord": "1|2", "gsradius": "20000"},
            "badinteger",
        ),
        ({"action": "query", "format": "json", "titles": "|".join(map(str, range(51)))}, "toomanyvalues"),
        ({"action": "parse", "format": "json", "page": "Nowhere"}, "missingtitle"),
    ],
)
def test_errors_have_status_200_and_say_so_in_a_header(client: Client, asked: dict[str, str], code: str):
    answer = client.get(f"/wikipedia{API}", **asked)
    assert answer.status == 200
    assert answer.json()["error"]["code"] == answer.headers["MediaWiki-API-Error"] == code


def test_lag_sends_away_who_asks_with_a_smaller_maxlag(client: Client):
    client.faults({"service": "wikipedia", "fault": "lag", "seconds": 6})
    asked = {"action": "query", "format": "json", "titles": "Edinburgh"}
    answer = client.get(f"/wikipedia{API}", maxlag=5, **asked)
    assert answer.json()["error"]["code"] == answer.headers["MediaWiki-API-Error"] == "maxlag"
    assert answer.json()["error"]["lag"] == 6
    assert answer.headers["Retry-After"] == "5"
    assert "query" in client.get(f"/wikipedia{API}", maxlag=10, **asked).json()
    assert "query" in client.get(f"/wikipedia{API}", **asked).json()
