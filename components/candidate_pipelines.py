"""The pipelines of a stack's configuration, with the example's functions, job, table and topic behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from artifacts import Builder
from components import workflow_pipeline
from components.candidate_functions import CANDIDATES, FUNCTIONS, HEAVY_ETL, NOTIFICATIONS, CandidateFunction
from components.context import StackContext
from components.function_spec import FunctionLayers, FunctionSources, function_roles
from components.glue_job import GlueJob, GlueJobArgs
from components.source_queue import SourceQueue, SourceQueueArgs
from components.stage_function import StageFunction
from components.workflow_bucket import WorkflowBucket
from components.workflow_pipeline import WorkflowPipeline
from components.workflow_roles import WorkflowRoles, WorkflowRolesArgs
from settings import ConfigError, Settings
from workflow.definition import MachineType
from workflow.model import WorkflowConfiguration
from workflow.pipeline_config import GlueStageConfig, StageConfig
from workflow.targets import GlueJobTarget

# A pipe that only starts executions is done with a message in a moment.
_START_SECONDS = 20
# What a Glue script imports of the project: none of it needs more than Glue has.
GLUE_MODULES = (
    "glue_scripts/__init__.py",
    "glue_scripts/parts.py",
    "glue_scripts/stage.py",
    "lambdas/__init__.py",
    "lambdas/runtime/__init__.py",
    "lambdas/runtime/documents.py",
    "lambdas/runtime/envelope.py",
    "lambdas/runtime/errors.py",
    "lambdas/runtime/storage.py",
)
_HEAVY_ETL_MINUTES = 60


@dataclass(frozen=True)
class CandidatePipelinesArgs:
    """What ``CandidatePipelines`` is made of.

    Attributes:
        context: The stack. Its settings hold the pipelines.
        builder: Builds the zips of functions and of the job's modules.
        bucket: Through which stages hand over.
        layers: The layers of the functions.
    """

    context: StackContext
    builder: Builder
    bucket: WorkflowBucket
    layers: FunctionLayers


class CandidatePipelines(pulumi.ComponentResource):
    """Each pipeline with a queue of its own; what they share is there only if one of them uses it.

    Attributes:
        pipelines: The pipelines by their names.
        queues: Their queues.
    """

    pipelines: dict[str, WorkflowPipeline]
    queues: dict[str, SourceQueue]

    def __init__(self, name: str, args: CandidatePipelinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        context, settings = args.context, args.context.settings
        super().__init__("data-scout:components:CandidatePipelines", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        functions = self._functions(args)
        jobs = {HEAVY_ETL: self._heavy_etl(args)} if HEAVY_ETL in _used(settings) else {}
        made: Mapping[str, StageFunction | GlueJob] = {**functions, **jobs}
        self.pipelines, self.queues = {}, {}
        self._configurations = configurations(
            context, lambda written: made.get(_reference(written), _reference(written))
        )
        for pipeline, config in self._configurations.items():
            written = settings.pipelines[pipeline]
            express = config.machine_type is MachineType.EXPRESS
            consumer_seconds = config.execution_seconds if express else _START_SECONDS
            queue = SourceQueueArgs(context, f"{pipeline}-queue", consumer_seconds, written.max_receive_count)
            self.queues[pipeline] = SourceQueue(f"{pipeline}-queue", queue, child)
            self.pipelines[pipeline] = WorkflowPipeline(
                pipeline,
                config,
                bucket=args.bucket,
                source_queue=self.queues[pipeline],
                running=written.running,
                context=context,
                opts=child,
            )
        self.register_outputs({"pipelines": self.outputs()})

    def outputs(self) -> dict[str, dict[str, Any]]:
        """What a user of the stack needs of each pipeline."""
        return {
            name: {
                "arn": made.arn,
                "type": made.machine_type.value,
                "migrationMode": self._configurations[name].migration_mode.value,
                "batchSize": self._configurations[name].batch_size,
                "stages": [stage.name for stage in self._configurations[name].stages],
                "legacyStages": [stage.name for stage in self._configurations[name].legacy_stages],
                "pipeName": made.pipe_name,
                "queueUrl": self.queues[name].url,
                "dlqUrl": self.queues[name].dlq.url,
                "failureQueueUrl": made.failures.url if made.failures else None,
            }
            for name, made in self.pipelines.items()
        }

    def _functions(self, args: CandidatePipelinesArgs) -> dict[str, StageFunction]:
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        specs = functions_of(context.settings)
        if not specs:
            return {}
        roles = WorkflowRolesArgs(context, function_roles(context, specs), args.bucket.key_arn)
        sources = FunctionSources(
            context, args.builder, args.layers, WorkflowRoles("candidate-roles", roles, child).roles
        )
        table = aws.dynamodb.Table(
            CANDIDATES,
            name=context.names.of("table", CANDIDATES),
            billing_mode="PAY_PER_REQUEST",
            hash_key="pk",
            range_key="sk",
            attributes=[aws.dynamodb.TableAttributeArgs(name=key, type="S") for key in ("pk", "sk")],
            ttl=aws.dynamodb.TableTtlArgs(attribute_name="expires_at", enabled=True),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            deletion_protection_enabled=not context.settings.force_destroy,
            tags=context.tags("candidate-pipelines"),
            opts=child,
        )
        topic = aws.sns.Topic(
            NOTIFICATIONS,
            name=context.names.of("topic", NOTIFICATIONS),
            tags=context.tags("candidate-pipelines"),
            opts=child,
        )
        environment = {"CANDIDATES_TABLE": table.name, "NOTIFICATIONS_TOPIC_ARN": topic.arn}
        return {spec.name: sources.make(spec, child, environment) for spec in specs}

    def _heavy_etl(self, args: CandidatePipelinesArgs) -> GlueJob:
        return GlueJob(
            HEAVY_ETL,
            GlueJobArgs(
                args.context,
                job=HEAVY_ETL,
                description="Enriches candidates with what all of them together tell",
                script=Path("glue_scripts/heavy_etl.py"),
                modules=args.builder.modules(HEAVY_ETL, GLUE_MODULES),
                bucket=args.bucket,
                timeout_minutes=_HEAVY_ETL_MINUTES,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def check(context: StackContext) -> None:
    """See that the pipelines of a stack could work, before anything is made.

    Raises:
        ConfigurationError: One could not.
        ConfigError: A stage names a function that the program does not have.
        DefinitionError: AWS would refuse a definition.
        InvalidName: A pipeline's name is too long for one of its resources.
    """
    for name, config in configurations(context, lambda written: _planned(written, context)).items():
        workflow_pipeline.check(config, context)
        context.names.of("queue", f"{name}-queue-dlq")


def functions_of(settings: Settings) -> list[CandidateFunction]:
    """The functions of the program that the stack's pipelines use."""
    return [spec for name, spec in FUNCTIONS.items() if name in _used(settings)]


def configurations(context: StackContext, resolved: Callable[[StageConfig], Any]) -> dict[str, WorkflowConfiguration]:
    """The pipelines of a stack by their names.

    Args:
        context: The stack.
        resolved: The function or job of a stage.

    Raises:
        ConfigurationError: A pipeline could not work.
    """
    return {name: written.configuration(name, resolved) for name, written in context.settings.pipelines.items()}


def _planned(written: StageConfig, context: StackContext) -> object:
    """What a stage calls, as it is known before anything is made."""
    reference = _reference(written)
    if isinstance(written, GlueStageConfig):
        if reference == HEAVY_ETL:
            return GlueJobTarget(name=context.names.of("job", HEAVY_ETL), timeout_minutes=_HEAVY_ETL_MINUTES)
        return reference
    if reference.startswith("arn:"):
        return reference
    if reference not in FUNCTIONS:
        raise ConfigError(
            f"{context.settings.project}:pipelines: stage {written.name!r} has the function {reference!r}, which is "
            f"neither an ARN nor one of {', '.join(FUNCTIONS)}"
        )
    return FUNCTIONS[reference].target(context)


def _used(settings: Settings) -> set[str]:
    return {_reference(stage) for pipeline in settings.pipelines.values() for stage in pipeline.stages}


def _reference(written: StageConfig) -> str:
    return written.job if isinstance(written, GlueStageConfig) else written.function
