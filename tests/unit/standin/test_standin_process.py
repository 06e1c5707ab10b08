"""The world as a process, and the config that points a stack to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scout.standin.overlay import needs_world, overlay
from scout.standin.overture import RELEASE
from scout.standin.process import WorldError, WorldProcess
from settings.connectors import Connectors

CONNECTORS = {"overpass": {"base_url": "http://127.0.0.1:1/overpass"}, "web": {"proxy": "http://127.0.0.1:1"}}
S3 = "http://127.0.0.1:2"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    world = WorldProcess.attach(tmp_path)
    if world is not None:
        world.stop()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_world_is_started_found_asked_and_stopped(folder: Path):
    assert WorldProcess.attach(folder) is None
    world = WorldProcess.start(folder, seed="7")
    assert WorldProcess.start(folder) == WorldProcess.attach(folder) == world, "one world for a folder"
    # What it says is valid in a stack's configuration.
    said = Connectors.model_validate(world.connectors())
    assert said.web.proxy == world.url
    assert world.put_faults([{"service": "dns", "fault": "status", "status": 500}])[0]["met"] == 0
    with pytest.raises(WorldError, match="explode"):
        world.put_faults([{"service": "web", "fault": "explode"}])
    world.stop()
    assert WorldProcess.attach(folder) is None
    assert not (folder / "world.json").exists()
    world.stop()


def test_a_port_that_is_taken_is_told(folder: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WorldError, match="cannot be used"):
            WorldProcess.start(folder, port=taken.getsockname()[1])
    assert WorldProcess.attach(folder) is None


def test_a_world_that_has_died_is_no_world(folder: Path):
    world = WorldProcess.start(folder)
    os.kill(world.pid, signal.SIGKILL)
    assert eventually(lambda: WorldProcess.attach(folder) is None)
    with pytest.raises(WorldError, match="does not answer"):
        world.connectors()
    assert WorldProcess.start(folder).pid != world.pid


def test_a_world_ends_with_the_process_that_it_stands_beside(folder: Path):
    mark = "beside-this-mark"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", mark]) as other:
        world = WorldProcess.start(folder)
        world.accompany(other.pid, mark)
        other.kill()
        other.wait()
    assert eventually(lambda: WorldProcess.attach(folder) is None)


def test_a_broken_state_file_is_named(folder: Path):
    (folder / "world.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WorldError, match=r"world\.json is not a state file"):
        WorldProcess.attach(folder)
    (folder / "world.json").unlink()


@pytest.mark.parametrize(
    ("states", "needed"),
    [('{"Rank": "mock"}', False), ('{"Rank": "mock", "WebFetch": "real"}', True), ("nonsense", False)],
)
def test_only_a_stack_with_a_real_state_needs_a_world(states: str, needed: bool):
    assert needs_world("data-scout", {"data-scout:states": states}) is needed
    assert needs_world("data-scout", {}) is False


def test_the_overlay_leaves_what_the_stack_says_itself():
    own = {
        "overpass": {"base_url": "https://own.example/api"},
        "user_agent": "mine/1",
        "web": {"dns": "https://dns.example"},
    }
    values = overlay("data-scout", {"data-scout:connectors": json.dumps(own)}, CONNECTORS, S3)
    assert list(values) == ["data-scout:connectors"]
    merged = json.loads(values["data-scout:connectors"])
    assert merged == {
        "overpass": {"base_url": "https://own.example/api"},
        "overture": {"endpoint_url": S3, "release": RELEASE},
        "user_agent": "mine/1",
        "web": {"dns": "https://dns.example", "proxy": "http://127.0.0.1:1"},
    }
    assert Connectors.model_validate(merged).said() == merged
