"""A whole state machine, and its JSON."""

from __future__ import annotations

import json
from enum import StrEnum

from pydantic import Field

from workflow.states import PositiveSeconds, Scope


class MachineType(StrEnum):
    """The two kinds of state machine; a type cannot be changed after creation."""

    STANDARD = "STANDARD"
    EXPRESS = "EXPRESS"


class StateMachine(Scope):
    """A state machine definition.

    ``name`` is the machine's role in the stack (``city-discovery``); it stands in messages and is not rendered.
    ``timeout_seconds`` bounds the whole execution. ``ends_where_it_fails`` says that a Task without Catch is meant so:
    it ends the execution with its own error, and RedriveExecution goes on from there.
    """

    name: str = Field(exclude=True)
    ends_where_it_fails: bool = Field(False, exclude=True)
    comment: str | None = None
    timeout_seconds: PositiveSeconds | None = None


def render(definition: StateMachine) -> str:
    """Render a definition as Step Functions takes it.

    Args:
        definition: The state machine. Its ARNs must be plain strings by now.

    Returns:
        JSON, indented, with a stable order of keys.
    """
    return json.dumps(definition.to_asl(), indent=2, ensure_ascii=False, allow_nan=False)
