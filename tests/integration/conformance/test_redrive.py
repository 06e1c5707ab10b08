"""An execution that ended badly goes on where it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.account import wait_until

if TYPE_CHECKING:
    from tests.integration.account import Account

# Fails as often as its queue of messages says: each call takes one, and an empty queue is a success.
FLAKY = """
import boto3
def handler(event, context):
    sqs = boto3.client("sqs")
    taken = sqs.receive_message(QueueUrl=event["queue"]).get("Messages", [])
    for message in taken:
        sqs.delete_message(QueueUrl=event["queue"], ReceiptHandle=message["ReceiptHandle"])
        raise RuntimeError("not yet")
    return {"count": event["count"], "started_with": event["started_with"]}
"""


def flaky(account: Account, failures: int) -> tuple[str, str]:
    """A machine whose second state fails so often, and the queue that makes it."""
    url, _ = account.queue("failures")
    for _ in range(failures):
        account.sqs.send_message(QueueUrl=url, MessageBody="fail")
    function = account.function("flaky", FLAKY, role=account.role("lambda", ("sqs:*", "*"), ("logs:*", "*")))
    definition = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Result": {"count": 7}, "ResultPath": "$.made", "Next": "Second"},
            "Second": {
                "Type": "Task",
                "Resource": function,
                "Parameters": {"queue": url, "count.$": "$.made.count", "started_with.$": "$$.Execution.Input"},
                "ResultPath": "$.second",
                "Next": "Third",
            },
            "Third": {
                "Type": "Pass",
                "Parameters": {"second.$": "$.second", "redrives.$": "$$.Execution.RedriveCount"},
                "End": True,
            },
        },
    }
    return account.machine("m", definition), url


def entered(account: Account, execution: str) -> list[str]:
    events = account.states.get_execution_history(executionArn=execution)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def described(account: Account, execution: str) -> dict[str, Any]:
    return dict(account.states.describe_execution(executionArn=execution))


def test_a_failed_execution_goes_on_in_the_state_that_failed(account: Account) -> None:
    machine, _ = flaky(account, 1)
    execution = account.states.start_execution(stateMachineArn=machine, name="job", input='{"a": 1}')["executionArn"]
    assert account.ended(execution)["status"] == "FAILED"
    assert described(account, execution)["redriveStatus"] == "REDRIVABLE"

    answer = account.states.redrive_execution(executionArn=execution, clientToken="once")
    ended = account.ended(execution)
    assert ended["status"] == "SUCCEEDED"
    assert ended["output"] == {"second": {"count": 7, "started_with": {"a": 1}}, "redrives": 1}
    assert (ended["redriveCount"], ended["redriveDate"]) == (1, answer["redriveDate"])
    assert ended["input"] == '{"a": 1}'
    assert "error" not in ended
    assert entered(account, execution) == ["First", "Second", "Third"], "what had ended well is not entered again"
    types = [event["type"] for event in account.states.get_execution_history(executionArn=execution)["events"]]
    assert types.count("ExecutionRedriven") == 1
    assert types.count("ExecutionFailed") == 1
    listed = account.states.list_executions(stateMachineArn=machine)["executions"]
    assert [item["redriveCount"] for item in listed] == [1]


def test_what_fails_again_can_be_redriven_again(account: Account) -> None:
    machine, _ = flaky(account, 2)
    execution = account.states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    assert account.ended(execution)["status"] == "FAILED"
    account.states.redrive_execution(executionArn=execution)
    assert account.ended(execution)["status"] == "FAILED"
    account.states.redrive_execution(executionArn=execution)
    assert account.ended(execution)["output"]["redrives"] == 2


def test_an_aborted_execution_goes_on_and_what_ran_before_the_abort_does_not(account: Account) -> None:
    definition = {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 5, "Next": "P"}, "P": {"Type": "Pass", "End": True}},
    }
    machine = account.machine("m", definition)
    execution = account.states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    wait_until(lambda: entered(account, execution) == ["W"])
    account.states.stop_execution(executionArn=execution)
    account.states.redrive_execution(executionArn=execution)
    ended = account.ended(execution)
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", {"a": 1})
    assert entered(account, execution) == ["W", "P"]


def test_an_execution_that_goes_on_or_has_succeeded_cannot_be_redriven(account: Account) -> None:
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 30, "End": True}}}
    running = account.states.start_execution(stateMachineArn=account.machine("w", wait))["executionArn"]
    assert described(account, running)["redriveStatus"] == "NOT_REDRIVABLE"
    with pytest.raises(account.states.exceptions.ExecutionNotRedrivable, match="RUNNING"):
        account.states.redrive_execution(executionArn=running)
    done = account.run(account.machine("s", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}))
    with pytest.raises(account.states.exceptions.ExecutionNotRedrivable, match="SUCCEEDED"):
        account.states.redrive_execution(executionArn=done["executionArn"])
    with pytest.raises(account.states.exceptions.ExecutionDoesNotExist):
        account.states.redrive_execution(executionArn=done["executionArn"] + "-other")


def test_the_same_token_redrives_once(account: Account) -> None:
    machine, _ = flaky(account, 1)
    execution = account.states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    account.ended(execution)
    first = account.states.redrive_execution(executionArn=execution, clientToken="t")
    account.ended(execution)
    again = account.states.redrive_execution(executionArn=execution, clientToken="t")
    assert again["redriveDate"] == first["redriveDate"]
    assert described(account, execution)["redriveCount"] == 1


def test_a_fail_state_fails_again(account: Account) -> None:
    machine = account.machine("m", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Told", "Cause": "c"}}})
    execution = account.run(machine)["executionArn"]
    account.states.redrive_execution(executionArn=execution)
    ended = account.ended(execution)
    assert (ended["status"], ended["error"], ended["redriveCount"]) == ("FAILED", "Told", 1)
    assert json.loads(ended["input"]) == {}
