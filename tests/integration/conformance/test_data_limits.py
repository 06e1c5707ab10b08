"""Sizes and forms of data that Step Functions refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account

LIMIT = 262_144
SUCCEED = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}


def text_of(size: int) -> str:
    """A JSON string of exactly that many bytes."""
    return json.dumps("x" * (size - 2))


def wide_text_of(size: int) -> str:
    """A JSON string of exactly that many bytes, with characters of two bytes each."""
    return '"' + "é" * ((size - 2) // 2) + '"'


@pytest.mark.parametrize("make", [text_of, wide_text_of])
def test_an_input_may_have_262144_bytes_and_no_more(account: Account, make: Any) -> None:
    machine = account.machine("m", SUCCEED)
    execution = account.states.start_execution(stateMachineArn=machine, input=make(LIMIT))
    assert account.ended(execution["executionArn"])["status"] == "SUCCEEDED"
    with pytest.raises(account.states.exceptions.ClientError, match="ValidationException"):
        account.states.start_execution(stateMachineArn=machine, input=make(LIMIT + 2))


@pytest.mark.parametrize("text", ["{", "", "NaN", '{"a": Infinity}', "{'a': 1}"])
@pytest.mark.parametrize("express", [False, True])
def test_an_input_that_is_not_json_starts_nothing(account: Account, text: str, express: bool) -> None:
    machine = account.machine("m", SUCCEED, express=express)
    start = account.states.start_sync_execution if express else account.states.start_execution
    with pytest.raises(account.states.exceptions.InvalidExecutionInput):
        start(stateMachineArn=machine, input=text)
    if not express:
        assert account.states.list_executions(stateMachineArn=machine)["executions"] == []


def returning(account: Account, expression: str, **state: Any) -> str:
    arn = account.function("f", f"def handler(event, context):\n    return {expression}\n")
    task = {"Type": "Task", "Resource": arn, "End": True, **state}
    return account.machine(
        "m", {"StartAt": "T", "States": {"T": task, "S": {"Type": "Succeed"}}} if state else one(task)
    )


def one(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": state}}


def test_a_result_of_the_limit_passes(account: Account) -> None:
    assert account.run(returning(account, f"'x' * {LIMIT - 2}"))["status"] == "SUCCEEDED"


def test_a_larger_result_fails_and_a_wildcard_does_not_catch_it(account: Account) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    ended = account.run(returning(account, f"'x' * {LIMIT - 1}", Catch=catch))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_states_that_make_the_data_grow_are_limited_too(account: Account) -> None:
    double = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    ended = account.run(account.machine("m", one(double)), "x" * (LIMIT // 2))
    assert ended["error"] == "States.DataLimitExceeded"


def test_nan_is_not_json(account: Account) -> None:
    ended = account.run(returning(account, "{'rate': float('nan')}"))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_a_standard_execution_has_at_most_25000_events(account: Account) -> None:
    # Each item: the iteration started and succeeded, 60 Pass states entered and exited: 122 events.
    chain: dict[str, Any] = {f"P{n}": {"Type": "Pass", "Next": f"P{n + 1}"} for n in range(59)}
    chain["P59"] = {"Type": "Pass", "End": True}
    definition = one({"Type": "Map", "ItemProcessor": {"StartAt": "P0", "States": chain}, "End": True})
    standard = account.machine("standard", definition)
    assert account.run(standard, [0] * 203)["status"] == "SUCCEEDED"
    ended = account.run(standard, [0] * 206)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert "25000" in ended["cause"]

    express = account.machine("express", definition, express=True)
    answer = account.states.start_sync_execution(stateMachineArn=express, input=json.dumps([0] * 206))
    assert answer["status"] == "SUCCEEDED"


def test_an_inline_map_runs_at_most_40_items_at_a_time(account: Account) -> None:
    # Each item waits for a second: 41 of them need two rounds.
    inner = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    machine = account.machine("m", one({"Type": "Map", "ItemProcessor": inner, "End": True}))
    ended = account.run(machine, [0] * 41)
    assert (ended["stopDate"] - ended["startDate"]).total_seconds() >= 2
