"""Flags and promotion as a user types them, on a copy of the project with an embedded AWS of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scout.embedded.emulator.instance import Emulator

PROJECT = Path(__file__).resolve().parents[3]
# What the copy does not need: caches, what is built anew, and what is no part of the program.
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "*.egg-info", "docs")
CITY = "early-stop-test"


class Scout:
    """Runs the command in a copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.home = folder / "home"
        shutil.copytree(PROJECT, self.project, ignore=LEFT_OUT)
        self.home.mkdir()
        (PROJECT / ".scout" / "cache").mkdir(parents=True, exist_ok=True)
        (self.home / "cache").symlink_to(PROJECT / ".scout" / "cache", target_is_directory=True)

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "scout", *words],
            cwd=self.project,
            env={**os.environ, "SCOUT_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    def stack_file(self, stack: str) -> Path:
        return self.project / f"Pulumi.{stack}.yaml"

    def refusals(self, *words: str) -> list[str]:
        plan = json.loads(self("promote", *words, "--json", code=1).stdout)
        assert plan["promotable"] is False
        assert plan["done"] is False
        return list(plan["refusals"])


@pytest.fixture(scope="module")
def scout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scout]:
    found = Scout(tmp_path_factory.mktemp("promotion"))
    yield found
    running = Emulator.attach(found.home)
    if running is not None:
        running.stop()


def test_flags_are_shown_and_switched(scout: Scout) -> None:
    path = scout.stack_file("mock")
    before = path.read_text()
    scout.stack_file("broken").write_text(before.replace("Rank: mock", "Rank: fake"))
    table = scout("flags").stdout
    assert "mixed-mock-real" in table
    assert "broken would be refused: data-scout:states.Rank: 'fake' is not valid" in table
    scout.stack_file("broken").unlink()
    shown = scout("flags", "set", "TileSweep=real", "-s", "mock", "--dry-run").stdout
    assert "-    TileSweep: mock\n+    TileSweep: real\n" in shown
    assert path.read_text() == before
    assert "scout up -s mock" in scout("flags", "set", "TileSweep=real", "-s", "mock").stdout
    assert path.read_text() == before.replace("TileSweep: mock", "TileSweep: real")
    assert json.loads(scout("flags", "--json").stdout)["mock"]["states"]["TileSweep"] == "real"
    error = scout("flags", "set", "Rank=fake", "-s", "mock", code=2).stderr
    assert "Rank: 'fake' is not valid; valid are 'mock' or 'real'" in error
    assert json.loads(scout("flags", "--json").stdout)["mock"]["states"]["Rank"] == "mock"
    written = json.loads(scout("flags", "set", "TileSweep=mock", "-s", "mock", "--json").stdout)
    assert written["written"] is True
    assert path.read_text() == before


def test_a_promotion_from_the_first_test_to_the_deployment(scout: Scout) -> None:
    pair = ("--from", "dev", "--to", "mixed-mock-real")
    assert "is not running" in scout("promote", *pair, code=1).stderr
    scout("up", "-s", "dev")
    assert scout.refusals(*pair) == [
        "city-discovery on dev was never tested; `scout e2e --city edinburgh -s dev` tests it"
    ]

    # Red: nothing goes on while the frontier is stopped.
    scout("emergency-stop", "-s", "dev")
    assert "pipe" in scout("e2e", "-s", "dev", "--city", CITY, code=1).stdout
    assert "with early-stop-test" in scout.refusals(*pair)[0]
    scout("emergency-stop", "--undo", "-s", "dev")

    # Green, with reports.
    done = scout("e2e", "-s", "dev", "--city", CITY, "--report-dir", str(scout.home / "ci"), "--json")
    report = json.loads(done.stdout)
    assert report["result"] == "passed"
    assert len(list((scout.home / "ci").glob("e2e-dev-city-discovery-*.xml"))) == 1
    shown = scout("promote", *pair).stdout
    assert "states.TileSweep: mock -> real" in shown
    assert "scout up -s mixed-mock-real" in shown
    assert "candidate-batch on dev was never tested" in shown

    # Only with a yes.
    error = scout("promote", *pair, "--run", code=2).stderr
    assert "give --yes" in error
    plan = json.loads(scout("promote", *pair, "--run", "--yes", "--json").stdout)
    assert plan["done"] is True
    again = json.loads(scout("promote", *pair, "--json").stdout)
    assert again["changes"] == [], "the target is what was promoted"

    # With the source's flags, the log groups of the real states would go.
    before = scout.stack_file("mixed-mock-real").read_bytes()
    refusals = scout.refusals(*pair, "--copy-flags", "--run", "--yes")
    assert "aws:cloudwatch/logGroup:LogGroup 'tile-sweep' would be deleted, and its logs with it" in refusals
    assert all("LogGroup" in line for line in refusals), refusals
    assert scout.stack_file("mixed-mock-real").read_bytes() == before

    # What would be promoted is not what was tested.
    program = scout.project / "components" / "run_ledger.py"
    text = program.read_text()
    program.write_text(text.replace('RANGE_KEY = "item"', 'RANGE_KEY = "other"'))
    source, target = scout.refusals(*pair)
    assert "dev is not deployed from this program and its configuration as they are here: ledger (replace)" in source
    assert target.startswith("aws:dynamodb/table:Table 'ledger' would be replaced, and its items with it")
    program.write_text(text)
    assert json.loads(scout("promote", *pair, "--json").stdout)["promotable"] is True

    # What is deployed is no longer what was tested.
    path = scout.stack_file("dev")
    path.write_text(path.read_text().replace("log_level: DEBUG", "log_level: INFO"))
    scout("up", "-s", "dev")
    [refused] = scout.refusals(*pair)
    assert "is of something else than what is deployed: function data-scout-dev-control has changed" in refused


def test_copied_flags_stay_when_the_promotion_is_done(scout: Scout) -> None:
    scout("flags", "set", "TileSweep=real", "-s", "dev")
    scout("up", "-s", "dev")
    scout("e2e", "-s", "dev", "--city", "helsinki")
    before = scout.stack_file("mock").read_text()
    plan = json.loads(scout("promote", "--from", "dev", "--to", "mock", "--copy-flags", "--json").stdout)
    assert plan["commands"][0].startswith("scout flags set DiscoverWebSources=mock")
    assert scout.stack_file("mock").read_text() == before, "without --run nothing is written"
    scout("promote", "--from", "dev", "--to", "mock", "--copy-flags", "--run", "--yes")
    assert scout.stack_file("mock").read_text() == before.replace("TileSweep: mock", "TileSweep: real")
    assert "no changes" in scout("up", "-s", "mock").stdout
