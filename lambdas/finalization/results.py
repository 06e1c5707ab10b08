"""DedupeCanonicalize, Persist and Rank: from the candidates of a run to its ranked places.

Mock states do no more than these functions do by default; what real ones do beside is in their own packages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from lambdas.contracts.candidate import Candidate, Place
from lambdas.contracts.finalization import RankSettings
from lambdas.finalization.memory import collector_paused
from lambdas.finalization.outputs import (
    GEOJSON_TYPE,
    JSON_LINES_TYPE,
    canonical_key,
    named_outputs,
    output_of,
    places_of,
    unranked_key,
    verified,
    write_file,
)
from lambdas.finalization.spool import Spooled, line_of
from lambdas.places.geo import Point
from lambdas.places.geojson import write_collection
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.storage import spool


@collector_paused()
def dedupe_canonicalize(_: StageInput, run: Run, known_ids: Mapping[str, str] | None = None) -> StageOutput:
    """Make places of all candidates of the run.

    Args:
        _: Not read: candidates come from several states and executions, and lie in ``extracted/``.
        run: The run.
        known_ids: What places the record ids had in an earlier run.

    Returns:
        ``outputs``: the object that holds the places, one per line; and the ``counts``.
    """
    from lambdas.places.dedupe import Deduplication  # noqa: PLC0415 - numpy takes a tenth of a second

    work = Deduplication(run.job.city, Spooled(Candidate))
    for candidate in run.each_candidate():
        work.add(candidate)
    count = 0
    with spool() as lines:
        for place in work.places(run.record.started_at, known_ids or {}):
            lines.write(line_of(place))
            count += 1
        return handed_over(run, lines, sightings=work.sightings, places=count)


def handed_over(run: Run, lines: IO[bytes], *, sightings: int, places: int) -> StageOutput:
    """Write the places that were made of all candidates.

    Args:
        run: The run.
        lines: The places, one per line, in the order of their ids.
        sightings: How many different candidates there were.
        places: How many places they became.

    Returns:
        As :func:`dedupe_canonicalize`.

    Raises:
        OutputConflict: Other places of this execution stand there.
    """
    output = write_file(run, unranked_key(run.execution_id), lines, JSON_LINES_TYPE)
    counts = {"candidates": sightings, "places": places, "duplicates_merged": sightings - places}
    return StageOutput(data={"outputs": [output], "counts": counts}, records=places, metrics={**counts})


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
    with verified(run, named_outputs(data)[0]) as lines:
        output = write_file(run, canonical_key(run.slug, run.run_id), lines, JSON_LINES_TYPE)
    counts = data["counts"]
    return StageOutput(data={"outputs": [output], "counts": counts}, records=counts["places"], metrics=counts)


@collector_paused()
def rank_places(given: StageInput, run: Run, settings: RankSettings | None = None) -> StageOutput:
    """Rank the places that Persist kept, and write the result: as JSON lines and as a map.

    Args:
        given: What Persist put out.
        run: The run.
        settings: How to rank.

    Returns:
        ``outputs``: what Persist wrote, and the two objects of the result; and the ``counts``.

    Raises:
        InputNotFound: Persist has put nothing out.
        VerificationFailed: The places are not those that Persist kept.
        OutputConflict: Another result of this run stands.
    """
    from lambdas.places.rank import rank  # noqa: PLC0415 - numpy takes a tenth of a second

    data = given.read()
    kept = {output.key: output for output in named_outputs(data)}
    places = kept.get(canonical_key(run.slug, run.run_id))
    if places is None:
        raise InvalidInput(f"Persist has put out {', '.join(kept) or 'nothing'}, and no {canonical_key('*', '*')}.")
    center = run.job.seed.center
    graph = near_edges(run)
    ranked = rank(places_of(run, places), Point(center.lat, center.lng), settings=settings, near=graph)
    tiers: Counter[str | None] = Counter()
    with spool() as lines, spool() as features:
        write_collection(_listed(ranked, lines, tiers), features, city=run.job.city)
        outputs = [
            write_file(run, keys.places(run.slug, run.run_id), lines, JSON_LINES_TYPE),
            write_file(run, keys.places_geojson(run.slug, run.run_id), features, GEOJSON_TYPE),
        ]
    counts = {**data["counts"], "primaries": tiers["primary"], "secondaries": tiers["secondary"]}
    return StageOutput(
        data={"outputs": [*data["outputs"], *outputs], "counts": counts},
        records=tiers.total(),
        metrics={**counts, "near_edges": len(graph)},
    )


def _listed(places: Iterable[Place], lines: IO[bytes], tiers: Counter[str | None]) -> Iterator[Place]:
    """The same places, each of which has been written to a file and counted."""
    for place in places:
        lines.write(line_of(place))
        tiers[place.tier] += 1
        yield place


def near_edges(run: Run) -> list[tuple[str, str, float]]:
    """The NEAR edges that ExpandNeighbors found; none where it has put nothing out."""
    found: Mapping[str, Any] = output_of(run, "ExpandNeighbors") or {}
    return [(str(primary), str(record), float(metres)) for primary, record, metres in found.get("near", ())]
