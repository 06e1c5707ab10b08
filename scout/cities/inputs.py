"""Run inputs at the door: read, validated, and the data that they name put where the run can read it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lambdas.contracts.job import MAX_INPUT_BYTES, RunInput
from scout.errors import InputRefused, ScoutError
from scout.local import PROJECT_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from lambdas.contracts.connectors import BudgetGroup

EXAMPLES = PROJECT_DIR / "examples"
# A shell's glob over examples/ brings no other files; this bounds what is read of a file that is no run input at all.
_READ_LIMIT = MAX_INPUT_BYTES + 1


def load(path: Path) -> RunInput:
    """Read and validate a run input.

    Args:
        path: A JSON file.

    Returns:
        The validated input.

    Raises:
        InputRefused: It is larger than Step Functions takes, is no JSON, or a field is missing, unknown or wrong. Each
            problem names the field's path and what is expected.
        ScoutError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            body = file.read(_READ_LIMIT)
    except OSError as error:
        raise ScoutError(f"{path} cannot be read: {error.strerror}") from error
    return parse(body, str(path))


def golden(name: str, folder: Path = EXAMPLES) -> RunInput:
    """Read and validate a golden input.

    Args:
        name: Its name: ``edinburgh`` stands for ``input.edinburgh.json``.
        folder: Where the golden inputs lie.

    Raises:
        InputRefused: There is none of this name, or as for :func:`load`.
    """
    known = sorted(path.name.removeprefix("input.").removesuffix(".json") for path in folder.glob("input.*.json"))
    if name not in known:
        raise InputRefused(
            f"city {name!r}", [f"there is no input.{name}.json; the golden inputs are {', '.join(known)}"]
        )
    return load(folder / f"input.{name}.json")


def allowing(job: RunInput, groups: Iterable[BudgetGroup]) -> RunInput:
    """The same job with these kill switches off, whatever it says of them."""
    switches = job.kill_switches.model_copy(update=dict.fromkeys(groups, False))
    return job.model_copy(update={"kill_switches": switches})


def parse(body: bytes, name: str) -> RunInput:
    """Validate the text of a run input; see ``load``. ``name`` is what error messages call it."""
    if len(body) > MAX_INPUT_BYTES:
        raise InputRefused(name, [f"it has more than {MAX_INPUT_BYTES:,} bytes, the most that StartExecution takes"])
    try:
        json.loads(body, object_pairs_hook=_without_duplicates)
        return RunInput.model_validate_json(body)
    except ValidationError as error:
        raise InputRefused(name, list(_explain(error))) from error
    except RecursionError as error:
        raise InputRefused(name, ["it is nested too deeply"]) from error
    except ValueError as error:
        raise InputRefused(name, [f"it is not JSON in UTF-8: {error}"]) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [key for key, _ in pairs]
        twice = sorted({key for key in names if names.count(key) > 1})
        raise ValueError(f"the key {twice[0]!r} stands twice in one object")
    return result


def _explain(error: ValidationError) -> Iterable[str]:
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"]) or "(the whole document)"
        given = "" if item["type"] in {"missing", "extra_forbidden"} else f", not {_short(item['input'])}"
        match item["type"]:
            case "missing":
                message = "is missing"
            case "extra_forbidden":
                message = "is not a field of the run input"
            case _:
                message = item["msg"][0].lower() + item["msg"][1:]
        yield f"{path}: {message}{given}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def prepared(job: RunInput, *, bucket: str, s3: S3Client) -> RunInput:
    """The input as the workflow gets it: with a correlation id of its own, and its local data uploaded.

    Args:
        job: A validated input.
        bucket: The workflow bucket.
        s3: A client that may write ``reference/`` there.

    Returns:
        The same job, with ``sources`` that point to S3.

    Raises:
        ScoutError: A local source is not there.
    """
    document = job.document()
    # Without it a second run of the same job would be answered with the first.
    document.setdefault("orchestrator", {}).setdefault("correlation_id", str(uuid.uuid4()))
    path = local_source(job)
    if path is not None:
        document["sources"]["osm_extract"] = _upload(path, bucket, s3)
    return RunInput.parse(document)


def local_source(job: RunInput) -> Path | None:
    """The file that a job brings along, and that is uploaded for it.

    Raises:
        ScoutError: It is not there.
    """
    if job.sources is None or job.sources.osm_extract.startswith("s3://"):
        return None
    path = _local_path(job.sources.osm_extract)
    if not path.is_file():
        raise ScoutError(f"sources.osm_extract: {path} cannot be read: there is no such file")
    return path


def _local_path(uri: str) -> Path:
    scheme, _, rest = uri.partition("://")
    if scheme == "file":
        return Path(rest)
    package, _, inner = rest.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ScoutError(f"{uri}: the Python package {package} is not installed here; `make install` brings it")
    return Path(spec.submodule_search_locations[0]) / inner


def _upload(path: Path, bucket: str, s3: S3Client) -> str:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ScoutError(f"sources.osm_extract: {path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(body).hexdigest()
    key = f"reference/osm/{digest[:16]}/{path.name}"
    # The reader compares the digest: a file cut at a block's end would otherwise look like a smaller city.
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"sha256": digest})
    return f"s3://{bucket}/{key}"
