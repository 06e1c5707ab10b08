"""A path that is not there fails the execution.

AWS: a path in InputPath, OutputPath, ItemsPath, SecondsPath, Parameters, ItemSelector, ResultSelector or an intrinsic
function that selects nothing ends the execution with `States.Runtime`
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).

The emulator gives null for what is not there.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import JsonValue

from scout.embedded.emulator import execution
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_sfn: Final = service("services.stepfunctions")

_SHOWN_CHARACTERS: Final = 400


def apply() -> None:
    """Replace the look-up of paths."""
    _PATCH.expect(_sfn._resolve_path_or_ctx, "_resolve_ctx_path(path, ctx or {})", "_resolve_path(path, data)")
    _PATCH.expect(_sfn._resolve_params_obj, "_resolve_path(value, data)")
    _PATCH.expect(_sfn._eval_intrinsic_arg, "_resolve_path(path, data)")
    _PATCH.expect(_sfn._run_map_items, 'state_def.get("ItemsPath", "$")', "if not isinstance(items, list)")
    _PATCH.around(_sfn, "_resolve_path", _resolve_path)
    _PATCH.around(_sfn, "_resolve_ctx_path", _resolve_ctx_path)
    _PATCH.around(_sfn, "_run_map_items", _run_map_items)
    _PATCH.around(_sfn, "_execute_wait", _execute_wait)
    _PATCH.around(_sfn, "_fail_execution", _fail_execution)


def failure(cause: str) -> Exception:
    """Return the error that ends an execution."""
    error: Exception = _sfn._ExecutionError("States.Runtime", cause)
    return error


def _shown(data: JsonValue) -> str:
    text = json.dumps(data)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


# Paths


class MissingError(Exception):
    """A path selects nothing."""


def found(path: str, data: JsonValue) -> JsonValue:
    """Return what a path selects: a list if it has wildcards, one value otherwise.

    Raises:
        MissingError: There is no such value.
    """
    tokens = _sfn._parse_jsonpath_tokens(path)
    if tokens is None:
        raise failure(f"the embedded AWS cannot evaluate the JSONPath '{path}'")
    many = False
    values = [data]
    for kind, key in tokens:
        selected: list[JsonValue] = []
        for value in values:
            if kind == "wildcard" and isinstance(value, dict | list):
                selected += value.values() if isinstance(value, dict) else value
            elif (kind == "field" and isinstance(value, dict) and key in value) or (
                kind == "index" and isinstance(value, list) and key < len(value)
            ):
                selected.append(value[key])
        many = many or kind == "wildcard"
        values = selected
    if many:
        return values
    if not values:
        raise MissingError
    return values[0]


def _resolve_path(_original: Untyped, path: str, data: JsonValue) -> JsonValue:
    if not path or path == "$" or not path.startswith("$"):
        return data
    try:
        return found(path, data)
    except MissingError:
        raise failure(f"The JSONPath '{path}' could not be found in the input '{_shown(data)}'") from None


def _resolve_ctx_path(_original: Untyped, path: str, context: dict[str, Any]) -> JsonValue:
    try:
        return found(path[1:], complete(context))
    except MissingError:
        raise failure(f"The path '{path}' is not in the context object") from None


def complete(context: dict[str, Any]) -> dict[str, Any]:
    """Return the context object with what the emulator leaves out of it."""
    run = execution.current()
    more = {"RoleArn": run.role_arn, "RedriveCount": run.record.get("redriveCount", 0)}
    # The emulator gives the state a path in ResultSelector without its context.
    known = {"Id": run.record["executionArn"], "Name": run.record["name"], **context.get("Execution", {})}
    # What a redriven execution goes on with is not what it was started with.
    if "Input" not in known or "redriveCount" in run.record:
        known["Input"] = json.loads(run.record["input"])
    return {**context, "Execution": {**more, **known}}


def _run_map_items(
    original: Untyped, state: dict[str, Any], data: Untyped, record: Untyped, context: Untyped
) -> Untyped:
    if _sfn._state_query_language(state, context) != "JSONata" and "ItemReader" not in state:
        path = state.get("ItemsPath", "$")
        items = _sfn._resolve_path_or_ctx(path, _sfn._apply_input_path(state, data, context), context)
        if not isinstance(items, list):
            raise failure(f'Reference path "{path}" must point to array.')
    return original(state, data, record, context)


def _execute_wait(original: Untyped, state: dict[str, Any], data: Untyped, context: Untyped = None) -> Untyped:
    if "SecondsPath" in state:
        effective = _sfn._apply_input_path(state, data, context)
        seconds = _sfn._resolve_path_or_ctx(state["SecondsPath"], effective, context)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0 or seconds != int(seconds):
            raise failure(f"The SecondsPath '{state['SecondsPath']}' must be a whole number of seconds: {seconds!r}")
    return original(state, data, context)


def _fail_execution(original: Untyped, record: dict[str, Any], error: str, cause: str) -> None:
    """Name the state in the cause of a run-time error, as AWS does."""
    entered = [event for event in record["events"] if event["type"].endswith("StateEntered")]
    if error == "States.Runtime" and entered:
        name, number = entered[-1]["stateEnteredEventDetails"]["name"], entered[-1]["id"]
        cause = f"An error occurred while executing the state '{name}' (entered at the event id #{number}). {cause}"
    original(record, error, cause)
