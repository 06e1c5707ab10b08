"""Listings of a travel guide."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambdas.connectors import wikivoyage
from lambdas.connectors.mediawiki import MediaWiki
from lambdas.connectors.wikivoyage import Wikivoyage, listings, page_url
from lambdas.places.categories import AMENITIES, SIGHTS
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled
from tests.unit.connectors.outside import LINEAGE, Outside
from tests.unit.standin.client import Client

Make = Callable[..., Outside]

PAGE = """
'''Town''' is a city.
* {{see
| name=[[Castle|The '''Old''' Castle]] | alt=Caisteal | url=http://castle.example/ | lat=55.9486 | long=-3.1999
| wikidata=Q212065 | wikipedia=Edinburgh Castle | address=Castlehill, {{nowrap|Old Town}} | phone=+44 131 225 9846
| content=A fortress <ref>guide</ref> on a rock. See also {{eat|name=not a listing of its own}}.
}}
* {{listing | type=Eat | name=Somewhere <!-- closed? --> | lat=55.95 | long= }}
* {{do | name= | lat=1 | long=1 }}
* {{sleep | name=Far | lat=955 | long=1 }}
* {{drink | name=Odd | lat=nan | long=1 | url=javascript:alert(1) }}
{{quickbar | name=Town }}
{| class="wikitable"
| In a table || {{see | name=Stone | lat=55.95 | long=-3.19 }}
|}
<div style="float:right">{{buy | name=Stall | lat=55.95 | long=-3.19 }}</div>
The {{marker | type=do | name=Pool | lat=55.95 | long=-3.19 | wikidata=Q5 }} is by the
{{marker | type=go | name=Station | lat=55.95 | long=-3.19 }}.
{{see | name=Cut off | lat=1
"""


def test_listings_are_read_with_their_fields_as_plain_text():
    found = {fields["name"]: (kind, fields) for kind, fields in listings(PAGE)}
    assert set(found) == {"The Old Castle", "Somewhere", "Far", "Odd", "Stone", "Stall", "Pool"}
    kind, castle = found["The Old Castle"]
    assert kind == "see"
    assert castle["wikidata"] == "Q212065"
    assert castle["content"].startswith("A fortress")
    assert "{{" not in castle["content"]
    assert found["Somewhere"][0] == "eat"
    assert found["Pool"] == ("do", {"type": "do", "name": "Pool", "lat": "55.95", "long": "-3.19", "wikidata": "Q5"})


def test_the_listings_of_all_pages_of_the_guide_are_found(outside: Make, client: Client):
    run = outside()
    wiki = MediaWiki(run.service(wikivoyage.INFO))
    found = [place for part in Wikivoyage(wiki).sights("Edinburgh", run.area, LINEAGE) for place in part.candidates]
    assert len(found) > 20
    assert len({place.record_id for place in found}) == len(found)
    for place in found:
        assert place.category in SIGHTS | AMENITIES
        assert place.licences == (wikivoyage.LICENCE,)
        assert place.source_url
        assert place.source_url.startswith(page_url("Edinburgh"))
        assert place.additional_content.web


def test_a_city_without_a_guide_has_no_listings(outside: Make):
    run = outside()
    wiki = MediaWiki(run.service(wikivoyage.INFO))
    assert list(Wikivoyage(wiki).sights("Nowhere", run.area, LINEAGE)) == []


def test_a_lagging_wiki_is_asked_later(outside: Make, client: Client):
    run = outside()
    client.faults({"service": "wikivoyage", "fault": "lag", "seconds": 9})
    with pytest.raises(ServiceUnavailable, match="lagged"):
        MediaWiki(run.service(wikivoyage.INFO)).ask({"action": "parse", "page": "Edinburgh", "prop": "wikitext"})


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("internal_api_error_DBQueryError", ServiceUnavailable),
        ("ratelimited", Throttled),
        ("badvalue", ServiceRefused),
    ],
)
def test_what_a_wiki_says_in_place_of_an_answer(outside: Make, client: Client, code: str, error: type[StageError]):
    run = outside()
    body = json.dumps({"error": {"code": code, "info": "What happened."}})
    client.faults({"service": "wikivoyage", "fault": "status", "status": 200, "body": body})
    with pytest.raises(error, match="What happened"):
        MediaWiki(run.service(wikivoyage.INFO)).ask({"action": "parse", "page": "Edinburgh", "prop": "wikitext"})
