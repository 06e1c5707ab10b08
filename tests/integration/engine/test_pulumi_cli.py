"""The `pulumi` command itself, on every stack: with the provider of `scout aws serve`, and no AWS plugin.

It runs wherever `pulumi` is on the PATH, and nowhere else.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scout.embedded.deploy.stack_config import load_stack_config
from scout.embedded.emulator.instance import Emulator
from tests.integration.engine.conftest import ROOT, STACKS, not_real_yet
from tests.integration.engine.leftovers import leftovers

pytestmark = [
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the pulumi command is not on the PATH"),
    # Each run loads both processors.
    pytest.mark.xdist_group("pulumi"),
]

ACCOUNT = "222222222222"
# What a stack's flag is set to.
FLAGS = {
    "mock": ("data-scout:states.TileSweep", "real"),
    "dev": ("data-scout:observability.tracing", "false"),
    "mixed-mock-real": ("data-scout:states.TileSweep", "mock"),
    "all-real": ("data-scout:states.TileSweep", "mock"),
}


@dataclass
class Pulumi:
    """Runs the command in a copy of the program, against a served embedded AWS."""

    directory: Path
    environment: dict[str, str]
    emulator: Emulator

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            ["pulumi", *words, "--non-interactive"], cwd=self.directory, env=self.environment, capture_output=True,
            text=True, timeout=600, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == (code == 0), f"pulumi {words}: {done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def resources(self) -> list[dict[str, Any]]:
        """The state of the stack, of which nothing may be under way."""
        deployment = json.loads(self("stack", "export"))["deployment"]
        assert not deployment.get("pending_operations")
        found: list[dict[str, Any]] = deployment.get("resources", [])
        return found

    def leftovers(self) -> dict[str, list[Any]]:
        return leftovers(self.emulator.session(ACCOUNT))

    def steps(self) -> dict[str, int]:
        """What the last command did, by the engine's own count."""
        history = json.loads(self("stack", "history", "--json", "--page-size", "1"))
        counts: dict[str, int] = history[0].get("resourceChanges", {})
        return {op: count for op, count in counts.items() if op != "same"}


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    home, directory = tmp_path / "scout", tmp_path / "project"
    home.mkdir()
    directory.mkdir()
    (ROOT / ".build").mkdir(exist_ok=True)
    (ROOT / ".scout" / "cache").mkdir(parents=True, exist_ok=True)
    (home / "cache").symlink_to(ROOT / ".scout" / "cache", target_is_directory=True)
    for file in [ROOT / "__main__.py", *ROOT.glob("Pulumi*.yaml")]:
        shutil.copy(file, directory)
    for name in (".venv", ".build", "glue_scripts"):
        (directory / name).symlink_to(ROOT / name, target_is_directory=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
    served = subprocess.Popen(
        [sys.executable, "-m", "scout", "aws", "serve", "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=environment | {"SCOUT_HOME": str(home)},
    )  # fmt: skip
    try:
        assert served.stdout is not None
        variables = json.loads(served.stdout.readline())["variables"]
        emulator = Emulator.attach(home)
        assert emulator is not None
        environment |= variables | {"PULUMI_HOME": str(tmp_path / "pulumi"), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        yield Pulumi(directory, environment, emulator)
    finally:
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=60)
        running = Emulator.attach(home)
        if running is not None:
            running.stop()


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_from_up_to_destroy(stack: str, pulumi: Pulumi, tmp_path: Path) -> None:
    pulumi("stack", "init", stack)
    refused = not_real_yet(load_stack_config(ROOT, stack).values)
    if refused:
        # What the program refuses, it refuses before anything is made.
        assert f"{refused[0]}: has no real implementation yet" in pulumi("up", "--yes", code=1)
        assert pulumi.leftovers() == {}
    for state in refused:
        pulumi("config", "set", "--path", f"data-scout:states.{state}", "mock")

    pulumi("up", "--yes")
    made = pulumi.steps()
    assert made.keys() == {"create"}
    custom = [item for item in pulumi.resources() if item.get("id")]
    provider = next(item for item in custom if item["type"] == "pulumi:providers:aws")
    assert provider["inputs"]["allowedAccountIds"] == json.dumps([ACCOUNT])
    assert all(item["id"] for item in custom)

    pulumi("up", "--yes", "--expect-no-changes")
    pulumi("refresh", "--yes", "--expect-no-changes")
    pulumi("up", "--yes", "--expect-no-changes")

    pulumi("config", "set", "--path", *FLAGS[stack])
    pulumi("preview")
    pulumi("up", "--yes")
    changed = pulumi.steps()
    assert changed
    assert sum(changed.values()) < sum(made.values()) / 2
    pulumi("up", "--yes", "--expect-no-changes")
    pulumi("refresh", "--yes", "--expect-no-changes")

    bucket = json.loads(pulumi("stack", "output", "--json"))["bucketName"]
    pulumi.emulator.client("s3", ACCOUNT).put_object(Bucket=bucket, Key="executions/a", Body=b"1")
    if load_stack_config(ROOT, stack).values["data-scout:force_destroy"] != "true":
        assert "protected against deletion" in pulumi("destroy", "--yes", code=1)
        pulumi("config", "set", "data-scout:force_destroy", "true")
        pulumi("up", "--yes")
    pulumi("destroy", "--yes")
    assert [item for item in pulumi.resources() if item.get("id")] == []
    assert pulumi.leftovers() == {}
    assert not list((tmp_path / "pulumi").glob("plugins/resource-aws-*")), "no plugin was fetched"


def test_what_somebody_else_changed_is_found_and_put_right(pulumi: Pulumi) -> None:
    pulumi("stack", "init", "mock")
    pulumi("up", "--yes")
    sqs = pulumi.emulator.client("sqs", ACCOUNT)
    url = json.loads(pulumi("stack", "output", "--json"))["frontierQueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    events = pulumi.emulator.client("events", ACCOUNT)
    rule = events.list_rules()["Rules"][0]["Name"]
    target = events.list_targets_by_rule(Rule=rule)["Targets"][0]["Id"]
    events.remove_targets(Rule=rule, Ids=[target])

    pulumi("refresh", "--yes", "--expect-no-changes", code=1)
    pulumi("refresh", "--yes")
    pulumi("up", "--yes")

    assert pulumi.steps() == {"create": 1, "update": 1}
    held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert held["VisibilityTimeout"] == "1800"
    pulumi("refresh", "--yes", "--expect-no-changes")
    pulumi("destroy", "--yes")
    assert pulumi.leftovers() == {}


def test_a_stack_of_another_account_is_left_alone(pulumi: Pulumi, tmp_path: Path) -> None:
    pulumi("stack", "init", "mock")
    pulumi("up", "--yes")
    before = pulumi.leftovers()
    other = subprocess.Popen(
        [sys.executable, "-m", "scout", "aws", "serve", "--json", "--account", "333333333333"], cwd=ROOT,
        stdout=subprocess.PIPE, text=True, env=pulumi.environment | {"SCOUT_HOME": str(tmp_path / "scout")},
    )  # fmt: skip
    try:
        assert other.stdout is not None
        variables = json.loads(other.stdout.readline())["variables"]
        here = pulumi.environment
        pulumi.environment = here | variables
        for command in ("up", "refresh", "destroy"):
            assert f"this stack stands in account {ACCOUNT}" in pulumi(command, "--yes", code=1)
        pulumi.environment = here
    finally:
        other.send_signal(signal.SIGINT)
        other.communicate(timeout=60)
    assert pulumi.leftovers() == before
    pulumi("refresh", "--yes", "--expect-no-changes")
    pulumi("destroy", "--yes")
