"""What the API of Step Functions answers, by name, type and definition."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account

SUCCEED = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 30, "End": True}}}


def one(state: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "First", "States": {"First": state, **others}}


def test_the_same_name_and_input_give_the_running_execution(account: Account) -> None:
    machine = account.machine("m", WAIT)
    first = account.states.start_execution(stateMachineArn=machine, name="job", input='{"a": 1}')
    again = account.states.start_execution(stateMachineArn=machine, name="job", input='{"a": 1}')
    assert again["executionArn"] == first["executionArn"]
    assert again["startDate"] == first["startDate"]
    with pytest.raises(account.states.exceptions.ExecutionAlreadyExists):
        account.states.start_execution(stateMachineArn=machine, name="job", input='{"a": 2}')
    account.states.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(account.states.exceptions.ExecutionAlreadyExists):
        account.states.start_execution(stateMachineArn=machine, name="job", input='{"a": 1}')


def test_a_standard_workflow_is_not_started_synchronously(account: Account) -> None:
    with pytest.raises(account.states.exceptions.StateMachineTypeNotSupported):
        account.states.start_sync_execution(stateMachineArn=account.machine("m", SUCCEED))


def test_a_synchronous_execution_answers_with_its_output(account: Account) -> None:
    machine = account.machine("m", SUCCEED, express=True)
    answer = account.states.start_sync_execution(stateMachineArn=machine, input='{"a": 1}')
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"a": 1})


def test_an_express_execution_cannot_be_looked_at(account: Account) -> None:
    machine = account.machine("m", WAIT, express=True)
    execution = account.states.start_execution(stateMachineArn=machine)["executionArn"]
    for look in (
        account.states.describe_execution,
        account.states.get_execution_history,
        account.states.stop_execution,
    ):
        with pytest.raises(account.states.exceptions.InvalidArn):
            look(executionArn=execution)
    with pytest.raises(account.states.exceptions.StateMachineTypeNotSupported):
        account.states.list_executions(stateMachineArn=machine)


def test_the_tracing_configuration_is_kept(account: Account) -> None:
    def traced() -> bool:
        return account.states.describe_state_machine(stateMachineArn=machine)["tracingConfiguration"]["enabled"]

    role, definition = account.role("states"), json.dumps(SUCCEED)
    machine = account.machine("m", SUCCEED, role=role)
    assert traced() is False
    account.states.update_state_machine(stateMachineArn=machine, tracingConfiguration={"enabled": True})
    assert traced() is True
    account.states.update_state_machine(stateMachineArn=machine, definition=definition)
    assert traced() is True
    same: dict[str, Any] = {"name": "m", "definition": definition, "roleArn": role, "type": "STANDARD"}
    with pytest.raises(account.states.exceptions.StateMachineAlreadyExists):
        account.states.create_state_machine(**same)
    made = account.states.create_state_machine(**same, tracingConfiguration={"enabled": True})
    assert (made["stateMachineArn"], traced()) == (machine, True)


TASK = {"Type": "Task", "End": True}


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        pytest.param("{", "INVALID_JSON_DESCRIPTION", id="not JSON"),
        pytest.param("[]", "not an object", id="a list"),
        pytest.param({"States": {"S": {"Type": "Succeed"}}}, "StartAt", id="no StartAt"),
        pytest.param({"StartAt": "S"}, "States is missing", id="no States"),
        pytest.param({"StartAt": "X", "States": {"S": {"Type": "Succeed"}}}, "StartAt", id="StartAt to nowhere"),
        pytest.param(one({"Type": "Pass", "Next": "X"}), "Missing 'Next' target: X", id="Next to nowhere"),
        pytest.param(one({"Type": "Pass"}), "Next and End", id="neither Next nor End"),
        pytest.param(one({"Type": "Pass", "End": True}, Lost={"Type": "Succeed"}), "not reachable", id="unreachable"),
        pytest.param(one({"Type": "Do", "End": True}), "known Type", id="unknown type"),
        pytest.param(one(TASK), "Resource", id="Task without Resource"),
        pytest.param(one({"Type": "Pass", "Nxt": "S", "End": True}), '"Nxt" is not supported', id="unknown field"),
        pytest.param(
            one({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "X"}]}),
            "Choices",
            id="Choice to nowhere",
        ),
        pytest.param(
            one({**TASK, "Resource": "r", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "X"}]}),
            "Catch",
            id="Catch to nowhere",
        ),
        pytest.param(
            one({"Type": "Map", "ItemProcessor": one({"Type": "Pass", "Next": "X"}), "End": True}),
            "/States/First/States/First",
            id="inside of a Map",
        ),
        pytest.param(one({"Type": "Pass", "Comment": "x" * 1_048_576, "End": True}), "1048576", id="too large"),
        pytest.param(
            one({**TASK, "Resource": "r", "HeartbeatSeconds": 5}),
            "the embedded AWS does not have HeartbeatSeconds",
            id="ignored by the emulator",
        ),
    ],
)
def test_a_bad_definition_is_refused(account: Account, definition: Any, message: str) -> None:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    role = account.role("states")
    with pytest.raises(account.states.exceptions.InvalidDefinition, match=message):
        account.states.create_state_machine(name="m", definition=text, roleArn=role)
    assert account.states.list_state_machines()["stateMachines"] == []
    assert account.states.validate_state_machine_definition(definition=text)["result"] == "FAIL"

    good = account.machine("good", SUCCEED, role=role)
    with pytest.raises(account.states.exceptions.InvalidDefinition, match=message):
        account.states.update_state_machine(stateMachineArn=good, definition=text)
    assert json.loads(account.states.describe_state_machine(stateMachineArn=good)["definition"]) == SUCCEED


@pytest.mark.parametrize(
    "resource",
    ["arn:aws:states:::glue:startJobRun.sync", "arn:aws:states:::sqs:sendMessage.waitForTaskToken"],
)
def test_an_express_workflow_cannot_wait_for_others(account: Account, resource: str) -> None:
    definition = one({**TASK, "Resource": resource})
    with pytest.raises(account.states.exceptions.InvalidDefinition, match="Express state machine does not support"):
        account.machine("m", definition, express=True)
    assert account.machine("standard", definition)


def test_a_good_definition_is_valid(account: Account) -> None:
    answer = account.states.validate_state_machine_definition(definition=json.dumps(WAIT))
    assert (answer["result"], answer["diagnostics"]) == ("OK", [])


def test_a_single_state_can_be_tried_with_a_role(account: Account) -> None:
    state = json.dumps({"Type": "Pass", "Parameters": {"b.$": "$.a"}, "End": True})
    answer = account.states.test_state(definition=state, roleArn=account.role("states"), input='{"a": 1}')
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"b": 1})

    task = json.dumps(
        {"Type": "Task", "Resource": account.function("f", "def handler(e, c):\n    return 1\n"), "End": True}
    )
    denied = account.states.test_state(definition=task, roleArn=account.role("states"), input="{}")
    assert (denied["status"], denied["error"]) == ("FAILED", "Lambda.AWSLambdaException")
