"""Each check of a city's end-to-end test passes on a good run, and fails on everything that it is to find."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

import pytest

from lambdas.contracts.manifest import GateClosed, Manifest, RunStatus, StateMode, StateReport, StateStatus, StoppedBy
from lambdas.runtime import keys
from scout.e2e import city_checks, golden
from scout.e2e.checks import CheckFailed
from scout.e2e.city_checks import PATH, Evidence
from tests.unit.mock.simulation import Simulation
from workflow.city_discovery import WORK_OF
from workflow.city_states import CityState

CITY = "early-stop-test"
DEFINITIONS = {"city-discovery": "0123456789ab", "page-processing": "ba9876543210"}
LOOKS = {name: look for name, look, _ in city_checks.CHECKS}
Change = Callable[[Evidence], Evidence]


@lru_cache(maxsize=1)
def good() -> Evidence:
    """What a real run of a golden input leaves, with the mock states in one process."""
    job, expected = golden.load(CITY)
    simulation = Simulation(job)
    simulation.run(pages_first=True)
    evidence = Evidence(
        job=job,
        expected=expected,
        run_id=simulation.run_id,
        visited=(*PATH[:-1], "IsRunFailed", PATH[-1]),
        manifest_text=simulation.s3.objects[keys.manifest(job.slug, simulation.run_id)],
        latest_text=simulation.s3.objects[keys.latest(job.s3_prefix)],
        bodies={output.key: simulation.s3.objects[output.key] for output in simulation.manifest().outputs},
        budgets=simulation.ledger.budgets(),
        frontier=simulation.ledger.frontier().use(),
        in_flight=0,
        progress=simulation.ledger.progress(),
        deployed=DEFINITIONS,
    )
    return with_manifest(versions={"program": "0.1.0", **DEFINITIONS})(evidence)


def with_manifest(**fields: Any) -> Change:
    """The manifest says something else."""

    def change(evidence: Evidence) -> Evidence:
        changed = evidence.manifest.model_copy(update=fields)
        return replace(evidence, manifest_text=changed.model_dump_json().encode())

    return change


def with_budget(group: str, **fields: Any) -> Change:
    """Ledger and manifest say something else of a budget."""

    def change(evidence: Evidence) -> Evidence:
        used = evidence.manifest.budgets[group].model_copy(update=fields)
        return replace(
            with_manifest(budgets={**evidence.manifest.budgets, group: used})(evidence),
            budgets={**evidence.budgets, group: used},
        )

    return change


def with_state(name: str, **fields: Any) -> Change:
    """The manifest says something else of a state."""

    def change(evidence: Evidence) -> Evidence:
        states = {**evidence.manifest.states, name: evidence.manifest.states[name].model_copy(update=fields)}
        return with_manifest(states=states)(evidence)

    return change


def with_body(changed: Callable[[bytes], bytes | None]) -> Change:
    """The list of places is something else."""

    def change(evidence: Evidence) -> Evidence:
        key = keys.places(evidence.job.slug, evidence.run_id)
        body = evidence.bodies[key]
        assert body is not None
        return replace(evidence, bodies={**evidence.bodies, key: changed(body)})

    return change


def having(**fields: Any) -> Change:
    return lambda evidence: replace(evidence, **fields)


def killing(group: str) -> Change:
    """The input has a kill switch on that the run did not heed."""

    def change(evidence: Evidence) -> Evidence:
        switches = {**evidence.job.kill_switches.model_dump(), group: True}
        job = type(evidence.job).parse({**evidence.job.document(), "kill_switches": switches})
        return replace(evidence, job=job)

    return change


def drained(evidence: Evidence) -> Evidence:
    """A run that no gate ended, where the golden input allows it."""
    allowed = evidence.expected.model_copy(update={"stopped_by": (StoppedBy.DRAINED, StoppedBy.EARLY_STOP)})
    changed = with_manifest(stopped_by=StoppedBy.DRAINED, gate=None)(evidence)
    return replace(changed, expected=allowed)


def still_finding(evidence: Evidence) -> Evidence:
    """At its end nearly all that the run saw was new."""
    return replace(evidence, progress=replace(evidence.progress, rate=1.0))


def with_gate(**fields: Any) -> Change:
    """The gate that ended the run wrote down something else."""

    def change(evidence: Evidence) -> Evidence:
        assert evidence.manifest.gate
        return with_manifest(gate=evidence.manifest.gate.model_copy(update=fields))(evidence)

    return change


def ended_by(name: StoppedBy, **fields: float) -> Change:
    """Another gate ended the run, where the golden input allows it."""

    def change(evidence: Evidence) -> Evidence:
        changed = both(with_gate(name=name, **fields), with_manifest(stopped_by=name))(evidence)
        return replace(changed, expected=evidence.expected.model_copy(update={"stopped_by": (name,)}))

    return change


def both(first: Change, second: Change) -> Change:
    return lambda evidence: second(first(evidence))


def frontier(**fields: Any) -> Change:
    return lambda evidence: replace(evidence, frontier=evidence.frontier.model_copy(update=fields))


def without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def on_glue(evidence: Evidence) -> Evidence:
    """A job did what the function of a state does."""
    named = {work.value: name for name, work in WORK_OF.items()}
    return replace(evidence, visited=tuple(named.get(name, name) for name in evidence.visited))


GATE = GateClosed(name=StoppedBy.BUDGET, at="2026-01-01T00:00:00.000Z", value=1, threshold=2, detail="web")
SKIPPED = StateReport(mode=StateMode.MOCK, status=StateStatus.SKIPPED, seconds=0)
POINTER = json.dumps({"run_id": "another", "finished_at": "2000-01-01T00:00:00.000Z"}).encode()

FAILING: list[tuple[str, Change, str]] = [
    ("manifest", having(manifest_text=None), "there is no manifests/edinburgh/run-1.json"),
    ("manifest", having(manifest_text=b'{"run_id": "run-1"}'), "breaks its contract: .*job_id: Field required"),
    ("manifest", having(manifest_text=b"{"), "breaks its contract"),
    ("manifest", with_manifest(run_id="another"), "it is of run another"),
    ("manifest", lambda e: with_manifest(input=e.job.model_copy(update={"city": "York"}))(e), "has another city"),
    ("manifest", lambda e: with_manifest(states=without(e.manifest.states, "Rank"))(e), "says nothing of Rank"),
    ("manifest", lambda e: with_manifest(budgets=without(e.manifest.budgets, "web"))(e), "nothing of the budgets web"),
    ("manifest", with_manifest(settings={}), "which settings the run went by"),
    ("manifest", with_manifest(versions=DEFINITIONS), "which version of the program"),
    ("manifest", having(deployed={**DEFINITIONS, "page-processing": "ffff"}), "ba9876543210, and ffff is deployed"),
    ("manifest", having(latest_text=None), "no tests/early-stop/latest.json that points to it"),
    ("manifest", having(latest_text=POINTER), "points to the older run another"),
    ("manifest", having(latest_text=b"{}"), "the pointer to the last run is broken"),
    ("status", with_manifest(status=RunStatus.PARTIAL), "the run is PARTIAL"),
    ("status", with_manifest(failed_states=("TileSweep",)), "without TileSweep"),
    ("states", having(visited=tuple(name for name in PATH if name != "Rank")), "Rank was not entered"),
    ("states", having(visited=(*PATH[:-1], "RunFailed")), "RunSucceeded was not entered"),
    ("states", having(visited=(PATH[0], PATH[2], PATH[1], *PATH[3:])), f"{PATH[2]} was entered out of its order"),
    ("states", with_state("Persist", status=StateStatus.FAILED, error="Broken: disk"), "Persist failed: Broken: disk"),
    ("states", both(drained, with_state("TileSweep", status=StateStatus.SKIPPED)), "TileSweep had nothing to do"),
    ("states", lambda e: with_manifest(states=without(e.manifest.states, "WebFetch"))(e), "WebFetch did not report"),
    ("budgets", with_budget("web", spent=10**13), "web spent 10,000,000,000,000 of"),
    ("budgets", with_budget("google", cap=7, spent=0), "google was capped at 7, and the input says 60,000"),
    ("budgets", killing("open_data"), "open_data was not killed, and the input says True"),
    ("budgets", killing("open_data"), "open_data is killed and was called"),
    ("budgets", with_budget("google", killed=True), "google was killed, and the input says False"),
    ("budgets", lambda e: replace(e, budgets=without(e.budgets, "llm")), "llm stands in the ledger as None"),
    ("budgets", lambda e: with_manifest(budgets=without(e.manifest.budgets, "llm"))(e), "llm is not accounted for"),
    ("gates", with_manifest(stopped_by=StoppedBy.DEADLINE), "ended by deadline .*; allowed is early_stop"),
    ("gates", both(drained, with_manifest(gate=GATE)), "the gate budget is closed"),
    ("gates", with_manifest(gate=None), "ended by early_stop, and the closed gate is none"),
    ("gates", with_manifest(gate=GATE), "ended by early_stop, and the closed gate is budget"),
    ("gates", with_gate(threshold=0.1), "closed below 0.1, and the input says"),
    ("gates", with_gate(value=1.5), "early_stop closed at 1.5 against .*, where it has to stay open"),
    ("gates", ended_by(StoppedBy.BUDGET, value=8, threshold=7), "budget closed at 8 against 7"),
    ("gates", ended_by(StoppedBy.DEADLINE, value=59.9, threshold=60), "deadline closed at 59.9 against 60"),
    ("gates", ended_by(StoppedBy.KILL_SWITCH, value=3, threshold=4), "kill_switch closed at 3 against 4"),
    ("gates", drained, "no gate closed, though .* of what the last .* calls saw was new"),
    ("frontier", frontier(waiting=2), "2 messages still wait"),
    ("frontier", having(in_flight=1), "1 messages are still being worked on"),
    ("frontier", frontier(dead=4), "4 messages failed for good"),
    ("frontier", frontier(enqueued=0), "nothing was sent to it"),
    ("outputs", with_body(lambda body: None), "places.jsonl is not there"),
    ("outputs", with_body(lambda body: body[:-1]), "is not what the manifest says"),
    ("outputs", with_body(lambda body: b" " + body[1:]), "is not what the manifest says"),
    ("outputs", with_manifest(outputs=()), "does not name .*places.jsonl; .*does not name .*places.geojson"),
    ("places", with_body(lambda body: body.partition(b"\n")[2]), "and the manifest counts"),
    ("places", with_body(lambda body: b"\n".join(reversed(body.splitlines()))), "not in the order of its ranks"),
    ("places", with_body(lambda body: b"{}\n" + body), "has a line that is no ranked place"),
    ("places", with_body(lambda body: b"no JSON"), "has a line that is no ranked place"),
    (
        "places",
        lambda e: replace(e, expected=e.expected.model_copy(update={"places_at_least": 10**6})),
        "expected are 1,000,000 or more",
    ),
]  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_a_good_run_passes(name: str):
    assert LOOKS[name](good())


@pytest.mark.parametrize(("name", "change", "reason"), FAILING)
def test_what_is_wrong_is_found(name: str, change: Change, reason: str):
    with pytest.raises(CheckFailed, match=reason):
        LOOKS[name](change(good()))


def test_no_check_is_without_a_case_in_which_it_fails():
    assert {name for name, _, _ in FAILING} == LOOKS.keys()


@pytest.mark.parametrize("name", ["gates", "states"])
def test_a_drained_run_passes_with_idle_states_where_the_input_allows_them(name: str):
    idle = good().expected.model_copy(update={"idle": (CityState.TILE_SWEEP,)})
    change = both(both(drained, still_finding), with_state("TileSweep", status=StateStatus.SKIPPED))
    evidence = change(good())
    evidence = replace(evidence, expected=evidence.expected.model_copy(update={"idle": idle.idle}))
    assert LOOKS[name](evidence)


@pytest.mark.parametrize(
    ("name", "value", "threshold"),
    [(StoppedBy.BUDGET, 5, 7), (StoppedBy.BUDGET, 7, 7), (StoppedBy.DEADLINE, 60, 60), (StoppedBy.KILL_SWITCH, 4, 4)],
)
def test_a_gate_that_had_to_close_passes(name: StoppedBy, value: float, threshold: float):
    assert f"{name}: " in LOOKS["gates"](ended_by(name, value=value, threshold=threshold)(good()))


def test_a_run_whose_answers_all_were_kept_from_an_earlier_one_passes():
    nothing = (with_budget(group, calls=0, spent=0) for group in good().manifest.budgets)
    assert "web 0 of" in LOOKS["budgets"](reduce(both, nothing)(good()))


def test_the_work_of_a_state_may_be_a_jobs():
    evidence = on_glue(good())
    assert "DedupeOnGlue" in evidence.visited
    assert LOOKS["states"](evidence)


def test_after_a_gate_has_closed_any_state_may_be_idle():
    assert LOOKS["states"](with_state("GeocodeValidate", **SKIPPED.model_dump(exclude={"mode"}))(good()))


def test_a_later_run_of_the_same_job_may_have_moved_the_pointer_on():
    later = json.dumps({"run_id": "another", "finished_at": "2999-01-01T00:00:00.000Z"}).encode()
    assert LOOKS["manifest"](replace(good(), latest_text=later))


def test_the_evidence_is_a_manifest_by_its_contract():
    assert isinstance(good().manifest, Manifest)
