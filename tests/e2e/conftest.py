"""Deployed stacks for whole runs: one of each per test process, in an account of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from scout.deployment import Deployment
from scout.embedded.deploy.commands import deploy
from scout.embedded.emulator.instance import Emulator

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def deployed(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Deployment]:
    """Deploys a stack at its first use, and answers with it from then on."""
    account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
    state_dir = tmp_path_factory.mktemp("stacks")
    stacks: dict[str, Deployment] = {}

    def get(stack: str) -> Deployment:
        if stack not in stacks:
            result = deploy(PROJECT, stack, emulator, state_dir, account=account)
            session = emulator.session(account, result.outputs["region"])
            stacks[stack] = Deployment.of(stack, session, result.outputs)
        return stacks[stack]

    return get


@pytest.fixture
def mock_stack(deployed: Callable[[str], Deployment]) -> Deployment:
    """The stack in which every state is mock."""
    return deployed("mock")


@pytest.fixture
def mixed_stack(deployed: Callable[[str], Deployment]) -> Deployment:
    """The stack in which TileSweep is real."""
    return deployed("mixed-mock-real")
