"""What the states of finalization hand to each other: objects in the bucket, with their sizes and digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

from pydantic import TypeAdapter

from lambdas.contracts.candidate import Place
from lambdas.contracts.manifest import Output
from lambdas.finalization.spool import Spooled
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound, OutputConflict, VerificationFailed
from lambdas.runtime.run import Run

JSON_LINES_TYPE = "application/jsonl"
PARQUET_TYPE = "application/vnd.apache.parquet"
GEOJSON_TYPE = "application/geo+json"
_CHUNK_BYTES = 1 << 20
PLACES: TypeAdapter[list[Place]] = TypeAdapter(list[Place])


def unranked_key(execution_id: str) -> str:
    """The places as DedupeCanonicalize hands them over: beside its output, which only names them."""
    return keys.stage_output(execution_id, "DedupeCanonicalize").replace("output.json", "places.jsonl")


def canonical_key(slug: str, run_id: str) -> str:
    """The places before they are ranked, one per line: kept beyond the execution, also where ranking fails."""
    return keys.places(slug, run_id).replace("places.jsonl", "canonical.jsonl")


def beside(key: str, suffix: str) -> str:
    """The key of the same places in another form: ``places.jsonl`` becomes ``places.parquet``."""
    return f"{key.removesuffix('.jsonl')}.{suffix}"


def from_lines(body: bytes) -> list[Place]:
    """Places from JSON lines.

    Raises:
        ValueError: ``pydantic.ValidationError``: a line is no place.
    """
    return PLACES.validate_json(b"[" + b",".join(body.splitlines()) + b"]")


def write(run: Run, key: str, body: bytes, content_type: str) -> dict[str, Any]:
    """Write an output once.

    Returns:
        What names it in the outputs of a stage and in the manifest.

    Raises:
        OutputConflict: Something else stands there.
    """
    digest = run.storage.put_once(key, body, content_type)
    return {"key": key, "bytes": len(body), "sha256": digest}


def write_file(run: Run, key: str, file: IO[bytes], content_type: str) -> dict[str, Any]:
    """Write an output once that need not fit into memory; as ``write``.

    Args:
        run: The run.
        key: Where.
        file: What, all of it from its beginning.
        content_type: Its media type.
    """
    digest, size = digest_of(file)
    file.seek(0)
    if not run.storage.keep_first(key, file, content_type):
        with run.storage.fetch(key) as standing:
            if digest_of(standing) != (digest, size):
                raise OutputConflict(f"s3://{run.storage.bucket}/{key} stands already with other content.")
    return {"key": key, "bytes": size, "sha256": digest}


def digest_of(file: IO[bytes]) -> tuple[str, int]:
    """The SHA-256 of a whole file, and its size."""
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def verified(run: Run, output: Output) -> IO[bytes]:
    """Read an output into a temporary file, and compare it with what names it.

    Raises:
        VerificationFailed: It does not exist, or is another one.
    """
    try:
        file = run.storage.fetch(output.key)
    except InputNotFound as error:
        raise VerificationFailed(f"{output.key} is named as an output and does not exist.") from error
    digest, size = digest_of(file)
    if (size, digest) != (output.bytes, output.sha256):
        file.close()
        raise VerificationFailed(
            f"{output.key} has {size} bytes with digest {digest}, not {output.bytes} with {output.sha256}."
        )
    return file


def places_of(run: Run, output: Output) -> Spooled[Place]:
    """The places that an output holds, one a line.

    Raises:
        VerificationFailed: As for :func:`verified`.
    """
    return Spooled(Place, verified(run, output))


def output_of(run: Run, state: str) -> Mapping[str, Any] | None:
    """The output of a state of this execution, or ``None`` where it has none."""
    body = run.storage.find(keys.stage_output(run.execution_id, state))
    return None if body is None else json.loads(body)["data"]


def named_outputs(data: Mapping[str, Any]) -> Sequence[Output]:
    """The objects that a state's output names."""
    return [Output.parse(output) for output in data["outputs"]]
