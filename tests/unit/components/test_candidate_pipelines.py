"""The pipelines of a stack's configuration: what they may name, and that only what they use is made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.names import InvalidName
from settings import ConfigError
from tests.unit.pulumi_support import Graph, run_program
from workflow.stages import ConfigurationError

OLD = "arn:aws:lambda:us-east-1:123456789012:function:LegacyStack-ETLLambda5D1B3C9A"


def program(**pipelines: Any) -> Graph:
    return run_program("mock", config={"data-scout:pipelines": json.dumps(pipelines)})


def stage(name: str, function: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "function": function, **more}


def test_without_pipelines_nothing_of_them_is_there():
    graph = program()
    assert graph.of_type("Job") == graph.of_type("Topic") == []
    assert [table.name for table in graph.of_type("Table")] == ["ledger"]
    assert {function.name for function in graph.of_type("Function")} == {"control", "mock"}
    assert graph.exports["pipelines"] == {}


def test_only_the_functions_that_a_pipeline_uses_are_made():
    graph = program(scores={"stages": [stage("ScoreStage", "candidate-score")]})
    assert {function.name for function in graph.of_type("Function")} == {"control", "mock", "candidate-score"}
    assert graph.of_type("Job") == []


def test_functions_and_jobs_of_elsewhere_are_called_and_not_made():
    graph = program(
        old={
            "type": "STANDARD",
            "stages": [
                stage("ETLStage", OLD, timeout_seconds=60),
                {"name": "HeavyStage", "job": "nightly-etl", "timeout_minutes": 30},
            ],
        }
    )
    states = json.loads(graph.one("StateMachine", "old").inputs["definition"])["States"]
    assert states["ETLStage"]["Parameters"]["FunctionName"] == OLD
    assert states["HeavyStage"]["Parameters"]["JobName"] == "nightly-etl"
    assert {function.name for function in graph.of_type("Function")} == {"control", "mock"}


def test_two_pipelines_share_a_function_and_have_a_queue_each():
    stages = [stage("ScoreStage", "candidate-score")]
    graph = program(one={"stages": stages}, two={"stages": stages})
    assert len([function for function in graph.of_type("Function") if function.name == "candidate-score"]) == 1
    assert {"one-queue", "one-queue-dlq", "two-queue", "two-queue-dlq"} <= {
        item.name for item in graph.of_type("Queue")
    }


def test_what_is_exported_says_what_kind_of_pipeline_it_is():
    graph = program(
        old={"type": "STANDARD", "stages": [stage("ETLStage", "candidate-etl", legacy=True)]},
        new={"stages": [stage("ETLStage", "candidate-etl")], "retry": {"lambda_interval_seconds": 1}},
    )
    exported = graph.exports["pipelines"]
    types = {item.name: item.inputs["type"] for item in graph.of_type("StateMachine")}
    assert {name: made["type"] for name, made in exported.items()} == {"old": types["old"], "new": types["new"]}
    assert exported["old"]["type"] == "STANDARD"
    assert exported["old"]["legacyStages"] == exported["old"]["stages"] == ["ETLStage"]
    assert exported["old"]["failureQueueUrl"].endswith("/data-scout-mock-old-failures")
    assert exported["new"]["type"] == "EXPRESS"
    assert exported["new"]["legacyStages"] == []
    assert exported["new"].get("failureQueueUrl") is None


def test_a_pipeline_that_is_not_running_has_its_pipe_stopped():
    graph = program(one={"stages": [stage("ScoreStage", "candidate-score")], "running": False})
    assert graph.one("Pipe", "one").inputs["desiredState"] == "STOPPED"


def test_a_queue_lets_messages_come_back_only_after_an_express_execution_has_ended():
    stages = [stage("ScoreStage", "candidate-score")]
    graph = program(
        fast={"type": "EXPRESS", "stages": stages, "max_receive_count": 7}, slow={"type": "STANDARD", "stages": stages}
    )
    assert graph.one("Queue", "fast-queue").inputs["visibilityTimeoutSeconds"] == 6 * 300
    assert graph.one("Queue", "slow-queue").inputs["visibilityTimeoutSeconds"] == 120
    assert json.loads(graph.one("Queue", "fast-queue").inputs["redrivePolicy"])["maxReceiveCount"] == 7


@pytest.mark.parametrize(
    ("written", "error", "about"),
    [
        (
            {"stages": [stage("ETLStage", "candidate-elt")]},
            ConfigError,
            "stage 'ETLStage' has the function 'candidate-elt', which is neither an ARN nor one of candidate-etl,",
        ),
        (
            {"stages": [stage("ETLStage", OLD)]},
            ConfigurationError,
            "Stage 'ETLStage': the time-out of its function is not known",
        ),
        (
            {"type": "EXPRESS", "stages": [{"name": "HeavyStage", "job": "candidate-heavy-etl"}]},
            ConfigurationError,
            "Express workflows only support Lambda stages",
        ),
        ({"stages": [stage("ETLStage", "candidate-etl", memory=5)]}, ConfigError, "pipelines.one.stages"),
        ({"stages": []}, ConfigError, "pipelines.one.stages"),
    ],
)
def test_what_could_not_work_is_refused_before_anything_is_made(written, error, about):
    with pytest.raises(error) as refused:
        program(one=written)
    assert about in str(refused.value)


def test_a_name_that_is_too_long_for_one_of_its_resources_is_refused_before_anything_is_made():
    name = "a-pipeline-of-thirty-1-characters"[:32]
    with pytest.raises(InvalidName, match=f"role name '.*{name}.*' has .* characters; IAM takes"):
        run_program(
            "mixed-mock-real",
            config={"data-scout:pipelines": json.dumps({name: {"stages": [stage("ScoreStage", "candidate-score")]}})},
        )


@pytest.mark.parametrize("name", ["Candidates", "1st", "with space", "x" * 60])
def test_a_name_that_resources_could_not_have_is_refused(name):
    with pytest.raises(ConfigError, match="pipelines"):
        program(**{name: {"stages": [stage("ScoreStage", "candidate-score")]}})
