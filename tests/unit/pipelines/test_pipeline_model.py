"""What a user writes: what is refused, with which words; which type AUTO chooses, and why."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pipelines.samples import (
    FUNCTION,
    QUICK,
    configuration,
    configurations,
    express,
    glue_stage,
    lambda_stage,
    standard,
)
from workflow.definition import MachineType
from workflow.model import MigrationMode, WorkflowConfiguration, WorkflowType
from workflow.stages import ConfigurationError, GlueStage, LambdaStage, RetryConfiguration
from workflow.targets import GlueJobTarget, LambdaFunction


def problems(**written: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refused:
        WorkflowConfiguration(**{"workflow_name": "sample", "stages": [lambda_stage("OneStage")], **written})
    return refused.value.problems


@pytest.mark.property(26)
def test_the_configuration_has_the_interface_of_the_guide():
    config = WorkflowConfiguration(
        workflow_name="candidates",
        workflow_type=WorkflowType.STANDARD,
        stages=[lambda_stage("ETLStage"), glue_stage("HeavyETLStage"), lambda_stage("StoreStage")],
        retry=RetryConfiguration(),
    )
    assert [stage.name for stage in config.stages] == ["ETLStage", "HeavyETLStage", "StoreStage"]
    assert (config.batch_size, config.batch_window_seconds, config.machine_type) == (1, 0, MachineType.STANDARD)


def test_the_defaults_of_retries():
    assert RetryConfiguration() == RetryConfiguration(
        lambda_max_attempts=2,
        lambda_interval_seconds=20,
        lambda_backoff_rate=2.0,
        glue_max_attempts=2,
        glue_interval_minutes=5,
        glue_backoff_rate=2.0,
    )


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"lambda_max_attempts": -1}, "lambda_max_attempts is -1; it takes 0 to 100"),
        ({"lambda_interval_seconds": 0}, "lambda_interval_seconds is 0; it takes 1 to 86,400"),
        ({"lambda_backoff_rate": 0.5}, "lambda_backoff_rate is 0.5; it takes 1 to 10"),
        ({"glue_max_attempts": -2}, "glue_max_attempts is -2; it takes 0 to 100"),
        ({"glue_interval_minutes": 0}, "glue_interval_minutes is 0; it takes 1 to 1,440"),
        ({"glue_backoff_rate": float("nan")}, "glue_backoff_rate is nan; it takes 1 to 10"),
    ],
)
def test_retries_below_their_minimum_are_refused(written, field):
    with pytest.raises(ConfigurationError, match=re.escape(field)):
        RetryConfiguration(**written)


@pytest.mark.parametrize("name", ["", "  "])
def test_a_blank_name(name):
    assert problems(workflow_name=name) == ("Workflow name cannot be empty or blank.",)


@pytest.mark.parametrize("name", ["9lives", "a/b", "a_b", "x" * 49, "../x"])
def test_a_name_that_resources_could_not_have(name):
    (problem,) = problems(workflow_name=name)
    assert problem.startswith(f"Workflow name {name!r} is not valid")


def test_no_stage():
    (problem,) = problems(stages=[])
    assert problem.startswith("Workflow must contain at least one stage. Received an empty list.")


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ({"timeout_seconds": "45"}, "timeout_seconds is '45'; it takes a whole number."),
        ({"batch_size": "5"}, "batch_size is '5'; it takes a whole number."),
        ({"batch_size": True}, "batch_size is True; it takes a whole number."),
        ({"batch_window_seconds": 1.5}, "batch_window_seconds is 1.5; it takes a whole number."),
        ({"batch_window_seconds": None}, "batch_window_seconds is None; it takes a whole number."),
        ({"workflow_name": 5}, "workflow_name is 5; it takes a text."),
        ({"retry": {"lambda_max_attempts": 1}}, "retry is {'lambda_max_attempts': 1}; it takes a RetryConfiguration."),
        ({"stages": ["ETLStage"]}, "stages holds 'ETLStage'; a stage is a LambdaStage or a GlueStage."),
        ({"stages": "ETLStage"}, "stages is 'ETLStage'; it takes a list."),
        ({"stages": lambda_stage("One")}, "stages is LambdaStage("),
        ({"stages": None}, "stages is None; it takes a list."),
    ],
)
def test_what_is_of_another_kind(written, start):
    (problem,) = problems(**written)
    assert problem.startswith(start)


def test_stages_may_come_from_anything_that_yields_them():
    stages: Any = map(lambda_stage, ["One", "Two"])
    config = WorkflowConfiguration(workflow_name="sample", stages=stages)
    assert [stage.name for stage in config.stages] == ["One", "Two"]


def test_two_stages_of_one_name():
    (problem,) = problems(stages=[lambda_stage("ETLStage"), lambda_stage("ETLStage")])
    assert "Stage names must be unique within a workflow: 2 stages are named 'ETLStage'" in problem
    assert "Solution: rename them" in problem


@pytest.mark.parametrize("name", ["", "9", "a b", "a/b", "a.b", "initial", "x" * 65])
def test_a_stage_name_that_could_be_no_folder(name):
    assert any(f"Stage name {name!r} is not valid" in problem for problem in problems(stages=[lambda_stage(name)]))


def test_a_glue_stage_in_an_express_workflow_is_told_what_to_do():
    stages = [lambda_stage("ETLStage"), glue_stage("HeavyETLStage")]
    (problem,) = problems(stages=stages, workflow_type=WorkflowType.EXPRESS)
    assert problem.startswith("Express workflows only support Lambda stages. Reason: ")
    assert "HeavyETLStage (job job-HeavyETLStage)" in problem
    assert "Solution: change workflow_type to WorkflowType.STANDARD" in problem


def test_stages_that_can_take_longer_than_express_are_told_each_by_its_seconds():
    (problem,) = problems(
        stages=[lambda_stage("ETLStage", 100), lambda_stage("StoreStage", 100)], workflow_type=WorkflowType.EXPRESS
    )
    # 100 s and 3 for the start; waits of 20 s and 40 s.
    assert "The stages can take 326 s with all their retries (ETLStage 163, StoreStage 163)" in problem
    assert "after 300 s" in problem
    assert "retry.lambda_interval_seconds" in problem


def test_the_default_retries_of_five_short_stages_do_not_fit_express():
    """Defect 13 of the reference: its own default could take ten minutes."""
    stages = [lambda_stage(f"S{number}", 1) for number in range(5)]
    assert any("can take 320 s" in problem for problem in problems(stages=stages, workflow_type=WorkflowType.EXPRESS))
    assert express(*stages).machine_type is MachineType.EXPRESS


def test_a_single_stage_of_more_than_five_minutes_does_not_fit_express():
    assert problems(stages=[lambda_stage("Slow", 301)], workflow_type=WorkflowType.EXPRESS, retry=QUICK)


@pytest.mark.parametrize("seconds", [None, 0, 901])
def test_a_time_out_that_lambda_does_not_have(seconds):
    stage = LambdaStage("OneStage", function=FUNCTION + "one", timeout_seconds=seconds)
    (problem,) = problems(stages=[stage])
    assert problem.startswith("Stage 'OneStage': ")
    assert ("is not known" in problem) == (seconds is None)


def test_a_state_may_not_end_before_its_function_or_job_does():
    function = LambdaFunction(arn=FUNCTION + "one", timeout_seconds=10)
    (problem,) = problems(stages=[LambdaStage("OneStage", function=function, timeout_seconds=5)])
    assert "timeout_seconds is 5, but the function's own is 10" in problem
    longer = LambdaStage("OneStage", function=function, timeout_seconds=15)
    assert configuration(longer).stages == (longer,)
    job = GlueJobTarget(name="heavy", timeout_minutes=60)
    (problem,) = problems(stages=[GlueStage("HeavyStage", job=job, timeout_minutes=30)])
    assert "timeout_minutes is 30, but the job's own is 60" in problem


@pytest.mark.parametrize("function", ["", "my-function", "arn:aws:s3:::bucket", None, 3])
def test_what_is_no_function(function):
    (problem,) = problems(stages=[LambdaStage("OneStage", function=function, timeout_seconds=5)])
    assert "is not the ARN of a function" in problem or "is nothing that can be called" in problem


@pytest.mark.parametrize("job", ["", None, 3])
def test_what_is_no_job(job):
    (problem,) = problems(stages=[GlueStage("HeavyStage", job=job, timeout_minutes=5)])
    assert problem.startswith("Stage 'HeavyStage': ")


def test_an_argument_that_the_workflow_sets_itself():
    (problem,) = problems(
        stages=[glue_stage("HeavyStage", arguments={"stage_name": "other", "input_key": "x", "own": "y"})]
    )
    assert "the workflow itself sets input_key, stage_name" in problem


@pytest.mark.parametrize("given_", ["express", "FAST", None])
def test_a_type_that_there_is_not(given_):
    (problem,) = problems(workflow_type=given_)
    assert f"workflow_type is {given_!r}; it takes EXPRESS, STANDARD, AUTO" in problem


def test_auto_is_standard_where_more_than_five_minutes_are_asked_for():
    config = configuration(lambda_stage("OneStage"), timeout_seconds=600, retry=QUICK)
    assert config.machine_type is MachineType.STANDARD
    assert "timeout_seconds is 600" in config.choice.reasons[0]
    assert config.execution_seconds == 600


def test_the_time_out_of_an_existing_job_must_be_said():
    (problem,) = problems(stages=[GlueStage("HeavyStage", job="nightly")])
    assert "the time-out of its job is not known" in problem
    assert "Solution: give timeout_minutes=" in problem


def test_a_legacy_stage_cannot_follow_a_job():
    (problem,) = problems(stages=[glue_stage("HeavyStage"), lambda_stage("OldStage", legacy=True)])
    assert "Legacy stage 'OldStage' cannot follow the Glue stage 'HeavyStage'" in problem


def test_a_batch_is_for_express():
    (problem,) = problems(batch_size=5, workflow_type=WorkflowType.STANDARD)
    assert "batch_size is 5, but a Standard execution is one message" in problem
    assert express(lambda_stage("OneStage"), batch_size=5).batch_size == 5


@pytest.mark.parametrize("written", [{"batch_size": 0}, {"batch_size": 11}, {"batch_window_seconds": 301}])
def test_batches_that_a_pipe_does_not_make(written):
    ((field, value),) = written.items()
    assert any(problem.startswith(f"{field} is {value}; it takes") for problem in problems(**written))


def test_an_express_workflow_of_more_than_five_minutes():
    (problem,) = problems(timeout_seconds=301, workflow_type=WorkflowType.EXPRESS, retry=QUICK)
    assert "an Express execution ends after 300 s" in problem


def test_all_problems_of_the_stages_are_told_at_once():
    found = problems(workflow_name="", stages=[lambda_stage("A"), lambda_stage("A"), GlueStage("B", job="b")])
    assert len(found) == 3


@pytest.mark.property(25)
@given(configurations(legacy=True))
def test_auto_chooses_express_exactly_where_all_stages_are_lambda_and_fit(config):
    all_lambda = all(isinstance(stage, LambdaStage) for stage in config.stages)
    fits = all_lambda and config.longest_seconds(MachineType.EXPRESS) <= 300
    assert config.machine_type is (MachineType.EXPRESS if fits else MachineType.STANDARD)
    assert config.choice.reasons
    if fits:
        assert configuration(*config.stages, retry=config.retry, workflow_type=WorkflowType.EXPRESS)
    else:
        with pytest.raises(ConfigurationError):
            configuration(*config.stages, retry=config.retry, workflow_type=WorkflowType.EXPRESS)


def test_the_choice_says_why():
    glue = configuration(lambda_stage("A"), glue_stage("HeavyStage"))
    assert glue.choice.reasons == ("an Express execution cannot wait for a Glue job (HeavyStage)",)
    slow = configuration(lambda_stage("A", 900))
    assert "an Express execution ends after 300 s" in slow.choice.reasons[0]
    said = standard(lambda_stage("A"))
    assert said.choice.reasons == ("workflow_type is STANDARD",)


@given(configurations(), st.integers(1, 3))
def test_more_retries_never_take_less_time(config, more):
    retry = RetryConfiguration(**vars(config.retry) | {"lambda_max_attempts": config.retry.lambda_max_attempts + more})
    for machine_type in MachineType:
        longer = configuration(*config.stages, retry=retry).longest_seconds(machine_type)
        assert longer >= config.longest_seconds(machine_type)


@given(configurations())
def test_an_execution_has_time_for_all_its_stages_and_retries(config):
    assert config.execution_seconds >= config.longest_seconds(config.machine_type)


def test_what_a_stage_calls_may_be_given_in_each_way():
    class Function:
        def __init__(self) -> None:
            self.target = LambdaFunction(arn="arn:of:a:component", timeout_seconds=7)

    class Job:
        def __init__(self) -> None:
            self.target = GlueJobTarget(name="of-a-component", timeout_minutes=8)

    class Existing:
        arn = "arn:of:a:resource"
        name = "of-a-resource"

    class Later:
        """As an output of Pulumi, which has every attribute that it is asked for."""

        def __getattr__(self, name: str) -> object:
            return f"the {name} of what comes later"

    later = Later()
    lambdas = {
        LambdaStage("A", function=Function()): ("arn:of:a:component", 7),
        LambdaStage("A", function=Function().target): ("arn:of:a:component", 7),
        LambdaStage("A", function=Existing(), timeout_seconds=9): ("arn:of:a:resource", 9),
        LambdaStage("A", function=FUNCTION + "x", timeout_seconds=3): (FUNCTION + "x", 3),
        LambdaStage("A", function=later, timeout_seconds=3): (later, 3),
    }
    assert [(stage.reference, stage.seconds) for stage in lambdas] == list(lambdas.values())
    jobs = {
        GlueStage("A", job=Job()).reference: "of-a-component",
        GlueStage("A", job=Existing()).reference: "of-a-resource",
        GlueStage("A", job="nightly").reference: "nightly",
        GlueStage("A", job=later).reference: later,
    }
    assert list(jobs) == list(jobs.values())
    assert GlueStage("A", job=Job()).minutes == 8


def test_the_mode_of_migration_follows_from_the_stages():
    old, new, job = lambda_stage("Old", legacy=True), lambda_stage("New"), glue_stage("Job")
    assert configuration(old).migration_mode is MigrationMode.LEGACY
    assert configuration(old, new).migration_mode is MigrationMode.HYBRID
    assert configuration(new, job).migration_mode is MigrationMode.S3
    mixed = configuration(old, new, job)
    assert mixed.legacy_stages == (old,)
