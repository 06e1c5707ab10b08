"""Runs of Glue jobs and the emulator as a whole: the Java that it finds, and that no process outlives it."""

from __future__ import annotations

import http.client
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scout.embedded.emulator.instance import Emulator
from tests.integration.account import Account, wait_until
from tests.integration.conformance.jobs import ENDLESS, Jobs, is_running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("spark")

CACHE = Path(__file__).resolve().parents[3] / ".scout" / "cache"
PID = ENDLESS.replace("'begun'", "__import__('os').getpid()")


@pytest.fixture
def own(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Jobs]:
    """Jobs in an emulator of this test alone; the parameter is its `java`, if any."""
    java = getattr(request, "param", None)
    if java is not None:
        monkeypatch = request.getfixturevalue("monkeypatch")
        folder = tmp_path / "programs"
        folder.mkdir()
        if java:
            (folder / "java").write_text(f"#!/bin/sh\necho 'openjdk version \"{java}\"' >&2\n")
            (folder / "java").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("JAVA_HOME", raising=False)
    emulator = Emulator.start(tmp_path / "state", cache_dir=CACHE)
    yield Jobs(Account(emulator, "123456789012"))
    emulator.stop()


@pytest.mark.parametrize(
    ("own", "told"),
    [("", "no `java` was found"), ("21.0.1", "is Java 21. Spark needs Java 17"), ("1.8.0_402", "is Java 1. Spark")],
    indirect=["own"],
)
def test_without_java_a_run_says_what_to_install(own: Jobs, told: str) -> None:
    own.define("job", "print(1)")
    ended = own.ended("job", own.start("job"))
    assert ended["JobRunState"] == "FAILED"
    assert told in ended["ErrorMessage"]
    assert "apt install openjdk-17" in ended["ErrorMessage"]


def test_a_script_ends_when_the_emulator_is_killed(own: Jobs) -> None:
    own.define("job", PID)
    run = own.start("job")
    own.begun("job", run)
    (pid,) = map(int, own.printed("output", run))
    os.kill(own.account.emulator.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))


SPARK = """
import os, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sparkContext.parallelize([1], 1).map(lambda n: n).collect()
print(os.getpid(), spark.sparkContext._gateway.proc.pid, flush=True)
time.sleep(600)
"""


def test_runs_end_with_a_reset_and_with_the_emulator(own: Jobs) -> None:
    own.define("job", PID)
    run = own.start("job")
    own.begun("job", run)
    (pid,) = map(int, own.printed("output", run))
    assert is_running(pid)
    reset = http.client.HTTPConnection("127.0.0.1", own.account.emulator.port)
    reset.request("POST", "/_ministack/reset")
    assert reset.getresponse().status == 200
    wait_until(lambda: not is_running(pid))

    again = Jobs(Account(own.account.emulator, "210987654321"))
    again.define("job", SPARK)
    run = again.start("job")
    again.begun("job", run)
    pids = [int(pid) for pid in again.printed("output", run)[0].split()]
    assert all(map(is_running, pids))

    own.account.emulator.stop()

    assert not any(map(is_running, pids))
    assert not (own.account.emulator.state_dir / "tmp").exists()
