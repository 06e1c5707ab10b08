"""When a stack may be promoted, and how it is done on AWS, where `pulumi` is a script that notes what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

import artifacts
from lambdas.testing.memory_s3 import MemoryS3
from scout.deployment import Deployment
from scout.e2e import reports
from scout.e2e.checks import Check, Outcome
from scout.e2e.reports import Report
from scout.embedded.deploy.diff import Op
from scout.errors import InputRefused, ScoutError
from scout.local import PROJECT_DIR
from scout.stacks import deployed, promotion
from scout.stacks.fingerprint import CITY_DISCOVERY, fingerprint
from tests.unit.e2e.account import PIPELINE, Account

MACHINES = {"arn:city": "city", "arn:pages": "pages", "arn:lane": "lane"}


class Session:
    """An account with a bucket in memory and three state machines."""

    region_name = "us-east-1"

    def __init__(self) -> None:
        self.s3 = MemoryS3()
        self.definitions = dict.fromkeys(MACHINES, "{}")

    def client(self, service: str) -> Any:
        return self.s3 if service == "s3" else Account(describe_state_machine=self._machine)

    def _machine(self, stateMachineArn: str) -> Any:  # noqa: N803 - the name of the API
        return {"name": MACHINES[stateMachineArn], "type": "T", "definition": self.definitions[stateMachineArn]}


@dataclass
class Stack:
    """The source of a promotion."""

    session: Session
    deployment: Deployment

    def test(
        self, subject: str = CITY_DISCOVERY, given: str = "edinburgh", *, green: bool = True, day: int = 1
    ) -> None:
        outcome = Outcome.PASSED if green else Outcome.FAILED
        report = Report(
            stack="dev",
            subject=subject,
            given=given,
            result=cast(Any, outcome),
            started_at=f"2026-01-{day:02}T00:00:00.000Z",
            seconds=1,
            run_id="run-1",
            versions={},
            fingerprint=fingerprint(self.deployment, subject),
            checks=(Check(name="pipe", outcome=outcome, reason="it is STOPPED", seconds=0),),
        )
        reports.keep(self.deployment, report)

    def change(self, arn: str) -> None:
        self.session.definitions[arn] += " "

    def tested(self, subject: str = CITY_DISCOVERY) -> tuple[list[str], list[str]]:
        return promotion.tested(self.deployment, subject)


@pytest.fixture
def stack() -> Stack:
    session = Session()
    found = Deployment(
        "dev", cast(Any, session), "bucket", "ledger", "q", "dlq", "arn:city", "arn:pages", "pipe", {"lane": PIPELINE}
    )
    return Stack(session, found)


def test_a_green_test_of_what_is_deployed_is_enough(stack: Stack):
    stack.test()
    assert stack.tested() == ([], [])


def test_a_stack_that_was_never_tested_is_refused_with_what_to_do(stack: Stack):
    refused, _ = stack.tested()
    assert refused == ["city-discovery on dev was never tested; `scout e2e --city edinburgh -s dev` tests it"]


def test_a_red_test_is_refused_with_its_reason_also_beside_a_green_one(stack: Stack):
    stack.test(green=False, day=1)
    stack.test(given="london", day=2)
    refused, _ = stack.tested()
    assert refused == [
        "the last e2e of city-discovery on dev with edinburgh (2026-01-01T00:00:00.000Z) failed: pipe: it is STOPPED"
    ]
    stack.test(day=3)
    assert stack.tested() == ([], []), "the last one with each input counts"


def test_a_green_test_of_something_else_is_refused_and_what_changed_is_named(stack: Stack):
    stack.test()
    stack.change("arn:pages")
    refused, _ = stack.tested()
    assert len(refused) == 1
    assert "is of something else than what is deployed: state machine pages has changed" in refused[0]
    stack.test(given="london")
    assert stack.tested() == ([], []), "an old test of another input says nothing of what is deployed now"


def test_an_old_red_test_of_city_discovery_does_not_count_for_what_is_deployed_now(stack: Stack):
    stack.test(green=False)
    stack.change("arn:city")
    stack.test(given="london")
    assert stack.tested() == ([], [])


def test_a_pipeline_need_not_be_tested_but_must_not_have_failed_last(stack: Stack):
    assert stack.tested("lane") == (
        [], ["lane on dev was never tested; `scout e2e --pipeline lane -s dev` tests it"]
    )  # fmt: skip
    stack.test("lane", "candidates.json")
    assert stack.tested("lane") == ([], [])
    stack.change("arn:lane")
    refused, noted = stack.tested("lane")
    assert refused == []
    assert "state machine lane has changed" in noted[0]
    stack.test("lane", "candidates.json", green=False, day=2)
    assert "failed: pipe" in stack.tested("lane")[0][0]
    stack.change("arn:lane")
    assert "failed: pipe" in stack.tested("lane")[0][0], "nothing has shown since that it works"


SCRIPT = """#!/bin/sh
echo "$*" >> {folder}/told
case "$*" in
  "preview --json --stack dev "*) cat {folder}/dev.json ;;
  "preview --json --stack mixed-mock-real "*) cat {folder}/target.json ;;
  "stack ls --json "*) cat {folder}/stacks.json ;;
  "stack init mixed-mock-real "*) ;;
  "up --stack mixed-mock-real --yes "*) echo deploying; exit $(cat {folder}/exit) ;;
  *) echo "what is $*?" >&2; exit 1 ;;
esac
"""
SAME = json.dumps({"steps": [], "changeSummary": {"same": 90}})


@dataclass
class Pulumi:
    """The script, and what it answers."""

    folder: Path

    def answers(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    @property
    def told(self) -> list[str]:
        path = self.folder / "told"
        return [line.partition(" --cwd")[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def pulumi(tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulumi]:
    """On AWS, with ``dev`` deployed and tested, and ``mixed-mock-real`` known."""
    script = tmp_path / "pulumi"
    script.write_text(SCRIPT.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    # What `pulumi stack output` and boto3's own credentials would lead to.
    monkeypatch.setattr(deployed, "deployment", lambda name: stack.deployment)
    stack.test()
    found = Pulumi(tmp_path)
    found.answers("dev.json", SAME)
    found.answers("target.json", SAME)
    found.answers("exit", "0")
    found.answers("stacks.json", json.dumps([{"name": "dev"}, {"name": "organization/data-scout/mixed-mock-real"}]))
    deployed.use_aws(chosen=True)
    with artifacts.override(artifacts.LockOnlyBuilder(PROJECT_DIR)):
        yield found
    deployed.use_aws(chosen=False)


def preview(op: str, urn: str) -> str:
    step = {"op": op, "urn": f"urn:pulumi:mixed-mock-real::data-scout::{urn}"}
    return json.dumps({"steps": [step], "changeSummary": {op: 1}})


def plan() -> promotion.Plan:
    return promotion.plan("dev", "mixed-mock-real")


def test_a_plan_on_aws(pulumi: Pulumi):
    pulumi.answers("target.json", preview("update", "aws:lambda/function:Function::control"))
    found = plan()
    assert found.refusals == ()
    assert [change.name for change in found.changes] == ["control"]
    assert found.commands == (
        "pulumi up --stack mixed-mock-real",
        "scout --aws e2e --city helsinki -s mixed-mock-real",
    )
    config = {item.path: (item.old, item.new) for item in found.config}
    assert config["states.TileSweep"] == ("mock", "real")
    assert config["lambda.log_retention_days"] == ("7", "30")
    assert not any(path.startswith(("stack", "project")) for path in config)
    assert found.document()["promotable"] is True


def test_what_differs_between_the_stacks_is_told_without_their_names(pulumi: Pulumi):
    found = {(item.type.rpartition(":")[2], item.name): item for item in plan().resources}
    machine = found["StateMachine", "city-discovery"]
    assert machine.is_definition
    paths = {item.path: item for item in machine.properties}
    sweep = paths["definition.States.TileSweep.Parameters.FunctionName"]
    assert sweep.old.endswith(":function:mock")
    assert sweep.new.endswith(":function:tile-sweep")
    assert found["Function", "tile-sweep"].only_in == "mixed-mock-real"
    assert found["LogGroup", "city-discovery"].only_in == "dev"
    modes = [item.path for item in found["Function", "control"].properties]
    assert "environment.variables.STATE_MODES.TileSweep" in modes
    assert not any("VERSIONS" in path or path == "sourceCodeHash" for path in modes)
    assert ("Queue", "frontier") not in found, "queues are the same but for their names"
    assert ("Table", "ledger") not in found


def test_a_source_that_is_not_deployed_from_this_program_is_refused(pulumi: Pulumi):
    pulumi.answers("dev.json", preview("update", "aws:lambda/function:Function::control"))
    [refused] = plan().refusals
    assert "dev is not deployed from this program and its configuration as they are here: control (update)" in refused


def test_a_target_that_would_lose_data_is_refused(pulumi: Pulumi):
    pulumi.answers("target.json", preview("replace", "aws:s3/bucket:Bucket::data"))
    assert plan().refusals == ("aws:s3/bucket:Bucket 'data' would be replaced, and its objects with it",)


def test_a_preview_that_cannot_be_read_refuses_everything(pulumi: Pulumi):
    pulumi.answers("target.json", "{}")
    with pytest.raises(ScoutError, match="printed no preview"):
        plan()


def test_a_stack_that_the_backend_does_not_know_is_made_first(pulumi: Pulumi):
    pulumi.answers("stacks.json", json.dumps([{"name": "dev"}]))
    found = plan()
    assert {change.op for change in found.changes} == {Op.CREATE}
    assert {"ledger", "tile-sweep"} <= {change.name for change in found.changes}
    assert all(change.type.startswith("aws:") for change in found.changes)
    assert found.commands[:2] == ("pulumi stack init mixed-mock-real", "pulumi up --stack mixed-mock-real")
    assert not any(line.startswith("preview --json --stack mixed-mock-real") for line in pulumi.told)
    promotion.run_on_aws("mixed-mock-real")
    assert pulumi.told[-2:] == ["stack init mixed-mock-real", "up --stack mixed-mock-real --yes"]


def test_a_plan_changes_nothing(pulumi: Pulumi):
    plan()
    assert {line.split()[0] for line in pulumi.told} == {"preview", "stack"}
    assert not any("init" in line for line in pulumi.told)


def test_a_deployment_that_fails_is_told(pulumi: Pulumi):
    pulumi.answers("exit", "255")
    with pytest.raises(ScoutError, match="`pulumi up --stack mixed-mock-real` failed with exit code 255"):
        promotion.run_on_aws("mixed-mock-real")


def test_flags_that_were_copied_come_first(pulumi: Pulumi):
    found = promotion.plan("dev", "mixed-mock-real", {"TileSweep": "mock", "Rank": "mock"})
    assert found.commands[0] == "scout flags set TileSweep=mock Rank=mock -s mixed-mock-real"


def test_a_stack_is_not_promoted_to_itself():
    with pytest.raises(InputRefused, match="to itself"):
        promotion.plan("dev", "dev")
