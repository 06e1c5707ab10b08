"""GeocodeValidate: positions by maps and by the stand-in world's Nominatim, and a reason for each rejection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from lambdas.contracts.candidate import Address, Candidate, Source
from lambdas.contracts.connectors import BudgetGroup
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.geocode_validate import gazetteer, state
from lambdas.mock.register import Sighting
from lambdas.places.geo import distance_m, offset
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from scout.standin.maps import MapObject
from scout.standin.server import StandIn
from tests.unit.geocode_validate.locating_runs import KEY, Locating, candidate
from tests.unit.standin.client import new_world

HERE = (55.95321, -3.18832)
NEAR = tuple(offset(HERE, 30, 0))
ROUGH = tuple(offset(HERE, 150, 0))
FAR = tuple(offset(HERE, 900, 0))


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(new_world()) as running:
        yield running


@pytest.fixture
def locating(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Locating:
    urllib3.request("DELETE", f"{standin.url}/_standin/faults")
    monkeypatch.setenv("CONNECTORS", json.dumps(standin.connectors))
    gazetteer._GAZETTEERS.clear()
    state._BORDERS.clear()
    made = Locating()
    monkeypatch.setattr(state, "Hosts", lambda *_, **__: made.turns)
    return made


def faults(standin: StandIn, *rules: dict[str, Any]) -> None:
    assert urllib3.request("POST", f"{standin.url}/_standin/faults", json=list(rules)).status == 200


def on_map(name: str, at: tuple[float, ...] = HERE, **more: Any) -> Candidate:
    return candidate(name, (at[0], at[1]), source=Source.OSM, sure=0.95, **more)


def mapped(standin: StandIn) -> MapObject:
    """A place of the world's map that no other has the name of."""
    place = standin.app.world.places["edinburgh"]
    items = [item for item in place.map.by_key.values() if item.name and item.tags.get("addr:street")]
    names = [item.name for item in items]
    return next(item for item in items if names.count(item.name) == 1 and len(place.map.named(item.name)) == 1)


def test_a_place_that_one_map_knows_is_where_the_map_says(locating: Locating) -> None:
    locating.known(on_map("Alder House"), on_map("Birch House", FAR))
    found = locating.locate(candidate("The Alder House")).one
    assert (found.lat, found.lng, found.coordinates_confidence) == (*HERE, 0.85)
    assert found.confidences.location == 0.85


def test_several_sources_of_one_place_are_one(locating: Locating) -> None:
    locating.known(
        on_map("Alder House"), candidate("Alder House", (NEAR[0], NEAR[1]), source=Source.WIKIDATA, sure=0.8)
    )
    found = locating.locate(candidate("Alder House")).one
    assert (found.lat, found.lng) == HERE, "of the surer one"


def test_of_several_branches_the_one_in_the_street_is_taken(locating: Locating) -> None:
    locating.known(on_map("Daily Crumb", street="High Street"), on_map("Daily Crumb", FAR, street="Rose Row"))
    found = locating.locate(candidate("Daily Crumb", street="High St")).one
    assert (found.lat, found.lng, found.coordinates_confidence) == (*HERE, 0.9)


def test_a_branch_that_no_map_knows_is_not_put_elsewhere(locating: Locating) -> None:
    locating.known(on_map("Daily Crumb", street="High Street"))
    located = locating.locate(candidate("Daily Crumb", street="Unknown Row"))
    assert located.data["rejected"] == {"no_position": 1}
    assert located.reported == []


def test_one_of_several_is_ambiguous(locating: Locating) -> None:
    locating.known(on_map("Daily Crumb"), on_map("Daily Crumb", FAR))
    located = locating.locate(candidate("Daily Crumb"))
    assert located.data["rejected"] == {"ambiguous": 1}
    assert located.data["rejections"] == [{"record_id": candidate("Daily Crumb").record_id, "reason": "ambiguous"}]


@pytest.mark.parametrize(
    ("map_at", "confidence"), [(NEAR, 0.9), (ROUGH, 0.6), (FAR, 0.75)], ids=["agrees", "rough", "another"]
)
def test_a_printed_position_is_as_sure_as_the_map_makes_it(
    locating: Locating, map_at: tuple[float, ...], confidence: float
) -> None:
    locating.known(on_map("Alder House", map_at))
    found = locating.locate(candidate("Alder House", HERE)).one
    assert (found.lat, found.lng, found.coordinates_confidence) == (*HERE, confidence)


def test_a_coarse_position_gives_way_to_the_map(locating: Locating) -> None:
    locating.known(on_map("Alder House"))
    assert locating.locate(candidate("Alder House", (55.953, -3.188))).one.lat == HERE[0]
    assert locating.locate(candidate("Elm House", (55.953, -3.188)), page="b").one.coordinates_confidence == 0.45


def test_one_position_for_many_places_is_nobodys(locating: Locating) -> None:
    locating.known(on_map("House 3", NEAR))
    located = locating.locate(*(candidate(f"House {n}", HERE) for n in range(7)))
    assert located.data["rejected"] == {"no_position": 6}
    assert (located.one.name, located.one.lat) == ("House 3", NEAR[0])


@pytest.mark.parametrize(
    ("at", "reason"),
    [((55.95, -3.6), "outside"), ((0.0, 0.0), "null_island"), ((35.0, 139.0), "outside")],
)
def test_what_cannot_be_right_is_rejected_with_its_reason(
    locating: Locating, at: tuple[float, float], reason: str
) -> None:
    assert locating.locate(candidate("Alder House", at)).data["rejected"] == {reason: 1}


def test_what_lies_outside_of_the_citys_border_is_rejected(locating: Locating) -> None:
    # The world's town is smaller than the disc of this run.
    outside = offset((55.9533, -3.1883), 4_500, 0)
    located = locating.locate(candidate("Alder House", (outside.lat, outside.lng)), candidate("Birch House", HERE))
    assert located.data["rejected"] == {"outside_city": 1}
    assert located.one.name == "Birch House"


def test_exchanged_numbers_are_put_right(locating: Locating) -> None:
    found = locating.locate(candidate("Alder House", (HERE[1], HERE[0]))).one
    assert (found.lat, found.lng, found.coordinates_confidence) == (*HERE, 0.6)


def test_what_no_map_of_the_run_knows_a_geocoder_is_asked_for(locating: Locating, standin: StandIn) -> None:
    item = mapped(standin)
    located = locating.locate(candidate(item.name, street=item.tags["addr:street"]))
    assert distance_m((located.one.lat or 0, located.one.lng or 0), item.at) < 1
    assert located.one.coordinates_confidence == 0.7
    assert located.metrics["geocoded"] == 1
    assert locating.ledger.spent[BudgetGroup.OPEN_DATA] == 2, "the place, and the border of the city"
    assert {interval for _, interval in locating.turns.taken} == {1.0}


def test_what_nobody_knows_has_no_position(locating: Locating) -> None:
    located = locating.locate(candidate("Zorbax Casino"), rejected=3)
    assert located.data["rejected"] == {"no_position": 1}
    assert located.metrics["rejected"] == 4


def test_candidates_of_maps_are_only_validated(locating: Locating) -> None:
    item = on_map("Alder House")
    assert locating.locate(item).one.model_copy(update={"address": None}) == item


def test_an_address_is_completed_by_city_and_country(locating: Locating) -> None:
    address = Address(
        formatted_address="1 High Street", street_name="High Street", country="Scotland", postal_code="x1"
    )
    found = locating.locate(candidate("Alder House", HERE).model_copy(update={"address": address})).one
    assert found.address is not None
    assert (found.address.city, found.address.country, found.address.postal_code) == ("Edinburgh", "GB", None)


def test_a_second_attempt_reports_the_same_although_the_maps_have_grown(locating: Locating) -> None:
    first = locating.locate(candidate("Daily Crumb", HERE), candidate("Alder House"))
    objects = {key for key in locating.s3.objects if key.startswith("extracted/")}
    locating.known(on_map("Alder House"))
    again = locating.locate(candidate("Daily Crumb", HERE), candidate("Alder House"))
    assert again.data == first.data
    assert len({key for key in locating.s3.objects if key.startswith("extracted/")} - objects) == 1, "the map's"


def test_a_gazetteer_learns_what_the_run_finds(locating: Locating) -> None:
    assert locating.locate(candidate("Alder House"), page="a").data["accepted"] == 0
    locating.known(on_map("Alder House"))
    assert locating.locate(candidate("Alder House"), page="b").data["accepted"] == 1


def test_a_geocoder_that_refuses_is_left_out_and_said_so(locating: Locating, standin: StandIn) -> None:
    faults(standin, {"service": "nominatim", "fault": "status", "status": 403})
    located = locating.locate(candidate("Alder House", HERE), candidate("Elm House"))
    assert located.one.name == "Alder House"
    assert located.data["rejected"] == {"no_position": 1}
    assert located.data["geocoder"].startswith("nominatim at http://127.0.0.1")
    assert located.metrics["geocoder_refused"] == 1


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (503, ServiceUnavailable)])
def test_a_geocoder_that_is_busy_brings_the_page_back(
    locating: Locating, standin: StandIn, status: int, kind: type[Exception]
) -> None:
    faults(standin, {"service": "nominatim", "fault": "status", "status": status, "times": 1})
    with pytest.raises(kind):
        locating.locate(candidate("Alder House", HERE), candidate("Elm House"))
    assert locating.s3.objects.keys() & {f"executions/run-1-{KEY}/GeocodeValidate/decision.json"} == set()
    assert locating.locate(candidate("Alder House", HERE), candidate("Elm House")).data["accepted"] == 1


def test_a_turn_that_is_later_brings_the_page_back(locating: Locating, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> Any:
        raise Unfetched(Reason.HOST_BUSY, "the next turn is in 20 s")

    monkeypatch.setattr(locating.turns, "turn", busy)
    with pytest.raises(Throttled, match="the next turn is in 20 s"):
        locating.locate(candidate("Elm House"))
    assert locating.ledger.spent[BudgetGroup.OPEN_DATA] == 0


def test_a_stack_without_a_geocoder_takes_what_its_maps_know(
    locating: Locating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTORS", json.dumps({"nominatim": {"enabled": False}}))
    locating.known(on_map("Alder House"))
    located = locating.locate(candidate("Alder House"), candidate("Elm House"))
    assert (located.one.lat, located.data["rejected"]) == (HERE[0], {"no_position": 1})
    assert locating.turns.taken == []


def test_the_message_is_known_by_the_execution(locating: Locating) -> None:
    assert state._message_of(locating.run()) == KEY


# With Amazon Location in Nominatim's place.


@pytest.fixture
def by_location(locating: Locating, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Locating:
    """A run whose stack has turned Amazon Location on."""
    # What Lambda gives to every function.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    said = standin.connectors["location"]
    monkeypatch.setenv("CONNECTORS", json.dumps({**standin.connectors, "location": {**said, "enabled": True}}))
    urllib3.request("DELETE", f"{standin.url}/_standin/log")
    return locating


def asked_of(standin: StandIn) -> Counter[str]:
    log = urllib3.request("GET", f"{standin.url}/_standin/log").json()
    return Counter(log["counts"])


def commercial(standin: StandIn) -> Sighting:
    """A place that Amazon Location knows once."""
    sightings = standin.app.world.places["edinburgh"].commercial.sightings
    names = Counter(sighting.name for sighting in sightings)
    return next(one for one in sightings if names[one.name] == 1 and one.street and one.entity)


def test_amazon_location_locates_in_nominatims_place(by_location: Locating, standin: StandIn) -> None:
    known = commercial(standin)
    located = by_location.locate(candidate(known.name, street=known.street))
    assert distance_m((located.one.lat or 0, located.one.lng or 0), known.at) < 1
    assert located.one.coordinates_confidence == 0.7
    assert [licence.id for licence in located.one.licences] == ["AWS-Service-Terms"]
    assert asked_of(standin) == {"location": 1, "nominatim": 1}, "the border of the city is Nominatim's"
    assert by_location.ledger.spent[BudgetGroup.OPEN_DATA] == 2


def test_every_question_says_that_the_answer_is_kept(by_location: Locating, standin: StandIn) -> None:
    by_location.locate(candidate("Zorbax Casino"))
    [record] = [
        json.loads(body)
        for key, body in by_location.s3.objects.items()
        if key.startswith("raw/") and b"QueryText" in body
    ]
    assert record["params"]["IntendedUse"] == "Storage"


def test_a_position_is_under_the_licence_of_who_gave_it(locating: Locating, standin: StandIn) -> None:
    item = mapped(standin)
    located = locating.locate(candidate(item.name, street=item.tags["addr:street"]))
    assert [licence.id for licence in located.one.licences] == ["ODbL-1.0"]


def test_amazon_location_is_not_asked_unless_it_is_turned_on(locating: Locating, standin: StandIn) -> None:
    urllib3.request("DELETE", f"{standin.url}/_standin/log")
    locating.locate(candidate("Zorbax Casino"))
    assert asked_of(standin)["location"] == 0


@pytest.mark.parametrize(
    ("status", "kind"), [(429, Throttled), (503, ServiceUnavailable), (500, ServiceUnavailable)], ids=str
)
def test_amazon_location_that_is_busy_brings_the_page_back(
    by_location: Locating, standin: StandIn, status: int, kind: type[Exception]
) -> None:
    faults(standin, {"service": "location", "fault": "status", "status": status, "times": 1})
    with pytest.raises(kind):
        by_location.locate(candidate("Elm House"))


def test_amazon_location_that_refuses_is_left_out_and_the_border_is_still_known(
    by_location: Locating, standin: StandIn
) -> None:
    faults(standin, {"service": "location", "fault": "status", "status": 403})
    outside = offset((55.9533, -3.1883), 4_500, 0)
    located = by_location.locate(
        candidate("Alder House", HERE), candidate("Elm House"), candidate("Birch House", (outside.lat, outside.lng))
    )
    assert located.one.name == "Alder House"
    assert located.data["rejected"] == {"no_position": 1, "outside_city": 1}
    assert located.data["geocoder"].startswith("Amazon Location: ")


def test_amazon_location_that_cannot_be_reached_brings_the_page_back(
    by_location: Locating, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"location": {"enabled": True, "endpoint_url": "http://127.0.0.1:9"}}
    monkeypatch.setenv("CONNECTORS", json.dumps(said))
    with pytest.raises(ServiceUnavailable, match="could not be asked"):
        by_location.locate(candidate("Elm House"))
