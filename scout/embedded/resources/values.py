"""What AWS takes for a single argument, as far as it shows without a call. The limits are those of AWS's references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from scout.embedded.resources.differences import is_file, parsed


class Problem(str):
    """What is wrong with the inputs of a resource, as a sentence.

    Attributes:
        argument: The input that it is about; empty if it is about several.
    """

    __slots__ = ("argument",)
    argument: str

    def __new__(cls, argument: str, sentence: str) -> Problem:
        """Return the problem of an argument."""
        problem = super().__new__(cls, sentence)
        problem.argument = argument
        return problem


class Rule(Protocol):
    """What a value has to be."""

    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        """Return what is expected instead, as in `a text`; nothing if the value is right."""


@dataclass(frozen=True)
class Whole:
    """A whole number.

    Attributes:
        low: The lowest that is taken.
        high: The highest that is taken.
    """

    low: int
    high: int

    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        """Return what is expected instead."""
        right = isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
        return "" if right else f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class OneOf:
    """One of a few values.

    Attributes:
        values: These.
    """

    values: tuple[str | int, ...]

    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        """Return what is expected instead."""
        right = not isinstance(value, bool) and value in self.values
        return "" if right else f"one of {', '.join(str(item) for item in self.values)}"


@dataclass(frozen=True)
class Form:
    """A value of some form.

    Attributes:
        types: The types that it may have.
        name: How people call it.
    """

    types: tuple[type, ...]
    name: str

    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        """Return what is expected instead."""
        return "" if isinstance(value, self.types) else self.name


class _Document:
    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return "" if isinstance(value, str) and isinstance(parsed(value), dict) else "a JSON object as text"


class _File:
    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return "" if is_file(value) else "a file"


class _Texts:
    def expects(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        right = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return "" if right else "a map of texts"


LARGEST: Final = 2**31 - 1
"""The largest number of the APIs, where they name no other."""

TRUTH: Final[Rule] = Form((bool,), "true or false")
TEXT: Final[Rule] = Form((str,), "a text")
LIST: Final[Rule] = Form((list,), "a list")
OBJECT: Final[Rule] = Form((dict,), "an object")
DOCUMENT: Final[Rule] = _Document()
FILE: Final[Rule] = _File()
TEXTS: Final[Rule] = _Texts()


def texts(*arguments: str) -> dict[str, Rule]:
    """Return the rule of arguments that are texts."""
    return dict.fromkeys(arguments, TEXT)
