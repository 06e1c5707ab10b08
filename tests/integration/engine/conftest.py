"""The provider on the embedded AWS, an engine that uses it, and a copy of the program for both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import artifacts
from scout.embedded.deploy.stack_config import StackConfig, load_stack_config
from scout.embedded.engine.server import ProviderServer
from tests.integration.account import Account
from tests.integration.engine.double import EngineDouble
from workflow.city_states import IMPLEMENTED_REAL

ROOT = Path(__file__).parents[3]
STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in ROOT.glob("Pulumi.*.yaml"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A copy of the program; layers hold their locks alone."""
    folder = tmp_path / "project"
    folder.mkdir()
    for file in [ROOT / "__main__.py", *ROOT.glob("Pulumi*.yaml")]:
        shutil.copy(file, folder)
    shutil.copytree(ROOT / "glue_scripts", folder / "glue_scripts")
    with artifacts.override(artifacts.LockOnlyBuilder(ROOT, folder / "zips")):
        yield folder


@pytest.fixture
def server(project: Path, account: Account) -> Iterator[ProviderServer]:
    running = ProviderServer(account.emulator, account.id, project)
    yield running
    running.stop()


def not_real_yet(values: Mapping[str, str]) -> list[str]:
    """Return the states that a stack wants real and that have no real implementation yet: the program refuses them."""
    modes = json.loads(values["data-scout:states"])
    return [state for state, mode in modes.items() if mode == "real" and state not in IMPLEMENTED_REAL]


def deployable(config: StackConfig) -> StackConfig:
    """Return the configuration of a stack with mocks for the states that cannot be real yet."""
    modes = json.loads(config.values["data-scout:states"]) | dict.fromkeys(not_real_yet(config.values), "mock")
    return replace(config, values={**config.values, "data-scout:states": json.dumps(modes)})


@pytest.fixture
def engine_of(project: Path, server: ProviderServer) -> Callable[[str], EngineDouble]:
    """The engine, with the configuration of a stack as it is in the copy."""
    return lambda stack: EngineDouble(server.port, deployable(load_stack_config(project, stack)))
