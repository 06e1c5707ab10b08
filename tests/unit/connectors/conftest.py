"""A run in the stand-in world that a test may change, and the world's Overture Maps in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scout.standin import overture
from scout.standin.overture import BUCKET
from scout.standin.towns import Town
from tests.unit.connectors.outside import Outside
from tests.unit.connectors.public_bucket import PublicBucket
from tests.unit.standin.client import EDINBURGH, Client, new_world


@pytest.fixture
def outside(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outside]:
    """Makes a run for a town."""

    def make(town: Town = EDINBURGH, **options: Any) -> Outside:
        return Outside(client.standin, monkeypatch, town, **options)

    return make


@pytest.fixture(scope="session")
def overture_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, world = tmp_path_factory.mktemp("overture"), new_world()
    return {
        key: path for town in ("edinburgh", "tokyo") for key, path in overture.write(world.places[town], folder).items()
    }


@pytest.fixture
def bucket(overture_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicBucket]:
    # What Lambda gives to every function.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    with PublicBucket(BUCKET, dict(overture_files)) as serving:
        yield serving
