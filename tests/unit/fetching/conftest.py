"""An internet and a run for each test; no test may have asked for an address that is denied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.fetching.internet import World, world
from tests.unit.fetching.runs import Fetching


@pytest.fixture
def internet() -> Iterator[World]:
    with world() as made:
        yield made
        assert made.internet.denied == []


@pytest.fixture
def fetching(internet: World) -> Fetching:
    return Fetching(internet)
