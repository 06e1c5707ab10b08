"""State machines that start jobs of Glue. The scripts need no Spark, so that they begin at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.account import wait_until
from tests.integration.conformance.jobs import ENDLESS

if TYPE_CHECKING:
    from tests.integration.conformance.jobs import Jobs

# Runs take the places that the tests of Glue count.
pytestmark = pytest.mark.xdist_group("spark")

ACTIONS = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]


def machine(
    jobs: Jobs, *, sync: bool = True, actions: list[str] | None = None, top: dict[str, Any] | None = None, **state: Any
) -> str:
    """A machine that starts the job `job`; a failed task is caught."""
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::glue:startJobRun{'.sync' if sync else ''}",
        "Parameters": {"JobName": "job", "Arguments": {"--city.$": "$.city"}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}],
        "End": True,
        **state,
    }
    definition = {"StartAt": "Job", "States": {"Job": task, "Caught": {"Type": "Pass", "End": True}}, **(top or {})}
    on = f"arn:aws:glue:{jobs.account.region}:{jobs.account.id}:job/job"
    role = jobs.account.role("states", (actions or ACTIONS, on))
    return jobs.account.machine(f"m{len(jobs.account._roles)}", definition, role=role)


def started(jobs: Jobs) -> str:
    """Wait until the job has a run; return its id."""
    return str(wait_until(lambda: jobs.glue.get_job_runs(JobName="job")["JobRuns"])[0]["Id"])


def begun(jobs: Jobs) -> str:
    """Wait until a run of the job has printed something; return its id."""
    run = started(jobs)
    jobs.begun("job", run)
    return run


def test_a_task_waits_for_the_run_and_gives_what_it_became(jobs: Jobs) -> None:
    jobs.define("job", "import sys\nprint(sys.argv[-2:])", Timeout=9)
    ended = jobs.account.run(machine(jobs), {"city": "Oslo"})
    output = ended["output"]
    assert output["JobRunState"] == "SUCCEEDED", output
    run = jobs.run("job", output["Id"])
    assert {key: output[key] for key in ("JobName", "Attempt", "Timeout", "Arguments", "LogGroupName")} == {
        "JobName": "job",
        "Attempt": 0,
        "Timeout": 9,
        "Arguments": {"--city": "Oslo"},
        "LogGroupName": "/aws-glue/jobs",
    }
    for name in ("StartedOn", "CompletedOn", "LastModifiedOn"):
        assert output[name] == int(run[name].timestamp() * 1000)
    assert jobs.printed("output", output["Id"]) == ["['--city', 'Oslo']"]


def test_without_waiting_a_task_gives_the_id_of_the_run(jobs: Jobs) -> None:
    jobs.define("job", ENDLESS)
    output = jobs.account.run(machine(jobs, sync=False, actions=["glue:StartJobRun"]), {"city": "Oslo"})["output"]
    assert output == {"JobName": "job", "JobRunId": begun(jobs)}
    assert jobs.state("job", output["JobRunId"]) == "RUNNING"


def test_a_run_that_fails_fails_the_task_with_the_run_as_its_cause(jobs: Jobs) -> None:
    jobs.define("job", "raise ValueError('no such column')")
    error = jobs.account.run(machine(jobs), {"city": "Oslo"})["output"]["error"]
    assert error["Error"] == "States.TaskFailed"
    cause = json.loads(error["Cause"])
    assert (cause["JobName"], cause["JobRunState"]) == ("job", "FAILED")
    assert cause["ErrorMessage"] == "ValueError: no such column"
    assert isinstance(cause["CompletedOn"], int)


def test_a_run_that_was_stopped_fails_the_task(jobs: Jobs) -> None:
    jobs.define("job", ENDLESS)
    execution = jobs.account.states.start_execution(stateMachineArn=machine(jobs), input='{"city": "Oslo"}')
    jobs.glue.batch_stop_job_run(JobName="job", JobRunIds=[begun(jobs)])
    error = jobs.account.ended(execution["executionArn"])["output"]["error"]
    assert error["Error"] == "States.TaskFailed"
    assert json.loads(error["Cause"])["JobRunState"] == "STOPPED"


def test_errors_of_the_start_have_names(jobs: Jobs) -> None:
    assert jobs.account.run(machine(jobs), {"city": "Oslo"})["output"]["error"]["Error"] == (
        "Glue.EntityNotFoundException"
    )
    jobs.define("job", ENDLESS)
    jobs.start("job")
    busy = jobs.account.run(machine(jobs), {"city": "Oslo"})["output"]["error"]
    assert busy["Error"] == "Glue.ConcurrentRunsExceededException"
    assert busy["Cause"].startswith("Concurrent runs exceeded for job (Service: AWSGlue; Status Code: 400; ")


def test_an_argument_that_is_no_text_is_refused(jobs: Jobs) -> None:
    jobs.define("job", "print(1)")
    ended = jobs.account.run(machine(jobs), {"city": 7})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert "--city must be a string" in ended["cause"]
    assert jobs.glue.get_job_runs(JobName="job")["JobRuns"] == []


@pytest.mark.parametrize("missing", ACTIONS)
def test_a_task_that_waits_needs_all_permissions(jobs: Jobs, missing: str) -> None:
    jobs.define("job", "print(1)")
    allowed = [action for action in ACTIONS if action != missing]
    error = jobs.account.run(machine(jobs, actions=allowed), {"city": "Oslo"})["output"]["error"]
    assert error["Error"] == "Glue.AccessDeniedException"
    assert f"not authorized to perform: {missing} on resource: arn:aws:glue:" in error["Cause"]
    assert jobs.glue.get_job_runs(JobName="job")["JobRuns"] == []


def test_the_run_is_stopped_when_the_time_of_the_state_is_over(jobs: Jobs) -> None:
    jobs.define("job", ENDLESS)
    ended = jobs.account.run(machine(jobs, TimeoutSeconds=2), {"city": "Oslo"})
    assert ended["output"]["error"]["Error"] == "States.Timeout"
    (run,) = jobs.glue.get_job_runs(JobName="job")["JobRuns"]
    assert jobs.ended("job", run["Id"])["JobRunState"] == "STOPPED"


@pytest.mark.parametrize("how", ["stopped", "timed out"])
def test_the_run_is_stopped_with_the_execution(jobs: Jobs, how: str) -> None:
    jobs.define("job", ENDLESS)
    top = {"TimeoutSeconds": 2} if how == "timed out" else {}
    arn = machine(jobs, top=top)
    execution = jobs.account.states.start_execution(stateMachineArn=arn, input='{"city": "Oslo"}')["executionArn"]
    run = begun(jobs) if how == "stopped" else started(jobs)
    if how == "stopped":
        jobs.account.states.stop_execution(executionArn=execution)
    assert jobs.ended("job", run)["JobRunState"] == "STOPPED"
    assert jobs.account.ended(execution)["status"] == ("ABORTED" if how == "stopped" else "TIMED_OUT")
