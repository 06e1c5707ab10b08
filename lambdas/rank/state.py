"""Rank: the result, weighed as the stack wants, also as a table."""

from __future__ import annotations

from lambdas.contracts.finalization import FinalizationSettings
from lambdas.finalization import results
from lambdas.finalization.outputs import PARQUET_TYPE, beside, named_outputs, places_of, write_file
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.storage import spool


def rank_places(given: StageInput, run: Run) -> StageOutput:
    """Rank the places that Persist kept.

    Args:
        given: What Persist put out.
        run: The run.

    Returns:
        As ``lambdas.finalization.results.rank_places``, with ``places.parquet`` among the ``outputs`` where the stack
        keeps places as Parquet.

    Raises:
        InputNotFound: Persist has put nothing out.
        VerificationFailed: The places are not those that Persist kept.
        OutputConflict: Another result of this run stands.
    """
    settings = FinalizationSettings.of_environment()
    output = results.rank_places(given, run, settings.rank)
    if not settings.persist.parquet:
        return output
    from lambdas.finalization.parquet import write_places  # noqa: PLC0415 - only where it is wanted

    key = keys.places(run.slug, run.run_id)
    named = {one.key: one for one in named_outputs(output.data)}
    with spool() as file:
        write_places(places_of(run, named[key]), file)
        table = write_file(run, beside(key, "parquet"), file, PARQUET_TYPE)
    return StageOutput(
        data={**output.data, "outputs": [*output.data["outputs"], table]},
        records=output.records,
        metrics=output.metrics,
    )
