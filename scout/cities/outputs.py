"""What a run has left in S3, and copies of it, each compared with its digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lambdas.runtime import envelope, keys
from lambdas.runtime.errors import VerificationFailed
from scout.cities import facts
from scout.cities.facts import RunFacts, storage_of, told
from scout.cities.runs import copied, read_object, verified_outputs
from scout.errors import ScoutError

if TYPE_CHECKING:
    from pathlib import Path

    from scout.deployment import Deployment


@dataclass(frozen=True)
class Left:
    """One object, or one folder of objects, that a run left.

    Attributes:
        what: ``manifest``, ``result``, ``stage``, ``pages`` or ``candidates``.
        key: The object's key, or the beginning of the keys.
        objects: How many objects.
        bytes: Their size.
        sha256: The digest by which it was verified; None where it was only counted.
    """

    what: str
    key: str
    objects: int
    bytes: int
    sha256: str | None = None

    def document(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


@dataclass(frozen=True)
class Outputs:
    """What a run left.

    Attributes:
        run_id: The run.
        left: The objects.
        copied_to: Where the manifest, the results and the outputs of its stages were copied to.
    """

    run_id: str
    left: tuple[Left, ...]
    copied_to: Path | None = None


def of(deployment: Deployment, run: str, out: Path | None = None) -> Outputs:
    """What a run left. Manifest, results and stage outputs are read back and compared with their digests.

    A run that failed has no manifest and perhaps no result; the outputs of the stages that it came through are there.

    Args:
        deployment: Where.
        run: Its id, or ``last``.
        out: Copy what was verified to ``out/RUN_ID``: the manifest, the results, and each stage's output as
            ``stages/STAGE.json``.

    Raises:
        ScoutError: There is no such run, or an object is not what it was when it was written. Nothing is copied then.
    """
    known = facts.of(deployment, run)
    with told(f"the outputs of run {known.run_id} on stack {deployment.stack}"):
        found = list(_verified(deployment, known))
        left = [entry for entry, _, _ in found]
        left += _counted(deployment, known)
    if not left:
        raise ScoutError(f"run {known.run_id} has left nothing in s3://{deployment.bucket}: {known.execution.why}")
    folder = None
    if out is not None:
        folder = out / known.run_id
        copied({name: body for _, name, body in found if "/" not in name}, folder)
        copied(
            {name.partition("/")[2]: body for _, name, body in found if name.startswith("stages/")}, folder / "stages"
        )
    return Outputs(known.run_id, tuple(left), folder)


def _verified(deployment: Deployment, known: RunFacts) -> Iterator[tuple[Left, str, bytes]]:
    """What has a digest to be compared with, with the name of its copy and its content."""
    if known.manifest is not None and known.job is not None:
        key = keys.manifest(known.job.slug, known.run_id)
        body = read_object(deployment, key)
        yield Left("manifest", key, 1, len(body)), "manifest.json", body
        bodies: Mapping[str, bytes] = verified_outputs(deployment, known.manifest)
        for output in known.manifest.outputs:
            name = output.key.rpartition("/")[2]
            yield Left("result", output.key, 1, output.bytes, output.sha256), name, bodies[name]
    storage = storage_of(deployment)
    for key in storage.keys(f"executions/{known.run_id}/"):
        if not key.endswith("/output.json"):
            continue
        stage = key.split("/")[2]
        with storage.fetch(key) as file:
            try:
                digest = envelope.verified(file, f"s3://{deployment.bucket}/{key}")
            except VerificationFailed as error:
                raise ScoutError(str(error)) from error
            body = file.read()
        yield Left("stage", key, 1, len(body), digest), f"stages/{stage}.json", body


def _counted(deployment: Deployment, known: RunFacts) -> Iterator[Left]:
    """What is only counted: the outputs of pages, and the candidates."""
    prefixes = {"pages": f"executions/{known.run_id}-"}
    if known.job is not None:
        prefixes["candidates"] = keys.extracted_prefix(known.job.slug, known.run_id)
    for what, prefix in prefixes.items():
        sizes = [size for _, size in objects(deployment, prefix)]
        if sizes:
            yield Left(what, prefix, len(sizes), sum(sizes))


def objects(deployment: Deployment, prefix: str) -> Iterator[tuple[str, int]]:
    """Keys and sizes of the objects whose keys begin so."""
    pages = (
        deployment.session.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=deployment.bucket, Prefix=prefix)
    )
    return ((found["Key"], found["Size"]) for page in pages for found in page.get("Contents", []))
