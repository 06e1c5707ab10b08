"""The stand-in world, started by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from scout import local
from scout.errors import InputRefused, ScoutError
from scout.standin.process import WorldError, WorldProcess


def read_faults(path: Path) -> list[Any]:
    """The faults in a file. Whether they are faults is the world's to say.

    Raises:
        InputRefused: The file cannot be read, or holds no list.
    """
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputRefused(str(path), [str(error)]) from error
    if not isinstance(rules, list):
        raise InputRefused(str(path), ["a list of faults is expected, such as those in docs/standin-world.md"])
    return rules


def start(port: int | None, seed: str, rules: list[Any] | None) -> tuple[WorldProcess, dict[str, Any]]:
    """Start the world, unless one runs.

    Args:
        port: On 127.0.0.1; a free one if ``None``.
        seed: Of its cities.
        rules: Its faults from now on; those that it has, if ``None``.

    Returns:
        The world, and the value of ``data-scout:connectors`` for a stack that is to use it.

    Raises:
        InputRefused: The faults are wrong.
        ScoutError: It cannot be started, or runs with another port or seed.
    """
    try:
        world = WorldProcess.start(local.state_dir(), port=port, seed=seed)
        connectors = world.connectors()
    except WorldError as error:
        raise ScoutError(str(error)) from error
    if world.seed != seed or port not in (None, world.port):
        raise ScoutError(
            f"a stand-in world with seed {world.seed} runs on port {world.port}: end it with `scout down` first"
        )
    if rules is not None:
        try:
            world.put_faults(rules)
        except WorldError as error:
            raise InputRefused("faults", [str(error)]) from error
    return world, connectors


def as_yaml(connectors: dict[str, Any]) -> str:
    """The config as it stands in ``Pulumi.<stack>.yaml``."""
    return yaml.safe_dump({"config": {"data-scout:connectors": connectors}}, sort_keys=False)
