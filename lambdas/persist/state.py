"""Persist: the places of a run beyond its execution, in every form that the stack wants."""

from __future__ import annotations

from lambdas.contracts.finalization import FinalizationSettings
from lambdas.finalization import results
from lambdas.finalization.outputs import (
    GEOJSON_TYPE,
    PARQUET_TYPE,
    beside,
    canonical_key,
    named_outputs,
    places_of,
    write_file,
)
from lambdas.places.geojson import write_collection
from lambdas.runtime.context import StageOutput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.storage import spool


def persist(given: StageInput, run: Run) -> StageOutput:
    """Keep the places as they are before ranking.

    Args:
        given: What DedupeCanonicalize put out.
        run: The run.

    Returns:
        As ``lambdas.finalization.results.persist``, with the further ``outputs``. Metrics count the rows that the
        database took.

    Raises:
        InputNotFound: DedupeCanonicalize has put nothing out.
        VerificationFailed: The places are not those that it put out.
        OutputConflict: Other places of this run were kept before.
        ServiceUnavailable: The database could not be reached, or was busy.
        AccessDenied: It does not let this function in, or the function may not read the secret.
        InvalidInput: It refuses the places, or the secret holds no connection.
    """
    settings = FinalizationSettings.of_environment().persist
    output = results.persist(given, run)
    (lines,) = named_outputs(output.data)
    places = places_of(run, lines)
    key = canonical_key(run.slug, run.run_id)
    outputs, metrics = list(output.data["outputs"]), dict(output.metrics)
    if settings.geojson:
        with spool() as file:
            write_collection(places, file, city=run.job.city)
            outputs.append(write_file(run, beside(key, "geojson"), file, GEOJSON_TYPE))
    if settings.parquet:
        from lambdas.finalization.parquet import write_places  # noqa: PLC0415 - only where it is wanted

        with spool() as file:
            write_places(places, file)
            outputs.append(write_file(run, beside(key, "parquet"), file, PARQUET_TYPE))
    if settings.postgres is not None:
        from lambdas.persist.postgres import Database  # noqa: PLC0415 - only where it is wanted

        with Database.of(settings.postgres, run.deadline) as database:
            metrics |= database.upsert(places, results.near_edges(run), run)
    return StageOutput(
        data={**output.data, "outputs": outputs}, records=output.records, metrics={**metrics, "outputs": len(outputs)}
    )
