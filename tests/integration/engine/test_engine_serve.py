"""The `scout aws serve` command as a user types it, and what other commands find of what an engine deployed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import artifacts
from scout.embedded.deploy.stack_config import load_stack_config
from scout.embedded.emulator.instance import Emulator
from tests.integration.engine.double import EngineDouble

ROOT = Path(__file__).parents[3]
ACCOUNT = "222222222222"


class Home:
    """A state folder of its own, and the command with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SCOUT_HOME": str(folder)}

    def scout(self, *words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "scout", *words], cwd=ROOT, env=self.environment | variables, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def serving(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "scout", "aws", "serve", *words], cwd=ROOT, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    running = Emulator.attach(tmp_path)
    if running is not None:
        running.stop()


def described(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, error = process.communicate(timeout=60)
    return process.returncode, error


def test_an_engine_is_served_until_the_command_is_ended(home: Home, tmp_path: Path) -> None:
    with home.serving("--json") as process:
        told = described(process)
        variables = told["variables"]
        assert told["account"] == variables["AWS_ACCESS_KEY_ID"] == ACCOUNT
        assert variables["PULUMI_DEBUG_PROVIDERS"] == f"aws:{told['port']}"
        backend = Path(variables["PULUMI_BACKEND_URL"].removeprefix("file://"))
        assert backend.is_dir()
        assert variables["PULUMI_CONFIG_PASSPHRASE"] == ""
        with artifacts.override(artifacts.LockOnlyBuilder(ROOT, tmp_path / "zips")):
            engine = EngineDouble(told["port"], load_stack_config(ROOT, "mock"))
            assert len(engine.up()) > 30
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0
    emulator = Emulator.attach(home.folder)
    assert emulator is not None, "the stack goes on"

    # The other commands work on it as on AWS; `pulumi` stands for the tool that knows the outputs.
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.parent.mkdir()
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(engine.stack.exports))
    pulumi.write_text(
        f"#!/bin/sh\ncase \"$*\" in *'stack output'*) cat {shlex.quote(str(outputs))} ;; *) echo mock ;; esac\n"
    )
    pulumi.chmod(0o755)
    path = f"{pulumi.parent}:{os.environ['PATH']}"
    killed = home.scout("--aws", "kill", "--run", "nobody", "--all", code=1, PATH=path, **variables)
    assert "nobody" in killed.stderr
    assert "Traceback" not in killed.stderr

    # A later one takes up what stands, and with another emulator begins anew.
    with home.serving("--json") as process:
        again = described(process)["variables"]
        assert again["PULUMI_BACKEND_URL"] == variables["PULUMI_BACKEND_URL"]
        emulator.stop()
        code, error = ended(process)
        assert code == 1
        assert "the embedded AWS has ended" in error
    with home.serving("--json") as process:
        other = described(process)["variables"]
        assert other["PULUMI_BACKEND_URL"] != variables["PULUMI_BACKEND_URL"]
        assert not backend.exists()
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 0


def test_people_get_lines_to_paste(home: Home) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with home.serving("--port", str(port), "--account", "333333333333") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(10)]
        assert lines[0] == f"export PULUMI_DEBUG_PROVIDERS=aws:{port}"
        assert "export PULUMI_CONFIG_PASSPHRASE=''" in lines
        assert "export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true" in lines
        assert "export AWS_ACCESS_KEY_ID=333333333333" in lines
        with home.serving("--port", str(port)) as second:
            code, error = ended(second)
            assert code == 1
            assert f"port {port} on 127.0.0.1 is taken" in error
        process.send_signal(signal.SIGINT)
        code, error = ended(process)
        assert code == 0
        assert "pulumi up" in error


@pytest.mark.parametrize(
    ("account", "reason"), [("000000000000", "`scout up` deploys to it"), ("12", "an account has twelve digits")]
)
def test_an_account_that_cannot_be_used(account: str, reason: str, home: Home) -> None:
    refused = home.scout("aws", "serve", "--account", account, code=2)
    assert reason in refused.stderr
    assert Emulator.attach(home.folder) is None
