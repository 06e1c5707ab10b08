"""A mock city whose last four states are real, on the embedded AWS: from the input to every form of its result."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from lambdas.contracts.manifest import RunStatus, StateMode, StateStatus
from lambdas.finalization.outputs import from_lines
from lambdas.runtime import keys
from scout.deployment import Deployment
from tests.e2e.support import changed, example, places_of, read, run
from workflow.city_states import PHASES, Phase

pytestmark = pytest.mark.e2e

STATES = PHASES[Phase.FINALIZATION]


def test_what_mock_states_found_is_finalized_by_real_ones(mixed_stack: Deployment, tmp_path: Path) -> None:
    job = example("helsinki")
    result, _ = run(mixed_stack, job)
    manifest = result.manifest
    assert manifest.status is RunStatus.SUCCEEDED
    assert {(manifest.states[state].mode, manifest.states[state].status) for state in STATES} == {
        (StateMode.REAL, StateStatus.SUCCEEDED)
    }
    places = places_of(mixed_stack, manifest)
    assert len(places) == manifest.counts.places > 1000
    (tmp_path / "places.parquet").write_bytes(
        read(mixed_stack, keys.places(job.slug, manifest.run_id).replace(".jsonl", ".parquet"))
    )
    table = duckdb.sql(f"SELECT place_id, rank FROM '{tmp_path}/places.parquet' ORDER BY rank").fetchall()  # noqa: S608
    assert table == [(place.place_id, place.rank) for place in places]

    assert manifest.bars["duplicate_rate"].met
    assert manifest.bars["places"].value == len(places)
    assert manifest.coverage is not None
    assert manifest.coverage.covered <= manifest.coverage.cells

    credit = json.loads(read(mixed_stack, keys.attribution(job.slug, manifest.run_id)))
    assert "OpenStreetMap" in credit["notice"]
    free = from_lines(read(mixed_stack, keys.places_free(job.slug, manifest.run_id)))
    assert 0 < len(free) < len(places)
    assert not any(licence.share_alike for place in free for licence in place.licences)
    assert {place.place_id for place in free} <= {place.place_id for place in places}


def test_the_next_run_of_a_city_keeps_the_ids_of_its_places(mixed_stack: Deployment) -> None:
    job = example("helsinki")
    first, _ = run(mixed_stack, changed(job, job_id="ids-1"))
    second, _ = run(mixed_stack, changed(job, job_id="ids-2"))
    before = {record: place.place_id for place in places_of(mixed_stack, first.manifest) for record in place.members}
    after = {record: place.place_id for place in places_of(mixed_stack, second.manifest) for record in place.members}
    both = before.keys() & after.keys()
    assert len(both) > 1000
    assert all(before[record] == after[record] for record in both)
    output = json.loads(read(mixed_stack, keys.stage_output(second.manifest.run_id, "DedupeCanonicalize")))
    assert output["data"]["previous"] is not None
