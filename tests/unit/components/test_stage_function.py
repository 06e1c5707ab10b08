"""StageFunction and layers: a function that finds its log group and its permissions when it first runs."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest

from artifacts import Artifact
from components.stage_function import StageFunction, StageFunctionArgs, function_layer
from components.workflow_roles import Role
from tests.unit.pulumi_support import Graph, context_of, record

CODE = Artifact(Path(".build/functions/mock.zip"), b"\x01" * 32)


def build(reserved_concurrency: int | None = None, **changes: object) -> Graph:
    context = context_of({key.replace("functions", "lambda"): value for key, value in changes.items()})

    def make() -> None:
        policy = aws.iam.RolePolicy("mock-role", name="r", role="r", policy="{}")
        layer = function_layer(context, "core", Artifact(Path(".build/layers/core.zip"), b"\x02" * 32))
        StageFunction(
            "mock",
            StageFunctionArgs(
                context,
                function="mock",
                description="Stands for others",
                handler="lambdas.mock.handler.handler",
                code=CODE,
                role=Role(pulumi.Output.from_input("arn:aws:iam::123456789012:role/r"), policy),
                timeout_seconds=60,
                memory_mb=1024,
                layers=[layer],
                environment={"WORKFLOW_BUCKET": "b"},
                reserved_concurrency=reserved_concurrency,
            ),
        )

    return record(make)


def test_the_function():
    graph = build()
    inputs = dict(graph.one("Function").inputs)
    code = inputs.pop("code")
    assert isinstance(code, pulumi.FileArchive)
    assert code.path == ".build/functions/mock.zip"
    assert inputs == {
        "name": "data-scout-mock-mock",
        "description": "Stands for others",
        "role": "arn:aws:iam::123456789012:role/r",
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "handler": "lambdas.mock.handler.handler",
        "sourceCodeHash": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "layers": ["arn:aws:lambda:us-east-1:123456789012:layer:data-scout-mock-core:1"],
        "memorySize": 1024,
        "timeout": 60,
        "environment": {"variables": {"POWERTOOLS_SERVICE_NAME": "mock", "LOG_LEVEL": "INFO", "WORKFLOW_BUCKET": "b"}},
        "tracingConfig": {"mode": "PassThrough"},
        "reservedConcurrentExecutions": -1,
        "tags": {
            "project": "data-scout",
            "stack": "mock",
            "component": "stage-function",
            "owner": "data-scout",
            "cost-center": "data-scout",
        },
    }
    assert graph.component_outputs["StageFunction mock"] == {
        "name": "data-scout-mock-mock",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:data-scout-mock-mock",
    }


def test_log_group_and_permissions_are_there_before_it():
    graph = build()
    log_group = graph.one("LogGroup")
    assert log_group.inputs["name"] == "/aws/lambda/data-scout-mock-mock"
    assert log_group.inputs["retentionInDays"] == 30
    assert {"LogGroup mock", "RolePolicy mock-role"} <= graph.one("Function").depends_on


def test_what_all_functions_share_comes_from_the_config():
    graph = build(
        functions={"architecture": "x86_64", "log_level": "DEBUG", "log_retention_days": 7},
        observability={"tracing": True},
    )
    function = graph.one("Function").inputs
    assert function["architectures"] == ["x86_64"]
    assert function["environment"]["variables"]["LOG_LEVEL"] == "DEBUG"
    assert function["tracingConfig"] == {"mode": "Active"}
    assert graph.one("LogGroup").inputs["retentionInDays"] == 7
    assert graph.one("LayerVersion").inputs["compatibleArchitectures"] == ["x86_64"]


@pytest.mark.parametrize(("reserved", "expected"), [(None, -1), (6, 6)])
def test_concurrency_is_reserved_or_given_back(reserved, expected):
    assert build(reserved).one("Function").inputs["reservedConcurrentExecutions"] == expected


def test_the_layer():
    inputs = dict(build().one("LayerVersion").inputs)
    assert inputs.pop("code").path == ".build/layers/core.zip"
    assert inputs == {
        "layerName": "data-scout-mock-core",
        "description": "Third-party packages: core",
        "sourceCodeHash": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
        "compatibleArchitectures": ["arm64"],
        "compatibleRuntimes": ["python3.13"],
    }
