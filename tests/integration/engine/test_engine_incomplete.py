"""What an engine keeps of a resource that was made, and did not become what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import boto3
import grpc  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError

from scout.embedded.deploy.stack_config import StackConfig, load_stack_config
from scout.embedded.engine.server import ProviderServer
from tests.integration.account import Account
from tests.integration.engine.double import EngineDouble, Step
from tests.integration.engine.leftovers import leftovers

PROGRAM = """
import pulumi_aws as aws

aws.cloudwatch.LogGroup("logs", name="/ledger", retention_in_days=7)
aws.dynamodb.Table(
    "table", name="ledger", billing_mode="PAY_PER_REQUEST", hash_key="run", attributes=[{"name": "run", "type": "S"}],
    ttl={"attribute_name": "expires_at", "enabled": True}, point_in_time_recovery={"enabled": True},
)
"""
REFUSED = {
    "logs": ("logs", "PutRetentionPolicy", "DeleteLogGroup"),
    "table": ("dynamodb", "UpdateContinuousBackups", "DeleteTable"),
}


@dataclass
class Unwilling:
    """The embedded AWS, which refuses some operations as long as it is told to."""

    account: Account
    refusing: str = ""

    @property
    def instance(self) -> str:
        return self.account.emulator.instance

    @property
    def region(self) -> str:
        return self.account.emulator.region

    def session(self, account_id: str, region: str | None = None) -> boto3.Session:
        made = self.account.emulator.session(account_id, region)
        for name, (service, *operations) in REFUSED.items():
            for operation in operations:
                made.events.register(f"before-call.{service}.{operation}", self._gate(name, operation))
        return made

    def _gate(self, name: str, operation: str) -> Any:
        def gate(**_: Any) -> None:
            if self.refusing == name:
                refuse(operation)

        return gate


def refuse(operation: str) -> NoReturn:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not now"}}, operation)


@dataclass
class Project:
    """The project of `PROGRAM` under an engine."""

    endpoint: Unwilling
    config: StackConfig
    engine: EngineDouble

    def up(self) -> list[Step]:
        return self.engine.up(config=self.config)


@pytest.fixture
def project(tmp_path: Path, account: Account) -> Iterator[Project]:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Pulumi.yaml").write_text("name: books\nruntime: python\n")
    (directory / "Pulumi.dev.yaml").write_text("config: {}\n")
    (directory / "__main__.py").write_text(PROGRAM)
    endpoint = Unwilling(account)
    server = ProviderServer(endpoint, account.id, directory)
    config = load_stack_config(directory, "dev")
    yield Project(endpoint, config, EngineDouble(server.port, config))
    server.stop()


def fail(project: Project, name: str) -> str:
    """Deploy while what one resource needs is refused; return what the engine shows."""
    project.endpoint.refusing = name
    with pytest.raises(grpc.RpcError) as failed:
        project.up()
    project.endpoint.refusing = ""
    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    return str(failed.value.details())


@pytest.mark.parametrize("name", REFUSED)
def test_the_next_run_goes_on(name: str, project: Project, account: Account) -> None:
    told = fail(project, name)
    _, settling, deleting = REFUSED[name]
    assert f"'{name}': create failed with Incomplete" in told
    assert settling in told
    assert deleting in told
    kept = next(state for state in project.engine.stack.custom if state.name == name)
    assert kept.id in ("ledger", "/ledger")
    assert kept.init_errors == (told,)

    steps = {step.name: step.op for step in project.up()}

    assert steps[name] == "update"
    assert project.up() == []
    assert project.engine.refresh() == []
    groups = account.session.client("logs").describe_log_groups(logGroupNamePrefix="/ledger")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [7]
    dynamodb = account.session.client("dynamodb")
    held = dynamodb.describe_continuous_backups(TableName="ledger")["ContinuousBackupsDescription"]
    assert held["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.describe_time_to_live(TableName="ledger")["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_deleted_with_the_stack(name: str, project: Project, account: Account) -> None:
    fail(project, name)
    assert leftovers(account.session)
    project.engine.destroy()
    assert leftovers(account.session) == {}


def test_what_still_cannot_be_done_is_told_again(project: Project) -> None:
    fail(project, "logs")
    told = fail(project, "logs")
    assert "'logs': update failed with AccessDeniedException: not now" in told
    assert project.up()
    assert project.up() == []
