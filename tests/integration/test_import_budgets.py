"""What the start of each function costs, in an interpreter that has nothing but its zip, its layers and the runtime.

The layers' packages are those of the layers' locks, for the interpreter that runs the tests. No time is held against a
clock: a machine that is slow or busy is so for the reference, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from artifacts import Builder
from scout.embedded.emulator.python_packages import installed_packages
from tests.budgets import BUDGETS, FUNCTIONS, LAYERS
from tests.unit.pulumi_support import ROOT

pytestmark = pytest.mark.integration

# About what AWS's own runtime asks of every function that uses a bucket.
REFERENCE = "import boto3; client = boto3.client('s3')"
# Rounds of which the least counts: as many as a busy machine needs to show one undisturbed start of each.
FEWEST_ROUNDS, MOST_ROUNDS = 2, 12
_PROBE = """
import sys, time
sys.path[:0] = {paths!r}
began = time.process_time()
{body}
spent = time.process_time() - began
import gc, json
from botocore.client import BaseClient
clients = sum(isinstance(thing, BaseClient) for thing in gc.get_objects())
tops = sorted({{name.partition(".")[0] for name in sys.modules}})
print(json.dumps({{"seconds": spent, "clients": clients, "tops": tops}}))
"""


@dataclass(frozen=True)
class Start:
    """What one start of an interpreter did: CPU seconds, clients of AWS, top-level packages."""

    seconds: float
    clients: int
    tops: frozenset[str]


def start(body: str, paths: Sequence[Path], cwd: Path) -> Start:
    """Run code in a fresh interpreter that sees these folders and the standard library alone."""
    code = _PROBE.format(paths=[str(path) for path in paths], body=body)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=kept | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"},
        cwd=cwd,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    return Start(said["seconds"], said["clients"], frozenset(said["tops"]))


@pytest.fixture(scope="module")
def folder_of() -> Callable[[str], Path]:
    """The folder of a lock's packages, which the embedded AWS uses, too."""
    cache = ROOT / ".scout" / "cache"
    locks = ROOT / "lambdas" / "requirements"
    return lambda name: installed_packages((locks / f"{name}.txt").read_text(encoding="utf-8"), cache)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_start_needs_what_is_there_loads_what_it_may_and_takes_no_longer_than_it_may(function, folder_of, tmp_path):
    builder = Builder(ROOT, tmp_path / "zips", bytecode=False)
    with zipfile.ZipFile(ROOT / builder.function(function.name, function.all_packages).path) as archive:
        archive.extractall(tmp_path / "task")
    runtime = folder_of("runtime")
    # As on Lambda, whose layers come before what its runtime brings.
    paths = [tmp_path / "task", *map(folder_of, function.layers), runtime]
    module, _, name = function.handler.rpartition(".")
    body = f"from {module} import {name}"

    # The first start writes byte code, which AWS gets in the zip.
    start(body, paths, tmp_path)
    reference = start(REFERENCE, [runtime], tmp_path)
    own = start(body, paths, tmp_path)

    budget = BUDGETS.functions[function.name]
    assert own.tops & BUDGETS.heavy == budget.loads
    # A client takes a tenth of a second, and is made at its first use.
    assert own.clients == 0 < reference.clients

    least, least_reference = own.seconds, reference.seconds
    for done in range(1, MOST_ROUNDS):
        if done >= FEWEST_ROUNDS and least <= budget.import_ratio * least_reference:
            break
        least = min(least, start(body, paths, tmp_path).seconds)
        least_reference = min(least_reference, start(REFERENCE, [runtime], tmp_path).seconds)
    print(f"{function.name}: {least / least_reference:.2f}")
    assert least <= budget.import_ratio * least_reference


def test_each_package_that_is_called_heavy_is_in_a_layer(folder_of):
    held = {path.stem for layer in LAYERS for path in folder_of(layer).iterdir()}
    assert held >= BUDGETS.heavy


def test_what_a_layer_lacks_is_told(tmp_path):
    with pytest.raises(AssertionError, match="No module named 'numpy'"):
        start("import numpy", [], tmp_path)
