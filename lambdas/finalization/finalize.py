"""Finalize: verify what the run leaves behind, and write its manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from lambdas.contracts.base import utc_now
from lambdas.contracts.candidate import Place
from lambdas.contracts.effective import effective
from lambdas.contracts.manifest import (
    Bar,
    Counts,
    Coverage,
    Manifest,
    Output,
    Quality,
    RunStatus,
    StateReport,
    StateStatus,
    StoppedBy,
)
from lambdas.finalization.memory import collector_paused
from lambdas.finalization.outputs import named_outputs, output_of, places_of, verified
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import to_json
from lambdas.runtime.errors import OutputConflict
from lambdas.runtime.handover import StageInput
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.run import Run

STATE = "Finalize"
Measure: TypeAlias = Callable[[Run, Sequence[Place]], Quality]


@dataclass(frozen=True)
class Report:
    """What a stack adds to the manifest of a run that has a ranked result."""

    outputs: tuple[Output, ...] = ()
    bars: Mapping[str, Bar] = field(default_factory=dict)
    coverage: Coverage | None = None


Reporter: TypeAlias = Callable[[Run, Sequence[Place]], Report]


def no_truth(_: Run, __: Sequence[Place]) -> Quality:
    """The quality where no truth is known: not measured."""
    return Quality()


def no_report(_: Run, __: Sequence[Place]) -> Report:
    """Nothing is added."""
    return Report()


@collector_paused()
def finalize(given: StageInput, run: Run, measure: Measure = no_truth, report: Reporter = no_report) -> StageOutput:
    """Verify the outputs, and write the manifest and the pointer to it.

    A run with failed states is ``PARTIAL``: what was found without them is kept. It is ``FAILED`` where the failure
    left no places at all.

    Args:
        given: ``initialData`` holds the ``errors`` that the state machine caught, by state.
        run: The run.
        measure: Compares the places with the truth, where one is known.
        report: Looks at the places, and may write further outputs.

    Returns:
        The key of the manifest; ``runStatus`` stands in the result, for the state machine to choose by.

    Raises:
        VerificationFailed: An output is missing, or is not what its state wrote.
    """
    caught = (given.initial_data or {}).get("errors", {})
    data = output_of(run, "Rank") or output_of(run, "Persist") or {"outputs": [], "counts": {}}
    outputs = list(named_outputs(data))
    result = keys.places(run.slug, run.run_id)
    ranked = next((output for output in outputs if output.key == result), None)
    others = [output for output in outputs if output is not ranked]
    in_parallel(lambda output: verified(run, output).close(), others)
    quality, added = Quality(), Report()
    if ranked is not None:
        places = places_of(run, ranked)
        quality, added = measure(run, places), report(run, places)
    outputs = [*outputs, *added.outputs]
    manifest = _kept(run, _manifest(run, caught, data["counts"], quality, added, outputs=outputs))
    key = keys.manifest(run.slug, run.run_id)
    pointer = {
        "run_id": run.run_id,
        "job_id": run.job.job_id,
        "city": run.job.city,
        "status": manifest.status,
        "finished_at": manifest.finished_at,
        "manifest": key,
    }
    run.storage.put(keys.latest(run.job.s3_prefix), to_json(pointer))
    return StageOutput(
        data={"manifest": key, "outputs": [output.document() for output in outputs]},
        records=manifest.counts.places,
        metrics={"places": manifest.counts.places, "outputs": len(outputs)},
        result={"runStatus": manifest.status.value, "manifest": key},
    )


def _manifest(
    run: Run,
    caught: Mapping[str, Any],
    counts: Mapping[str, int],
    quality: Quality,
    added: Report,
    *,
    outputs: Sequence[Output],
) -> Manifest:
    record, finished = run.ledger.run(max_age=0), utc_now()
    stopped_by = record.stopped_by or (record.gate.name if record.gate else StoppedBy.ERROR)
    if record.stopped_by is None:
        # CloseFrontier failed: no page may be begun for a run that is reported.
        run.ledger.close(stopped_by)
    states = _states(run, caught)
    # What was caught and is none of the states is an operation on the run itself, such as the polling of its frontier.
    failed = (
        *(state for state, report in states.items() if report.status is StateStatus.FAILED),
        *(operation for operation in caught if operation not in states),
    )
    progress = run.ledger.progress()
    status = RunStatus.SUCCEEDED
    if failed:
        status = RunStatus.PARTIAL if counts.get("places") else RunStatus.FAILED
    return Manifest(
        run_id=run.run_id,
        job_id=record.job.job_id,
        city=record.job.city,
        correlation_id=record.correlation_id,
        execution_arn=record.execution_arn,
        status=status,
        stopped_by=stopped_by,
        gate=record.gate,
        failed_states=failed,
        started_at=record.started_at,
        finished_at=finished,
        seconds=round(_seconds(finished) - _seconds(record.started_at), 3),
        input=record.job,
        versions=dict(record.versions),
        settings=effective(record.job, record.settings),
        releases=_releases(run),
        counts=_counts(run, counts),
        quality=quality,
        bars=dict(added.bars),
        coverage=added.coverage,
        new_unique_rate=round(progress.rate, 6) if progress.seen else None,
        budgets=run.ledger.budgets(),
        states=states,
        frontier=run.ledger.frontier().use(),
        outputs=tuple(outputs),
    )


def _releases(run: Run) -> dict[str, str]:
    """What TileSweep read that is published as a whole."""
    swept = output_of(run, "TileSweep") or {}
    named = (("overture", "release"), ("osm_extract", "sha256"))
    read = {"overture": swept.get("overture"), "osm_extract": swept.get("extract")}
    return {name: str(about[field]) for name, field in named if (about := read[name])}


def _states(run: Run, caught: Mapping[str, Any]) -> dict[str, StateReport]:
    """The ledger's reports, with what only the state machine saw: a state that ended without a word of its own."""
    reports = run.ledger.states()
    for state, error in caught.items():
        if state in reports:
            seen = f"{error.get('Error', 'unknown')}: {error.get('Cause', '')}"
            update = {"status": StateStatus.FAILED, "error": reports[state].error or seen}
            reports[state] = reports[state].model_copy(update=update)
    # This state has not ended yet; if it fails, there is no manifest to say so.
    reports[STATE] = reports[STATE].model_copy(update={"status": StateStatus.SUCCEEDED, "error": None})
    return reports


def _counts(run: Run, counts: Mapping[str, int]) -> Counts:
    candidates = counts.get("candidates", 0)
    places = counts.get("places", 0)
    return Counts(
        candidates=candidates,
        places=places,
        primaries=counts.get("primaries", 0),
        secondaries=counts.get("secondaries", 0),
        duplicates_merged=counts.get("duplicates_merged", 0),
        rejected=_rejected(run),
    )


def _rejected(run: Run) -> int:
    """What was turned down: the sum of the metric ``rejected`` over this execution's states and over the pages.

    A page's last state, GeocodeValidate, speaks for the states before it.
    """
    own = [key for key in run.storage.keys(f"executions/{run.execution_id}/") if key.endswith("/output.json")]
    pages = [
        key for key in run.storage.keys(f"executions/{run.run_id}-") if key.endswith("/GeocodeValidate/output.json")
    ]
    envelopes = (json.loads(body) for body in in_parallel(run.storage.get, [*own, *pages]))
    return sum(int(envelope["metrics"].get("rejected", 0)) for envelope in envelopes if envelope["runId"] == run.run_id)


def _kept(run: Run, manifest: Manifest) -> Manifest:
    """Write the manifest once. Where another invocation of this state came first, its manifest stands."""
    key = keys.manifest(run.slug, run.run_id)
    try:
        run.storage.put_once(key, to_json(manifest.document()))
    except OutputConflict:
        return Manifest.model_validate_json(run.storage.get(key))
    return manifest


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
