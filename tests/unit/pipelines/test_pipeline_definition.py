"""The state machine of a pipeline: what each stage is given, how stages follow each other, where errors lead."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statelint.linter import Linter
from syrupy.assertion import SnapshotAssertion

from lambdas.runtime import keys
from lambdas.runtime.context import ExecutionContext
from lambdas.runtime.errors import PERMANENT
from tests.unit.pipelines.samples import (
    BUCKET,
    FUNCTION,
    arguments,
    configuration,
    configurations,
    definition,
    evaluated,
    express,
    folder,
    glue_stage,
    lambda_stage,
    message_path,
    payload,
    stage_scope,
    standard,
    tasks,
)
from workflow.definition import MachineType, render
from workflow.graph import all_states, success_way
from workflow.pipeline import INPUT_TEMPLATE
from workflow.pipeline_stages import is_legacy
from workflow.rules import check
from workflow.stages import HANDOVER_ARGUMENTS, GlueStage, LambdaStage, RetryConfiguration
from workflow.states import ALL_ERRORS, DISCARD, Choice, Comparison, Fail, Map, Pass, Task

ANY = configurations(legacy=True)
FIVE = [f"{name}Stage" for name in ("ETL", "Filter", "Score", "Store", "Reactive")]


@given(ANY)
def test_any_pipeline_keeps_the_rules_and_statelint_finds_nothing(config):
    machine = definition(config)
    timeouts = {stage.reference: stage.seconds or 0 for stage in config.stages if isinstance(stage, LambdaStage)}
    assert check(machine, config.machine_type, timeouts) == []
    assert Linter.validate(render(machine)) == []


@pytest.mark.parametrize(
    "config",
    [
        express(*map(lambda_stage, FIVE), batch_size=5),
        standard(lambda_stage("ETLStage"), glue_stage("HeavyETLStage"), lambda_stage("StoreStage")),
        standard(glue_stage("FirstStage"), lambda_stage("MiddleStage"), glue_stage("LastStage")),
        standard(
            lambda_stage("OldStage", legacy=True), lambda_stage("NewStage"), lambda_stage("EndStage", legacy=True)
        ),
    ],
    ids=["express", "standard", "glue", "hybrid"],
)
def test_the_rendered_definition_is_the_accepted_one(config, snapshot: SnapshotAssertion):
    assert render(definition(config)) == snapshot


@pytest.mark.property(12)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 10))
def test_express_is_a_map_over_messages_of_at_most_five_minutes(seconds, batch):
    config = express(*(lambda_stage(f"S{at}", each) for at, each in enumerate(seconds)), batch_size=batch)
    machine = definition(config)
    assert config.machine_type is MachineType.EXPRESS
    assert machine.timeout_seconds is not None
    assert machine.timeout_seconds <= 300
    assert success_way(machine) == ["Each message", "Report failures"]
    messages = machine.states["Each message"]
    assert isinstance(messages, Map)
    assert (messages.max_items, messages.max_concurrency) == (batch, batch)
    assert not [name for name, state in all_states(machine) if isinstance(state, Task) and ".sync" in state.resource]


@pytest.mark.property(18)
@given(ANY)
def test_standard_has_its_stages_in_the_machine_itself_and_time_for_all_of_them(config):
    config = standard(*config.stages, retry=config.retry)
    machine = definition(config)
    way = success_way(machine)
    assert [name for name in way if name in {stage.name for stage in config.stages}] == [
        stage.name for stage in config.stages
    ]
    assert machine.timeout_seconds is not None
    assert machine.timeout_seconds >= min(config.longest_seconds(MachineType.STANDARD), 365 * 24 * 3600)


@pytest.mark.property(20)
@pytest.mark.property(28)
@given(ANY)
def test_lambda_and_glue_stages_stand_in_any_order_and_follow_each_other_as_written(config):
    way = success_way(stage_scope(config))
    names = [stage.name for stage in config.stages]
    assert [name for name in way if name in names] == names
    for stage in config.stages:
        resource = tasks(config)[stage.name].resource
        assert resource.endswith("glue:startJobRun.sync" if isinstance(stage, GlueStage) else "lambda:invoke")


@pytest.mark.property(8)
@given(ANY)
def test_a_stage_is_given_its_context_and_no_data(config):
    for stage in config.stages:
        if isinstance(stage, GlueStage) or stage.legacy:
            continue
        event = payload(tasks(config)[stage.name])
        names = {name.removesuffix(".$") for name in event}
        assert names <= {
            "executionId", "currentStage", "previousStage", "workflowBucket", "initialData",
            "inputInline", "outputInline",
        }  # fmt: skip
        # It is an event that the SDK takes, once the paths are filled in.
        filled = {name.removesuffix(".$"): "x" if name.endswith(".$") else value for name, value in event.items()}
        context = ExecutionContext.parse(filled)
        assert (context.current_stage, context.workflow_bucket) == (stage.name, BUCKET)


@pytest.mark.property(4)
@given(ANY)
def test_only_the_first_stage_gets_the_message(config):
    for place, stage in enumerate(config.stages):
        task = tasks(config)[stage.name]
        if isinstance(stage, GlueStage):
            assert (arguments(task)["--previous_stage"] == "initial") == (place == 0)
        elif not stage.legacy:
            before = config.stages[place - 1] if place else None
            event = payload(task)
            assert event["previousStage"] == (before.name if before else None)
            if before is None:
                assert event["initialData.$"] == f"{message_path(config)}.initialData"
            elif isinstance(before, LambdaStage) and before.legacy:
                assert (event["initialData.$"], event["inputInline"]) == ("$.Payload", True)
            else:
                assert event["initialData"] is None
        else:
            assert ("Payload" in (task.parameters or {})) == (place == 0)


@pytest.mark.property(2)
@pytest.mark.property(3)
@pytest.mark.property(22)
@given(configurations(), st.from_regex(r"[A-Za-z0-9_.+=@!()-]{1,40}", fullmatch=True))
def test_a_job_reads_what_the_stage_before_wrote_and_writes_where_the_next_reads(config, execution_id):
    for place, stage in enumerate(config.stages):
        if not isinstance(stage, GlueStage):
            continue
        given_ = arguments(tasks(config)[stage.name])
        previous = config.stages[place - 1].name if place else "initial"
        assert evaluated(given_["--input_key.$"], execution_id) == keys.stage_output(execution_id, previous)
        assert evaluated(given_["--output_key.$"], execution_id) == keys.stage_output(execution_id, stage.name)
        assert (given_["--input_bucket"], given_["--output_bucket"]) == (BUCKET, BUCKET)
        assert given_["--stage_name"] == stage.name
        assert evaluated(given_["--execution_id.$"], execution_id) == execution_id
        # Glue takes no hyphens in names, and getResolvedOptions gives none.
        assert all("-" not in name.removeprefix("--") for name in given_)


def test_a_jobs_own_arguments_go_with_those_of_the_hand_over():
    given_ = arguments(tasks(standard(glue_stage("HeavyStage", arguments={"country": "GB"})))["HeavyStage"])
    assert given_["--country"] == "GB"
    assert given_["--stage_name"] == "HeavyStage"
    assert {name.removeprefix("--").removesuffix(".$") for name in given_} == HANDOVER_ARGUMENTS | {"country"}


@pytest.mark.property(5)
@given(ANY, st.from_regex(r"[A-Za-z0-9-]{1,40}", fullmatch=True))
def test_everything_that_an_execution_writes_lies_in_its_own_folder(config, execution_id):
    own = folder(config, execution_id)
    stages = {"initial", *(stage.name for stage in config.stages)}
    for _, state in all_states(definition(config)):
        for text in texts(state.to_asl()):
            if "output.json" in text:
                assert evaluated(text, execution_id) in {keys.stage_output(own, stage) for stage in stages}


def texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in texts(value)]
    return [node] if isinstance(node, str) else []


@pytest.mark.property(2)
@given(ANY)
def test_the_execution_names_the_folder_and_in_a_batch_the_message_does_too(config):
    """Defect 2 of the reference: ``$.Execution.Name`` is no path of the input."""
    for name, task in tasks(config).items():
        stage = next(stage for stage in config.stages if stage.name == name)
        if isinstance(stage, LambdaStage) and not stage.legacy:
            assert evaluated(payload(task)["executionId.$"], "run-1", "m-1") == folder(config, "run-1", "m-1")


@pytest.mark.property(17)
@given(configurations())
def test_the_result_of_a_stage_is_thrown_away(config):
    express_ = config.machine_type is MachineType.EXPRESS
    for name, task in tasks(config).items():
        if express_ or name != config.stages[-1].name:
            assert task.result_path is DISCARD


@pytest.mark.property(8)
@given(ANY)
def test_only_beside_a_legacy_stage_is_the_state_read(config):
    """What a stage needs is in the context object or in S3, so the state cannot grow beyond AWS's limit."""
    for before, stage in zip((None, *config.stages), config.stages, strict=False):
        found = texts(tasks(config)[stage.name].parameters)
        paths = {path for text in found for path in re.findall(r"(?<!\$)\$\.[\w.]+", text)}
        beside = before is not None and (is_legacy(before) or is_legacy(stage))
        allowed = ({"$.Payload"} if beside else set()) | ({"$.ETag"} if isinstance(stage, GlueStage) else set())
        assert paths <= allowed


@pytest.mark.property(9)
@pytest.mark.property(10)
@given(configurations(most=5), st.randoms())
def test_stages_know_only_their_neighbour_by_name_and_can_be_put_in_any_order(config, random):
    order = list(config.stages)
    random.shuffle(order)
    other = configuration(*order, retry=config.retry)
    for place, stage in enumerate(order):
        state = {**tasks(other)[stage.name].to_asl()}
        assert state["Resource"] == tasks(config)[stage.name].resource
        named = {name.name for name in order if f'"{name.name}"' in json.dumps(state) or f"/{name.name}/" in str(state)}
        before = {order[place - 1].name} if place else set()
        ways = {state.get("Next"), *(catcher["Next"] for catcher in state.get("Catch", ()))}
        assert named - {way for way in ways if way} <= {stage.name} | before


@pytest.mark.property(21)
def test_a_job_is_run_to_its_end():
    task = tasks(standard(glue_stage("HeavyStage", 60)))["HeavyStage"]
    assert task.resource == "arn:aws:states:::glue:startJobRun.sync"
    assert (task.parameters or {})["JobName"] == "job-HeavyStage"
    # Longer than the job may run, so that the job's own time-out comes first.
    assert task.timeout_seconds is not None
    assert task.timeout_seconds > 60 * 60


RETRIES = st.builds(
    RetryConfiguration,
    lambda_max_attempts=st.integers(0, 6),
    lambda_interval_seconds=st.integers(1, 100),
    lambda_backoff_rate=st.sampled_from([1.0, 1.7, 2.0, 3.0]),
    glue_max_attempts=st.integers(0, 6),
    glue_interval_minutes=st.integers(1, 20),
    glue_backoff_rate=st.sampled_from([1.0, 1.5, 2.0]),
)


@pytest.mark.property(16)
@given(RETRIES)
def test_a_lambda_stage_is_retried_as_configured_and_never_for_a_permanent_error(retry):
    (task,) = tasks(standard(lambda_stage("OneStage"), retry=retry)).values()
    never, again = task.retry or ()
    assert set(PERMANENT) <= set(never.error_equals)
    assert never.max_attempts == 0
    assert again.error_equals == (ALL_ERRORS,)
    assert (again.max_attempts, again.interval_seconds, again.backoff_rate) == (
        retry.lambda_max_attempts,
        retry.lambda_interval_seconds,
        retry.lambda_backoff_rate,
    )


@pytest.mark.property(16)
@pytest.mark.property(24)
def test_by_default_two_retries_after_20_seconds_and_5_minutes_and_twice_that():
    found = tasks(standard(lambda_stage("OneStage"), glue_stage("HeavyStage")))
    for name, interval in (("OneStage", 20), ("HeavyStage", 300)):
        again = (found[name].retry or ())[-1]
        assert (again.max_attempts, again.interval_seconds, again.backoff_rate) == (2, interval, 2.0)
        assert again.total_delay == interval + 2 * interval


@pytest.mark.property(24)
@given(RETRIES)
def test_a_glue_stage_is_retried_as_configured(retry):
    (task,) = tasks(standard(glue_stage("HeavyStage"), retry=retry)).values()
    _, again = task.retry or ()
    assert again.error_equals == (ALL_ERRORS,)
    assert (again.max_attempts, again.interval_seconds, again.backoff_rate) == (
        retry.glue_max_attempts,
        retry.glue_interval_minutes * 60,
        retry.glue_backoff_rate,
    )


def test_a_job_whose_concurrent_runs_are_all_taken_is_waited_for():
    (busy, _) = (
        tasks(standard(glue_stage("HeavyStage"), retry=RetryConfiguration(glue_max_attempts=0)))["HeavyStage"].retry
        or ()
    )
    assert "Glue.ConcurrentRunsExceededException" in busy.error_equals
    assert busy.jitter_strategy == "NONE"
    assert busy.total_delay > 4 * 3600


def test_a_stage_of_an_express_workflow_that_timed_out_goes_back_to_the_queue():
    (never, _) = tasks(express(lambda_stage("OneStage")))["OneStage"].retry or ()
    assert {"States.Timeout", "Sandbox.Timedout"} <= set(never.error_equals)


@pytest.mark.property(29)
@pytest.mark.property(30)
@given(ANY)
def test_an_error_of_any_stage_fails_its_message_and_nothing_else(config):
    scope = stage_scope(config)
    for state in scope.states.values():
        if not isinstance(state, Task):
            continue
        if config.machine_type is MachineType.STANDARD:
            # It ends the execution as it is, there, so that RedriveExecution goes on from there.
            assert not state.catch
            continue
        too_much, everything = state.catch or ()
        assert too_much.error_equals == ("States.DataLimitExceeded",)
        assert everything.error_equals == (ALL_ERRORS,)
        assert too_much.result_path == everything.result_path == "$"
        end = scope.states[everything.next]
        assert isinstance(end, Pass)
        assert too_much.next == everything.next
        assert (end.parameters or {})["failures"] == [{"itemIdentifier.$": "$$.Map.Item.Value.messageId"}]
        assert end.next is None


def test_a_standard_execution_is_one_message():
    machine = definition(standard(lambda_stage("OneStage")))
    start = machine.states[machine.start_at]
    assert isinstance(start, Choice)
    (rule,) = start.choices
    assert rule.when == Comparison(variable="$[1]", is_present=True)
    end = machine.states[rule.next]
    assert isinstance(end, Fail)
    assert end.error == "TooManyMessages"


@given(ANY)
def test_a_standard_execution_has_a_transition_for_each_stage_and_one_more(config):
    machine = definition(standard(*config.stages, retry=config.retry))
    assert len(success_way(machine)) == 1 + len(config.stages) + len(kept(standard(*config.stages, retry=config.retry)))


@pytest.mark.property(41)
def test_a_message_has_one_shape_whether_it_comes_alone_or_in_a_batch():
    filled = INPUT_TEMPLATE.replace("<$.messageId>", "m-1").replace("<$.body>", '{"programId": "p"}')
    assert json.loads(filled) == {"messageId": "m-1", "initialData": {"programId": "p"}}


def kept(config: Any) -> dict[str, dict[str, Any]]:
    """The states in which the workflow writes to S3 itself."""
    return {
        name: state.parameters or {}
        for name, state in stage_scope(config).states.items()
        if isinstance(state, Task) and state.resource.endswith("s3:putObject")
    }


@pytest.mark.property(23)
def test_the_workflow_writes_the_message_for_a_job_that_comes_first():
    """Defect 7 of the reference: nobody wrote what the job was told to read."""
    config = standard(glue_stage("FirstStage"), glue_stage("SecondStage"), lambda_stage("EndStage"))
    assert kept(config) == {
        "Keep for FirstStage": {
            "Bucket": BUCKET,
            "Key.$": "States.Format('executions/{}/initial/output.json', $$.Execution.Name)",
            "ContentType": "application/json",
            "Body": {"initialData.$": "$$.Execution.Input[0].initialData"},
        }
    }
    first, second = (arguments(tasks(config)[name]) for name in ("FirstStage", "SecondStage"))
    assert first["--input_etag.$"] == "$.ETag"
    assert "--input_etag.$" not in second


@pytest.mark.property(39)
def test_stages_are_migrated_one_by_one():
    """Week by week one stage more is new; each week's workflow is whole, and old functions are called as before."""
    for migrated in range(6):
        stages = [
            LambdaStage(name, function=f"{FUNCTION}{name}Old-4K2LQ", timeout_seconds=10, legacy=True)
            if place < 5 - migrated
            else lambda_stage(name)
            for place, name in enumerate(FIVE)
        ]
        config = standard(*stages)
        found = tasks(config)
        for place, stage in enumerate(stages):
            parameters = found[stage.name].parameters or {}
            assert parameters["FunctionName"] == stage.function
            if stage.legacy and place == 0:
                assert parameters["Payload"] == {"data.$": "$$.Execution.Input[0].initialData"}
            elif stage.legacy:
                assert parameters["Payload.$"] == "$.Payload"


def test_beside_a_legacy_stage_data_goes_through_the_state_in_both_directions():
    config = standard(lambda_stage("Before"), lambda_stage("Old", legacy=True), lambda_stage("After"))
    before, old, after = (tasks(config)[name] for name in ("Before", "Old", "After"))
    assert payload(before)["outputInline"] is True
    assert (before.result_selector, before.result_path) == ({"Payload.$": "$.Payload.output"}, "$")
    assert (old.result_selector, old.result_path) == ({"Payload.$": "$.Payload"}, "$")
    assert payload(after)["inputInline"] is True
    assert after.result_selector is not None
    assert "Payload.$" not in after.result_selector


def test_a_job_after_a_legacy_stage_reads_what_the_workflow_kept_of_it():
    config = standard(lambda_stage("Old", legacy=True), glue_stage("Job"))
    assert kept(config)["Keep for Job"]["Body"] == {"initialData.$": "$.Payload"}
    assert arguments(tasks(config)["Job"])["--input_key.$"].startswith("States.Format('executions/{}/Old/")


@pytest.mark.parametrize("last", [lambda_stage("Only"), lambda_stage("Only", legacy=True), glue_stage("Only")])
def test_the_output_of_an_execution_says_where_the_result_is(last):
    config = standard(last)
    task = tasks(config)["Only"]
    assert (task.result_path, task.next) == ("$", None)
    result = task.result_selector or {}
    assert evaluated(result["executionId.$"], "run-1") == "run-1"
    assert evaluated(result["messageId.$"], "run-1", "m-7") == "m-7"
    if isinstance(last, LambdaStage) and last.legacy:
        assert result["output.$"] == "$.Payload"
    else:
        assert result["bucket"] == BUCKET
        assert evaluated(result["outputKey.$"], "run-1") == "executions/run-1/Only/output.json"
