"""The programs that this project needs, and the disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scout.doctor.findings import Finding, fail, ok, warn

_PYTHON = (3, 11)
_PULUMI_MAJOR = 3
# What jobs of Glue 5 run on (https://docs.aws.amazon.com/glue/latest/dg/release-notes.html).
_JAVA = 17
_GIB = 2**30
# Layers and the packages of functions take some hundred MB, Spark for local jobs 300 MB more.
_DISK_FAIL, _DISK_WARN = 0.5 * _GIB, 2 * _GIB
_SECONDS = 20


def python() -> Iterator[Finding]:
    """The interpreter is one that the project supports."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= _PYTHON:
        yield ok("python", version)
    else:
        yield fail(
            "python", f"{version} is too old", "install Python 3.11 or later, then `make install PYTHON=python3.12`"
        )


def disk(folder: Path) -> Iterator[Finding]:
    """There is room for layers, packages and Spark.

    Args:
        folder: Where they are put.
    """
    at = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(at).free
    said = f"{free / _GIB:,.1f} GiB are free at {at}"
    advice = "free some space; `.build/` and the folder `cache` of `.scout/` may be deleted while nothing runs"
    if free < _DISK_FAIL:
        yield fail("disk", said, advice)
    elif free < _DISK_WARN:
        yield warn("disk", said, advice)
    else:
        yield ok("disk", said)


def pulumi(*, needed: bool) -> Iterator[Finding]:
    """The Pulumi CLI is there, and of a version that runs the program.

    Args:
        needed: Stacks on AWS are looked at; the embedded AWS does without it.
    """
    advice = "install it: https://www.pulumi.com/docs/install/"
    if shutil.which("pulumi") is None:
        if needed:
            yield fail("pulumi", "is not on the PATH, and nothing is deployed to AWS without it", advice)
        else:
            yield ok("pulumi", "is not on the PATH; only stacks on AWS need it")
        return
    said = _output("pulumi", "version")
    found = re.match(r"v?(\d+)\.", said)
    if found and int(found[1]) == _PULUMI_MAJOR:
        yield ok("pulumi", said)
    else:
        yield (fail if needed else warn)("pulumi", f"{said or 'it does not say its version'}: 3 is needed", advice)


def java(*, needed: bool) -> Iterator[Finding]:
    """Java is there for Glue jobs on the embedded AWS.

    Args:
        needed: The stack has Glue jobs.
    """
    home = os.environ.get("JAVA_HOME")
    places = [*([str(Path(home) / "bin")] if home else []), os.environ.get("PATH", os.defpath)]
    program = next(filter(None, (shutil.which("java", path=place) for place in places)), None)
    if program is None:
        said = "is neither in JAVA_HOME nor on the PATH"
        if needed:
            yield warn("java", f"{said}: Glue jobs of the stack fail here", f"install Java {_JAVA}, then start anew")
        else:
            yield ok("java", f"{said}; only Glue jobs on the embedded AWS need it")
        return
    said = _output(program, "-version")
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found and int(found[1]) == _JAVA:
        yield ok("java", said)
    else:
        yield warn(
            "java", f"{said or 'it does not say its version'}: Glue jobs here need {_JAVA}", f"install Java {_JAVA}"
        )


def _output(*command: str) -> str:
    """The first line that a program says of itself, wherever it says it."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run: {error}"
    return next(iter((done.stdout or done.stderr).splitlines()), "").strip()
