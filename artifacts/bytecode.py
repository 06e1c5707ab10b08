"""Byte code for Lambda's interpreter, so that a function that starts need not compile what it imports.

Importing costs two to four times less CPU time so. The same sources give the same bytes: each is compiled by an
interpreter of Lambda's version with a fixed seed of hashes, under the path that it has on Lambda, and with the header
that names no date and is never compared with the source (``unchecked-hash``, PEP 552). The format of byte code is the
same for all releases of a version such as 3.13.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import pulumi
from uv import find_uv_bin

from artifacts.zips import ArtifactError

PYTHON_VERSION = "3.13"
# Where Lambda unpacks a function, and the packages of its layers
# (https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html).
FUNCTION_FOLDER, LAYER_FOLDER = "/var/task", "/opt"
_TAG = f"cpython-{PYTHON_VERSION.replace('.', '')}"
# numpy and its layer's like take some 10 s on a slow machine.
_TIMEOUT_SECONDS = 300


@cache
def interpreter() -> Path | None:
    """An interpreter of Lambda's version on this machine; where there is none, one warning says what to do.

    Nothing is downloaded.
    """
    if sys.implementation.cache_tag == _TAG:
        return Path(sys.executable)
    found = subprocess.run(
        [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", f"cpython@{PYTHON_VERSION}"],
        check=False,
        capture_output=True,
        text=True,
        # The commands that pyenv puts on the path work only for versions that are chosen.
        env={**os.environ, "PYENV_VERSION": PYTHON_VERSION},
    )
    if found.returncode == 0:
        return Path(found.stdout.strip())
    pulumi.log.warn(
        f"No Python {PYTHON_VERSION} is on this machine. Lambda gets no byte code: functions take two to four times as "
        f"long to start. Run `uv python install {PYTHON_VERSION}`, then deploy again."
    )
    return None


def compiled(sources: Mapping[str, bytes], folder: str, kept: Path) -> dict[str, bytes]:
    """Compile sources for Lambda.

    Args:
        sources: What each file holds, by its path below ``folder``. What is not ``.py`` is passed over, and so are the
            tests that a package brings, which nothing imports.
        folder: Where the files lie on Lambda: tracebacks name this path.
        kept: A folder with the byte code of what was compiled before, by digest. What is missing is compiled, all of it
            by one process, and put there. Equal sources are equal byte code, whatever else is compiled with them.

    Returns:
        The byte code by its path; nothing if there is something to compile, and no interpreter for it.

    Raises:
        ArtifactError: A file is no Python of Lambda's version; the message is the compiler's.
    """
    ours = {name: body for name, body in sources.items() if name.endswith(".py") and "tests" not in name.split("/")}
    places = {name: kept / f"{_digest(folder, name, body)}.pyc" for name, body in ours.items()}
    missing = {name: ours[name] for name, place in places.items() if not place.exists()}
    if missing:
        python = interpreter()
        if python is None:
            return {}
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".compiling-") as scratch:
            for name, code in _compile(python, missing, folder, Path(scratch)).items():
                code.replace(places[name])
    return {_beside(name): place.read_bytes() for name, place in places.items()}


def _digest(folder: str, name: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join([PYTHON_VERSION.encode(), folder.encode(), name.encode(), body])).hexdigest()


def _beside(name: str) -> str:
    """Where the interpreter looks for the byte code of a source (PEP 3147)."""
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{_TAG}.pyc")


def _compile(python: Path, sources: Mapping[str, bytes], folder: str, scratch: Path) -> dict[str, Path]:
    """Compile files in a folder of their own; returns where the byte code of each lies."""
    for name, body in sources.items():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    command = [
        str(python), "-S", "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
        "-s", str(scratch), "-p", folder, str(scratch),
    ]  # fmt: skip
    # The order of sets in byte code depends on the seed, and what asserts become on the level of optimisation.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        result = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            env=environment | {"PYTHONHASHSEED": "0"},
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactError(f"{len(sources)} files were not compiled within {_TIMEOUT_SECONDS} s") from error
    if result.returncode != 0:
        raise ArtifactError(f"no byte code of Python {PYTHON_VERSION}: {(result.stdout + result.stderr).strip()}")
    return {name: scratch / _beside(name) for name in sources}
