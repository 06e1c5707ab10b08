"""A state machine starts a job of Glue, and waits for its end.

AWS: `glue:startJobRun` answers with the run's id and the job's name, and `glue:startJobRun.sync` waits until the run
has ended (https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync). What it then gives is the
run as GetJobRun describes it, with times in milliseconds; a run that did not succeed fails the task with
`States.TaskFailed` and the same as its cause. When the state's time is over or the execution is stopped, the run is
stopped, too. Errors of StartJobRun are named `Glue.` and the API's code.

The emulator has neither, and goes on with a task whose time is over.
"""

from __future__ import annotations

import contextvars
import json
import threading
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import execution, glue_runs
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_glue: Final = service("services.glue")
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")

_RESOURCE: Final = "arn:aws:states:::glue:startJobRun"
_POLL_SECONDS: Final = 0.2
_TIMES: Final = ("StartedOn", "LastModifiedOn", "CompletedOn")

# Set when the time of the task that this thread works for is over.
_time_over: Final[contextvars.ContextVar[threading.Event]] = contextvars.ContextVar("time_over")


def apply() -> None:
    """Add the integration, and tell it when the time of its state is over."""
    _PATCH.expect(_sfn._invoke_resource, "for prefix, handler in _SERVICE_DISPATCH.items()", "handler(resource, input_")
    _PATCH.expect(_sfn._invoke_with_callback, "handler(clean_resource, input_data)")
    _PATCH.expect(_sfn._invoke_resource_with_timeout, "contextvars.copy_context().run, _invoke_resource")
    _PATCH.around(_sfn, "_invoke_resource_with_timeout", _invoke_resource_with_timeout)
    _sfn._SERVICE_DISPATCH[_RESOURCE] = _start_job_run


def _invoke_resource_with_timeout(original: Untyped, *arguments: Untyped) -> Untyped:
    over = threading.Event()
    token = _time_over.set(over)
    try:
        return original(*arguments)
    finally:
        _time_over.reset(token)
        over.set()


def _start_job_run(resource: str, data: dict[str, Any]) -> dict[str, Any]:
    pattern = resource.removeprefix(_RESOURCE)
    if pattern not in ("", ".sync"):
        raise _sfn._ExecutionError("States.Runtime", f"there is no integration {resource}")
    for name, value in data.get("Arguments", {}).items():
        # The API takes text alone; what comes from a path may be anything.
        if not isinstance(value, str):
            cause = f"The value of the argument {name} must be a string: {json.dumps(value)}"
            raise _sfn._ExecutionError("States.Runtime", cause)
    status, _, body = _glue._start_job_run(data)
    answer = json.loads(body)
    if status != HTTPStatus.OK:
        code, request = answer["__type"], _responses.new_uuid()
        told = f"(Service: AWSGlue; Status Code: {status}; Error Code: {code}; Request ID: {request}; Proxy: null)"
        raise _sfn._ExecutionError(f"Glue.{code}", f"{answer['message']} {told}")
    started = {"JobName": data["JobName"], "JobRunId": answer["JobRunId"]}
    return _awaited(**started) if pattern else started


def _awaited(JobName: str, JobRunId: str) -> dict[str, Any]:  # noqa: N803 - as the API has them
    record = next(run for run in _glue._job_runs[JobName] if run["Id"] == JobRunId)
    over = _time_over.get(None)
    try:
        while record["JobRunState"] in glue_runs.ACTIVE_STATES and not (over is not None and over.is_set()):
            execution.current().sleep(_POLL_SECONDS)
    finally:
        # Not when it has ended: then there is nothing to stop.
        glue_runs.stop(JobRunId)
    described = {name: int(value * 1000) if name in _TIMES else value for name, value in sorted(record.items())}
    if record["JobRunState"] != "SUCCEEDED":
        raise _sfn._ExecutionError("States.TaskFailed", json.dumps(described))
    return described
