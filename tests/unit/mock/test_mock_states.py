"""The mock states one by one: contracts, refusals, and what a gate, a retry or a foreign record does to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.contracts.candidate import CANDIDATES
from lambdas.contracts.connectors import Connector
from lambdas.contracts.frontier import MapsMessage, WebMessage
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StateMode, StoppedBy
from lambdas.mock import truth
from lambdas.mock.handler import FINDING_STATES, STAGES
from lambdas.mock.world import World
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound, InvalidInput
from tests.unit.mock.simulation import STATES, Simulation, example

SMALL: dict[str, Any] = {
    **example("helsinki").document(),
    "city": "Testville",
    "seed": {"type": "map", "center": {"lat": 47.0, "lng": 11.0}, "radius_km": 1.5},
}


def job(**changes: Any) -> RunInput:
    return RunInput.parse({**SMALL, **changes})


def output(simulation: Simulation, state: str, execution: str = "run-1") -> Any:
    return json.loads(simulation.s3.objects[keys.stage_output(execution, state)])["data"]


def candidates(simulation: Simulation) -> list[Any]:
    prefix = keys.extracted_prefix(simulation.job.slug, simulation.run_id)
    bodies = [body for key, body in sorted(simulation.s3.objects.items()) if key.startswith(prefix)]
    return [candidate for body in bodies for candidate in CANDIDATES.validate_json(body)]


def message(simulation: Simulation, kind: type[WebMessage] | type[MapsMessage]) -> Any:
    return next(found for found in simulation.ledger.messages.values() if isinstance(found, kind))


def discovered(**changes: Any) -> Simulation:
    """A run after its discovery states."""
    simulation = Simulation(job(**changes))
    previous = None
    for state in ("DiscoverWebSources", "DiscoverTargets", "SeedPrimaries", "ExpandNeighbors", "TileSweep"):
        simulation.stage(state, previous, simulation.job.document())
        previous = state
    return simulation


def test_every_state_has_a_mock():
    assert set(STAGES) == {*STATES, "SearchMaps"}
    assert set(FINDING_STATES) < set(STATES)


def test_web_sources_become_frontier_messages():
    simulation = Simulation(job())
    result = simulation.stage("DiscoverWebSources", None, simulation.job.document())
    urls = output(simulation, "DiscoverWebSources")["urls"]
    sent = list(simulation.ledger.messages.values())
    assert result["records"] == len(urls) == len(sent) == len(set(urls)) > 0
    assert {found.source_url for found in sent if isinstance(found, WebMessage)} == set(urls)
    assert all("utm_" not in url and "#" not in url for url in urls)


def test_targets_name_portals_and_data_sets():
    simulation = Simulation(job())
    for _ in range(2):
        # Each run replaces the city's targets.
        simulation.s3.objects.pop(keys.stage_output("run-1", "DiscoverTargets"), None)
        simulation.stage("DiscoverTargets", None, simulation.job.document())
    targets = json.loads(simulation.s3.objects[keys.targets("testville")])
    assert targets["city"] == "Testville"
    assert targets["query_pack_version"] == "v1"
    assert {query["intent"] for query in targets["queries"]} >= {"open_data", "heritage"}
    assert 0 < len(targets["datasets"]) < len(targets["candidates"])
    assert {endpoint["type"] for dataset in targets["datasets"] for endpoint in dataset["endpoints"]} == {"GeoJSON"}


def test_primaries_are_sights_and_neighbours_have_edges_to_them():
    simulation = discovered()
    primaries = output(simulation, "SeedPrimaries")["primaries"]
    assert 0 < len(primaries) <= 200
    assert primaries[0]["score"] == max(primary["score"] for primary in primaries)
    near = output(simulation, "ExpandNeighbors")["near"]
    known = {candidate.record_id for candidate in candidates(simulation)}
    assert near
    assert {edge[0] for edge in near} <= {primary["place_id"] for primary in primaries}
    assert all(0 <= metres <= 800 for _, _, metres in near)
    assert len({edge[1] for edge in near} & known) > 0.8 * len({edge[1] for edge in near})


def test_the_sweep_finds_all_that_its_service_has_inside_the_disc():
    simulation = Simulation(job())
    simulation.stage("TileSweep", "ExpandNeighbors")
    world = World.of(simulation.job)
    inside = {f"osm:{sighting.id}" for sighting in world.osm.sightings if world.city.area.contains(sighting.at)}
    assert {candidate.record_id for candidate in candidates(simulation)} == inside
    assert len(candidates(simulation)) == len(inside)
    data = output(simulation, "TileSweep")
    assert data["complete"]
    assert data["records"] == len(inside)


def test_the_sweep_says_what_a_budget_left_out():
    budgets = {**SMALL["budgets"], "open_data": {"calls_per_min": 3, "max_calls_total": 3}}
    simulation = Simulation(job(budgets=budgets))
    simulation.stage("TileSweep", "ExpandNeighbors")
    data = output(simulation, "TileSweep")
    assert not data["complete"]
    assert data["tiles"] == 3
    assert data["pending"]
    gate = simulation.ledger.gate()
    assert gate is not None
    assert gate.name is StoppedBy.BUDGET


def test_nothing_is_looked_for_once_a_gate_is_closed():
    simulation = Simulation(job())
    simulation.ledger.close_gate(StoppedBy.DEADLINE, 1, 1, "test")
    previous = None
    for state in ("DiscoverWebSources", "DiscoverTargets", "SeedPrimaries", "ExpandNeighbors", "TileSweep"):
        assert simulation.stage(state, previous, simulation.job.document())["records"] == 0
        previous = state
    assert not simulation.ledger.messages
    assert all(use.calls == 0 for use in simulation.ledger.budgets().values())


def test_a_page_becomes_candidates_with_evidence_from_it():
    simulation = discovered()
    for key, found in list(simulation.ledger.messages.items()):
        if isinstance(found, WebMessage):
            execution = f"run-1-{key}"
            simulation.stage("WebFetch", None, found.document(), execution)
            simulation.stage("ExtractWithLLM", "WebFetch", execution=execution)
            extracted = output(simulation, "ExtractWithLLM", execution)["candidates"]
            simulation.stage("GeocodeValidate", "ExtractWithLLM", execution=execution)
            html = simulation.s3.objects[output(simulation, "WebFetch", execution)["page"]["html"]].decode()
            for candidate in extracted:
                evidence = candidate["additional_content"]["web"].get("evidence")
                assert evidence is None or evidence.split(" stands at ")[0] == candidate["name"]
                assert candidate["name"].replace("&", "&amp;").replace("'", "&#x27;") in html
    reported = [candidate for candidate in candidates(simulation) if candidate.source == "web"]
    world = World.of(simulation.job)
    known = truth.entities_by_record(world)
    assert len(reported) > 20
    assert all(candidate.record_id in known for candidate in reported)
    assert all(world.city.area.contains((candidate.lat, candidate.lng)) for candidate in reported)
    assert any(candidate.coordinates_confidence == 0.7 for candidate in reported)
    # Deeper pages are sent on, and not forever.
    depths = {found.crawl_depth for found in simulation.ledger.messages.values() if isinstance(found, WebMessage)}
    assert depths == {0, 1}


def test_with_the_model_killed_only_structured_pages_give_candidates():
    switches = {**SMALL["kill_switches"], "llm": True}
    simulation = discovered(kill_switches=switches)
    simulation.process_frontier()
    reported = [candidate for candidate in candidates(simulation) if candidate.source == "web"]
    assert reported
    assert all(candidate.additional_content.web.evidence is None for candidate in reported)
    assert simulation.ledger.budgets()["llm"].calls == 0


def test_a_page_that_does_not_exist_gives_nothing():
    simulation = discovered()
    gone = message(simulation, WebMessage).model_copy(update={"source_url": "https://gone.example/"})
    assert simulation.stage("WebFetch", None, gone.document(), "page")["records"] == 0
    assert simulation.stage("ExtractWithLLM", "WebFetch", execution="page")["records"] == 0
    assert simulation.stage("GeocodeValidate", "ExtractWithLLM", execution="page")["records"] == 0


def test_a_data_set_that_a_real_state_has_found_is_none_of_the_synthetic_web():
    simulation = discovered()
    spent = simulation.ledger.budgets()["web"].spent
    data_set = message(simulation, WebMessage).model_copy(update={"budget_token": Connector.DATA_FETCH})
    assert simulation.stage("WebFetch", None, data_set.document(), "page")["records"] == 0
    assert simulation.ledger.budgets()["web"].spent == spent


def test_a_maps_message_is_searched_and_validated():
    simulation = discovered()
    found = message(simulation, MapsMessage)
    simulation.stage("SearchMaps", None, found.document(), "page")
    seen = output(simulation, "SearchMaps", "page")["candidates"]
    result = simulation.stage("GeocodeValidate", "SearchMaps", execution="page")
    assert result["records"] + result["metrics"]["rejected"] == len(seen) > 0


@pytest.mark.parametrize("state", ["WebFetch", "SearchMaps"])
def test_a_message_of_the_wrong_kind_is_refused(state: str):
    simulation = discovered()
    wrong = message(simulation, MapsMessage if state == "WebFetch" else WebMessage)
    with pytest.raises(InvalidInput):
        simulation.stage(state, None, wrong.document(), "page")
    with pytest.raises(InvalidInput, match="not valid"):
        simulation.stage(state, None, {"type": "web"}, "page")


def test_a_state_whose_input_is_missing_says_so():
    simulation = Simulation(job())
    with pytest.raises(InputNotFound, match="WebFetch"):
        simulation.stage("ExtractWithLLM", "WebFetch")


def test_without_primaries_there_is_nothing_to_expand():
    simulation = Simulation(job())
    assert simulation.stage("ExpandNeighbors", "SeedPrimaries")["records"] == 0
    assert not simulation.ledger.messages


def test_a_retry_makes_the_same_output_and_no_second_copy_of_the_candidates():
    simulation = discovered()
    before = dict(simulation.s3.objects)
    for state, previous in (("SeedPrimaries", "DiscoverTargets"), ("TileSweep", "ExpandNeighbors")):
        standing = simulation.s3.objects.pop(keys.stage_output("run-1", state))
        simulation.stage(state, previous)
        again = json.loads(simulation.s3.objects[keys.stage_output("run-1", state)])
        assert again["sha256"] == json.loads(standing)["sha256"]
    assert simulation.s3.objects.keys() == before.keys()


def test_quality_is_not_claimed_where_a_real_state_brings_records():
    modes = dict.fromkeys(STATES, StateMode.MOCK) | {"TileSweep": StateMode.REAL}
    simulation = Simulation(job(), modes=modes)
    manifest = simulation.run()
    assert manifest.counts.places > 0
    assert manifest.quality.recall is None
    assert manifest.quality.precision is None


def test_perfect_results_measure_as_perfect_and_doubled_ones_do_not():
    simulation = discovered()
    simulation.process_frontier()
    simulation.ledger.close(StoppedBy.DRAINED)
    previous = None
    for state in ("DedupeCanonicalize", "Persist", "Rank"):
        simulation.stage(state, previous)
        previous = state
    known = truth.entities_by_record(World.of(simulation.job))
    firsts: dict[int, Any] = {}
    for place in simulation.places():
        entities = {known[member].number for member in place.members if known.get(member)}  # type: ignore[union-attr]
        if len(entities) == 1:
            firsts.setdefault(entities.pop(), place)
    perfect = truth.measure(simulation.job, list(firsts.values()))
    assert perfect.precision == 1
    assert perfect.duplicate_rate == 0
    assert perfect.recall == round(len(firsts) / len(World.of(simulation.job).city.entities), 6)
    doubled = truth.measure(simulation.job, [*firsts.values(), *firsts.values()])
    assert doubled.duplicate_rate == 0.5
    assert doubled.recall == perfect.recall
    assert truth.measure(simulation.job, []).precision is None
