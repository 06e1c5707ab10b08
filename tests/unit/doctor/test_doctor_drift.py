"""Drift: what is deployed, compared with what program and configuration ask for, in every part that decides."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scout.doctor import drift
from scout.doctor.findings import Level
from scout.doctor.program import Program
from tests.unit.e2e.account import Account, refused, stack

DIGEST = hashlib.sha256(b"zip").hexdigest()
CODE = base64.b64encode(hashlib.sha256(b"zip").digest()).decode()
ARN = "arn:aws:states:us-east-1:1:stateMachine"
VARIABLES = {
    "LOG_LEVEL": "INFO",
    "FRONTIER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/frontier",
    "STATE_MODES": json.dumps({"Rank": "mock", "TileSweep": "mock"}),
    "VERSIONS": json.dumps({"program": "0.1.0", "city-discovery": "aaa"}),
}
WANTED = Program(
    tuple(
        {"type": kind, "inputs": inputs}
        for kind, inputs in (
            ("aws:lambda/function:Function", {
                "name": "control", "code": {"path": "x.zip", "sha256": DIGEST}, "handler": "h", "runtime": "python3.13",
                "memorySize": 512, "timeout": 20, "role": "arn:role", "environment": {"variables": VARIABLES},
                "layers": ["arn:aws:lambda:us-east-1:1:layer:core:1"],
            }),
            ("aws:lambda/layerVersion:LayerVersion", {"layerName": "core", "code": {"path": "l", "sha256": DIGEST}}),
            ("aws:sfn/stateMachine:StateMachine", {"name": "city", "definition": '{"StartAt": "A"}'}),
            ("aws:glue/job:Job", {
                "name": "sum", "roleArn": "arn:role", "defaultArguments": {"--a": "b"}, "glueVersion": "5.1",
                "workerType": "G.1X", "numberOfWorkers": 2, "timeout": 60,
            }),
        )
    )
)  # fmt: skip
HELD: dict[str, Any] = {
    "function": {
        "CodeSha256": CODE, "Handler": "h", "Runtime": "python3.13", "MemorySize": 512, "Timeout": 20,
        "Role": "arn:role", "Layers": [{"Arn": "arn:aws:lambda:us-east-1:1:layer:core:7"}],
        "Environment": {"Variables": VARIABLES | {"FRONTIER_QUEUE_URL": "http://127.0.0.1:4566/1/frontier",
                                                  "VERSIONS": json.dumps({"program": "0.1.0", "city-discovery": "b"})}},
    },
    "layer": {"Content": {"CodeSha256": CODE}},
    "machine": {"name": "city", "type": "STANDARD", "definition": '{ "StartAt":"A" }',
                "loggingConfiguration": {"level": "OFF"}},
    "job": {"Role": "arn:role", "DefaultArguments": {"--a": "b"}, "GlueVersion": "5.1", "WorkerType": "G.1X",
            "NumberOfWorkers": 2, "Timeout": 60},
}  # fmt: skip


def account(held: dict[str, Any]) -> Account:
    return Account(
        get_function_configuration=lambda **_: held["function"],
        get_layer_version_by_arn=lambda **_: held["layer"],
        describe_state_machine=lambda **_: held["machine"],
        get_job=lambda **_: {"Job": held["job"]},
    )


def found(found_account: Account) -> list[Any]:
    deployment = replace(stack(found_account), city_discovery_arn=f"{ARN}:city")
    return list(drift.drift(deployment, WANTED, "deploy it"))


def after(change: Callable[[dict[str, Any]], Any]) -> str:
    held = copy.deepcopy(HELD)
    change(held)
    [finding] = found(account(held))
    assert finding.level is Level.WARN
    assert finding.advice == "deploy it"
    return str(finding.said)


def test_what_is_as_asked_for_is_fine_whatever_the_endpoint_and_the_numbers_of_versions():
    [finding] = found(account(HELD))
    assert finding.level is Level.OK
    assert finding.said == "1 function, 1 state machine, 1 job are as program and configuration ask for"


def test_what_the_place_decides_is_left_out():
    held = copy.deepcopy(HELD)
    held["function"]["Environment"]["Variables"]["CONNECTORS"] = '{"tavily": {"base_url": "http://127.0.0.1"}}'
    deployment = replace(stack(account(held)), city_discovery_arn=f"{ARN}:city")
    [finding] = drift.drift(deployment, WANTED, "deploy it", frozenset({"CONNECTORS"}))
    assert finding.level is Level.OK


def variable(name: str, value: str | None) -> Callable[[dict[str, Any]], Any]:
    def change(held: dict[str, Any]) -> None:
        variables = held["function"]["Environment"]["Variables"]
        variables.pop(name, None)
        if value is not None:
            variables[name] = value

    return change


CHANGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda held: held["function"].update(CodeSha256="other"), "function control: its code differs"),
    (lambda held: held["function"].update(Timeout=21), "function control: its Timeout is 21, wanted is 20"),
    (lambda held: held["function"].update(Role="arn:other"), "its Role is arn:other, wanted is arn:role"),
    (variable("LOG_LEVEL", "DEBUG"), "its variable LOG_LEVEL is DEBUG, wanted is INFO"),
    (variable("LOG_LEVEL", None), "its variable LOG_LEVEL is not set, wanted is INFO"),
    (variable("EXTRA", "1"), "its variable EXTRA is 1, wanted is not set"),
    (variable("FRONTIER_QUEUE_URL", "http://x/1/other"), "its variable FRONTIER_QUEUE_URL is http://x/1/other"),
    (variable("FRONTIER_QUEUE_URL", "http://x/2/frontier"), "its variable FRONTIER_QUEUE_URL is http://x/2/frontier"),
    (variable("VERSIONS", '{"program": "0.2.0"}'), "its variable VERSIONS is"),
    (
        variable("STATE_MODES", '{"Rank": "mock", "TileSweep": "real"}'),
        "TileSweep is deployed as real, and its stack's file says mock",
    ),
    (variable("STATE_MODES", '{"TileSweep": "mock"}'), "Rank is deployed as None, and its stack's file says mock"),
    (lambda held: held["function"].update(Layers=[]), "its layers are none, wanted are core"),
    (lambda held: held["layer"]["Content"].update(CodeSha256="other"), "its layer core has other content"),
    (lambda held: held["machine"].update(definition='{"StartAt": "B"}'), "state machine city: its definition differs"),
    (lambda held: held["machine"].update(type="EXPRESS"), "its type is EXPRESS, wanted is STANDARD"),
    (lambda held: held["machine"]["loggingConfiguration"].update(level="ALL"), "it logs ALL, wanted is OFF"),
    (lambda held: held["job"].update(NumberOfWorkers=10), "job sum: its NumberOfWorkers is 10, wanted is 2"),
    (lambda held: held["job"].update(DefaultArguments={}), 'its DefaultArguments is {}, wanted is {"--a": "b"}'),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_every_drift_is_named(change: Callable[[dict[str, Any]], Any], said: str):
    assert said in after(change)


@pytest.mark.parametrize(
    ("operation", "code", "name"),
    [
        ("get_function_configuration", "ResourceNotFoundException", "function control"),
        ("describe_state_machine", "StateMachineDoesNotExist", "state machine city"),
        ("get_job", "EntityNotFoundException", "job sum"),
    ],
)
def test_what_is_gone_is_a_failure(operation: str, code: str, name: str):
    def gone(**_: Any) -> Any:
        raise refused(operation, code)

    broken = account(HELD)
    broken.operations = {**broken.operations, operation: gone}
    [finding] = found(broken)
    assert (finding.level, finding.said) == (Level.FAIL, f"{name} is not there")


def test_what_may_not_be_asked_is_no_absence_of_drift():
    with pytest.raises(Exception, match="AccessDenied"):
        found(Account())


def test_a_program_takes_the_names_of_an_account():
    program = Program(
        ({"type": "aws:glue/job:Job", "inputs": {"name": "x", "roleArn": "arn:aws:iam::123456789012:r"}},)
    )
    assert program.in_account("000000000000").jobs["x"]["roleArn"] == "arn:aws:iam::000000000000:r"
