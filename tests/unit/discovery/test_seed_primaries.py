"""SeedPrimaries in the stand-in world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.connectors import wikipedia
from lambdas.contracts.candidate import Source
from lambdas.places.categories import SIGHTS
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, Throttled
from lambdas.seed_primaries.state import seed_primaries
from scout.standin.sites import Sites
from scout.standin.truth import Truth
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, TOKYO, Client

Make = Callable[..., Outside]
SOURCES = ("wikidata", "wikivoyage", "wikipedia", "overpass")
BRITISH = {"boundary": {"country_code": "gb"}}


def seeding(outside: Make, *args: Any, **options: Any) -> Outside:
    return outside(*args, state="SeedPrimaries", **options)


def test_the_primaries_are_known_sights_in_the_disc(outside: Make, client: Client):
    run = seeding(outside)
    output = run.stage(seed_primaries, BRITISH)
    primaries = output.data["primaries"]
    found = run.found()
    assert 50 < len(primaries) <= 200
    assert len({primary["place_id"] for primary in primaries}) == len(primaries)
    truth = Truth(Sites(client.world), client.place("edinburgh"))
    for primary in primaries:
        assert primary["record_id"] in found
        assert EDINBURGH.area.contains((primary["lat"], primary["lng"]))
        candidate = found[primary["record_id"]]
        assert candidate.category in SIGHTS
        if candidate.external_refs.wikidata_id:
            assert truth.by_id(candidate.external_refs.wikidata_id)
    assert output.metrics["primaries"] == len(primaries)
    assert set(output.data["sources"]) == set(SOURCES)
    assert all(count > 0 for count in output.data["sources"].values())
    assert sum(output.data["sources"].values()) == output.data["candidates"] == len(found)


def test_every_candidate_says_whose_it_is_and_under_which_terms(outside: Make):
    run = seeding(outside)
    run.stage(seed_primaries, BRITISH)
    licences = {licence.id for place in run.found().values() for licence in place.licences}
    assert licences == {"CC0-1.0", "CC-BY-SA-4.0", "ODbL-1.0"}
    for place in run.found().values():
        assert place.source in (Source.WIKIDATA, Source.WEB, Source.OSM)
        assert place.source_url
        assert place.licences[0].attribution


def test_tokyo_has_names_in_two_scripts_though_nobody_said_where_it_is(outside: Make):
    run = seeding(outside, TOKYO)
    run.stage(seed_primaries, {"key": "as a mock state puts it out"})
    both = [place for place in run.found().values() if {"ja", "en"} <= place.names.keys()]
    assert len(both) > 50


def test_the_map_alone_knows_sights_and_gives_those_that_wikidata_knows(outside: Make):
    run = seeding(outside)
    run.configure(**{name: {"enabled": False} for name in SOURCES if name != "overpass"})
    output = run.stage(seed_primaries, BRITISH)
    assert len(output.data["primaries"]) > 20
    assert run.spent() == 1
    for place in run.found().values():
        assert place.source is Source.OSM
        assert place.external_refs.wikidata_id
        assert place.additional_content.tags.keys().isdisjoint({"shop"})


def test_a_retry_decides_the_same_and_asks_nothing(outside: Make, client: Client):
    run = seeding(outside)
    first = run.stage(seed_primaries, BRITISH)
    asked, spent = len(client.log()["requests"]), run.spent()
    run.run = run.another_run()
    assert run.stage(seed_primaries).data == first.data
    assert (len(client.log()["requests"]), run.spent()) == (asked, spent)


FAULTS = [
    ({"fault": "status", "status": 429}, Throttled),
    ({"fault": "status", "status": 500}, ServiceUnavailable),
    ({"fault": "status", "status": 403}, ServiceRefused),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_the_run_goes_on_with_what_the_others_know_and_says_who_failed(
    outside: Make, client: Client, fault: dict[str, Any], error: type[Exception]
):
    run = seeding(outside)
    client.faults({"service": "wikidata", **fault})
    output = run.stage(seed_primaries, BRITISH)
    assert output.data["sources"]["wikidata"].startswith(f"failed after 0: {error.__name__}: wikidata at")
    assert output.metrics["failed_sources"] == 1
    assert output.data["primaries"]
    assert {place.source for place in run.found().values()} == {Source.WEB, Source.OSM}


def test_a_source_that_fails_once_is_asked_again_and_reported_once(outside: Make, client: Client):
    run = seeding(outside)
    client.faults({"service": "wikidata", "fault": "status", "status": 500, "times": 1})
    output = run.stage(seed_primaries, BRITISH)
    assert output.metrics["failed_sources"] == 0
    assert output.data["sources"]["wikidata"] > 0
    assert sum(increment[2] for increment in run.ledger.log) == output.data["candidates"] == len(run.found())


@pytest.mark.parametrize(("fault", "error"), FAULTS)
def test_where_nobody_answers_the_state_fails(
    outside: Make, client: Client, fault: dict[str, Any], error: type[Exception]
):
    run = seeding(outside)
    client.faults(*({"service": name, **fault} for name in SOURCES))
    with pytest.raises(error):
        run.stage(seed_primaries, BRITISH)


def test_a_source_that_is_turned_off_says_so(outside: Make):
    run = seeding(outside)
    run.configure(wikidata={"enabled": False})
    output = run.stage(seed_primaries, BRITISH)
    assert output.data["sources"]["wikidata"] == "disabled: by the stack"
    assert output.data["primaries"]


def test_without_leave_to_ask_there_are_no_primaries(outside: Make, client: Client):
    run = seeding(outside, changes={"kill_switches": {"open_data": True}})
    output = run.stage(seed_primaries, BRITISH)
    assert output.data["primaries"] == []
    assert all(str(reason).startswith("not asked") for reason in output.data["sources"].values())
    assert run.run.skipped == len(SOURCES)
    assert client.log()["requests"] == []


def test_a_disc_with_more_articles_than_an_answer_holds_is_asked_for_in_parts(
    outside: Make, monkeypatch: pytest.MonkeyPatch
):
    whole = seeding(outside)
    whole.stage(seed_primaries, BRITISH)
    monkeypatch.setattr(wikipedia, "MAX_FOUND", 25)
    parts = seeding(outside)
    parts.stage(seed_primaries, BRITISH)
    assert parts.spent() > whole.spent()
    assert parts.found() == whole.found()
