"""Fixtures for all tests: one emulator for the whole run, an AWS account for each test."""

from __future__ import annotations

import fcntl
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId

from scout.embedded.emulator.instance import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATE_DIR = pytest.StashKey[Path]()
_PROJECT_ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    # Under pytest-xdist the controller chooses the folder, and its workers get it from `pytest_configure_node`.
    given = getattr(config, "workerinput", {}).get("emulator_dir")
    config.stash[_STATE_DIR] = Path(given or tempfile.mkdtemp(prefix="scout-tests-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    node.workerinput["emulator_dir"] = str(node.config.stash[_STATE_DIR])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Tests of one `xdist_group` go to one worker by the end of their ids. pytest-xdist 3.8 puts that into an attribute
    # which pytest 9.2 does not read any more.
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and not item.nodeid.endswith(f"@{group.args[0]}"):
            item._id = NodeId.parse(f"{item.nodeid}@{group.args[0]}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or _STATE_DIR not in config.stash:
        return
    state_dir = config.stash[_STATE_DIR]
    emulator = Emulator.attach(state_dir)
    if emulator is not None:
        emulator.stop()
    shutil.rmtree(state_dir)


@pytest.fixture(scope="session")
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """The emulator that all tests of this run share, in whatever process they run; started by the first that asks."""
    state_dir = request.config.stash[_STATE_DIR]
    with (state_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = Emulator.attach(state_dir)
        # In a fresh checkout it first compiles what it is made of.
        return running or Emulator.start(state_dir, cache_dir=_PROJECT_ROOT / ".scout" / "cache", timeout=180)


@pytest.fixture
def account_id(emulator: Emulator) -> Iterator[str]:
    """Twelve digits that no other test uses: everything in the emulator is kept apart by account."""
    account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
    yield account
    _quieten(emulator, account)


def _quieten(emulator: Emulator, account: str) -> None:
    """End what would go on after the test: pollers of pipes, executions, processes of functions."""
    pipes = emulator.client("pipes", account)
    for pipe in pipes.list_pipes()["Pipes"]:
        pipes.delete_pipe(Name=pipe["Name"])
    states = emulator.client("stepfunctions", account)
    for machine in states.list_state_machines()["stateMachines"]:
        if machine["type"] == "STANDARD":
            arn = machine["stateMachineArn"]
            for execution in states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]:
                states.stop_execution(executionArn=execution["executionArn"])
    functions = emulator.client("lambda", account)
    for function in functions.list_functions()["Functions"]:
        functions.delete_function(FunctionName=function["FunctionName"])
