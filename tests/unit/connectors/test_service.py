"""Asking a service: in turn, by name, and what each way of failing comes to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdas.connectors import nominatim, overpass, wikidata
from lambdas.connectors.service import ServiceInfo
from lambdas.contracts.connectors import Connector
from lambdas.runtime.calls import Request
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import Client

Make = Callable[..., Outside]
SEARCH = {"q": "Edinburgh", "format": "jsonv2"}


def test_a_service_is_asked_in_its_turn_and_by_the_name_of_the_application(outside: Make, client: Client):
    run = outside()
    run.configure(contact="mailto:ops@example.org")
    service = run.service(nominatim.INFO)
    assert service.ask("/search", SEARCH)[0]["name"] == "Edinburgh"
    (turn,) = run.turns.taken
    assert turn == (client.url.partition("://")[2] + "/nominatim", 1.0, 0.0)
    assert service.config.user_agent == "data-scout/9.9.9 (+mailto:ops@example.org)"
    assert service.received > 100


def test_a_busy_service_is_left_alone_for_as_long_as_it_says(outside: Make, client: Client):
    run = outside()
    client.faults({"service": "nominatim", "fault": "status", "status": 429, "retry_after": 77})
    with pytest.raises(Throttled, match="answered 429"):
        run.service(nominatim.INFO).ask("/search", SEARCH)
    client.faults({"service": "overpass", "fault": "status", "status": 429})
    with pytest.raises(Throttled):
        run.service(overpass.INFO).ask("/api/interpreter", {"data": "[out:json];"})
    client.faults({"service": "overpass", "fault": "status", "status": 504, "body": "<p>Error: too busy</p>"})
    with pytest.raises(ServiceUnavailable):
        run.service(overpass.INFO).ask("/api/interpreter", {"data": "[out:json];"})
    assert [pause for _, _, pause in run.turns.taken] == [77.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"fault": "status", "status": 500}, ServiceUnavailable),
        ({"fault": "status", "status": 403}, ServiceRefused),
        ({"fault": "status", "status": 406}, ServiceRefused),
        ({"fault": "status", "status": 200, "body": "<html>busy</html>", "content_type": "text/html"}, ServiceRefused),
        ({"fault": "cut", "after": 20}, ServiceUnavailable),
        ({"fault": "cut", "after": 20, "reset": True}, ServiceUnavailable),
        ({"fault": "bomb", "megabytes": 40, "encoding": "gzip"}, ServiceRefused),
        ({"fault": "endless"}, ServiceRefused),
        ({"fault": "slow", "delay": 30}, ServiceUnavailable),
        ({"fault": "slow", "pause": 0.2}, ServiceUnavailable),
        ({"fault": "slow", "head": 1}, ServiceUnavailable),
        ({"fault": "headers", "count": 50, "kilobytes": 16}, ServiceRefused),
        ({"fault": "redirect", "to": "http://169.254.169.254/"}, ServiceRefused),
    ],
    ids=lambda value: value.get("fault", "") if isinstance(value, dict) else value.__name__,
)
def test_every_way_of_failing_has_its_error_within_its_time(
    outside: Make, client: Client, fault: dict[str, object], error: type[StageError]
):
    run = outside()
    fixed = nominatim.INFO
    # Short only where it is what ends the call.
    seconds = 1.0 if fault["fault"] == "slow" else 20.0
    info = ServiceInfo(fixed.name, fixed.connector, fixed.base_url, fixed.licence, seconds=seconds, max_bytes=2_000_000)
    client.faults({"service": "nominatim", **fault})
    with pytest.raises(error, match="nominatim at "):
        run.service(info).ask("/search", SEARCH)


def test_what_cannot_be_reached_is_unavailable(outside: Make):
    run = outside()
    run.configure(nominatim={"base_url": "http://127.0.0.1:9"})
    with pytest.raises(ServiceUnavailable, match="connect"):
        run.service(nominatim.INFO).ask("/search", SEARCH)


def test_a_turn_that_is_later_costs_nothing(outside: Make):
    run = outside()
    service = run.service(nominatim.INFO)
    run.turns.busy.add(service.base_url.partition("://")[2])
    with pytest.raises(Throttled):
        run.run.call(Connector.NOMINATIM, [Request(SEARCH)], lambda _: service.ask("/search", SEARCH))
    assert run.spent() == 0


def test_a_long_query_is_sent_as_a_form(outside: Make, client: Client):
    run = outside()
    filler = "# " + "x" * 9_000 + "\n"
    query = f"{filler}SELECT ?kind WHERE {{ wd:Q8055174319 wdt:P31 ?kind }}"
    found = run.service(wikidata.INFO).ask(
        "/sparql", {"query": query}, headers={"Accept": "application/sparql-results+json"}
    )
    assert "results" in found
    (request,) = client.log()["requests"]
    assert request["method"] == "POST"


def test_a_service_whose_calls_outlast_its_turn_is_a_mistake():
    with pytest.raises(ValueError, match="outlasts its turn"):
        ServiceInfo("slow", Connector.WIKI, "https://slow.example", wikidata.LICENCE, seconds=60)
