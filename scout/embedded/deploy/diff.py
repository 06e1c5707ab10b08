"""What differs between the inputs that a resource has and those that it is to have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.deploy.wire import is_archive
from scout.embedded.resources import UNKNOWN, JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN_CHARACTERS: Final = 60
_ABSENT: Final = object()


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


def changed_inputs(old: JsonObject, new: JsonObject) -> list[str]:
    """Return the names of the inputs that differ, in order. Two archives with the same contents are equal."""
    return sorted(key for key in old.keys() | new.keys() if _differ(old.get(key, _ABSENT), new.get(key, _ABSENT)))


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
        changes += _differences(key, old.get(key, _ABSENT), new.get(key, _ABSENT))
    return tuple(changes)


def _differences(path: str, old: Any, new: Any) -> Iterator[PropertyChange]:  # noqa: ANN401 - any JSON value
    """Tell two values that differ by what differs in them, as deep as both have the same form."""
    before, after = _parsed(old), _parsed(new)
    if not _differ(before, after):
        # The same in another form, as JSON text and as a structure.
        yield PropertyChange(path, _shown(old), _shown(new))
    elif isinstance(before, dict) and isinstance(after, dict) and not (is_archive(before) and is_archive(after)):
        for key in before | after:
            if _differ(before.get(key, _ABSENT), after.get(key, _ABSENT)):
                yield from _differences(f"{path}.{key}", before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, other) in enumerate(zip_longest(before, after, fillvalue=_ABSENT)):
            if _differ(one, other):
                yield from _differences(f"{path}[{index}]", one, other)
    else:
        yield PropertyChange(path, _shown(old), _shown(new))


def _differ(old: Any, new: Any) -> bool:  # noqa: ANN401 - any JSON value
    if old is _ABSENT or new is _ABSENT:
        return old is not new
    # As text, since `true` and 1 are equal to Python.
    return _canonical(old) != _canonical(new)


def _canonical(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(_contents(value), sort_keys=True)


def _contents(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if is_archive(value):
        return {"sha256": value["sha256"]}
    if isinstance(value, dict):
        return {key: _contents(item) for key, item in value.items()}
    return [_contents(item) for item in value] if isinstance(value, list) else value


def _parsed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is _ABSENT:
        return ""
    if value == UNKNOWN:
        return "[known after deployment]"
    if is_archive(value):
        return f"archive {value['sha256'][:12]}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
