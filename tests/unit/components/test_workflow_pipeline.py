"""WorkflowPipeline: one statement makes a workflow that is fed, observed, and allowed what it does and no more."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.context import StackContext
from components.source_queue import SourceQueue, SourceQueueArgs
from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs
from components.workflow_pipeline import WorkflowPipeline
from tests.unit.pipelines.samples import FUNCTION, express, glue_stage, lambda_stage, standard
from tests.unit.pulumi_support import Graph, context_of, record, stack_config
from workflow.definition import render
from workflow.model import WorkflowConfiguration
from workflow.pipeline import INPUT_TEMPLATE, pipeline
from workflow.rules import DefinitionError
from workflow.stages import GlueStage, LambdaStage

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:data-scout-mock-sample"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:source"
BUCKET = "some-bucket"
EXPRESS = express(lambda_stage("ETLStage"), lambda_stage("StoreStage"), batch_size=5, batch_window_seconds=2)
STANDARD = standard(lambda_stage("ETLStage"), glue_stage("HeavyStage"), lambda_stage("StoreStage"))


def build(config: WorkflowConfiguration, context: StackContext | None = None, **arguments: Any) -> Graph:
    given = {"bucket": BUCKET, "source_queue": QUEUE, **arguments}
    return record(lambda: WorkflowPipeline("sample", config, context=context or context_of(), **given))


def policy_of(graph: Graph, role: str) -> dict[str, tuple[Any, Any]]:
    statements = graph.one("RolePolicy", role).document["Statement"]
    return {statement["Sid"]: (statement["Action"], statement["Resource"]) for statement in statements}


def test_one_statement_is_enough():
    config = stack_config("mock")
    graph = record(
        lambda: WorkflowPipeline("sample", EXPRESS, bucket=BUCKET, source_queue=QUEUE), stack="mock", config=config
    )
    assert graph.one("StateMachine").inputs["name"] == "data-scout-mock-sample"
    assert graph.component_outputs["WorkflowPipeline sample"] == {
        "arn": MACHINE,
        "pipeName": "data-scout-mock-sample-pipe",
    }


@pytest.mark.parametrize("config", [EXPRESS, STANDARD], ids=["express", "standard"])
def test_the_state_machine_is_that_of_the_configuration(config):
    machine = build(config).one("StateMachine").inputs
    assert machine["type"] == config.machine_type
    assert machine["definition"] == render(pipeline(config, workflow_bucket=BUCKET))


@pytest.mark.property(1)
def test_names_are_explicit_made_of_project_stack_and_pipeline():
    graph = build(STANDARD)
    names = {kind: graph.names(kind) for kind in ("StateMachine", "Pipe", "EventRule", "Queue", "Role")}
    assert names == {
        "StateMachine": {"data-scout-mock-sample"},
        "Pipe": {"data-scout-mock-sample-pipe"},
        "EventRule": {"data-scout-mock-sample-failure"},
        "Queue": {"data-scout-mock-sample-failures"},
        "Role": {"data-scout-mock-sample-workflow-role", "data-scout-mock-sample-pipe-role"},
    }


@pytest.mark.property(38)
def test_functions_and_jobs_that_exist_already_keep_their_names_beside_those_of_the_stack():
    generated, explicit = f"{FUNCTION}LegacyStack-ETLLambda5D1B3C9A-x7Yq0ZzT1wQd", f"{FUNCTION}data-scout-mock-store"
    config = standard(
        LambdaStage("ETLStage", function=generated, timeout_seconds=30),
        GlueStage("HeavyStage", job="LegacyStack-HeavyJob-1K2J3H", timeout_minutes=60),
        LambdaStage("StoreStage", function=explicit, timeout_seconds=30),
    )
    graph = build(config)
    states = json.loads(graph.one("StateMachine").inputs["definition"])["States"]
    assert states["ETLStage"]["Parameters"]["FunctionName"] == generated
    assert states["HeavyStage"]["Parameters"]["JobName"] == "LegacyStack-HeavyJob-1K2J3H"
    assert states["StoreStage"]["Parameters"]["FunctionName"] == explicit
    allowed = policy_of(graph, "sample-workflow-role")
    assert {generated, explicit} <= set(allowed["InvokeFunctions"][1])
    assert allowed["RunJobs"][1] == "arn:aws:glue:us-east-1:123456789012:job/LegacyStack-HeavyJob-1K2J3H"


@pytest.mark.property(13)
@pytest.mark.property(27)
@pytest.mark.property(41)
def test_the_pipe_waits_for_an_express_workflow_and_takes_its_failures_back():
    pipe = build(EXPRESS).one("Pipe").inputs
    assert (pipe["source"], pipe["target"], pipe["desiredState"]) == (QUEUE, MACHINE, "RUNNING")
    assert pipe["sourceParameters"]["sqsQueueParameters"] == {"batchSize": 5, "maximumBatchingWindowInSeconds": 2}
    assert pipe["targetParameters"] == {
        "inputTemplate": INPUT_TEMPLATE,
        "stepFunctionStateMachineParameters": {"invocationType": "REQUEST_RESPONSE"},
    }


@pytest.mark.property(19)
@pytest.mark.property(27)
def test_the_pipe_only_starts_a_standard_workflow():
    pipe = build(STANDARD).one("Pipe").inputs
    parameters = pipe["targetParameters"]["stepFunctionStateMachineParameters"]
    assert parameters == {"invocationType": "FIRE_AND_FORGET"}
    assert pipe["sourceParameters"]["sqsQueueParameters"]["batchSize"] == 1


def test_a_pipeline_can_be_kept_from_fetching():
    assert build(EXPRESS, running=False).one("Pipe").inputs["desiredState"] == "STOPPED"


def test_without_a_queue_there_is_no_pipe_and_no_role_of_one():
    graph = build(EXPRESS, source_queue=None)
    assert not graph.of_type("Pipe")
    assert graph.names("Role") == {"data-scout-mock-sample-workflow-role"}


@pytest.mark.property(34)
def test_executions_of_a_standard_workflow_that_end_badly_are_reported_with_all_they_had():
    graph = build(STANDARD)
    rule, target = graph.one("EventRule").inputs, graph.one("EventTarget").inputs
    assert json.loads(rule["eventPattern"]) == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [MACHINE], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    queue = graph.one("Queue").inputs
    assert target["arn"].endswith(queue["name"])
    # The whole event: its detail has executionArn, name, status, error, cause and input.
    assert not {"inputPath", "inputTransformer", "input"} & target.keys()
    assert queue["messageRetentionSeconds"] == 14 * 24 * 3600
    (_, taking) = graph.one("QueuePolicy").document["Statement"]
    assert taking["Principal"] == {"Service": "events.amazonaws.com"}
    assert taking["Condition"]["ArnLike"]["aws:SourceArn"].endswith("rule/data-scout-mock-sample-failure")


def test_an_express_workflow_has_neither_rule_nor_failure_queue():
    graph = build(EXPRESS)
    assert graph.resources
    assert not [*graph.of_type("EventRule"), *graph.of_type("Queue")]


@pytest.mark.property(35)
def test_logs_and_traces_are_those_of_the_stack():
    loud = {"observability": {"log_level": "ALL", "include_execution_data": True, "tracing": True}}
    graph = build(STANDARD, context_of(loud))
    machine = graph.one("StateMachine").inputs
    assert (machine["loggingConfiguration"]["level"], machine["tracingConfiguration"]["enabled"]) == ("ALL", True)
    assert graph.one("LogGroup").inputs["name"] == "/aws/vendedlogs/states/data-scout-mock-sample"
    assert "SendTraces" in policy_of(graph, "sample-workflow-role")


@pytest.mark.property(42)
def test_roles_allow_what_the_pipeline_does_and_no_more():
    graph = build(STANDARD)
    policy = policy_of(graph, "sample-workflow-role")
    assert policy.keys() == {"InvokeFunctions", "RunJobs", "DeliverLogs"}
    assert policy["InvokeFunctions"] == ("lambda:InvokeFunction", [f"{FUNCTION}ETLStage", f"{FUNCTION}StoreStage"])
    actions, job = policy["RunJobs"]
    assert actions == ["glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
    assert job == "arn:aws:glue:us-east-1:123456789012:job/job-HeavyStage"
    assert policy_of(graph, "sample-pipe-role") == {
        "ReceiveMessages": (["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], QUEUE),
        "StartWorkflow": ("states:StartExecution", MACHINE),
    }


@pytest.mark.property(42)
def test_a_pipe_may_start_an_express_workflow_synchronously():
    """Defect 8 of the reference: its pipe's role could not."""
    assert policy_of(build(EXPRESS), "sample-pipe-role")["StartWorkflow"] == ("states:StartSyncExecution", MACHINE)


@pytest.mark.property(40)
def test_the_workflow_itself_writes_to_the_bucket_only_where_it_has_to():
    first = build(standard(glue_stage("FirstStage"), lambda_stage("NextStage")))
    written = policy_of(first, "sample-workflow-role")["WriteObjects"]
    assert written == ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/executions/*")


def test_functions_jobs_bucket_and_queue_may_be_resources_whose_names_are_known_only_later():
    def make(context: StackContext) -> None:
        function = aws.lambda_.Function("etl", name="etl", role="r", runtime="python3.13", handler="h")
        job = aws.glue.Job("heavy", name="heavy", role_arn="r", command=aws.glue.JobCommandArgs(script_location="s"))
        bucket = aws.s3.Bucket("own", bucket="own-bucket")
        queue = aws.sqs.Queue("own", name="own-queue")
        config = standard(
            LambdaStage("ETLStage", function=function, timeout_seconds=9),
            GlueStage("Heavy", job=job, timeout_minutes=9),
        )
        WorkflowPipeline("sample", config, bucket=bucket, source_queue=queue, context=context)

    graph = record(lambda: make(context_of()))
    known = standard(
        LambdaStage("ETLStage", function="arn:aws:lambda:us-east-1:123456789012:function:etl", timeout_seconds=9),
        GlueStage("Heavy", job="heavy", timeout_minutes=9),
    )
    machine = graph.one("StateMachine")
    assert machine.inputs["definition"] == render(pipeline(known, workflow_bucket="own-bucket"))
    assert {"Function etl", "Job heavy"} <= machine.depends_on
    policy = policy_of(graph, "sample-workflow-role")
    assert policy["InvokeFunctions"][1] == "arn:aws:lambda:us-east-1:123456789012:function:etl"
    assert policy["RunJobs"][1] == "arn:aws:glue:us-east-1:123456789012:job/heavy"
    assert policy_of(graph, "sample-pipe-role")["ReceiveMessages"][1].endswith(":own-queue")
    # In a preview nothing of it is known, and it is still a whole program.
    preview = record(lambda: make(context_of()), preview=True)
    assert isinstance(preview.one("StateMachine").inputs["definition"], pulumi.output.Unknown)


def test_the_definition_is_known_before_anything_is_there_where_the_stacks_own_resources_are_used():
    context = context_of()

    def make() -> None:
        bucket = WorkflowBucket("data", WorkflowBucketArgs(context))
        queue = SourceQueue("jobs", SourceQueueArgs(context, "jobs", 300, 3))
        WorkflowPipeline("sample", STANDARD, bucket=bucket, source_queue=queue, context=context)

    preview = record(make, preview=True)
    assert json.loads(preview.one("StateMachine").inputs["definition"])["States"]
    assert preview.one("RolePolicy", "sample-pipe-role").document["Statement"]


def test_a_definition_that_breaks_a_rule_stops_the_program_before_it_makes_anything():
    shared = "arn:aws:lambda:us-east-1:123456789012:function:shared"
    stages = [
        LambdaStage("One", function=shared, timeout_seconds=10),
        LambdaStage("Two", function=shared, timeout_seconds=900),
    ]
    with pytest.raises(DefinitionError, match="its function may run 900 s"):
        build(standard(*stages))


def test_what_is_called_may_be_given_as_an_output():
    def make() -> None:
        config = standard(
            LambdaStage("ETLStage", function=pulumi.Output.from_input(FUNCTION + "etl"), timeout_seconds=9),
            GlueStage("Heavy", job=pulumi.Output.from_input("heavy"), timeout_minutes=9),
        )
        bucket, queue = pulumi.Output.from_input(BUCKET), pulumi.Output.from_input(QUEUE)
        WorkflowPipeline("sample", config, bucket=bucket, source_queue=queue, context=context_of())

    graph = record(make)
    states = json.loads(graph.one("StateMachine").inputs["definition"])["States"]
    assert states["ETLStage"]["Parameters"]["FunctionName"] == FUNCTION + "etl"
    assert states["Heavy"]["Parameters"]["JobName"] == "heavy"
    assert graph.one("Pipe").inputs["source"] == QUEUE
    assert policy_of(graph, "sample-workflow-role")["InvokeFunctions"][1] == FUNCTION + "etl"


@pytest.mark.parametrize(
    ("given", "error", "about"),
    [
        ({"bucket": ""}, ValueError, "give the bucket's name"),
        ({"bucket": "arn:aws:s3:::some-bucket"}, ValueError, "give the bucket's name"),
        ({"bucket": None}, TypeError, "no bucket and no name"),
        (
            {"source_queue": "https://sqs.us-east-1.amazonaws.com/123456789012/source"},
            ValueError,
            "give the queue's ARN",
        ),
        ({"source_queue": 12}, TypeError, "no queue and no ARN"),
    ],
)
def test_what_is_no_bucket_and_no_queue_is_refused(given, error, about):
    with pytest.raises(error, match=about):
        build(STANDARD, **given)
