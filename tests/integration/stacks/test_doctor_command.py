"""`scout doctor` on an embedded AWS of its own: a healthy one, and one with everything that it is to find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scout.embedded.emulator.instance import Emulator

PROJECT = Path(__file__).resolve().parents[3]


class Doctor:
    """Runs the commands with a state folder of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def scout(self, *words: str, code: int = 0, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "scout", *words],
            cwd=PROJECT,
            env={**os.environ, "SCOUT_HOME": str(self.home), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def findings(self, *words: str, code: int = 0, **variables: str) -> list[dict[str, str]]:
        return list(json.loads(self.scout("doctor", "--json", *words, code=code, **variables)))

    def bad(self, *words: str, code: int = 0, **variables: str) -> list[tuple[str, str]]:
        found = self.findings(*words, code=code, **variables)
        assert all(item["advice"] for item in found if item["level"] != "ok"), "each says what to do"
        return [(item["level"], item["said"]) for item in found if item["level"] != "ok"]


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Doctor]:
    (PROJECT / ".scout" / "cache").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").symlink_to(PROJECT / ".scout" / "cache", target_is_directory=True)
    yield Doctor(tmp_path)
    running = Emulator.attach(tmp_path)
    if running is not None:
        running.stop()


def test_from_nothing_to_health_and_to_everything_broken(doctor: Doctor) -> None:
    assert ("warn", "is not running") in doctor.bad()
    assert any(level == "fail" for level, _ in doctor.bad("-s", "mock", code=1)), (
        "a stack that was asked for is missing"
    )

    doctor.scout("up", "-s", "mock")
    found = {item["subject"]: item for item in doctor.findings()}
    assert {item["level"] for item in found.values()} == {"ok"}, found
    assert found["stack"]["said"] == "mock is deployed"
    assert "7 functions" in found["drift"]["said"]
    assert "0 fail" in doctor.scout("doctor")

    _break(Emulator.attach(doctor.home))
    doctor.scout("emergency-stop")
    bad = doctor.bad(code=1, AWS_REGION="eu-west-1")
    for level, part in (
        ("warn", "mock is in us-east-1, and AWS_REGION is eu-west-1"),
        ("fail", "data-scout-mock-frontier is STOPPED"),
        ("warn", "data-scout-mock-frontier-dlq holds 1"),
        ("fail", "function data-scout-mock-candidate-score is not there"),
        ("warn", "its variable LOG_LEVEL is DEBUG, wanted is INFO"),
        ("warn", "state machine data-scout-mock-page-processing: its definition differs"),
    ):
        assert any(found_level == level and part in said for found_level, said in bad), (part, bad)
    assert len(bad) == 6
    shown = doctor.scout("doctor", code=1)
    assert "-> `scout pipe resume frontier -s mock` starts it" in shown
    assert "-> `scout dlq analyze frontier -s mock` says what they are" in shown

    # What it advises takes it all back.
    doctor.scout("down")
    doctor.scout("up", "-s", "mock")
    assert doctor.bad() == []


def _break(emulator: Emulator | None) -> None:
    assert emulator is not None
    lambda_: Any = emulator.client("lambda")
    held = lambda_.get_function_configuration(FunctionName="data-scout-mock-control")["Environment"]["Variables"]
    lambda_.update_function_configuration(
        FunctionName="data-scout-mock-control", Environment={"Variables": {**held, "LOG_LEVEL": "DEBUG"}}
    )
    lambda_.delete_function(FunctionName="data-scout-mock-candidate-score")
    states = emulator.client("stepfunctions")
    arn = next(
        machine["stateMachineArn"]
        for machine in states.list_state_machines()["stateMachines"]
        if machine["name"] == "data-scout-mock-page-processing"
    )
    definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps({**definition, "Comment": "by hand"}))
    sqs = emulator.client("sqs")
    url = sqs.get_queue_url(QueueName="data-scout-mock-frontier-dlq")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")


def test_on_aws_it_needs_pulumi_and_credentials(doctor: Doctor, tmp_path: Path) -> None:
    nothing = {
        "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": str(tmp_path), "SCOUT_AWS": "1",
    }  # fmt: skip
    bad = doctor.bad("-s", "mock", code=1, **nothing)
    assert ("fail", "is not on the PATH, and nothing is deployed to AWS without it") in bad
    assert any("there are none: Unable to locate credentials" in said for level, said in bad if level == "fail")
    assert any("could not be asked, because the credentials" in said for level, said in bad if level == "warn")
