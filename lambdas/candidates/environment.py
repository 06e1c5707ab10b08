"""What the stages are told by environment variables: read at each invocation, and refused if it is wrong."""

from __future__ import annotations

import os
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from lambdas.candidates.handed import told
from lambdas.runtime.errors import InvalidInput

_T = TypeVar("_T")


def required(name: str) -> str:
    """A variable that must be set.

    Raises:
        InvalidInput: It is not.
    """
    value = os.environ.get(name)
    if not value:
        raise InvalidInput(f"The environment variable {name} is not set.")
    return value


def parsed(name: str, kind: TypeAdapter[_T], default: _T) -> _T:
    """A variable whose value is JSON.

    Args:
        name: The variable.
        kind: What it holds.
        default: What an unset or empty one stands for.

    Raises:
        InvalidInput: It holds something else.
    """
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return kind.validate_json(value)
    except ValidationError as error:
        raise InvalidInput(f"The environment variable {name} is not valid: {told(error)}.") from error
