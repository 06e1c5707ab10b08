"""Each golden input runs to its end on the deployed stack, and ends for its stated reason."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.manifest import RunStatus, StateStatus, StoppedBy
from lambdas.mock import truth
from lambdas.runtime.ledger import Ledger
from scout.deployment import Deployment
from tests.e2e.support import calls_really_made, depth, example, geojson_of, places_of, run
from workflow.city_states import STATE_NAMES

pytestmark = pytest.mark.e2e

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
COMPLETE = {StoppedBy.DRAINED, StoppedBy.EARLY_STOP}
STOPS = {
    "edinburgh": COMPLETE,
    "london": COMPLETE,
    "tokyo": COMPLETE,
    "new-york": COMPLETE,
    "budget-test-small": {StoppedBy.BUDGET},
    "early-stop-test": {StoppedBy.EARLY_STOP},
    "kill-switch-test": COMPLETE,
}
# A run that is cut short on purpose keeps what it found until then, however little.
CUT_SHORT = {"budget-test-small", "early-stop-test"}


@pytest.mark.parametrize("name", STOPS)
def test_golden_input_ends_for_its_stated_reason_with_a_result_that_holds(mock_stack: Deployment, name: str) -> None:
    job = example(name)
    result, view = run(mock_stack, job)
    manifest = result.manifest

    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by in STOPS[name], manifest.gate
    assert not manifest.failed_states
    schema = json.loads((SCHEMAS / "manifest.schema.json").read_text())
    jsonschema.validate(json.loads(manifest.model_dump_json()), schema)

    # No budget is passed, by the manifest and by the ledger, and what was killed was not called.
    kept = Ledger(mock_stack.ledger_table, manifest.run_id, mock_stack.session.client("dynamodb")).budgets()
    for group in BudgetGroup:
        use = manifest.budgets[group.value]
        assert use.cap == job.cap(group)
        assert use.spent <= use.cap
        assert kept[group.value] == use
        if getattr(job.kill_switches, group.value):
            assert use.killed
            assert (use.spent, use.calls) == (0, 0)
        made = calls_really_made(mock_stack, group, job.slug, manifest.started_at)
        assert len(made) <= use.calls
        assert bool(made) == bool(use.calls), group
    assert sum(use.calls for use in manifest.budgets.values()) > 0

    # Each message of the frontier came to an end, and none was lost to the DLQ.
    frontier = manifest.frontier
    assert frontier.enqueued == frontier.done + frontier.dropped + frontier.dead
    assert frontier.dead == 0
    assert depth(mock_stack, mock_stack.frontier_dlq_url) == 0

    assert set(manifest.states) == set(STATE_NAMES)
    assert all(report.status is not StateStatus.FAILED for report in manifest.states.values())
    assert [state.name for state in view.snapshots[-1].states][-2:] == ["IsRunFailed", "RunSucceeded"]

    # The result is what the manifest counts, and it measures against the truth as the manifest says.
    places = places_of(mock_stack, manifest)
    assert len(places) == manifest.counts.places
    assert len({place.place_id for place in places}) == len(places)
    tiers = Counter(place.tier for place in places)
    assert (tiers["primary"], tiers["secondary"]) == (manifest.counts.primaries, manifest.counts.secondaries)
    assert [place.rank for place in places] == list(range(1, len(places) + 1))
    assert len(geojson_of(mock_stack, manifest)["features"]) == len(places)
    quality = truth.measure(job, places)
    assert quality == manifest.quality
    assert quality.recall is not None
    assert quality.precision is not None
    assert quality.duplicate_rate is not None
    assert quality.recall > (0 if name in CUT_SHORT else 0.7)
    assert quality.precision >= 0.9
    assert quality.duplicate_rate <= 0.03

    if name == "edinburgh":
        assert len(places) * (1 - quality.duplicate_rate) >= 4000
    if name in CUT_SHORT:
        assert manifest.gate is not None
        assert manifest.gate.name is manifest.stopped_by
    if name == "early-stop-test":
        assert sum(use.calls for use in manifest.budgets.values()) >= job.early_stop.window_calls
