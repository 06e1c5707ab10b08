"""The layers as they are deployed, from the package index: the same bytes anywhere and at any time."""

from __future__ import annotations

import shutil
import zipfile

import pytest

from artifacts import Builder
from components.city_functions import CONTROL, MOCK, REAL
from tests.unit.pulumi_support import ROOT

LAYERS = sorted({layer for function in (CONTROL, MOCK, *REAL.values()) for layer in function.layers})


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
        names, lock = archive.namelist(), archive.read("requirements.txt")
    libraries = [name for name in names if ".cpython-" in name]
    assert libraries
    assert all("cpython-313-aarch64" in name for name in libraries)
    assert lock == (ROOT / "lambdas" / "requirements" / f"{layer}.txt").read_bytes()
