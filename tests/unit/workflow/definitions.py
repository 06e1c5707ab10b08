"""Small definitions for the tests of ``workflow``."""

from __future__ import annotations

from typing import Any

from workflow.city_states import CityState
from workflow.definition import MachineType, StateMachine
from workflow.rules import check
from workflow.states import ALL_ERRORS, Catcher, Choice, Fail, State, Task
from workflow.targets import LambdaFunction, Targets

STANDARD, EXPRESS = MachineType.STANDARD, MachineType.EXPRESS
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:work"
FUNCTION_TIMEOUTS = {FUNCTION: 30}
CATCH = Catcher(error_equals=(ALL_ERRORS,), next="Failed")
FAILED = Fail(error="Failed")


def task(**changes: Any) -> Task:
    """A Task that keeps every rule; it ends its scope, and its errors lead to ``Failed``."""
    valid: dict[str, Any] = {
        "resource": "arn:aws:states:::lambda:invoke",
        "parameters": {"FunctionName": FUNCTION, "Payload": {}},
        "timeout_seconds": 30,
        "catch": (CATCH,),
    }
    return Task(**(valid | changes))


def machine(states: dict[str, State], **changes: Any) -> StateMachine:
    """A machine that starts at its first state."""
    valid: dict[str, Any] = {"name": "example", "start_at": next(iter(states)), "timeout_seconds": 120}
    return StateMachine(**(valid | changes), states=states)


def problems(definition: StateMachine, machine_type: MachineType = STANDARD) -> list[tuple[str | None, str]]:
    """What the rules find, as (state, message)."""
    return [(found.state, found.message) for found in check(definition, machine_type, FUNCTION_TIMEOUTS)]


def city_targets(**changes: Any) -> Targets:
    """The functions of a stack whose TileSweep is real."""

    def function(name: str, timeout_seconds: int) -> LambdaFunction:
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:data-scout-test-{name}"
        return LambdaFunction(arn=arn, timeout_seconds=timeout_seconds)

    valid: dict[str, Any] = {
        "functions": dict.fromkeys(CityState, function("mock", 60))
        | {CityState.TILE_SWEEP: function("tile-sweep", 300)},
        "control": function("control", 30),
        "workflow_bucket": "data-scout-test-data-123456789012",
    }
    return Targets(**(valid | changes))


def task_of(machine: StateMachine, name: str) -> Task:
    """A Task of a machine."""
    state = machine.states[name]
    assert isinstance(state, Task)
    return state


def choice_of(machine: StateMachine, name: str) -> Choice:
    """A Choice of a machine."""
    state = machine.states[name]
    assert isinstance(state, Choice)
    return state
