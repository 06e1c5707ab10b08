"""The layers as they are deployed, from the package index: the same bytes anywhere, and within their budgets."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from artifacts import Builder
from tests.budgets import BUDGETS, LAYERS
from tests.unit.pulumi_support import ROOT

# Layers of packages in Python alone.
PURE = {"postgres"}
# e_machine in the header of an ELF file (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html).
AARCH64 = 183


@pytest.mark.integration
@pytest.mark.parametrize("layer", LAYERS)
def test_two_builds_of_a_layer_are_equal_byte_for_byte(tmp_path, layer):
    zips = []
    for folder in ("one", "another/place"):
        root = tmp_path / folder
        shutil.copytree(ROOT / "lambdas" / "requirements", root / "lambdas" / "requirements")
        zips.append(root / Builder(root).layer(layer, "arm64").path)
    first, second = (path.read_bytes() for path in zips)
    assert first == second
    with zipfile.ZipFile(zips[0]) as archive:
        lock = archive.read("requirements.txt")
        unzipped = sum(info.file_size for info in archive.infolist())
        libraries = {name: archive.read(name)[:20] for name in archive.namelist() if name.endswith(".so")}
    assert bool(libraries) == (layer not in PURE)
    assert all("cpython-313-aarch64" in name for name in libraries if ".cpython-" in name)
    assert {int.from_bytes(header[18:20], "little") for header in libraries.values()} <= {AARCH64}
    assert lock == (ROOT / "lambdas" / "requirements" / f"{layer}.txt").read_bytes()
    budget = BUDGETS.layers[layer]
    assert len(first) <= budget.zip_mb * 1e6
    assert unzipped <= budget.unzipped_mb * 1e6
