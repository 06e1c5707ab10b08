"""The typed states: what they render to, and what cannot be written with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.workflow.definitions import machine, task
from workflow.definition import render
from workflow.states import (
    DISCARD,
    And,
    Catcher,
    Choice,
    ChoiceRule,
    Comparison,
    Fail,
    ItemProcessor,
    Map,
    Not,
    Or,
    Parallel,
    Pass,
    Retrier,
    Scope,
    Succeed,
    Task,
    Wait,
)


def test_a_state_without_next_ends_its_scope():
    assert Pass().to_asl() == {"Type": "Pass", "End": True}
    assert Pass(next="There").to_asl() == {"Type": "Pass", "Next": "There"}


def test_null_is_rendered_where_it_is_meant_and_nowhere_else():
    state = Task(
        resource="arn:aws:states:::lambda:invoke",
        parameters={"Payload": {"previousStage": None, "nested": [{"none": None}]}},
        result_path=DISCARD,
        catch=(Catcher(error_equals=("Busy",), result_path=DISCARD, next="There"),),
    )
    assert state.to_asl() == {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"Payload": {"previousStage": None, "nested": [{"none": None}]}},
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["Busy"], "ResultPath": None, "Next": "There"}],
        "End": True,
    }


def test_choice_rules_are_rendered_flat():
    condition = And(
        rules=(
            Comparison(variable="$.a", boolean_equals=False),
            Or(rules=(Comparison(variable="$.b", is_present=True), Comparison(variable="$.c", numeric_equals=0))),
            Not(rule=Comparison(variable="$.d", string_equals="")),
        )
    )
    assert Choice(choices=(ChoiceRule(when=condition, next="There"),), default="Here").to_asl() == {
        "Type": "Choice",
        "Choices": [
            {
                "And": [
                    {"Variable": "$.a", "BooleanEquals": False},
                    {"Or": [{"Variable": "$.b", "IsPresent": True}, {"Variable": "$.c", "NumericEquals": 0}]},
                    {"Not": {"Variable": "$.d", "StringEquals": ""}},
                ],
                "Next": "There",
            }
        ],
        "Default": "Here",
    }


def test_what_only_the_rules_need_is_not_rendered():
    each = ItemProcessor(start_at="Each", states={"Each": Pass()})
    assert Map(item_processor=each, max_items=10).to_asl() == {
        "Type": "Map",
        "ItemProcessor": {
            "StartAt": "Each",
            "ProcessorConfig": {"Mode": "INLINE"},
            "States": {"Each": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }
    assert Wait(seconds_path="$.wait", mean_seconds=30).to_asl() == {
        "Type": "Wait",
        "SecondsPath": "$.wait",
        "End": True,
    }


def test_a_retrier_has_jitter_unless_it_is_told_otherwise():
    assert Retrier(error_equals=("Busy",), max_delay_seconds=9).to_asl() == {
        "ErrorEquals": ["Busy"],
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 9,
        "JitterStrategy": "FULL",
    }


@pytest.mark.parametrize(
    ("retrier", "seconds"),
    [
        (Retrier(error_equals=("E",), interval_seconds=1, backoff_rate=2.0, max_attempts=4), 1 + 2 + 4 + 8),
        (Retrier(error_equals=("E",), interval_seconds=2, backoff_rate=2.0, max_attempts=3, max_delay_seconds=5), 11),
        (Retrier(error_equals=("E",), max_attempts=0), 0),
    ],
)
def test_the_waits_of_a_retrier_add_up(retrier: Retrier, seconds: float):
    assert retrier.total_delay == seconds


@pytest.mark.parametrize(
    ("resource", "parameters", "function"),
    [
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "work"}, "work"),
        ("arn:aws-cn:states:::lambda:invoke.waitForTaskToken", {"FunctionName": "work"}, "work"),
        ("arn:aws:lambda:eu-west-1:1:function:work", None, "arn:aws:lambda:eu-west-1:1:function:work"),
        ("arn:aws:states:::lambda:invoke", {"FunctionName.$": "$.function"}, None),
        ("arn:aws:states:::sqs:sendMessage", {"QueueUrl": "https://queue"}, None),
    ],
)
def test_a_task_knows_the_function_that_it_calls(
    resource: str, parameters: dict[str, Any] | None, function: str | None
):
    assert Task(resource=resource, parameters=parameters).function == function


def test_a_machine_is_rendered_in_a_stable_and_readable_order():
    document = machine({"Work": task(next="Done"), "Failed": Fail(), "Done": Succeed()}, comment="An example")
    text = render(document)
    assert text == render(document.model_copy(deep=True))
    assert list(json.loads(text)) == ["StartAt", "Comment", "TimeoutSeconds", "States"]
    assert list(json.loads(text)["States"]) == ["Work", "Failed", "Done"]
    assert next(iter(json.loads(text)["States"]["Work"])) == "Type"


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Comparison, {"variable": "$.a"}, "exactly one operator for \\$.a; given are none"),
        (Comparison, {"variable": "$.a", "is_null": True, "is_present": True}, "exactly one operator"),
        (Wait, {}, "either seconds or seconds_path"),
        (Wait, {"seconds": 1, "seconds_path": "$.a"}, "either seconds or seconds_path"),
        (Wait, {"seconds": 0}, "greater than or equal to 1"),
        (Fail, {"error": "E", "error_path": "$.e"}, "not both"),
        (Fail, {"cause": "C", "cause_path": "$.c"}, "not both"),
        (Choice, {"choices": (), "default": "There"}, "at least 1"),
        (Choice, {"choices": (ChoiceRule(when=Comparison(variable="$", is_null=True), next="A"),)}, "default"),
        (Task, {"resource": "r", "timeout_seconds": 0}, "greater than or equal to 1"),
        (Task, {"resource": "r", "next": "A", "end": True}, "Extra inputs"),
        (Task, {"resource": "r", "parameters": {"a": object()}}, "valid JSON"),
        (Retrier, {"error_equals": ()}, "at least 1"),
        (Retrier, {"error_equals": ("E",), "backoff_rate": 0.5}, "greater than or equal to 1"),
        (Retrier, {"error_equals": ("E",), "max_attempts": -1}, "greater than or equal to 0"),
        (Retrier, {"error_equals": ("E",), "jitter_strategy": "SOME"}, "'FULL' or 'NONE'"),
        (Scope, {"start_at": "A", "states": {}}, "at least 1"),
        (Parallel, {"branches": ()}, "at least 1"),
    ],
)
def test_what_the_language_forbids_cannot_be_written(kind: type[Any], fields: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        kind(**fields)


def test_a_definition_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        task().timeout_seconds = 1  # type: ignore[misc]
