"""Finalize: what a run leaves behind, verified, measured against the stack's bars, and with its licences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lambdas.contracts.candidate import Place
from lambdas.contracts.finalization import FinalizationSettings, QualityBars
from lambdas.contracts.manifest import Output
from lambdas.finalization import finalize as shared
from lambdas.finalization.outputs import JSON_LINES_TYPE, write, write_file
from lambdas.finalization.spool import line_of
from lambdas.finalize.attribution import attribution, without_share_alike
from lambdas.finalize.bars import measure
from lambdas.finalize.checks import google_ids
from lambdas.places.geo import Disc
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json, to_json
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.storage import JSON_TYPE, spool


def finalize(given: StageInput, run: Run) -> StageOutput:
    """Verify the outputs, add the licences and the export that no share-alike licence is on, and write the manifest.

    Args:
        given: ``initialData`` holds the ``errors`` that the state machine caught, by state.
        run: The run.

    Returns:
        As ``lambdas.finalization.finalize.finalize``; metrics say how many bars were missed; ``google`` how many of the
        first primaries Google knows, or why it was not asked.

    Raises:
        VerificationFailed: An output is missing, or is not what its state wrote.
    """
    asked = FinalizationSettings.of_environment().quality
    missed: list[str] = []
    checked: list[Json] = []

    def report(run: Run, places: Sequence[Place]) -> shared.Report:
        found = _report(run, places, asked)
        missed.extend(name for name, bar in found.bars.items() if bar.met is False)
        ids, said = google_ids(run, places)
        checked.append(said)
        return replace(found, outputs=(*found.outputs, *ids))

    output = shared.finalize(given, run, report=report)
    return StageOutput(
        data={**output.data, "bars_missed": missed, "google": checked[0] if checked else None},
        records=output.records,
        metrics={**output.metrics, "bars_missed": len(missed)},
        result=output.result,
    )


def _report(run: Run, places: Sequence[Place], asked: QualityBars) -> shared.Report:
    seed = run.job.seed
    area = Disc.of(seed.center.lat, seed.center.lng, seed.radius_km * 1000)
    measured = measure(places, area, run.job.city, asked)
    named = to_json(attribution(places, city=run.job.city, run_id=run.run_id))
    with spool() as lines:
        for place in without_share_alike(places, run.each_candidate()):
            lines.write(line_of(place))
        export = write_file(run, keys.places_free(run.slug, run.run_id), lines, JSON_LINES_TYPE)
    credit = write(run, keys.attribution(run.slug, run.run_id), named, JSON_TYPE)
    return shared.Report((Output.parse(credit), Output.parse(export)), measured.bars, measured.coverage)
