"""A pipeline as it is written in a stack's configuration, against what the program builds of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from workflow.definition import MachineType
from workflow.model import WorkflowConfiguration
from workflow.pipeline_config import GlueStageConfig, PipelineConfig, StageConfig
from workflow.stages import ConfigurationError, GlueStage, LambdaStage, RetryConfiguration
from workflow.targets import GlueJobTarget, LambdaFunction

ETL = "arn:aws:lambda:us-east-1:123456789012:function:etl"
OLD = "arn:aws:lambda:us-east-1:123456789012:function:old"
STAGES = [
    {"name": "ETLStage", "function": "etl"},
    {"name": "HeavyStage", "job": "heavy", "arguments": {"mode": "full"}},
    {"name": "OldStage", "function": OLD, "timeout_seconds": 30},
]


def resolved(written: StageConfig) -> object:
    if isinstance(written, GlueStageConfig):
        return GlueJobTarget(name=f"test-{written.job}", timeout_minutes=60)
    return written.function if written.function.startswith("arn:") else LambdaFunction(arn=ETL, timeout_seconds=9)


def configuration(**written: Any) -> WorkflowConfiguration:
    return PipelineConfig.model_validate({"stages": STAGES, **written}).configuration("sample", resolved)


def test_every_key_reaches_the_workflow():
    config = configuration(
        type="STANDARD", batch_window_seconds=5, timeout_seconds=9000, retry={"glue_max_attempts": 0}
    )
    assert config == WorkflowConfiguration(
        workflow_name="sample",
        workflow_type=config.workflow_type,
        stages=[
            LambdaStage("ETLStage", function=LambdaFunction(arn=ETL, timeout_seconds=9)),
            GlueStage(
                "HeavyStage", job=GlueJobTarget(name="test-heavy", timeout_minutes=60), arguments={"mode": "full"}
            ),
            LambdaStage("OldStage", function=OLD, timeout_seconds=30),
        ],
        retry=RetryConfiguration(glue_max_attempts=0),
        batch_window_seconds=5,
        timeout_seconds=9000,
    )
    assert config.machine_type is MachineType.STANDARD


def test_the_defaults_are_those_of_the_workflow():
    assert configuration() == WorkflowConfiguration(workflow_name="sample", stages=configuration().stages)
    assert PipelineConfig(stages=({"name": "OneStage", "function": "etl"},)).retry.model_dump() == vars(
        RetryConfiguration()
    )


def test_legacy_stages_are_marked():
    config = configuration(stages=[{"name": "OldStage", "function": "etl", "legacy": True}])
    assert config.legacy_stages == config.stages


@pytest.mark.parametrize(
    ("written", "about"),
    [
        ({"stages": []}, "stages"),
        ({"stages": [{"name": "OneStage"}]}, "function"),
        ({"stages": [{"name": "1Stage", "function": "etl"}]}, "name"),
        ({"stages": [{"name": "OneStage", "function": "etl", "job": "heavy"}]}, "function"),
        ({"stages": [{"name": "OneStage", "function": "etl", "timeout_seconds": 901}]}, "timeout_seconds"),
        ({"type": "FAST"}, "type"),
        ({"batch_size": 11}, "batch_size"),
        ({"batch_window_seconds": 301}, "batch_window_seconds"),
        ({"max_receive_count": 0}, "max_receive_count"),
        ({"retry": {"lambda_interval_seconds": 0}}, "lambda_interval_seconds"),
        ({"retry": {"lambda_backoff_rate": float("inf")}}, "lambda_backoff_rate"),
        ({"stage": []}, "stage"),
    ],
)
def test_what_is_not_a_pipeline_is_refused_with_the_key(written, about):
    with pytest.raises(ValidationError) as refused:
        PipelineConfig.model_validate({"stages": STAGES, **written})
    assert about in {str(key) for error in refused.value.errors() for key in error["loc"]}


def test_what_could_not_work_is_told_as_for_the_program():
    with pytest.raises(ConfigurationError, match=r"Express workflows only support Lambda stages.*HeavyStage"):
        configuration(type="EXPRESS")
