"""Which stack a command is about, where `pulumi` stands for the tool that knows what is on AWS."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scout.cli import app
from scout.errors import ScoutError
from scout.stacks import deployed

OUTPUTS = {
    "region": "eu-west-1", "bucketName": "bucket", "ledgerTableName": "ledger", "frontierQueueUrl": "queue",
    "frontierDlqUrl": "dlq", "cityDiscoveryArn": "arn:city", "pageProcessingArn": "arn:pages", "pipeName": "pipe",
    "pipelines": {},
}  # fmt: skip
SCRIPT = """#!/bin/sh
case "$*" in
  *"stack --show-name"*) echo dev ;;
  *"stack output --json --stack broken"*) echo "error: no stack named 'broken' found" >&2; exit 255 ;;
  *"stack output --json --stack empty"*) echo '{{}}' ;;
  *"stack output --json --stack"*) echo '{outputs}' ;;
  *) echo "what is $*?" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A `pulumi` that knows the stacks `dev`, `empty` and `broken`."""
    program = tmp_path / "pulumi"
    program.write_text(SCRIPT.format(outputs=json.dumps(OUTPUTS)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    deployed.use_aws(chosen=True)
    yield
    deployed.use_aws(chosen=False)


@pytest.mark.usefixtures("pulumi")
class TestOnAws:
    def test_a_stack_by_its_name(self):
        found = deployed.deployment("prod")
        assert (found.stack, found.bucket, found.session.region_name) == ("prod", "bucket", "eu-west-1")

    def test_the_selected_stack(self):
        assert deployed.deployment().stack == "dev"

    def test_an_endpoint_of_the_environment_is_used_for_every_operation(self, monkeypatch):
        endpoint = "http://127.0.0.1:9"
        for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "1" * 12, "SECRET_ACCESS_KEY": "x"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)

        def sent(request, **_):
            raise RuntimeError(request.url)

        session = deployed.deployment("prod").session
        session.events.register("before-send", sent)
        with pytest.raises(RuntimeError, match=f"^{endpoint}/$"):
            session.client("stepfunctions").start_sync_execution(stateMachineArn="arn:m")
        with pytest.raises(RuntimeError, match=f"^{endpoint}/data\\?list-type=2"):
            session.client("s3").list_objects_v2(Bucket="data")

    def test_a_stack_that_is_not_deployed(self):
        with pytest.raises(ScoutError, match="stack empty is not deployed: run `pulumi up --stack empty` first"):
            deployed.deployment("empty")

    def test_what_pulumi_says_is_passed_on(self):
        with pytest.raises(ScoutError, match="failed: error: no stack named 'broken' found"):
            deployed.deployment("broken")


def test_without_pulumi(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    deployed.use_aws(chosen=True)
    try:
        with pytest.raises(ScoutError, match="pulumi is not on the PATH"):
            deployed.deployment("dev")
    finally:
        deployed.use_aws(chosen=False)


@pytest.mark.parametrize(
    ("words", "variable", "on_aws"), [([], "", False), (["--aws"], "", True), ([], "1", True), (["--aws"], "0", True)]
)
def test_the_option_and_the_variable(words, variable, on_aws, monkeypatch):
    told: list[dict[str, bool]] = []
    monkeypatch.setattr(deployed, "use_aws", lambda **options: told.append(options))
    environment = {"SCOUT_AWS": variable} if variable else {}
    CliRunner().invoke(app, [*words, "choose", "candidate-batch"], env=environment)
    assert told == [{"chosen": on_aws}]
