"""DedupeCanonicalize: the places of a run, under the ids that they had in the last run of the same city."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from lambdas.contracts.candidate import Place
from lambdas.contracts.manifest import Manifest
from lambdas.finalization import results
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import to_json
from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run


def dedupe_canonicalize(given: StageInput, run: Run) -> StageOutput:
    """Make places of all candidates of the run; a place that the last run had keeps its id.

    Args:
        given: Not read.
        run: The run.

    Returns:
        As ``lambdas.finalization.results.dedupe_canonicalize``; ``previous``: the manifest of the run whose ids were
        kept, ``None`` where there is none.

    Raises:
        AccessDenied: The function may not read the candidates or the last run.
        TransientStorageError: S3 could not answer.
    """
    return keeping_ids(run, lambda known: results.dedupe_canonicalize(given, run, known))


def keeping_ids(run: Run, made: Callable[[Mapping[str, str]], StageOutput]) -> StageOutput:
    """Make places that keep the ids which they had in the last run.

    Args:
        run: The run.
        made: Makes them, given what places the record ids had.

    Returns:
        What that put out, and which run's ids were kept.

    Raises:
        Exception: What ``made`` raises, or as :func:`dedupe_canonicalize`.
    """
    previous = _previous_manifest(run)
    known = {} if previous is None else _ids_of(run, previous)
    output = made(known)
    return StageOutput(
        data={**output.data, "previous": previous},
        records=output.records,
        metrics={**output.metrics, "known_records": len(known)},
    )


def _previous_manifest(run: Run) -> str | None:
    """The key of the manifest that the pointer named when this state first looked.

    It is noted, so that a retry gives the same ids, though another run of the city may have ended meanwhile.
    """
    note = keys.stage_output(run.execution_id, run.state).replace("output.json", "previous.json")
    standing = run.storage.find(note)
    if standing is None:
        pointer = run.storage.find(keys.latest(run.job.s3_prefix))
        named = json.loads(pointer)["manifest"] if pointer else None
        run.storage.keep_first(note, to_json({"manifest": named}))
        standing = run.storage.get(note)
    named = json.loads(standing)["manifest"]
    return None if named is None else str(named)


def _ids_of(run: Run, manifest_key: str) -> dict[str, str]:
    """The place of each record of an earlier run; none where its objects have reached the end of their days."""
    body = run.storage.find(manifest_key)
    if body is None:
        return {}
    manifest = Manifest.model_validate_json(body)
    try:
        lines = run.storage.fetch(keys.places(run.slug, manifest.run_id))
    except InputNotFound:
        return {}
    with lines:
        places = map(Place.model_validate_json, lines)
        return {record: place.place_id for place in places for record in place.members}
