"""Draw a state machine: one of a stack, as it would be deployed, or one from a file."""

from __future__ import annotations

import json
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from scout import local
from scout.diagrams import flow, mermaid, svg
from scout.errors import InputRefused, ScoutError

_SUFFIX: Final = ".asl.json"


class Format(StrEnum):
    """What a picture is written as."""

    SVG = "svg"
    MERMAID = "mermaid"

    @property
    def suffix(self) -> str:
        """Of a file."""
        return {Format.SVG: ".svg", Format.MERMAID: ".mmd"}[self]


def of_stack(stack: str) -> dict[str, Any]:
    """The definitions of a stack's state machines, by their names in the stack: nothing is deployed.

    Args:
        stack: Its name.

    Raises:
        ScoutError: The configuration or the program was refused.
    """
    with tempfile.TemporaryDirectory(prefix="scout-graph-") as folder:
        files = [path for path in local.render(stack, Path(folder)) if path.name.endswith(_SUFFIX)]
        return {_role(path, stack): json.loads(path.read_text(encoding="utf-8")) for path in files}


def of_file(path: Path) -> object:
    """The definition in a file.

    Raises:
        InputRefused: It is not JSON.
        ScoutError: It cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScoutError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputRefused(str(path), [f"it is not JSON in UTF-8: {error}"]) from error


def named(machine: str, stack: str) -> object:
    """The definition that a word of the command line means: a file if there is one, else a machine of a stack.

    Args:
        machine: A path, or the name of a state machine or pipeline.
        stack: The stack to look in.

    Raises:
        ScoutError: There is no such file and no such state machine.
    """
    path = Path(machine)
    if path.suffix == ".json" or path.is_file():
        return of_file(path)
    machines = of_stack(stack)
    if machine not in machines:
        known = ", ".join(sorted(machines))
        raise ScoutError(f"stack {stack} has no state machine {machine!r}; it has: {known}. A file ends with .json")
    return machines[machine]


def drawn(definition: object, name: str, form: Format) -> str:
    """A definition as a picture.

    Args:
        definition: The language's JSON, parsed.
        name: What it is called.
        form: What the picture is written as.

    Raises:
        InputRefused: It cannot be drawn; the message names each state that is wrong.
    """
    scope = flow.read(definition, name)
    return mermaid.text(scope) if form is Format.MERMAID else svg.text(scope, f"The state machine {name}")


def _role(path: Path, stack: str) -> str:
    """``data-scout-mock-city-discovery.asl.json`` is ``city-discovery``."""
    return path.name.removesuffix(_SUFFIX).partition(f"-{stack}-")[2]
