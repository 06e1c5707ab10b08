"""The resource graph of a stack as it is on disk: what stands, so that the next deployment finds what differs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from scout.embedded.resources import JsonObject

_VERSION: Final = 1


class StateError(Exception):
    """The state file of a stack cannot be used; the message says why and what to do."""


@dataclass
class Resource:
    """One resource, as it was deployed last.

    Attributes:
        urn: Its name within all stacks.
        type: Its type token.
        name: Its name in the program.
        custom: False for a component, which groups others and is nothing by itself.
        parent: The URN of its parent; empty for the stack itself.
        id: The provider's id; empty for a component.
        inputs: Its inputs, in Pulumi's shape.
        outputs: Its outputs; for a component, what it registered.
        dependencies: The URNs of what it depends on.
        property_dependencies: For each input, the URNs of what its value comes from.
        protect: Refuse to delete or replace it.
        secrets: The inputs whose values are secret.
        condemned: Its replacement stands; it is still to be deleted.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str = ""
    id: str = ""
    inputs: JsonObject = field(default_factory=dict)
    outputs: JsonObject = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool = False
    secrets: list[str] = field(default_factory=list)
    condemned: bool = False


@dataclass
class Graph:
    """All resources of a stack, in an order in which each comes after what it depends on.

    Attributes:
        project: The project's name.
        stack: The stack's name.
        account: The account that holds the resources.
        region: The region that holds them.
        instance: Which run of the emulator made them.
        resources: The resources.
        pending: The resources whose creation was begun and not seen to end, by URN: their type and inputs.
        outputs: What the program exported.
    """

    project: str
    stack: str
    account: str
    region: str
    instance: str
    resources: list[Resource] = field(default_factory=list)
    pending: dict[str, Resource] = field(default_factory=dict)
    outputs: JsonObject = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Graph | None:
        """Return the graph in a file, or None if there is no file.

        Raises:
            StateError: The file holds something else, or was written by a later version.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            content: dict[str, Any] = json.loads(text)
            version = content.pop("version")
            if version != _VERSION:
                raise StateError(f"{path} has the format version {version}; this program reads version {_VERSION}")
            content["resources"] = [Resource(**item) for item in content["resources"]]
            content["pending"] = {urn: Resource(**item) for urn, item in content["pending"].items()}
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"{path} is no state file of a stack ({error!r}); remove it, and what the stack holds with `scout down`"
            ) from error

    def save(self, path: Path) -> None:
        """Write the graph so that a reader, or a crash, sees the old file or the new one and nothing between."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        # Values may be secret, and the file holds them as they are.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"version": _VERSION} | asdict(self), file, indent=1)
        temporary.replace(path)
