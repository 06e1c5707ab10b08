"""What is special about state machines, pipes and rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scout.embedded.resources import HANDLERS, Refused

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

MACHINE = HANDLERS["aws:sfn/stateMachine:StateMachine"]


def test_deleting_a_machine_stops_its_executions(world: World) -> None:
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
    inputs = {"name": "city", "definition": json.dumps(waiting), "roleArn": world.role("states")}
    machine, _ = MACHINE.create(inputs, world.ctx)
    client = world.client("stepfunctions")
    client.start_execution(stateMachineArn=machine)
    MACHINE.delete(machine, inputs, world.ctx)
    assert MACHINE.read(machine, inputs, world.ctx) is None
    assert client.list_state_machines()["stateMachines"] == []


def test_a_pipe_that_may_not_read_its_queue_is_refused(world: World) -> None:
    queue = world.make("aws:sqs/queue:Queue", name="frontier")
    states = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    machine = world.make(
        "aws:sfn/stateMachine:StateMachine",
        name="pages",
        type="EXPRESS",
        definition=json.dumps(states),
        roleArn=world.role("states"),
    )
    pipe = {"name": "frontier", "roleArn": world.role("pipes"), "source": queue["arn"], "target": machine["arn"]}
    with pytest.raises(Refused, match=r"CREATE_FAILED: .* call ReceiveMessage on SQS"):
        HANDLERS["aws:pipes/pipe:Pipe"].create(pipe, world.ctx)


def test_a_rule_needs_a_pattern_or_a_schedule() -> None:
    problems = HANDLERS["aws:cloudwatch/eventRule:EventRule"].check({"name": "failure"})
    assert problems == ["one of the arguments `eventPattern` and `scheduleExpression` is missing"]
