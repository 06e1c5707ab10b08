"""ExpandNeighbors in the stand-in world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.candidate import Source
from lambdas.contracts.connectors import Connector
from lambdas.contracts.frontier import MapsMessage, WebMessage
from lambdas.expand_neighbors.state import GROUP, MAX_NEAR, expand_neighbors, search_maps
from lambdas.places.geo import distance_m
from lambdas.places.neighbours import anchors_of
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, Client

Make = Callable[..., Outside]


@pytest.fixture
def expanding(outside: Make) -> Make:
    def make(**options: Any) -> Outside:
        run: Outside = outside(state="ExpandNeighbors", **options)
        return run

    return make


def primaries(client: Client, count: int = 60) -> dict[str, Any]:
    """The best known sights of the town, as SeedPrimaries puts them out."""
    known = sorted(client.place("edinburgh").city.entities, key=lambda entity: -entity.prominence)
    return {
        "primaries": [
            {"place_id": f"p_{entity.number:020x}", "lat": entity.at.lat, "lng": entity.at.lng}
            for entity in known
            if EDINBURGH.area.contains(entity.at)
        ][:count]
    }


def expand(run: Outside, seeds: Any) -> Any:
    return run.stage(expand_neighbors, seeds, before="SeedPrimaries")


def test_what_lies_around_the_primaries_is_found_with_its_distance(expanding: Make, client: Client):
    run, seeds = expanding(), primaries(client)
    output = expand(run, seeds)
    found = run.found()
    anchors = {anchor.place_id: anchor for anchor in anchors_of(seeds["primaries"])}
    assert len(found) > 100
    assert all(place.source is Source.OSM and place.record_id.startswith("osm:") for place in found.values())
    assert all(EDINBURGH.area.contains((place.lat or 0, place.lng or 0)) for place in found.values())
    assert len(output.data["near"]) > 100
    for place_id, record_id, metres in output.data["near"]:
        place, anchor = found[record_id], anchors[place_id]
        assert metres <= anchor.radius_m
        assert metres == pytest.approx(distance_m(anchor.at, (place.lat or 0, place.lng or 0)), abs=0.1)
        assert place.category not in {"transport", "service"}
        assert "brand" not in place.additional_content.tags
    assert max(Counter(edge[0] for edge in output.data["near"]).values()) <= MAX_NEAR
    assert output.metrics["searched"] == len(anchors)
    assert output.data["ring"]


def test_few_queries_ask_for_all_of_it_one_after_the_other(expanding: Make, client: Client):
    run, seeds = expanding(), primaries(client)
    output = expand(run, seeds)
    asked = client.log()["requests"]
    groups = -(-output.metrics["anchors"] // GROUP) + -(-output.metrics["ring"] // GROUP)
    assert len(asked) == groups == run.spent()
    assert {interval for _, interval, _ in run.turns.taken} == {1.0}


def test_a_retry_decides_the_same_and_asks_nothing(expanding: Make, client: Client):
    run, seeds = expanding(), primaries(client)
    first = expand(run, seeds)
    asked = len(client.log()["requests"])
    run.run = run.another_run()
    assert expand(run, None).data == first.data
    assert len(client.log()["requests"]) == asked


def test_a_query_that_ran_out_of_time_fails_the_state_and_a_retry_goes_on_from_there(expanding: Make, client: Client):
    run, seeds = expanding(), primaries(client)
    client.faults({"service": "overpass", "fault": "remark", "keep": 5, "skip": 1, "times": 1})
    with pytest.raises(ServiceUnavailable, match="to the end"):
        expand(run, seeds)
    kept = run.found().keys()
    assert kept, "what the first query brought is kept"
    run.run = run.another_run()
    expand(run, None)
    assert kept < run.found().keys()


@pytest.mark.parametrize("seeds", [None, {"primaries": []}])
def test_without_primaries_there_is_nothing_to_search_around(expanding: Make, client: Client, seeds: Any):
    output = expand(expanding(), seeds)
    assert output.data == {"near": [], "ring": []}
    assert client.log()["requests"] == []


def test_without_leave_to_ask_nothing_is_found(expanding: Make, client: Client):
    run = expanding(changes={"kill_switches": {"open_data": True}})
    assert expand(run, primaries(client)).data == {"near": [], "ring": []}
    assert client.log()["requests"] == []
    assert run.run.skipped > 0


def test_a_service_that_is_turned_off_is_not_asked(expanding: Make, client: Client):
    run = expanding()
    run.configure(overpass={"enabled": False})
    assert expand(run, primaries(client)).data == {"near": [], "ring": []}
    assert client.log()["requests"] == []


def maps_message(connector: Connector = Connector.OVERPASS) -> dict[str, Any]:
    center = EDINBURGH.area.center
    return MapsMessage(
        city="Edinburgh",
        run_id="run-1",
        correlation_id="00000000-0000-4000-8000-000000000000",
        budget_token=connector,
        lat=center.lat,
        lng=center.lng,
        radius=300,
    ).document()


def test_a_search_of_the_frontier_hands_its_answer_on(expanding: Make):
    run = expanding()
    output = run.stage(search_maps, maps_message(), before="WebFetch")
    assert output.data["calls"] == 1
    assert len(output.data["candidates"]) == output.records
    assert len(output.data["candidates"]) > 5
    assert run.found() == {}, "they are GeocodeValidate's to report"


def test_a_message_of_another_service_is_refused(expanding: Make):
    with pytest.raises(InvalidInput, match=r"google\.nearby"):
        expanding().stage(search_maps, maps_message(Connector.GOOGLE_NEARBY), before="WebFetch")
    page = WebMessage(
        city="Edinburgh",
        run_id="run-1",
        correlation_id="00000000-0000-4000-8000-000000000000",
        budget_token=Connector.OVERPASS,
        source_url="https://example.org/",
        source_name="example.org",
        source_type="html",
        crawl_depth=0,
    )
    with pytest.raises(InvalidInput, match="web message"):
        expanding().stage(search_maps, page.document(), before="WebFetch")
    with pytest.raises(InvalidInput, match="not valid"):
        expanding().stage(search_maps, {"type": "other"}, before="WebFetch")
