"""The stand-in world beside the embedded AWS: `scout up` with real states, and Overture Maps on S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from scout.embedded.emulator.instance import Emulator
from scout.standin import overture
from scout.standin.process import WorldProcess
from scout.standin.world import World
from tests.unit.standin.client import EDINBURGH, TOKYO

pytestmark = pytest.mark.xdist_group("standin")

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    cache = PROJECT / ".scout" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").symlink_to(cache, target_is_directory=True)
    yield tmp_path
    for running in (WorldProcess.attach(tmp_path), Emulator.attach(tmp_path)):
        if running is not None:
            running.stop()


def scout(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "scout", *words],
        cwd=PROJECT,
        env={**os.environ, "SCOUT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


def connectors_of(home: Path) -> dict[str, object]:
    """What the functions of real states are told."""
    emulator = Emulator.attach(home)
    assert emulator is not None
    client = emulator.client("lambda")
    told = [
        json.loads(variables["CONNECTORS"])
        for function in client.list_functions()["Functions"]
        if "CONNECTORS" in (variables := function.get("Environment", {}).get("Variables", {}))
    ]
    assert told
    assert all(one == told[0] for one in told)
    found: dict[str, object] = told[0]
    return found


def test_up_points_real_states_to_the_world_and_live_does_not(home: Path):
    said = scout(home, "up", "-s", "mixed-mock-real")
    world = WorldProcess.attach(home)
    assert world is not None
    assert f"Stand-in world at {world.url}" in said
    told = connectors_of(home)
    assert told["overpass"] == {"base_url": f"{world.url}/overpass"}
    assert told["web"] == {"proxy": world.url, "dns": f"{world.url}/dns-query"}
    assert "no changes" in scout(home, "up", "-s", "mixed-mock-real"), "the same world is found again"
    assert "updated" in scout(home, "up", "-s", "mixed-mock-real", "--live")
    assert connectors_of(home) == {}
    assert scout(home, "down").strip() == "Stopped."
    assert WorldProcess.attach(home) is None
    assert Emulator.attach(home) is None


def test_a_stack_of_mock_states_needs_no_world(home: Path):
    assert "Stand-in world" not in scout(home, "up", "-s", "mock", "--preview")
    assert WorldProcess.attach(home) is None


def test_a_world_by_hand_says_its_config(home: Path):
    printed = json.loads(scout(home, "aws", "world", "--json"))
    assert printed["connectors"]["nominatim"]["base_url"] == f"{printed['url']}/nominatim"
    assert f"base_url: {printed['url']}/nominatim" in scout(home, "aws", "world")
    assert scout(home, "down").strip() == "Stopped."


def test_everybody_may_read_overture_maps_on_the_embedded_s3(emulator: Emulator):
    world = World([EDINBURGH, TOKYO])
    written = overture.publish(world, emulator.endpoint_url)
    assert overture.publish(world, emulator.endpoint_url) == [], "what is there is not written again"
    client = boto3.client(
        "s3",
        endpoint_url=emulator.endpoint_url,
        region_name="us-west-2",
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    prefix = f"release/{overture.RELEASE}/theme=places/type=place/"
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=overture.BUCKET, Prefix=prefix)["Contents"]]
    assert set(keys) <= set(written)
    assert len(keys) == 2
    body = client.get_object(Bucket=overture.BUCKET, Key=keys[0], Range="bytes=0-3")["Body"].read()
    assert body == b"PAR1"
    with pytest.raises(ValueError, match="atlantis"):
        overture.publish(world, emulator.endpoint_url, ["atlantis"])
