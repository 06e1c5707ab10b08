"""The stacks of this project on the embedded AWS: each type and argument that the program uses has its handler."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import artifacts
from scout.embedded.deploy.commands import DeployResult, deploy, destroy
from scout.embedded.deploy.diff import Op

if TYPE_CHECKING:
    from tests.integration.account import Account

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A copy of the program, whose configuration a test may change; layers hold their locks alone."""
    folder = tmp_path / "project"
    folder.mkdir()
    for file in [ROOT / "__main__.py", *ROOT.glob("Pulumi*.yaml")]:
        shutil.copy(file, folder)
    shutil.copytree(ROOT / "glue_scripts", folder / "glue_scripts")
    with artifacts.override(artifacts.LockOnlyBuilder(ROOT, folder / "zips")):
        yield folder


def _up(project: Path, stack: str, account: Account, *, preview: bool = False) -> DeployResult:
    return deploy(project, stack, account.emulator, project / "state", account=account.id, preview=preview)


def _ops(result: DeployResult, op: Op) -> set[str]:
    return {change.name for change in result.changes if change.op is op}


@pytest.mark.parametrize("stack", ["mock", "dev", "mixed-mock-real"])
def test_a_stack_is_deployed_once(project: Path, stack: str, account: Account) -> None:
    first = _up(project, stack, account)
    assert first.count(Op.CREATE) == len(first.changes) > 30
    second = _up(project, stack, account)
    assert second.count(Op.SAME) == len(second.changes) == len(first.changes)
    assert second.outputs == first.outputs
    machine = account.states.describe_state_machine(stateMachineArn=first.outputs["cityDiscoveryArn"])
    assert machine["status"] == "ACTIVE"


def test_a_flag_changes_only_what_differs(project: Path, account: Account) -> None:
    _up(project, "mock", account)
    file = project / "Pulumi.mock.yaml"
    mock = file.read_text()
    file.write_text(mock.replace("TileSweep: mock", "TileSweep: real"))

    preview = _up(project, "mock", account, preview=True)
    to_real = _up(project, "mock", account)

    assert [(change.op, change.urn) for change in preview.changes] == [
        (change.op, change.urn) for change in to_real.changes
    ]
    made = _ops(to_real, Op.CREATE)
    assert made
    # Its role, log and function; and the layers that only it needs.
    assert {name for name in made if "tile-sweep" not in name} == {"osm-layer", "overture-layer", "web-layer"}
    assert "city-discovery" in _ops(to_real, Op.UPDATE)
    assert not _ops(to_real, Op.DELETE) | _ops(to_real, Op.REPLACE)

    file.write_text(mock)
    back = _up(project, "mock", account)
    assert _ops(back, Op.DELETE) == made
    assert not _ops(back, Op.CREATE) | _ops(back, Op.REPLACE)


def test_a_deployed_stack_is_taken_down_whole(project: Path, account: Account) -> None:
    first = _up(project, "mock", account)
    result = destroy("mock", account.emulator, project / "state")
    assert result.count(Op.DELETE) == len(first.changes)
    assert account.session.client("s3").list_buckets()["Buckets"] == []
    assert account.lambda_.list_functions()["Functions"] == []
    assert account.states.list_state_machines()["stateMachines"] == []
    assert account.iam.list_roles()["Roles"] == []
