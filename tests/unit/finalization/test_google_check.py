"""The check of the first primaries by Google: of what it answers, place ids alone are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import urllib3

from lambdas.connectors import secrets, service
from lambdas.contracts.candidate import CANDIDATES, Licence
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode
from lambdas.fetching.hosts import Hosts
from lambdas.finalize import checks
from lambdas.finalize.handler import STAGES as FINALIZE
from lambdas.mock.handler import STAGES as MOCK
from lambdas.runtime import keys
from lambdas.runtime.errors import AccessDenied
from scout.standin.google import place_id
from scout.standin.server import StandIn
from tests.unit.fetching.runs import Turns
from tests.unit.mock.simulation import FINALIZATION, Simulation, example
from tests.unit.places.sightings import sighting
from tests.unit.standin.client import new_world

SLUG = "edinburgh"
KEY = "AIza-of-a-test"
OPEN = (Licence(id="CC0-1.0", attribution="Wikidata"),)
WRITTEN = keys.google_place_ids(SLUG, "run-1")


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(new_world()) as running:
        yield running


@pytest.fixture
def check(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A stack that has turned the check on, with a key."""
    for path in ("faults", "log"):
        urllib3.request("DELETE", f"{standin.url}/_standin/{path}")
    turned_on = {**standin.connectors["google"], "enabled": True, "secret": "google-key"}
    monkeypatch.setenv("CONNECTORS", json.dumps({"google": turned_on}))
    monkeypatch.setattr(secrets, "secret_text", {"google-key": KEY}.get)
    monkeypatch.setattr(service, "Hosts", lambda *_, **__: cast(Hosts, Turns()))
    return monkeypatch


def known(standin: StandIn) -> Any:
    """A sight that Google knows."""
    sightings = standin.app.world.places["edinburgh"].commercial.sightings
    return next(one for one in sightings if one.entity and one.category == "museum")


def finished(standin: StandIn, **changes: Any) -> Simulation:
    """A run with one place that Google knows and one that it does not, up to its manifest."""
    one = known(standin)
    job = example("edinburgh")
    document = job.document()
    document["kill_switches"] |= {"google": False} | changes.get("kill_switches", {})
    document["budgets"]["google"]["max_tokens_total"] = changes.get("budget", 20_000)
    simulation = Simulation(type(job).parse(document), stages={**MOCK, **FINALIZE})
    simulation.modes["Finalize"] = StateMode.REAL
    found = [
        sighting("wikidata:Q1", one.name, category="museum", licences=OPEN).model_copy(
            update={"lat": one.at.lat, "lng": one.at.lng}
        ),
        sighting("wikidata:Q2", "Zorbax Observatory", category="museum", north=300, licences=OPEN),
    ]
    simulation.s3.objects[keys.extracted(SLUG, "run-1", "found")] = CANDIDATES.dump_json(found, exclude_none=True)
    previous = "TileSweep"
    for state in FINALIZATION:
        simulation.stage(state, previous, {"errors": {}})
        previous = state
    return simulation


def said(simulation: Simulation) -> Any:
    return json.loads(simulation.s3.objects[keys.stage_output("run-1", "Finalize")])["data"]["google"]


def ids(simulation: Simulation) -> dict[str, str | None]:
    """The names of the places with what Google's ids of them are."""
    names = {place.place_id: place.name for place in simulation.places()}
    document = json.loads(simulation.s3.objects[WRITTEN])
    return {names[one["place_id"]]: one["google_place_id"] for one in document["places"]}


def asked(standin: StandIn) -> int:
    return int(urllib3.request("GET", f"{standin.url}/_standin/log").json()["counts"].get("google", 0))


def test_the_ids_of_the_first_primaries_are_written(check: pytest.MonkeyPatch, standin: StandIn):
    simulation = finished(standin)
    one = known(standin)
    assert ids(simulation) == {one.name: place_id(one), "Zorbax Observatory": None}
    assert said(simulation) == 1
    assert simulation.ledger.budgets()["google"].spent == 2
    manifest = Manifest.model_validate_json(simulation.s3.objects[keys.manifest(SLUG, "run-1")])
    assert WRITTEN in [output.key for output in manifest.outputs]


def test_of_an_answer_the_id_alone_is_kept(check: pytest.MonkeyPatch, standin: StandIn):
    more = {"places": [{"id": "ChIJ-1", "displayName": {"text": "Google's own name"}, "rating": 4.9}]}
    rule = {"service": "google", "fault": "status", "status": 200, "body": json.dumps(more)}
    assert urllib3.request("POST", f"{standin.url}/_standin/faults", json=[rule]).status == 200
    simulation = finished(standin)
    assert set(ids(simulation).values()) == {"ChIJ-1"}
    raw = [body for key, body in simulation.s3.objects.items() if key.startswith("raw/json/google/")]
    assert len(raw) == 2
    assert all(json.loads(body)["body"] == {"place_id": "ChIJ-1"} for body in raw)
    everything = b"".join(bytes(body) for body in simulation.s3.objects.values())
    assert b"Google's own name" not in everything
    assert KEY.encode() not in everything
    assert b"ChIJ" not in simulation.s3.objects[keys.places(SLUG, "run-1")]


def test_by_default_nobody_is_asked(standin: StandIn, check: pytest.MonkeyPatch):
    check.setenv("CONNECTORS", json.dumps({"google": standin.connectors["google"]}))
    simulation = finished(standin)
    assert said(simulation) == "disabled: by the stack"
    assert WRITTEN not in simulation.s3.objects
    assert asked(standin) == 0


@pytest.mark.parametrize("missing", ["none is named", "it is empty", "it is denied"])
def test_without_a_key_the_run_goes_on(check: pytest.MonkeyPatch, standin: StandIn, missing: str):
    def denied(_: str) -> str:
        raise AccessDenied("no")

    if missing == "none is named":
        check.setenv("CONNECTORS", json.dumps({"google": {**standin.connectors["google"], "enabled": True}}))
    check.setattr(secrets, "secret_text", denied if missing == "it is denied" else lambda _: None)
    simulation = finished(standin)
    assert said(simulation) == "disabled: no_credentials"
    assert simulation.manifest().status is RunStatus.SUCCEEDED
    assert asked(standin) == 0


@pytest.mark.parametrize(("status", "name"), [(403, "ServiceRefused"), (429, "Throttled"), (503, "ServiceUnavailable")])
def test_a_check_that_fails_takes_nothing_away(check: pytest.MonkeyPatch, standin: StandIn, status: int, name: str):
    rule = {"service": "google", "fault": "status", "status": status}
    urllib3.request("POST", f"{standin.url}/_standin/faults", json=[rule])
    simulation = finished(standin)
    assert said(simulation).startswith(f"failed: {name}: google at http://127.0.0.1")
    assert simulation.manifest().status is RunStatus.SUCCEEDED
    assert len(simulation.places()) == 2


def test_a_kill_switch_is_kept_to(check: pytest.MonkeyPatch, standin: StandIn):
    simulation = finished(standin, kill_switches={"google": True})
    assert said(simulation) == "not asked: a kill switch, a gate or a budget"
    assert asked(standin) == 0


def test_no_more_are_checked_than_the_budget_has_room_for(check: pytest.MonkeyPatch, standin: StandIn):
    simulation = finished(standin, budget=1)
    assert len(ids(simulation)) == asked(standin) == 1
    assert simulation.manifest().gate is None


def test_so_many_are_checked_and_no_more(check: pytest.MonkeyPatch, standin: StandIn):
    check.setattr(checks, "MOST_CHECKED", 1)
    assert len(ids(finished(standin))) == 1


def test_a_second_attempt_keeps_what_the_first_one_wrote(check: pytest.MonkeyPatch, standin: StandIn):
    simulation = finished(standin)
    first = simulation.s3.objects[WRITTEN]
    rule = {"service": "google", "fault": "status", "status": 503}
    urllib3.request("POST", f"{standin.url}/_standin/faults", json=[rule])
    del simulation.s3.objects[keys.stage_output("run-1", "Finalize")]
    simulation.stage("Finalize", "Rank", {"errors": {}})
    assert said(simulation) == 1
    assert simulation.s3.objects[WRITTEN] == first
