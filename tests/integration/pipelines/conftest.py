"""A stack of pipelines, deployed once for each process of tests."""

from __future__ import annotations

import pytest

from scout.embedded.emulator.instance import Emulator
from tests.integration.pipelines.stack import Stack, deployed


@pytest.fixture(scope="session")
def stack(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack of ``program.py``."""
    return deployed(emulator, tmp_path_factory.mktemp("pipelines"))
