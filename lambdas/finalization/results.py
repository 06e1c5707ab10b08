"""DedupeCanonicalize, Persist and Rank: from the candidates of a run to its ranked places."""

from __future__ import annotations

import json

from lambdas.finalization.memory import collector_paused
from lambdas.finalization.outputs import (
    GEOJSON_TYPE,
    JSON_LINES_TYPE,
    canonical_key,
    from_lines,
    named_outputs,
    to_lines,
    unranked_key,
    verified,
    write,
)
from lambdas.places.dedupe import dedupe
from lambdas.places.geo import Point
from lambdas.places.geojson import feature_collection
from lambdas.places.rank import rank
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.run import Run
from lambdas.runtime.stage import StageInput


@collector_paused()
def dedupe_canonicalize(_: StageInput, run: Run) -> StageOutput:
    """Make places of all candidates of the run.

    Args:
        _: Not read: candidates come from several states and executions, and lie in ``extracted/``.
        run: The run.

    Returns:
        ``outputs``: the object that holds the places, one per line; and the ``counts``.
    """
    result = dedupe(run.candidates(), city=run.job.city, merged_at=run.record.started_at)
    output = write(run, unranked_key(run.execution_id), to_lines(result.places), JSON_LINES_TYPE)
    counts = {
        "candidates": result.sightings,
        "places": len(result.places),
        "duplicates_merged": result.merged,
    }
    return StageOutput(data={"outputs": [output], "counts": counts}, records=len(result.places), metrics={**counts})


def persist(given: StageInput, run: Run) -> StageOutput:
    """Keep the places beyond the execution, as they are before ranking.

    Returns:
        ``outputs``: the object that holds them; and the ``counts``.

    Raises:
        InputNotFound: DedupeCanonicalize has put nothing out.
        VerificationFailed: The places are not those that it put out.
        OutputConflict: Other places of this run were kept before.
    """
    data = given.read()
    body = verified(run, named_outputs(data)[0])
    output = write(run, canonical_key(run.slug, run.run_id), body, JSON_LINES_TYPE)
    counts = data["counts"]
    return StageOutput(data={"outputs": [output], "counts": counts}, records=counts["places"], metrics=counts)


@collector_paused()
def rank_places(given: StageInput, run: Run) -> StageOutput:
    """Rank the places that Persist kept, and write the result: as JSON lines and as a map.

    Returns:
        ``outputs``: what Persist wrote, and the two objects of the result; and the ``counts``.

    Raises:
        InputNotFound: Persist has put nothing out.
        VerificationFailed: The places are not those that Persist kept.
        OutputConflict: Another result of this run stands.
    """
    data = given.read()
    kept = named_outputs(data)
    center = run.job.seed.center
    ranked = rank(from_lines(verified(run, kept[0])), Point(center.lat, center.lng))
    map_body = json.dumps(feature_collection(ranked, city=run.job.city), ensure_ascii=False, separators=(",", ":"))
    outputs = [
        write(run, keys.places(run.slug, run.run_id), to_lines(ranked), JSON_LINES_TYPE),
        write(run, keys.places_geojson(run.slug, run.run_id), map_body.encode(), GEOJSON_TYPE),
    ]
    primaries = sum(place.tier == "primary" for place in ranked)
    counts = {**data["counts"], "primaries": primaries, "secondaries": len(ranked) - primaries}
    return StageOutput(
        data={"outputs": [*data["outputs"], *outputs], "counts": counts}, records=len(ranked), metrics=counts
    )
