"""A stand-in world for each file of tests, and a run that knows no other model."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import urllib3

from scout.standin.server import StandIn
from tests.unit.extract_with_llm.extracting import Extracting
from tests.unit.standin.client import new_world


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(new_world()) as running:
        yield running


@pytest.fixture
def extracting(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Extracting:
    urllib3.request("DELETE", f"{standin.url}/_standin/faults")
    monkeypatch.setenv("CONNECTORS", json.dumps(standin.connectors))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Extracting()
