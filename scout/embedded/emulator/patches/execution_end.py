"""Executions end when their time is over or when they are stopped, and stay as they ended.

AWS: `TimeoutSeconds` of a state machine ends the execution as TIMED_OUT with the error `States.Timeout`, and with a
status change event (https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html,
https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html). An Express execution ends after
five minutes at the latest (https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html). An
execution that was stopped runs no further states. Executions of Express workflows send no status change events.

The emulator knows no time-out of a state machine, lets states that are at work in a Map or Parallel go on after a
stop, replaces ABORTED by FAILED when one of them fails then, and sends events for Express executions that
StartExecution began. It also sleeps 150 ms before each execution, which nothing needs.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from typing import Any, Final

from scout.embedded.emulator import execution
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_sfn: Final = service("services.stepfunctions")

_EXPRESS_MAXIMUM_SECONDS: Final = 300
_NEEDLESS_DELAY_SECONDS: Final = 0.15


class _Time:
    """The `time` module as the interpreter sees it, without the delay before each execution."""

    def __getattr__(self, name: str) -> Untyped:
        return getattr(time, name)

    @staticmethod
    def sleep(seconds: float) -> None:
        if seconds != _NEEDLESS_DELAY_SECONDS:
            time.sleep(seconds)


def apply() -> None:
    """Put time limits, and a check before each state, around the interpreter."""
    _PATCH.expect(_sfn._run_execution, "time.sleep(0.15)", "_fail_execution(execution, err.error, err.cause)")
    _PATCH.expect(_sfn._stop_execution, 'execution["status"] = "ABORTED"')
    _PATCH.expect(_sfn._run_sub_machine, 'ctx["State"] = ')
    _sfn.time = _Time()
    _PATCH.around(_sfn, "_run_execution", _run_execution)
    _PATCH.around(_sfn, "_fail_execution", _fail_execution)
    _PATCH.around(_sfn, "_stop_execution", _stop_execution)
    _PATCH.around(_sfn, "_test_state", _test_state)
    _PATCH.around(_sfn, "_emit_execution_status_event", _emit_execution_status_event)
    _PATCH.around(_sfn, "_scaled_sleep", _scaled_sleep)
    _PATCH.around(_sfn, "_run_sub_machine", _run_sub_machine)
    for state in ("pass", "task", "choice", "wait", "parallel", "map"):
        _PATCH.around(_sfn, f"_execute_{state}", _execute_state)


def _run_execution(original: Untyped, arn: str) -> None:
    record = _sfn._executions.get(arn)
    machine = _sfn._state_machines.get(record["stateMachineArn"]) if record else None
    if machine is None:
        original(arn)
        return
    express = machine["type"] == "EXPRESS"
    run = execution.Run(record, machine["roleArn"], express)
    record["run"] = run
    limit = json.loads(machine["definition"]).get("TimeoutSeconds")
    if express:
        limit = min(limit or _EXPRESS_MAXIMUM_SECONDS, _EXPRESS_MAXIMUM_SECONDS)
    context = contextvars.copy_context()
    context.run(execution.enter, run)
    if limit is None:
        context.run(original, arn)
    else:
        thread = threading.Thread(target=context.run, args=(original, arn), daemon=True, name="execution")
        thread.start()
        thread.join(limit)
        if thread.is_alive():
            _time_out(run)
    run.ended.set()


def _test_state(original: Untyped, data: dict[str, Any]) -> Untyped:
    record = {"status": "RUNNING", "name": "TestState", "executionArn": ""}
    context = contextvars.copy_context()
    context.run(execution.enter, execution.Run(record, data.get("roleArn", ""), express=False))
    return context.run(original, data)


def _time_out(run: execution.Run) -> None:
    record = run.record
    with run.lock:
        if not run.running:
            return
        record["status"] = "TIMED_OUT"
    record["error"] = "States.Timeout"
    record["cause"] = None
    record["stopDate"] = _sfn.now_iso()
    _sfn._add_event(record, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    _sfn._emit_execution_status_event(record)


def _fail_execution(original: Untyped, record: dict[str, Any], error: str, cause: str) -> None:
    if record.get("run") is None:
        original(record, error, cause)
        return
    # Not that of the record, which may have been redriven since this thread's run of it ended.
    run = execution.current()
    with run.lock:
        if run.running:
            original(record, error, cause)
    run.ended.set()


def _stop_execution(original: Untyped, data: dict[str, Any]) -> Untyped:
    record = _sfn._executions.get(data.get("executionArn"))
    run: execution.Run | None = record.get("run") if record else None
    if run is None:
        return original(data)
    with run.lock:
        answer = original(data)
    if not run.running:
        run.ended.set()
    return answer


def _emit_execution_status_event(original: Untyped, record: dict[str, Any]) -> None:
    machine = _sfn._state_machines.get(record["stateMachineArn"])
    if machine is None or machine["type"] != "EXPRESS":
        original(record)


def _scaled_sleep(_original: Untyped, seconds: float) -> None:
    execution.current().sleep(seconds)


def _run_sub_machine(original: Untyped, *args: Untyped) -> Untyped:
    # Branches write their state into the context object, the last argument; each gets its own.
    *rest, context = args
    return original(*rest, dict(context))


def _execute_state(original: Untyped, *args: Untyped) -> Untyped:
    execution.current().check()
    return original(*args)
