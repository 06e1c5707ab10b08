"""A definition that AWS would refuse is refused, and so is one that the emulator would only seem to run.

AWS: CreateStateMachine and UpdateStateMachine check the definition against the States Language
(https://states-language.net/spec.html) and answer `InvalidDefinition`; Express workflows have no `.sync`, no
`.waitForTaskToken`, no activities and no Distributed Map
(https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html). A definition has at most 1 MB.

The emulator takes any text. Some fields it ignores (`ItemBatcher`, `ResultWriter`, ...): a definition with one of them
would pass here and do something else on AWS, so it is refused with a message that says so.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATCH: Final = Patch(__name__)
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")

_MAXIMUM_BYTES: Final = 1_048_576

_EVERYWHERE: Final = {"Type", "Comment", "QueryLanguage", "InputPath", "OutputPath", "Output", "Assign"}
_ONWARD: Final = {"Next", "End"}
_ERRORS: Final = {"Retry", "Catch"}
_RESULT: Final = {"Parameters", "ResultPath", "ResultSelector", "Arguments"}
_FIELDS: Final[dict[str, set[str]]] = {
    "Pass": _ONWARD | {"Result", "ResultPath", "Parameters"},
    "Task": _ONWARD | _ERRORS | _RESULT | {"Resource", "TimeoutSeconds", "Credentials"},
    "Choice": {"Choices", "Default"},
    "Wait": _ONWARD | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
    "Parallel": _ONWARD | _ERRORS | _RESULT | {"Branches"},
    "Map": _ONWARD
    | _ERRORS
    | _RESULT
    | {"ItemProcessor", "Iterator", "ItemSelector", "ItemsPath", "Items", "MaxConcurrency", "ItemReader", "Label"}
    | {"ToleratedFailurePercentage", "ToleratedFailureCount"},
}
_NEEDED: Final[dict[str, set[str]]] = {"Task": {"Resource"}, "Choice": {"Choices"}, "Parallel": {"Branches"}}
_IGNORED_BY_THE_EMULATOR: Final = {
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "TimeoutSecondsPath",
    "MaxConcurrencyPath",
    "ItemBatcher",
    "ResultWriter",
    "ToleratedFailurePercentagePath",
    "ToleratedFailureCountPath",
}


def apply() -> None:
    """Check definitions when they come in."""
    _PATCH.expect(_sfn._validate_state_machine_definition, '"result": "OK"')
    _PATCH.around(_sfn, "_create_state_machine", _create_state_machine)
    _PATCH.around(_sfn, "_update_state_machine", _update_state_machine)
    _PATCH.around(_sfn, "_validate_state_machine_definition", _validate_state_machine_definition)


def _create_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    return _refusal(data.get("definition", ""), data.get("type", "STANDARD")) or original(data)


def _update_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    machine = _sfn._state_machines.get(data.get("stateMachineArn"))
    if machine is None or "definition" not in data:
        return original(data)
    return _refusal(data["definition"], machine["type"]) or original(data)


def _refusal(definition: str, kind: str) -> Untyped:
    found = problems(definition, kind)
    if not found:
        return None
    message = f"Invalid State Machine Definition: '{', '.join(found)}'"
    return _responses.error_response_json("InvalidDefinition", message, HTTPStatus.BAD_REQUEST)


def _validate_state_machine_definition(_original: Untyped, data: dict[str, Any]) -> Untyped:
    found = problems(data.get("definition", ""), data.get("type", "STANDARD"))
    diagnostics = [{"severity": "ERROR", "code": text.split(":")[0], "message": text} for text in found]
    return _responses.json_response({"result": "FAIL" if found else "OK", "diagnostics": diagnostics})


def problems(definition: str, kind: str) -> list[str]:
    """Return what is wrong with a definition, each with the place of it; empty if nothing is.

    Args:
        definition: The text given to CreateStateMachine.
        kind: STANDARD or EXPRESS.
    """
    if len(definition.encode()) > _MAXIMUM_BYTES:
        return [f"DEFINITION_TOO_LARGE: the definition has more than {_MAXIMUM_BYTES} bytes"]
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return [f"INVALID_JSON_DESCRIPTION: {error}"]
    if not isinstance(machine, dict):
        return ["SCHEMA_VALIDATION_FAILED: the definition is not an object"]
    return list(_machine_problems(machine, "", kind))


def _machine_problems(machine: dict[str, Any], at: str, kind: str) -> Iterator[str]:
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield f"SCHEMA_VALIDATION_FAILED: States is missing or empty at {at or '/'}"
        return
    if machine.get("StartAt") not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: {machine.get('StartAt')} at {at}/StartAt"
    reached = {machine.get("StartAt")}
    for name, state in states.items():
        place = f"{at}/States/{name}"
        if not isinstance(state, dict) or state.get("Type") not in _FIELDS:
            yield f"SCHEMA_VALIDATION_FAILED: a state needs a known Type at {place}"
            continue
        yield from _state_problems(state, place, kind)
        for field, target in _targets(state):
            reached.add(target)
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: Missing '{field}' target: {target} at {place}/{field}"
    for name in states.keys() - reached:
        yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {at}/States/{name}'


def _state_problems(state: dict[str, Any], place: str, kind: str) -> Iterator[str]:
    type_name = state["Type"]
    for field in sorted(state.keys() - _EVERYWHERE - _FIELDS[type_name]):
        if field in _IGNORED_BY_THE_EMULATOR:
            yield f"NOT_SUPPORTED_LOCALLY: the embedded AWS does not have {field} at {place}/{field}"
        else:
            yield f'SCHEMA_VALIDATION_FAILED: Field "{field}" is not supported at {place}/{field}'
    for field in sorted(_NEEDED.get(type_name, set()) - state.keys()):
        yield f"SCHEMA_VALIDATION_FAILED: These fields are required: [{field}] at {place}"
    if "Next" in _FIELDS[type_name] and ("Next" in state) == (state.get("End") is True):
        yield f"SCHEMA_VALIDATION_FAILED: exactly one of Next and End is needed at {place}"
    if kind == "EXPRESS":
        yield from _express_problems(state, place)
    inner = state.get("Branches", []) if type_name == "Parallel" else []
    if type_name == "Map":
        inner = [state.get("ItemProcessor") or state.get("Iterator") or {}]
    for number, machine in enumerate(inner):
        yield from _machine_problems(machine, f"{place}/{number}" if type_name == "Parallel" else place, kind)


def _express_problems(state: dict[str, Any], place: str) -> Iterator[str]:
    resource = str(state.get("Resource", ""))
    for pattern in (".sync", ".waitForTaskToken", ":activity:"):
        if pattern in resource:
            yield f"SCHEMA_VALIDATION_FAILED: Express state machine does not support '{pattern}' at {place}/Resource"
    if state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
        yield f"SCHEMA_VALIDATION_FAILED: Express state machine does not support DISTRIBUTED at {place}/ItemProcessor"


def _targets(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for index, choice in enumerate(state.get("Choices", [])):
        yield f"Choices[{index}]/Next", choice.get("Next")
    for index, catcher in enumerate(state.get("Catch", [])):
        yield f"Catch[{index}]/Next", catcher.get("Next")
