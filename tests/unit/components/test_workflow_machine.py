"""WorkflowMachine: a valid state machine, started the right way, whose failures are seen."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws
import pytest

from components.workflow_machine import FailureReports, QueueSource, Workflow, WorkflowMachine, WorkflowMachineArgs
from components.workflow_roles import Role
from tests.unit.pulumi_support import Graph, context_of, record
from workflow.definition import MachineType, StateMachine
from workflow.rules import DefinitionError
from workflow.states import Pass

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:data-scout-mock-sample"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:source"
DLQ = "arn:aws:sqs:us-east-1:123456789012:dlq"


def sample(machine_type: MachineType = MachineType.STANDARD) -> Workflow:
    return Workflow(
        StateMachine(name="sample", start_at="Only", timeout_seconds=60, states={"Only": Pass()}), machine_type, {}
    )


def build(
    machine_type: MachineType = MachineType.STANDARD,
    *,
    piped: bool = False,
    report_failures: bool = False,
    **changes: object,
) -> Graph:
    context = context_of(changes)

    def make() -> None:
        roles = {
            name: Role(
                pulumi.Output.from_input(f"arn:aws:iam::123456789012:role/{name}"),
                aws.iam.RolePolicy(name, name=name, role=name, policy="{}"),
            )
            for name in ("machine", "pipe")
        }
        called = aws.cloudwatch.LogGroup("called", name="called")
        policy = aws.sqs.QueuePolicy("dlq", queue_url="https://dlq", policy="{}")
        failures = FailureReports("sample-failure", DLQ, policy, own_report="Reported")
        source = QueueSource("frontier", QUEUE, roles["pipe"], batch_size=10, batch_window_seconds=1)
        args = WorkflowMachineArgs(
            context,
            sample(machine_type),
            roles["machine"],
            calls=[called],
            source=source if piped else None,
            failures=failures if report_failures else None,
        )
        WorkflowMachine("sample", args)

    return record(make)


@pytest.mark.parametrize("machine_type", list(MachineType))
def test_the_state_machine(machine_type):
    graph = build(machine_type)
    machine = graph.one("StateMachine")
    assert machine.inputs["name"] == "data-scout-mock-sample"
    assert machine.inputs["type"] == machine_type.value
    assert machine.inputs["roleArn"] == "arn:aws:iam::123456789012:role/machine"
    assert json.loads(machine.inputs["definition"]) == {
        "StartAt": "Only",
        "TimeoutSeconds": 60,
        "States": {"Only": {"Type": "Pass", "End": True}},
    }
    assert machine.inputs["tags"]["component"] == "workflow-machine"
    assert {"RolePolicy machine", "LogGroup called"} <= machine.depends_on
    assert not graph.of_type("Pipe")
    assert not graph.of_type("EventRule")
    assert graph.component_outputs["WorkflowMachine sample"] == {"arn": ARN}


def test_logs_and_traces_are_off_and_say_so():
    graph = build()
    machine = graph.one("StateMachine").inputs
    # Left out, they would stay as they were before a flag was taken back.
    assert machine["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert machine["tracingConfiguration"] == {"enabled": False}
    assert not [group for group in graph.of_type("LogGroup") if group.name != "called"]


@pytest.mark.parametrize("level", ["ERROR", "ALL"])
def test_logs_and_traces_by_flag(level):
    graph = build(observability={"log_level": level, "include_execution_data": True, "tracing": True})
    machine = graph.one("StateMachine").inputs
    assert machine["loggingConfiguration"] == {
        "level": level,
        "includeExecutionData": True,
        "logDestination": (
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/data-scout-mock-sample:*"
        ),
    }
    assert machine["tracingConfiguration"] == {"enabled": True}
    group = graph.one("LogGroup", "sample").inputs
    assert group["name"] == "/aws/vendedlogs/states/data-scout-mock-sample"
    assert group["retentionInDays"] == 30


@pytest.mark.parametrize(
    ("machine_type", "invocation"),
    [(MachineType.EXPRESS, "REQUEST_RESPONSE"), (MachineType.STANDARD, "FIRE_AND_FORGET")],
)
def test_the_pipe_starts_each_type_the_only_way_it_can(machine_type, invocation):
    graph = build(machine_type, piped=True)
    pipe = graph.one("Pipe")
    assert pipe.inputs["name"] == "data-scout-mock-frontier"
    assert (pipe.inputs["source"], pipe.inputs["target"]) == (QUEUE, ARN)
    assert pipe.inputs["sourceParameters"] == {
        "sqsQueueParameters": {"batchSize": 10, "maximumBatchingWindowInSeconds": 1}
    }
    assert pipe.inputs["targetParameters"] == {"stepFunctionStateMachineParameters": {"invocationType": invocation}}
    assert pipe.inputs["roleArn"] == "arn:aws:iam::123456789012:role/pipe"
    assert pipe.inputs["desiredState"] == "RUNNING"
    assert {"RolePolicy pipe", "StateMachine sample"} <= pipe.depends_on
    assert graph.component_outputs["WorkflowMachine sample"]["pipeName"] == "data-scout-mock-frontier"


def test_a_failure_is_reported_unless_the_execution_did_so_itself():
    graph = build(report_failures=True)
    rule, target = graph.one("EventRule"), graph.one("EventTarget")
    assert json.loads(rule.inputs["eventPattern"]) == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [ARN],
            "$or": [
                {"status": ["FAILED"], "error": [{"anything-but": ["Reported"]}]},
                {"status": ["TIMED_OUT", "ABORTED"]},
            ],
        },
    }
    assert target.inputs == {"rule": "data-scout-mock-sample-failure", "targetId": "queue", "arn": DLQ}
    assert "QueuePolicy dlq" in target.depends_on


def test_express_workflows_have_no_failures_to_report():
    with pytest.raises(ValueError, match="sample: Express workflows emit no events"):
        build(MachineType.EXPRESS, report_failures=True)


def test_a_workflow_that_breaks_a_rule_cannot_be_made():
    broken = StateMachine(name="broken", start_at="Nowhere", timeout_seconds=60, states={"Only": Pass()})
    with pytest.raises(DefinitionError, match="Nowhere"):
        Workflow(broken, MachineType.STANDARD, {})
