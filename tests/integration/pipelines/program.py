"""The program of the stack under test: each pipeline of its configuration, out of probes."""

from __future__ import annotations

from pathlib import Path

import pulumi

from artifacts import LockOnlyBuilder
from components.candidate_functions import CandidateFunction
from components.candidate_pipelines import GLUE_MODULES
from components.context import StackContext, read_settings, stack_context
from components.function_spec import FunctionLayers, FunctionSources, function_roles
from components.glue_job import GlueJob, GlueJobArgs
from components.policies import Statement
from components.source_queue import SourceQueue, SourceQueueArgs
from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs
from components.workflow_pipeline import WorkflowPipeline
from components.workflow_roles import WorkflowRoles, WorkflowRolesArgs
from workflow.definition import MachineType
from workflow.pipeline_config import GlueStageConfig, StageConfig

PROBES = "tests/integration/pipelines/probes.py"


def counts_attempts(context: StackContext) -> Statement:
    return Statement("CountAttempts", ("s3:PutObject",), (f"{context.bucket_arn}/attempts/*",))


def function(name: str) -> CandidateFunction:
    return CandidateFunction(
        name=name,
        description="For tests",
        packages=(PROBES,),
        handler=f"{PROBES.removesuffix('.py').replace('/', '.')}.{name}",
        timeout_seconds=20,
        memory_mb=512,
        reads=("attempts/",),
        grants=(counts_attempts,),
    )


context = stack_context(read_settings())
builder = LockOnlyBuilder(Path.cwd())
specs = [function(name) for name in ("probe", "grow", "count", "tamper", "legacy")]
bucket = WorkflowBucket("data", WorkflowBucketArgs(context))
roles = WorkflowRoles("roles", WorkflowRolesArgs(context, function_roles(context, specs), bucket.key_arn))
layers = FunctionLayers("layers", context, builder, specs)
sources = FunctionSources(context, builder, layers, roles.roles)
functions = {spec.name: sources.make(spec, pulumi.ResourceOptions(), {}) for spec in specs}
job = GlueJob(
    "tag",
    GlueJobArgs(
        context,
        job="tag",
        description="For tests",
        script=Path("tests/integration/pipelines/scripts/tag.py"),
        modules=builder.modules("tag", GLUE_MODULES),
        bucket=bucket,
        timeout_minutes=10,
    ),
)


def resolved(written: StageConfig) -> object:
    return job if isinstance(written, GlueStageConfig) else functions.get(written.function, written.function)


outputs = {}
for name, written in context.settings.pipelines.items():
    config = written.configuration(name, resolved)
    seconds = config.execution_seconds if config.machine_type is MachineType.EXPRESS else 20
    queue = SourceQueue(f"{name}-queue", SourceQueueArgs(context, f"{name}-queue", seconds, written.max_receive_count))
    made = WorkflowPipeline(name, config, bucket=bucket, source_queue=queue)
    outputs[name] = {
        "arn": made.arn,
        "type": made.machine_type.value,
        "migrationMode": config.migration_mode.value,
        "batchSize": config.batch_size,
        "stages": [stage.name for stage in config.stages],
        "legacyStages": [stage.name for stage in config.legacy_stages],
        "pipeName": made.pipe_name,
        "queueUrl": queue.url,
        "dlqUrl": queue.dlq.url,
        "failureQueueUrl": made.failures.url if made.failures else None,
    }
pulumi.export("pipelines", outputs)
pulumi.export("bucketName", bucket.name)
