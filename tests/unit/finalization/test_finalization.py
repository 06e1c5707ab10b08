"""The end of a run: records of any origin, verified outputs, an honest status."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from typing import Any

import pytest

from lambdas.contracts.candidate import CANDIDATES, Candidate
from lambdas.contracts.manifest import GateClosed, Manifest, RunStatus, StateReport, StateStatus, StoppedBy
from lambdas.finalization.memory import collector_paused
from lambdas.finalization.outputs import canonical_key, from_lines
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound, VerificationFailed
from tests.unit.mock.simulation import Simulation, example
from tests.unit.places.sightings import sighting

SLUG, RUN = "edinburgh", "run-1"
FOREIGN = [
    sighting("osm:node/240109189", "National Museum", refs={"osm_type": "node", "osm_id": "240109189"}),
    sighting("google:x", "National Museum", east=20),
    sighting("open_data:7", "Old Well", category="historic", north=300),
    sighting("osm:way/1", "The Stand", category="bar", east=200),
]


def run_with(candidates: Sequence[Candidate], states: Sequence[str] = ("DedupeCanonicalize", "Persist", "Rank")) -> Any:
    """A run that somebody else discovered, after some states of its finalization."""
    simulation = Simulation(example("edinburgh"))
    body = CANDIDATES.dump_json(list(candidates), exclude_none=True)
    simulation.s3.objects[keys.extracted(SLUG, RUN, "foreign")] = body
    previous = "TileSweep"
    for state in states:
        simulation.stage(state, previous)
        previous = state
    return simulation


def finalize(simulation: Simulation, errors: dict[str, Any] | None = None) -> tuple[dict[str, Any], Manifest]:
    result = simulation.stage("Finalize", "Rank", {"errors": errors or {}})
    return result, simulation.manifest()


def test_records_of_any_origin_are_merged_ranked_and_named():
    simulation = run_with(FOREIGN)
    simulation.ledger.close(StoppedBy.DRAINED)
    result, manifest = finalize(simulation)
    assert result["runStatus"] == "SUCCEEDED"
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.counts.document() == {
        "candidates": 4,
        "places": 3,
        "primaries": 2,
        "secondaries": 1,
        "duplicates_merged": 1,
        "rejected": 0,
    }
    assert simulation.places()[-1].name == "The Stand"
    assert {output.key for output in manifest.outputs} == {
        canonical_key(SLUG, RUN),
        keys.places(SLUG, RUN),
        keys.places_geojson(SLUG, RUN),
    }
    assert json.loads(simulation.s3.objects["cities/edinburgh/test-run/latest.json"])["manifest"] == keys.manifest(
        SLUG, RUN
    )


def test_a_run_without_candidates_is_an_empty_success():
    simulation = run_with([])
    simulation.ledger.close(StoppedBy.DRAINED)
    _, manifest = finalize(simulation)
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by is StoppedBy.DRAINED
    assert manifest.counts.places == 0
    assert simulation.places() == []


@pytest.mark.parametrize("key", [keys.places(SLUG, RUN), keys.places_geojson(SLUG, RUN), canonical_key(SLUG, RUN)])
def test_an_output_that_is_gone_or_altered_is_found_out(key: str):
    simulation = run_with(FOREIGN)
    simulation.s3.objects[key] += b" "
    with pytest.raises(VerificationFailed, match=key):
        finalize(simulation)
    del simulation.s3.objects[key]
    with pytest.raises(VerificationFailed, match="does not exist"):
        finalize(simulation)
    assert keys.manifest(SLUG, RUN) not in simulation.s3.objects


def test_places_that_were_altered_are_neither_persisted_nor_ranked():
    simulation = run_with(FOREIGN, ["DedupeCanonicalize"])
    simulation.s3.objects[f"executions/{RUN}/DedupeCanonicalize/places.jsonl"] += b"{}\n"
    with pytest.raises(VerificationFailed):
        simulation.stage("Persist", "DedupeCanonicalize")
    simulation = run_with(FOREIGN, ["DedupeCanonicalize", "Persist"])
    simulation.s3.objects[canonical_key(SLUG, RUN)] += b"{}\n"
    with pytest.raises(VerificationFailed):
        simulation.stage("Rank", "Persist")


def test_states_that_need_an_input_say_when_it_is_missing():
    simulation = run_with(FOREIGN, [])
    for state, previous in (("Persist", "DedupeCanonicalize"), ("Rank", "Persist")):
        with pytest.raises(InputNotFound, match=previous):
            simulation.stage(state, previous)


def test_a_failed_discovery_state_makes_the_run_partial():
    simulation = run_with(FOREIGN)
    simulation.ledger.close(StoppedBy.ERROR)
    errors = {"TileSweep": {"Error": "ExtractCorrupt", "Cause": "cut off"}}
    result, manifest = finalize(simulation, errors)
    assert result["runStatus"] == "PARTIAL"
    assert manifest.status is RunStatus.PARTIAL
    assert manifest.failed_states == ("TileSweep",)
    assert manifest.states["TileSweep"].error == "ExtractCorrupt: cut off"
    assert manifest.stopped_by is StoppedBy.ERROR
    assert manifest.counts.places == 3


@pytest.mark.parametrize("operation", ["PollFrontier", "CloseFrontier"])
def test_a_failed_operation_on_the_run_makes_it_partial_and_closes_it(operation: str):
    simulation = run_with(FOREIGN)
    _, manifest = finalize(simulation, {operation: {"Error": "LedgerUnavailable", "Cause": "no answer"}})
    assert manifest.status is RunStatus.PARTIAL
    assert manifest.failed_states == (operation,)
    assert manifest.stopped_by is StoppedBy.ERROR
    assert simulation.ledger.run().stopped_by is StoppedBy.ERROR


def test_the_ledgers_own_word_on_a_failure_is_kept():
    simulation = run_with(FOREIGN)
    report = simulation.ledger.reports["SeedPrimaries"]
    simulation.ledger.reports["SeedPrimaries"] = StateReport(
        mode=report.mode, status=StateStatus.FAILED, seconds=1, error="Throttled: too fast"
    )
    _, manifest = finalize(simulation, {"SeedPrimaries": {"Error": "States.Timeout"}})
    assert manifest.states["SeedPrimaries"].error == "Throttled: too fast"
    assert manifest.status is RunStatus.PARTIAL


def test_a_failed_ranking_keeps_the_places():
    simulation = run_with(FOREIGN, ["DedupeCanonicalize", "Persist"])
    _, manifest = finalize(simulation, {"Rank": {"Error": "States.Timeout", "Cause": ""}})
    assert manifest.status is RunStatus.PARTIAL
    (output,) = manifest.outputs
    assert output.key == canonical_key(SLUG, RUN)
    assert len(from_lines(simulation.s3.objects[output.key])) == manifest.counts.places == 3


def test_a_failed_deduplication_fails_the_run():
    simulation = run_with(FOREIGN, [])
    result, manifest = finalize(simulation, {"DedupeCanonicalize": {"Error": "Lambda.Unknown", "Cause": "memory"}})
    assert result["runStatus"] == "FAILED"
    assert manifest.status is RunStatus.FAILED
    assert manifest.outputs == ()


def test_the_gate_that_ended_the_search_is_in_the_manifest():
    simulation = run_with(FOREIGN)
    gate = simulation.ledger.close_gate(StoppedBy.BUDGET, 10, 12, "web: 5 more would pass the cap")
    simulation.ledger.close(gate.name)
    _, manifest = finalize(simulation)
    assert manifest.stopped_by is StoppedBy.BUDGET
    assert isinstance(manifest.gate, GateClosed)
    assert manifest.gate.detail == "web: 5 more would pass the cap"


def test_a_second_finalize_answers_with_the_first_manifest():
    simulation = run_with(FOREIGN)
    _, first = finalize(simulation)
    del simulation.s3.objects[keys.stage_output(RUN, "Finalize")]
    # Later, with another clock, and with an error that only the second one is told of.
    result, second = finalize(simulation, {"TileSweep": {"Error": "Late"}})
    assert second == first
    assert result["runStatus"] == "SUCCEEDED"


def test_repeated_states_write_the_same_bytes():
    simulation = run_with(FOREIGN)
    standing = dict(simulation.s3.objects)
    for state, previous in (
        ("DedupeCanonicalize", "TileSweep"),
        ("Persist", "DedupeCanonicalize"),
        ("Rank", "Persist"),
    ):
        del simulation.s3.objects[keys.stage_output(RUN, state)]
        simulation.stage(state, previous)
    assert simulation.s3.objects == standing


def test_rejections_of_all_states_of_this_run_are_counted():
    simulation = run_with(FOREIGN)
    for execution, state, run, rejected in (
        (RUN, "TileSweep", RUN, 3),
        (f"{RUN}-abc", "GeocodeValidate", RUN, 4),
        (f"{RUN}-abc", "ExtractWithLLM", RUN, 2),
        (f"{RUN}-2", "GeocodeValidate", f"{RUN}-2", 50),
    ):
        envelope = {"runId": run, "metrics": {"rejected": rejected}, "data": {}}
        simulation.s3.objects[keys.stage_output(execution, state)] = json.dumps(envelope).encode()
    _, manifest = finalize(simulation)
    # A page's last state has counted for the page's other states.
    assert manifest.counts.rejected == 7


def test_the_manifest_names_the_releases_that_were_read():
    simulation = run_with(FOREIGN)
    data = {"overture": {"release": "2026-11-18.0"}, "extract": {"sha256": "0" * 64}}
    envelope = {"runId": RUN, "metrics": {}, "data": data}
    simulation.s3.objects[keys.stage_output(RUN, "TileSweep")] = json.dumps(envelope).encode()
    _, manifest = finalize(simulation)
    assert manifest.releases == {"overture": "2026-11-18.0", "osm_extract": "0" * 64}


@collector_paused()
def _fail() -> None:
    assert not gc.isenabled()
    raise ZeroDivisionError


def test_the_collector_is_paused_only_inside():
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        _fail()
    assert gc.isenabled()
