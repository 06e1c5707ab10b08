"""A query of Overpass as data: ``scout.standin.overpass_ql`` reads it, ``scout.standin.overpass`` answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lambdas.places.geo import Point

DEFAULT_SET: Final = "_"


class QueryError(ValueError):
    """A query that is wrong, or outside of this part of the language; the text says where."""


@dataclass(frozen=True)
class TagFilter:
    """A condition on tags. ``key`` and ``value`` are patterns for the operators with ``~``."""

    key: str
    operator: str
    value: str = ""
    any_case: bool = False
    key_pattern: bool = False

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags has it."""
        if self.key_pattern:
            return any(re.search(self.key, key) and self._matches(value) for key, value in tags.items())
        value = tags.get(self.key)
        if self.operator in ("has", "lacks"):
            return (value is not None) == (self.operator == "has")
        if self.operator in ("=", "!="):
            return (value == self.value) == (self.operator == "=")
        return (value is not None and self._matches(value)) == (self.operator == "~")

    def _matches(self, value: str) -> bool:
        return re.search(self.value, value, re.IGNORECASE if self.any_case else 0) is not None


@dataclass(frozen=True)
class Box:
    """South, west, north, east."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True)
class Around:
    """Within ``radius`` metres of any of some points."""

    radius: float
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Polygon:
    """Inside a polygon."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class InArea:
    """Inside the areas of a set, or of an id."""

    name: str = ""
    ref: int = 0


@dataclass(frozen=True)
class Ids:
    """With one of some ids."""

    refs: frozenset[int]


@dataclass(frozen=True)
class Select:
    """A query statement."""

    kinds: frozenset[str]
    tags: tuple[TagFilter, ...] = ()
    places: tuple[Box | Around | Polygon | InArea | Ids, ...] = ()
    inputs: tuple[str, ...] = ()
    into: str = DEFAULT_SET


@dataclass(frozen=True)
class Union:
    """All that some statements find."""

    parts: tuple[Select | Union, ...]
    into: str = DEFAULT_SET


@dataclass(frozen=True)
class Out:
    """What is sent, and how much of it."""

    source: str = DEFAULT_SET
    verbosity: str = "body"
    geometry: str = ""
    limit: int | None = None


@dataclass(frozen=True)
class Query:
    """A whole query."""

    statements: tuple[Select | Union | Out, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
