"""Sizes and forms of data that Step Functions refuses.

AWS: input and output of an execution, a state and a task have at most 262,144 bytes of UTF-8
(https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html); a larger result fails with
`States.DataLimitExceeded`. An input that is too large or not JSON starts nothing
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html). A Standard execution has at
most 25,000 history events, and then fails. An inline Map runs at most 40 iterations at a time
(https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html). A Lambda function that is throttled
fails its task with `Lambda.TooManyRequestsException`.

The emulator has no such limits, starts executions with any text as input, passes NaN on, which is not JSON, and calls
a throttled function `Lambda.Unknown`. Its history leaves events out, so they are counted here as AWS has them.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final, NoReturn

from pydantic import JsonValue

from scout.embedded.emulator import execution
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_lambda_svc: Final = service("services.lambda_svc")
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")

MAXIMUM_BYTES: Final = 262_144
MAXIMUM_EVENTS: Final = 25_000
MAXIMUM_INLINE_CONCURRENCY: Final = 40


def apply() -> None:
    """Check what goes into executions and what comes out of their states."""
    _PATCH.expect(_sfn._call_lambda, "_execute_function_with_config_scope(exec_record, event)", "json.loads(body)")
    _PATCH.expect(_lambda_svc._throttle_response, '"__type": "TooManyRequestsException"')
    _PATCH.around(_sfn, "_start_execution", _start)
    _PATCH.around(_sfn, "_start_sync_execution", _start)
    _PATCH.around(_sfn, "_invoke_resource", _invoke_resource)
    _PATCH.around(_sfn, "_call_lambda", _call_lambda)
    _PATCH.expect(_sfn._run_map_items, 'item_ctx["Map"] = ', "_run_sub_machine(", "max_conc if max_conc > 0")
    _PATCH.around(_sfn, "_execute_map", _execute_map)
    _PATCH.around(_sfn, "_run_sub_machine", _run_sub_machine)
    for state in ("pass", "task", "choice", "wait", "parallel", "map"):
        _PATCH.around(_sfn, f"_execute_{state}", _execute_state)


def _start(original: Untyped, data: dict[str, Any]) -> Untyped:
    text = data.get("input", "{}")
    if len(text.encode()) > MAXIMUM_BYTES:
        message = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAXIMUM_BYTES}"
        )
        return _responses.error_response_json("ValidationException", message, HTTPStatus.BAD_REQUEST)
    try:
        json.loads(text, parse_constant=_not_json)
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        return _responses.error_response_json("InvalidExecutionInput", message, HTTPStatus.BAD_REQUEST)
    return original(data)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"Unrecognized token '{constant}'")


def _check_size(value: JsonValue, what: str) -> None:
    # Most data is small: the quick count, in which no character has more than six bytes, decides that.
    text = json.dumps(value, separators=(",", ":"))
    if len(text) > MAXIMUM_BYTES:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if len(text.encode(errors="surrogatepass")) > MAXIMUM_BYTES:
            cause = f"{what} with a size exceeding the maximum number of bytes service limit."
            raise _sfn._ExecutionError("States.DataLimitExceeded", cause)


def _execute_state(original: Untyped, state: dict[str, Any], *args: Untyped) -> Untyped:
    _count(2)  # entered and exited
    output, following = original(state, *args)
    _check_size(output, f"The {state['Type']} state returned a result")
    return output, following


def _execute_map(original: Untyped, state: dict[str, Any], data: Untyped, record: Untyped, context: Untyped) -> Untyped:
    _count(2)  # the Map: started, succeeded
    processor = state.get("ItemProcessor") or state.get("Iterator") or {}
    if processor.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
        asked = state.get("MaxConcurrency", 0)
        state = {**state, "MaxConcurrency": min(asked or MAXIMUM_INLINE_CONCURRENCY, MAXIMUM_INLINE_CONCURRENCY)}
    return original(state, data, record, context)


def _run_sub_machine(original: Untyped, *args: Untyped) -> Untyped:
    if "Map" in args[-1]:
        _count(2)  # an iteration: started, succeeded
    return original(*args)


def _count(events: int) -> None:
    """Count history events, and fail a Standard execution that would have too many."""
    run = execution.current()
    with run.lock:
        run.history_events += events
        too_many = not run.express and run.history_events >= MAXIMUM_EVENTS
    if too_many:
        cause = f"The execution reached the maximum number of history events ({MAXIMUM_EVENTS})."
        raise _sfn._ExecutionError("States.Runtime", cause)


def _invoke_resource(original: Untyped, resource: str, data: JsonValue) -> Untyped:
    _count(3)  # scheduled, started, succeeded or failed
    _check_size(data, f"The task {resource} was given parameters")
    result = original(resource, data)
    _check_size(result, f"The task {resource} returned a result")
    return result


def _call_lambda(original: Untyped, function: str, event: JsonValue) -> Untyped:
    try:
        result = original(function, event)
    except _sfn._ExecutionError as error:
        if error.error == "Lambda.Unknown" and "TooManyRequestsException" in error.cause:
            raise _sfn._ExecutionError("Lambda.TooManyRequestsException", error.cause) from None
        raise
    try:
        json.dumps(result, allow_nan=False)
    except ValueError:
        raise _sfn._ExecutionError("States.Runtime", f"The answer of {function} is not JSON: NaN or Infinity") from None
    return result
