"""An execution that ended badly goes on where it ended.

AWS: RedriveExecution takes up a Standard execution that FAILED, was ABORTED or TIMED_OUT within the last 14 days, in
the state in which it ended and with that state's input. Name, ARN, definition and history stay; the history gets an
`ExecutionRedriven`, the state is not entered anew, the time-out of the state machine begins again, and a second call
with the same `clientToken` starts nothing (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html,
https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html). DescribeExecution and
ListExecutions tell what can be redriven, and how often it was.

The emulator knows no such call. Unlike on AWS, all of a Map or Parallel runs again, not only what failed of it, and the
state machine's present definition counts.
"""

from __future__ import annotations

import contextvars
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import execution
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")

_WITHIN: Final = timedelta(days=14)
# An execution with more events than this has no room for what a redrive adds.
_MOST_EVENTS: Final = 24_999


@dataclass
class _Start:
    """Where a redriven execution goes on."""

    state: str
    state_input: Untyped
    definition: str
    execution_input: str
    entered: bool = False


_start: contextvars.ContextVar[_Start | None] = contextvars.ContextVar("redrive", default=None)


class _Json:
    """The `json` module as the interpreter sees it: what it reads first of a redriven execution starts further on."""

    def __getattr__(self, name: str) -> Untyped:
        return getattr(json, name)

    @staticmethod
    def loads(text: Untyped, **options: Untyped) -> Untyped:
        start = _start.get()
        read = json.loads(text, **options)
        if start is not None and not start.entered and text is start.definition:
            return {**read, "StartAt": start.state}
        if start is not None and not start.entered and text is start.execution_input:
            return start.state_input
        return read


def apply() -> None:
    """Add the call, and tell what can be redriven."""
    _PATCH.expect(
        _sfn._run_execution,
        'json.loads(sm["definition"])',
        'json.loads(execution["input"])',
        'definition.get("StartAt")',
    )
    _PATCH.expect(_sfn._list_executions, '"executions": ')
    _PATCH.expect(_sfn.handle_request, 'error_response_json("InvalidAction"')
    _sfn.json = _Json()
    _PATCH.around(_sfn, "_add_event", _add_event)
    _PATCH.around(_sfn, "_describe_execution", _describe_execution)
    _PATCH.around(_sfn, "_list_executions", _list_executions)
    handle = _sfn.handle_request

    async def handle_request(
        method: Untyped, path: Untyped, headers: dict[str, str], body: bytes, query: Untyped
    ) -> Untyped:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return _sfn._finalize_response(_redrive(json.loads(body)))
        return await handle(method, path, headers, body, query)

    _sfn.handle_request = handle_request


def _redrive(data: dict[str, Any]) -> Untyped:
    record = _sfn._executions.get(data.get("executionArn"))
    if record is None:
        message = f"Execution Does Not Exist: '{data.get('executionArn')}'"
        return _responses.error_response_json("ExecutionDoesNotExist", message, HTTPStatus.BAD_REQUEST)
    token = data.get("clientToken")
    if token and token == record.get("redriveToken"):
        return _responses.json_response({"redriveDate": record["redriveDate"]})
    status, reason = _redrivable(record)
    if status != "REDRIVABLE":
        return _responses.error_response_json("ExecutionNotRedrivable", reason, HTTPStatus.BAD_REQUEST)
    last = next(event for event in reversed(record["events"]) if event["type"].endswith("StateEntered"))
    entered = last["stateEnteredEventDetails"]
    machine = _sfn._state_machines[record["stateMachineArn"]]
    start = _Start(entered["name"], json.loads(entered["input"]), machine["definition"], record["input"])
    count = record.get("redriveCount", 0) + 1
    record.update(
        status="RUNNING", stopDate=None, output=None, redriveCount=count, redriveDate=_sfn.now_iso(), redriveToken=token
    )
    record.pop("error", None)
    record.pop("cause", None)
    _sfn._add_event(record, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": count}})
    _sfn._emit_execution_status_event(record)
    context = contextvars.copy_context()
    context.run(_start.set, start)
    threading.Thread(
        target=context.run, args=(_sfn._run_execution, record["executionArn"]), daemon=True, name="redrive"
    ).start()
    return _responses.json_response({"redriveDate": record["redriveDate"]})


def _redrivable(record: dict[str, Any]) -> tuple[str, str]:
    """The redrive status of an execution, and the reason, where it cannot be redriven."""
    status = record["status"]
    if status in {"RUNNING", "SUCCEEDED"}:
        return "NOT_REDRIVABLE", f"Execution is {status} and cannot be redriven"
    if datetime.now(UTC) - datetime.fromisoformat(record["stopDate"]) > _WITHIN:
        return "NOT_REDRIVABLE", "Execution has exceeded the redrivable period and cannot be redriven"
    run: execution.Run | None = record.get("run")
    if run is not None and run.history_events > _MOST_EVENTS:
        return "NOT_REDRIVABLE", "Execution history event limit exceeded and cannot be redriven"
    if not any(event["type"].endswith("StateEntered") for event in record["events"]):
        return "NOT_REDRIVABLE", "Execution has entered no state and cannot be redriven"
    return "REDRIVABLE", ""


def _add_event(original: Untyped, record: dict[str, Any], kind: str, details: Untyped = None) -> Untyped:
    start = _start.get()
    if start is not None and not start.entered and kind.endswith("StateEntered"):
        start.entered = True
        return record["events"][-1]
    return original(record, kind, details)


def _describe_execution(original: Untyped, data: dict[str, Any]) -> Untyped:
    status, headers, body = original(data)
    record = _sfn._executions.get(data.get("executionArn"))
    if status != HTTPStatus.OK or record is None:
        return status, headers, body
    redrive_status, reason = _redrivable(record)
    told = {"redriveStatus": redrive_status, **({"redriveStatusReason": reason} if reason else {})}
    return _responses.json_response({**json.loads(body), **told, **_redriven(record)})


def _list_executions(original: Untyped, data: dict[str, Any]) -> Untyped:
    status, headers, body = original(data)
    answer = json.loads(body)
    if status != HTTPStatus.OK:
        return status, headers, body
    for listed in answer["executions"]:
        listed.update(_redriven(_sfn._executions[listed["executionArn"]]))
    return _responses.json_response(answer)


def _redriven(record: dict[str, Any]) -> dict[str, Any]:
    date = {"redriveDate": record["redriveDate"]} if "redriveDate" in record else {}
    return {"redriveCount": record.get("redriveCount", 0), **date}
