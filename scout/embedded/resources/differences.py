"""What differs between the inputs that a resource has and those that it is to have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scout.embedded.resources.base import JsonObject

Path = tuple[str | int, ...]
"""Where a value stands in the inputs: names of members, and numbers of elements of lists."""

ABSENT: Final = object()
"""Stands for a value that is not there, which is another thing than null."""


class Kind(StrEnum):
    """What becomes of a single value."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Difference:
    """One value that differs.

    Attributes:
        path: Where it stands.
        old: What it is, or `ABSENT`.
        new: What it is to be, or `ABSENT`.
    """

    path: Path
    old: Any
    new: Any

    @property
    def kind(self) -> Kind:
        """What becomes of the value."""
        if self.old is ABSENT:
            return Kind.ADD
        return Kind.DELETE if self.new is ABSENT else Kind.UPDATE


def is_file(value: object) -> bool:
    """Return whether a value is a file, as handlers get archives and assets: `{path, sha256}`."""
    return isinstance(value, dict) and value.keys() == {"path", "sha256"}


def changed_inputs(old: JsonObject, new: JsonObject) -> list[str]:
    """Return the names of the inputs that differ, in order. Two files with the same contents are equal."""
    return sorted(key for key in old.keys() | new.keys() if differ(old.get(key, ABSENT), new.get(key, ABSENT)))


def differences(old: JsonObject, new: JsonObject) -> Iterator[Difference]:
    """Return each value that differs, as deep as both have the same form.

    Args:
        old: The inputs that the resource has.
        new: The inputs that it is to have.
    """
    for key in changed_inputs(old, new):
        yield from differences_at((key,), old.get(key, ABSENT), new.get(key, ABSENT))


def differences_at(path: Path, old: Any, new: Any) -> Iterator[Difference]:  # noqa: ANN401 - any JSON value
    """Return what differs within two values that differ, or the two values whole.

    Args:
        path: Where the values stand.
        old: One of them, or `ABSENT`.
        new: The other, or `ABSENT`.
    """
    parts: list[tuple[str | int, Any, Any]]
    if isinstance(old, dict) and isinstance(new, dict) and not (is_file(old) and is_file(new)):
        parts = [(key, old.get(key, ABSENT), new.get(key, ABSENT)) for key in old | new]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = zip_longest(old, new, fillvalue=ABSENT)
        parts = [(index, one, other) for index, (one, other) in enumerate(pairs)]
    else:
        yield Difference(path, old, new)
        return
    for part, one, other in parts:
        if differ(one, other):
            yield from differences_at((*path, part), one, other)


def differ(old: Any, new: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether two values, each a JSON value or `ABSENT`, differ."""
    if old is ABSENT or new is ABSENT:
        return old is not new
    # As text, since `true` and 1 are equal to Python.
    return _canonical(old) != _canonical(new)


def same_effect(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether two values ask AWS for the same.

    It makes no difference whether something is absent, empty or off, nor how a JSON document is laid out.

    Args:
        one: A JSON value; None if it is not there.
        other: The same.
    """
    return json.dumps(_effect(one), sort_keys=True) == json.dumps(_effect(other), sort_keys=True)


def parsed(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the structure that a JSON document in a text stands for; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _canonical(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(_contents(value), sort_keys=True)


def _contents(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if is_file(value):
        return {"sha256": value["sha256"]}
    if isinstance(value, dict):
        return {key: _contents(item) for key, item in value.items()}
    return [_contents(item) for item in value] if isinstance(value, list) else value


def _effect(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    value = _contents(parsed(value))
    if isinstance(value, dict):
        members = {key: _effect(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item is not None} or None
    if isinstance(value, list):
        return [_effect(item) for item in value] or None
    return value or None
