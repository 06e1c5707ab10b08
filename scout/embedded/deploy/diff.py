"""What a deployment does to each resource, told for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.resources import UNKNOWN, JsonObject
from scout.embedded.resources.differences import ABSENT, changed_inputs, differ, differences_at, is_file, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scout.embedded.resources.differences import Difference, Path

_SHOWN_CHARACTERS: Final = 60


class Op(StrEnum):
    """What is done to a resource."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


@dataclass(frozen=True)
class PropertyChange:
    """One value within the inputs of a resource that changes.

    Attributes:
        path: Where it stands, as in `environment.variables.LOG_LEVEL`; also within an input that is JSON text.
        old: The value that it has, shortened for people; empty if it has none.
        new: The value that it is to have, shortened for people; empty if it is to go.
    """

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """What a deployment does, or would do, to one resource.

    Attributes:
        op: What is done.
        type: The resource's type token.
        name: The resource's name in the program.
        urn: The resource's URN.
        properties: What differs in its inputs, for an update or a replacement.
    """

    op: Op
    type: str
    name: str
    urn: str
    properties: tuple[PropertyChange, ...] = ()


def property_changes(
    old: JsonObject, new: JsonObject, secrets: frozenset[str] = frozenset()
) -> tuple[PropertyChange, ...]:
    """Return the single values that differ, for people to read.

    Args:
        old: The inputs that the resource has.
        new: The inputs that it is to have.
        secrets: The inputs whose values are not shown.
    """
    changes = []
    for key in changed_inputs(old, new):
        if key in secrets:
            changes.append(PropertyChange(key, "[secret]", "[secret]"))
            continue
        changes += _changes((key,), old.get(key, ABSENT), new.get(key, ABSENT))
    return tuple(changes)


def _changes(path: Path, old: Any, new: Any) -> Iterator[PropertyChange]:  # noqa: ANN401 - any JSON value
    """Tell two values that differ by what differs in them, also where one of them is JSON text."""
    before, after = parsed(old), parsed(new)
    if not differ(before, after):
        # The same in another form, as JSON text and as a structure.
        yield PropertyChange(_written(path), _shown(old), _shown(new))
        return
    for found in differences_at(path, before, after):
        yield from _told(found)


def _told(found: Difference) -> Iterator[PropertyChange]:
    # What is JSON text is looked into once more; what is not, is told as it is.
    if any(parsed(value) is not value for value in (found.old, found.new)):
        yield from _changes(found.path, found.old, found.new)
    else:
        yield PropertyChange(_written(found.path), _shown(found.old), _shown(found.new))


def _written(path: Path) -> str:
    """Return a path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is ABSENT:
        return ""
    if value == UNKNOWN:
        return "[known after deployment]"
    if is_file(value):
        return f"file {value['sha256'][:12]}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
