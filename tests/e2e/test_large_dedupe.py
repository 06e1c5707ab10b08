"""A run with more sightings than its stack gives to the function of DedupeCanonicalize: a job on Spark does it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.contracts.manifest import RunStatus, StateStatus
from lambdas.finalization.outputs import unranked_key
from lambdas.runtime import keys
from scout.cities import executions, standing
from scout.costs.after import of_standing
from scout.deployment import Deployment
from scout.embedded.emulator.instance import Emulator
from tests.e2e.real_states import deployed, small_job
from tests.e2e.support import changed, places_of, read, run
from workflow.city_discovery import DEDUPE_BY_COUNT, LARGE_DEDUPE
from workflow.city_states import CityState

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("spark")]

STATE = CityState.DEDUPE_CANONICALIZE
JOB = small_job("large-dedupe")


@pytest.fixture(scope="module")
def stack(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """All is mock but the one state, whose function is trusted with a hundred sightings."""
    few = {"dedupe": {"max_lambda_records": 100, "timeout_minutes": 10}}
    return deployed(emulator, tmp_path_factory.mktemp("stacks"), [STATE], {}, finalization=few)


def entered(stack: Deployment, run_id: str) -> list[str]:
    arn = stack.city_discovery_arn.replace(":stateMachine:", ":execution:") + f":{run_id}"
    events = executions.history(stack, arn)
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def in_function(stack: Deployment, run_id: str, execution: str) -> dict[str, Any]:
    """What the state's function puts out for a run, in an execution of its own."""
    event = {
        "executionId": execution,
        "runId": run_id,
        "currentStage": STATE,
        "previousStage": "TileSweep",
        "workflowBucket": stack.bucket,
    }
    answer = stack.session.client("lambda").invoke(
        FunctionName="data-scout-mock-dedupe-canonicalize", Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    return dict(json.loads(read(stack, keys.stage_output(execution, STATE))))


def test_the_machine_chooses_the_job_and_the_run_ends_with_the_same_places(stack: Deployment) -> None:
    first, _ = run(stack, JOB)
    manifest = first.manifest
    assert manifest.status is RunStatus.SUCCEEDED, manifest
    assert manifest.counts.candidates > 100
    assert manifest.states[STATE].status is StateStatus.SUCCEEDED
    assert manifest.states[STATE].records == manifest.counts.places == len(places_of(stack, manifest))
    names = entered(stack, first.run_id)
    assert names[names.index(DEDUPE_BY_COUNT) :][:3] == [DEDUPE_BY_COUNT, LARGE_DEDUPE, CityState.PERSIST]
    assert STATE not in names

    # What people are shown of it.
    found = standing.of(stack, manifest.run_id)
    (line,) = [line for line in found.states if line.report == manifest.states[STATE]]
    assert (line.state, line.retries, line.errors) == (LARGE_DEDUPE, 0, ())
    (item,) = [item for item in of_standing(stack, found).items if item.what == "Glue jobs"]
    # Five workers of two DPUs, at least a minute each.
    assert item.units >= 10 / 60

    output = json.loads(read(stack, keys.stage_output(manifest.run_id, STATE)))
    expected = in_function(stack, manifest.run_id, "by-function")
    made = {name: read(stack, unranked_key(name)) for name in (manifest.run_id, "by-function")}
    # The run's own result is the last of its city by now, and its ids are what the function kept.
    assert made[manifest.run_id] == made["by-function"]
    assert output["data"]["counts"] == expected["data"]["counts"]
    assert (output["data"]["previous"], output["metrics"]["known_records"]) == (None, 0)

    second, _ = run(stack, changed(JOB, job_id="large-dedupe-002"))
    kept = json.loads(read(stack, keys.stage_output(second.manifest.run_id, STATE)))
    assert kept["data"]["previous"] == keys.manifest(JOB.slug, manifest.run_id)
    assert kept["metrics"]["known_records"] > 100
    before, after = (
        {record: place.place_id for place in places_of(stack, one.manifest) for record in place.members}
        for one in (first, second)
    )
    assert all(before[record] == after[record] for record in before.keys() & after.keys())
