"""Spark jobs of Glue really run, with the job's role, and as the job's definition says.

AWS: a job of the type `glueetl` runs its script on Spark, as the job's role, which Glue must be able to assume
(https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-runs.html,
https://docs.aws.amazon.com/glue/latest/dg/glue-troubleshooting-errors.html); `MaxConcurrentRuns`, 1 if it is not
given, and `Timeout` hold; UpdateJob replaces the whole definition
(https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html). Arguments of a run win over the job's
`DefaultArguments`, and its `NonOverridableArguments` over both.

The emulator answers SUCCEEDED for such a job without running anything, unless it has Docker, forgets
`ExecutionProperty`, keeps what an update leaves out, and does not list the tags that a job is created with. What is
not here is refused when a job is created: other types of jobs, other versions than Glue 5, retries, connections.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import glue_runs, roles
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_glue: Final = service("services.glue")
_responses: Final = service("core.responses")

_PRINCIPAL: Final = "glue.amazonaws.com"
_VERSIONS: Final = ("5.0", "5.1")
_MINUTES: Final = range(1, 10_081)
_DEFAULTS: Final[dict[str, Any]] = {
    "MaxRetries": 0,
    "Timeout": 480,
    "GlueVersion": "5.1",
    "ExecutionProperty": {"MaxConcurrentRuns": 1},
}
# What a run takes over from its job, or gets for itself.
_CAPACITY: Final = ("WorkerType", "NumberOfWorkers", "MaxCapacity", "SecurityConfiguration", "ExecutionClass")
_DEFINITION: Final = frozenset(
    {*_DEFAULTS, *_CAPACITY, "Description", "Role", "Command", "DefaultArguments", "NonOverridableArguments"}
)
_RUN: Final = frozenset({*_CAPACITY, "JobName", "Arguments", "Timeout"})

_starting: Final = threading.Lock()


def apply() -> None:
    """Take over what concerns jobs and their runs."""
    _PATCH.expect(_glue._create_job, "_jobs[name] = {", "_job_runs[name] = []")
    _PATCH.expect(_glue._update_job, "_jobs[name][k] = job_update[k]")
    _PATCH.expect(_glue._start_job_run, 'run["JobRunState"] = "SUCCEEDED"', "_job_runs[job_name].append(run)")
    _PATCH.expect(_glue._get_job_run, "_job_runs.get(job_name, [])")
    _PATCH.expect(_glue._batch_stop_job_run, '("STARTING", "RUNNING")', '"Errors": errors')
    _PATCH.around(_glue, "_create_job", _create_job)
    _PATCH.around(_glue, "_update_job", _update_job)
    _PATCH.around(_glue, "_delete_job", _delete_job)
    _PATCH.around(_glue, "_start_job_run", _start_job_run)
    _PATCH.around(_glue, "_get_job_runs", _get_job_runs)
    _PATCH.around(_glue, "_batch_stop_job_run", _batch_stop_job_run)
    _PATCH.around(_glue, "reset", _reset)


def _refused(message: str, code: str = "InvalidInputException") -> Untyped:
    return _responses.error_response_json(code, message, HTTPStatus.BAD_REQUEST)


def _not_here(data: dict[str, Any], known: frozenset[str]) -> Untyped:
    names = sorted(name for name, value in data.items() if value and name not in known)
    return _refused(f"the embedded AWS does not have {', '.join(names)} of Glue jobs") if names else None


# Jobs


def _create_job(original: Untyped, data: dict[str, Any]) -> Untyped:
    refusal = _not_here(data, _DEFINITION | {"Name", "Tags"}) or _bad_definition(data)
    if refusal:
        return refusal
    answer = original(data)
    if answer[0] == HTTPStatus.OK:
        _define(data["Name"], data, time.time())
        _glue._tags[_glue._arn("job", data["Name"])] = dict(data.get("Tags", {}))
    return answer


def _update_job(original: Untyped, data: dict[str, Any]) -> Untyped:
    job = _glue._jobs.get(data.get("JobName"))
    if job is None:
        return original(data)
    wanted = data.get("JobUpdate", {})
    refusal = _not_here(wanted, _DEFINITION) or _bad_definition(wanted)
    if refusal:
        return refusal
    _define(job["Name"], wanted, job["CreatedOn"])
    return _responses.json_response({"JobName": job["Name"]})


def _define(name: str, data: dict[str, Any], created: float) -> None:
    given = {key: value for key, value in data.items() if key in _DEFINITION and value is not None}
    times = {"CreatedOn": created, "LastModifiedOn": time.time()}
    _glue._jobs[name] = {"Name": name, **_DEFAULTS, **given, **times}


def _bad_definition(data: dict[str, Any]) -> Untyped:
    command, version = data.get("Command", {}), data.get("GlueVersion", _VERSIONS[-1])
    kind, python = command.get("Name", "glueetl"), command.get("PythonVersion", "3")
    if not data.get("Role") or not command.get("ScriptLocation"):
        return _refused("Role and Command.ScriptLocation are required")
    if kind != "glueetl":
        return _refused(f"the embedded AWS runs Glue jobs of the type glueetl, not {kind}")
    if version not in _VERSIONS or python != "3":
        return _refused(f"the embedded AWS has Spark 3.5 of Glue 5 with Python 3, not Glue {version}, Python {python}")
    if data.get("MaxRetries"):
        return _refused("the embedded AWS does not retry runs of Glue jobs: MaxRetries must be 0")
    return _bad_minutes(data)


def _bad_minutes(data: dict[str, Any]) -> Untyped:
    minutes = data.get("Timeout", 1)
    return None if minutes in _MINUTES else _refused(f"Timeout must be 1 to 10080 minutes, not {minutes}")


def _delete_job(original: Untyped, data: dict[str, Any]) -> Untyped:
    _glue._tags.pop(_glue._arn("job", data.get("JobName", "")), None)
    return original(data)


# Runs


def _start_job_run(_original: Untyped, data: dict[str, Any]) -> Untyped:
    name = data.get("JobName")
    job = _glue._jobs.get(name)
    if job is None:
        return _refused(f"Job {name} not found", "EntityNotFoundException")
    refusal = _not_here(data, _RUN) or _bad_minutes(data)
    if refusal:
        return refusal
    role = _role_arn(job["Role"])
    if not roles.may_be_assumed_by(role, _PRINCIPAL, _glue._arn("job", name)):
        return _refused(f"Role {role} should be given assume role permissions for Glue Service.")
    record = _record(job, data)
    with _starting:
        runs = _glue._job_runs.get(name)
        if sum(run["JobRunState"] in glue_runs.ACTIVE_STATES for run in runs) >= _limit(job):
            return _refused(f"Concurrent runs exceeded for {name}", "ConcurrentRunsExceededException")
        run = glue_runs.JobRun(record, {**job, "Role": role}, _arguments(job, data))
        runs.append(record)
    run.start()
    return _responses.json_response({"JobRunId": record["Id"]})


def _limit(job: dict[str, Any]) -> int:
    return int(job["ExecutionProperty"].get("MaxConcurrentRuns", 1))


def _role_arn(role: str) -> str:
    return role if role.startswith("arn:") else f"arn:aws:iam::{_responses.get_account_id()}:role/{role}"


def _arguments(job: dict[str, Any], data: dict[str, Any]) -> dict[str, str]:
    merged = job.get("DefaultArguments", {}) | data.get("Arguments", {}) | job.get("NonOverridableArguments", {})
    # Glue gives these two itself.
    return {key: value for key, value in merged.items() if key not in ("--JOB_NAME", "--JOB_RUN_ID")}


def _record(job: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    now = time.time()
    return {
        "Id": f"jr_{secrets.token_hex(32)}",
        "Attempt": 0,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": data.get("Arguments", {}),
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": data.get("Timeout", job["Timeout"]),
        "LogGroupName": glue_runs.LOG_GROUP,
        "GlueVersion": job["GlueVersion"],
        **{key: value for key in _CAPACITY if (value := data.get(key, job.get(key)))},
    }


def _get_job_runs(_original: Untyped, data: dict[str, Any]) -> Untyped:
    """Answer with the latest first, as AWS does, and page by page."""
    runs = _glue._job_runs.get(data.get("JobName"))
    if runs is None:
        return _refused(f"Job {data.get('JobName')} not found", "EntityNotFoundException")
    first, count = int(data.get("NextToken") or 0), data.get("MaxResults", 200)
    page = runs[::-1][first : first + count]
    more = {"NextToken": str(first + count)} if first + count < len(runs) else {}
    return _responses.json_response({"JobRuns": page, **more})


def _batch_stop_job_run(original: Untyped, data: dict[str, Any]) -> Untyped:
    name = data.get("JobName")
    mine = {run["Id"] for run in _glue._job_runs.get(name, [])}
    stopped = [run for run in data.get("JobRunIds", []) if run in mine and glue_runs.stop(run)]
    others = [run for run in data.get("JobRunIds", []) if run not in stopped]
    # The emulator words the errors for those that cannot be stopped.
    status, headers, body = original({**data, "JobRunIds": others})
    answer = json.loads(body)
    answer["SuccessfulSubmissions"] += [{"JobName": name, "JobRunId": run} for run in stopped]
    return status, headers, json.dumps(answer).encode()


def _reset(original: Untyped) -> None:
    glue_runs.stop_all(wait=False)
    original()
