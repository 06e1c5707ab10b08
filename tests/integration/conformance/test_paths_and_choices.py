"""What a path selects, what a Choice compares, and what happens when it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account

SUCCEED = {"Type": "Succeed"}


def one(state: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "First", "States": {"First": state, **others}}


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({"Type": "Pass", "InputPath": "$.no"}, id="InputPath"),
        pytest.param({"Type": "Pass", "OutputPath": "$.no"}, id="OutputPath"),
        pytest.param({"Type": "Pass", "Parameters": {"a.$": "$.no"}}, id="Parameters"),
        pytest.param({"Type": "Pass", "Parameters": {"a": {"b": [{"c.$": "$.list[3]"}]}}}, id="index"),
        pytest.param({"Type": "Pass", "Parameters": {"a.$": "$.x.deeper"}}, id="into a number"),
        pytest.param({"Type": "Pass", "Parameters": {"a.$": "States.Format('{}', $.no)"}}, id="intrinsic"),
        pytest.param({"Type": "Pass", "Parameters": {"a.$": "$$.Execution.No"}}, id="context object"),
        pytest.param({"Type": "Wait", "SecondsPath": "$.no"}, id="SecondsPath"),
        pytest.param({"Type": "Map", "ItemsPath": "$.no", "ItemProcessor": one(SUCCEED)}, id="ItemsPath"),
        pytest.param({"Type": "Map", "ItemsPath": "$.x", "ItemProcessor": one(SUCCEED)}, id="ItemsPath to a number"),
        pytest.param(
            {"Type": "Map", "ItemsPath": "$.list", "ItemSelector": {"a.$": "$.no"}, "ItemProcessor": one(SUCCEED)},
            id="ItemSelector",
        ),
    ],
)
def test_a_path_that_is_not_there_fails_the_execution(account: Account, state: dict[str, Any]) -> None:
    machine = account.machine("m", one({**state, "End": True}))
    ended = account.run(machine, {"x": 1, "list": [1]})
    assert ended["status"] == "FAILED"
    assert ended["error"] == "States.Runtime"
    assert "while executing the state 'First' (entered at the event id #2)" in ended["cause"]


def test_a_missing_path_in_a_result_selector_is_not_caught(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": account.function("f", "def handler(e, c):\n    return {'a': 1}\n"),
        "ResultSelector": {"b.$": "$.b"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}],
        "End": True,
    }
    assert account.run(account.machine("m", one(task, S=SUCCEED)))["error"] == "States.Runtime"


def test_the_context_object_is_complete(account: Account) -> None:
    parameters = {
        "id.$": "$$.Execution.Id",
        "name.$": "$$.Execution.Name",
        "role.$": "$$.Execution.RoleArn",
        "redrives.$": "$$.Execution.RedriveCount",
        "input.$": "$$.Execution.Input.x",
        "machine.$": "$$.StateMachine.Name",
        "state.$": "$$.State.Name",
    }
    role = account.role("states")
    machine = account.machine("m", one({"Type": "Pass", "Parameters": parameters, "End": True}), role=role)
    ended = account.run(machine, {"x": 1})
    assert ended["output"] == {
        "id": ended["executionArn"],
        "name": ended["name"],
        "role": role,
        "redrives": 0,
        "input": 1,
        "machine": "m",
        "state": "First",
    }


def test_wildcards_select_a_list_that_may_be_empty(account: Account) -> None:
    parameters = {"all.$": "$.list[*].n", "none.$": "$.empty[*].n"}
    machine = account.machine("m", one({"Type": "Pass", "Parameters": parameters, "End": True}))
    ended = account.run(machine, {"list": [{"n": 1}, {"n": 2}, {}], "empty": []})
    assert ended["output"] == {"all": [1, 2], "none": []}


def choose(account: Account, rule: dict[str, Any], data: Any) -> str:
    """The state that a Choice with one rule goes to, or the error that it ends with."""
    choice = {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}
    yes = {"Type": "Pass", "Result": "yes", "End": True}
    no = {"Type": "Pass", "Result": "no", "End": True}
    arn = account.machine("m", one(choice, Yes=yes, No=no))
    ended = account.run(arn, data)
    return str(ended["output"] if ended["status"] == "SUCCEEDED" else ended["error"])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Variable": "$.no", "NumericEquals": 1}, "States.Runtime"),
        ({"Variable": "$.no", "IsNull": True}, "States.Runtime"),
        ({"Not": {"Variable": "$.no", "BooleanEquals": True}}, "States.Runtime"),
        ({"Variable": "$.no", "IsPresent": True}, "no"),
        ({"Variable": "$.no", "IsPresent": False}, "yes"),
        ({"Variable": "$.null", "IsPresent": True}, "yes"),
        ({"Variable": "$.null", "IsNull": True}, "yes"),
        ({"And": [{"Variable": "$.no", "IsPresent": True}, {"Variable": "$.no", "NumericEquals": 1}]}, "no"),
        ({"Variable": "$.true", "IsNumeric": True}, "no"),
        ({"Variable": "$.true", "NumericEquals": 1}, "no"),
        ({"Variable": "$.one", "BooleanEquals": True}, "no"),
        ({"Variable": "$.one", "StringEquals": "1"}, "no"),
        ({"Variable": "$.text", "StringLessThanPath": "$.later"}, "yes"),
        ({"Variable": "$.text", "StringGreaterThanEqualsPath": "$.later"}, "no"),
        ({"Variable": "$.time", "TimestampLessThanPath": "$.time2"}, "yes"),
        ({"Variable": "$.text", "StringMatches": "a*d"}, "yes"),
        ({"Variable": "$.star", "StringMatches": r"a\*d"}, "yes"),
        ({"Variable": "$.text", "StringMatches": r"a\*d"}, "no"),
        ({"Variable": "$.one", "NumericLessThanPath": "$.no"}, "States.Runtime"),
    ],
    ids=str,
)
def test_a_rule_of_a_choice(account: Account, rule: dict[str, Any], expected: str) -> None:
    data = {
        "null": None,
        "true": True,
        "one": 1,
        "text": "abcd",
        "later": "b",
        "star": "a*d",
        "time": "2026-01-01T00:00:00Z",
        "time2": "2026-01-01T01:30:00+01:00",
    }
    assert choose(account, rule, data) == expected


def test_a_choice_without_match_and_default_fails(account: Account) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "S"}]}
    assert account.run(account.machine("m", one(choice, S=SUCCEED)), {"x": 2})["error"] == "States.NoChoiceMatched"
