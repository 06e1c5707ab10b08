"""DiscoverTargets in the stand-in world."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.frontier import WebMessage
from lambdas.discover_targets import state
from lambdas.discover_targets.datasets import intent_of
from lambdas.discover_targets.portals import looks_like_portal
from lambdas.discover_targets.state import discover_targets
from lambdas.runtime import keys
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from scout.standin.towns import Town
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, TOKYO, Client

Make = Callable[..., Outside]


@pytest.fixture
def city(outside: Make, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(*args: Any, **options: Any) -> Outside:
        run = outside(*args, **options)
        monkeypatch.setattr(state, "Hosts", lambda *_: run.turns)
        return run

    return make


def targets_of(run: Outside) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.s3.objects[keys.targets(run.job.slug)])
    return found


def test_the_targets_name_the_border_and_the_data_of_the_citys_portal(city: Make):
    run = city()
    output = run.stage(discover_targets)
    targets = targets_of(run)
    assert targets["country"] == "GB"
    assert targets["boundary"]["geometry"]["type"] == "Polygon"
    assert targets["boundary"]["license"] == "ODbL-1.0"
    assert output.data["boundary"] == {**targets["boundary"], "box": tuple(targets["boundary"]["box"])}
    (portal,) = targets["candidates"]
    assert portal["url"] == "http://data.edinburgh.example/"
    assert portal["has_machine_readable"]
    assert portal["license"] == "CC0-1.0"
    assert portal["score"] > 0.6
    assert {"structure", "license", "via wikipedia"} <= set(portal["reasons"])
    assert {data["category"] for data in targets["datasets"]} == {
        "heritage", "open_data", "parks", "public_art", "tourism",
    }  # fmt: skip
    for data in targets["datasets"]:
        assert {endpoint["type"] for endpoint in data["endpoints"]} == {"GeoJSON", "CSV"}
        assert all(endpoint["url"].startswith("http://data.edinburgh.example/") for endpoint in data["endpoints"])
    assert output.metrics["datasets"] == len(targets["datasets"])
    assert run.spent() == 3 + 3, "three services; of the portal its robots.txt, its first page and its catalogue"
    assert run.spent(BudgetGroup.WEB) == 0
    assert output.metrics["bytes"] > 0


def sent(run: Outside) -> list[WebMessage]:
    return [message for message in run.ledger.messages.values() if isinstance(message, WebMessage)]


def test_data_sets_that_hold_places_are_sent_to_be_read(city: Make):
    run = city()
    output = run.stage(discover_targets)
    assert sorted(message.source_url.rpartition("/")[2] for message in sent(run)) == [
        "heritage.geojson", "parks.geojson", "public_art.geojson", "tourism.geojson",
    ]  # fmt: skip
    for message in sent(run):
        assert message.source_type == "json"
        assert message.metadata is not None
        assert message.metadata.license == "CC0-1.0"
        assert message.trust_score == targets_of(run)["candidates"][0]["score"]
    assert output.metrics["files"] == output.metrics["enqueued"] == 4
    run.run = run.another_run()
    assert run.stage(discover_targets).metrics["enqueued"] == 0


@pytest.mark.parametrize(("town", "catalogue"), [(EDINBURGH, "/api/3/action/package_search"), (TOKYO, "/data.json")])
def test_a_catalogue_says_what_the_pages_say_in_fewer_requests(city: Make, client: Client, town: Town, catalogue: str):
    run = city(town)
    run.stage(discover_targets)
    host = f"data.{town.slug}.example"
    asked = [request["path"] for request in client.log()["requests"] if request["host"] == host]
    assert asked[-1] == catalogue
    by_catalogue = targets_of(run)["datasets"]

    client.faults({"service": "web", "host": host, "path": catalogue, "fault": "status", "status": 404})
    other = city(town)
    other.stage(discover_targets)
    by_pages = targets_of(other)["datasets"]
    assert [data["endpoints"] for data in by_pages] == [data["endpoints"] for data in by_catalogue]
    assert [data["license"] for data in by_pages] == [data["license"] for data in by_catalogue]


def test_a_retry_says_the_same_and_asks_nothing(city: Make, client: Client):
    run = city(TOKYO)
    first = run.stage(discover_targets)
    asked = len(client.log()["requests"])
    spent = dict(run.ledger.spent)
    run.run = run.another_run()
    again = run.stage(discover_targets)
    assert again.data == first.data
    assert len(client.log()["requests"]) == asked
    assert run.ledger.spent == spent


def test_without_the_web_portals_are_read_since_they_are_open_data(city: Make):
    run = city(changes={"kill_switches": {"web": True}})
    assert run.stage(discover_targets).metrics["files"] == 4
    assert {message.budget_token for message in sent(run)} == {Connector.DATA_FETCH}


def test_without_the_web_a_portal_without_a_catalogue_is_not_read_page_by_page(city: Make, client: Client):
    client.faults({"service": "web", "path": "/api/3/action/package_search", "fault": "status", "status": 404})
    run = city(changes={"kill_switches": {"web": True}})
    run.stage(discover_targets)
    host = "data.edinburgh.example"
    asked = [request["path"] for request in client.log()["requests"] if request["host"] == host]
    assert "/parks" not in asked
    assert targets_of(run)["datasets"] == []


def test_a_portal_that_the_budget_does_not_reach_is_named_and_not_read(city: Make):
    run = city()
    run.ledger.spent[BudgetGroup.OPEN_DATA] = run.job.cap(BudgetGroup.OPEN_DATA) - 3
    run.stage(discover_targets)
    (portal,) = targets_of(run)["candidates"]
    assert portal["has_machine_readable"] is False
    assert any(reason.startswith("not read: ") for reason in portal["reasons"])


def test_a_portal_that_does_not_answer_is_named_with_the_reason(city: Make, client: Client):
    run = city()
    client.faults({"service": "web", "host": "data.edinburgh.example", "fault": "status", "status": 500})
    run.stage(discover_targets)
    (portal,) = targets_of(run)["candidates"]
    assert portal["has_machine_readable"] is False
    assert "500" in " ".join(portal["reasons"])


def test_what_the_stack_turns_off_is_not_asked(city: Make, client: Client):
    run = city()
    run.configure(**{name: {"enabled": False} for name in ("nominatim", "wikidata", "wikipedia")})
    output = run.stage(discover_targets)
    assert output.data["boundary"] is None
    assert targets_of(run)["candidates"] == []
    assert client.log()["requests"] == []


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (502, ServiceUnavailable)])
def test_a_service_that_fails_fails_the_state_and_a_retry_goes_on_from_there(
    city: Make, client: Client, status: int, error: type[Exception]
):
    run = city()
    client.faults({"service": "wikipedia", "fault": "status", "status": status})
    with pytest.raises(error):
        run.stage(discover_targets)
    client.faults()
    run.stage(discover_targets)
    assert targets_of(run)["datasets"]
    asked = [request["service"] for request in client.log()["requests"]]
    assert asked.count("nominatim") == 1, "what was answered is not asked for again"


@pytest.mark.parametrize(
    ("url", "portal"),
    [
        ("https://data.edinburghcouncilmaps.info/", True),
        ("https://opendata.paris.fr/explore", True),
        ("https://hub.arcgis.com/x", True),
        ("https://www.london.gov.uk/open-data", True),
        ("https://portal.data.metro.tokyo.lg.jp/", True),
        ("https://data.gov.uk/dataset/1", True),
        ("https://www.database.example/", False),
        ("https://example.org/update/", False),
        ("ftp://data.example.org/", False),
        ("https://www.visitscotland.com/", False),
    ],
)
def test_what_looks_like_a_portal(url: str, portal: bool):
    assert looks_like_portal(url) is portal


def test_what_a_data_set_is_about():
    assert intent_of("Listed buildings") == "heritage"
    assert intent_of("public_art") == "public_art"
    assert intent_of("Play parks") == "parks"
    assert intent_of("Budget 2026") == "open_data"
