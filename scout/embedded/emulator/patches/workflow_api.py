"""The API of Step Functions answers by the type of the workflow, and starts an execution once.

AWS: StartExecution with the name and input of a running Standard execution gives that execution; another input or an
ended execution is refused (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
StartSyncExecution is for Express only, and DescribeExecution, GetExecutionHistory, StopExecution and ListExecutions
are not: AWS keeps no history of Express executions
(https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html).

The emulator refuses every name that it knows, and does not look at the type.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")


def apply() -> None:
    """Answer for each type of workflow what AWS answers."""
    _PATCH.expect(_sfn._start_execution, "ExecutionAlreadyExists", ":execution:{sm['name']}:{name}\"")
    _PATCH.expect(_sfn._start_sync_execution, '["sync"] = True', "_run_execution(exec_arn)")
    _PATCH.around(_sfn, "_start_execution", _start_execution)
    _PATCH.around(_sfn, "_start_sync_execution", _start_sync_execution)
    _PATCH.around(_sfn, "_run_execution", _run_execution)
    _PATCH.around(_sfn, "_list_executions", _list_executions)
    for operation in ("_describe_execution", "_get_execution_history", "_stop_execution"):
        _PATCH.around(_sfn, operation, _about_one_execution)


def _machine_of(arn: str) -> dict[str, Any] | None:
    base = _sfn._resolve_state_machine_arn(arn)
    machine: dict[str, Any] | None = _sfn._state_machines.get(base) if base else None
    return machine


def _refused(code: str, message: str) -> Untyped:
    return _responses.error_response_json(code, message, HTTPStatus.BAD_REQUEST)


def _start_execution(original: Untyped, data: dict[str, Any]) -> Untyped:
    machine = _machine_of(data.get("stateMachineArn", ""))
    name = data.get("name")
    if machine is not None and name:
        arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
        started = _sfn._executions.get(arn)
        if started is not None and started["status"] == "RUNNING" and started["input"] == data.get("input", "{}"):
            return _responses.json_response({"executionArn": arn, "startDate": started["startDate"]})
    return original(data)


def _start_sync_execution(original: Untyped, data: dict[str, Any]) -> Untyped:
    machine = _machine_of(data.get("stateMachineArn", ""))
    if machine is not None and machine["type"] != "EXPRESS":
        return _refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
    status, headers, body = original(data)
    answer = json.loads(body)
    record = _sfn._executions.pop(answer.get("executionArn"), None)
    if status == HTTPStatus.OK and record is not None and answer["status"] == "TIMED_OUT":
        del answer["output"]
        return _responses.json_response({**answer, "error": "States.Timeout"})
    return status, headers, body


def _run_execution(original: Untyped, arn: str) -> None:
    original(arn)
    record = _sfn._executions.get(arn)
    if record is not None and not record.get("sync") and _is_express(record):
        _sfn._executions.pop(arn, None)


def _is_express(record: dict[str, Any]) -> bool:
    machine = _sfn._state_machines.get(record["stateMachineArn"])
    return machine is not None and machine["type"] == "EXPRESS"


def _about_one_execution(original: Untyped, data: dict[str, Any]) -> Untyped:
    record = _sfn._executions.get(data.get("executionArn"))
    if record is not None and _is_express(record):
        return _refused("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    return original(data)


def _list_executions(original: Untyped, data: dict[str, Any]) -> Untyped:
    machine = _machine_of(data.get("stateMachineArn") or "")
    if machine is not None and machine["type"] == "EXPRESS":
        return _refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
    return original(data)
