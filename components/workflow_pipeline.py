"""A pipeline: a list of stages as a working, observable workflow, fed by a queue.

One statement is enough::

    WorkflowPipeline("candidates", config, bucket=bucket, source_queue=queue)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

import pulumi
import pulumi_aws as aws

from components.context import StackContext, current_context
from components.dead_letter_queue import DeadLetterQueue, DeadLetterQueueArgs
from components.policies import Statement, invoke_functions, receive_messages, run_jobs, write_objects
from components.source_queue import SourceQueue
from components.workflow_bucket import WorkflowBucket
from components.workflow_machine import FailureReports, QueueSource, Workflow, WorkflowMachine, WorkflowMachineArgs
from components.workflow_roles import Role, RoleSpec, WorkflowRoles, WorkflowRolesArgs, pipe_role, state_machine_role
from workflow.definition import MachineType, render
from workflow.model import WorkflowConfiguration
from workflow.pipeline import INPUT_TEMPLATE, pipeline
from workflow.pipeline_stages import writes_objects
from workflow.stages import GlueStage, LambdaStage, Stage
from workflow.targets import Services

T = TypeVar("T")
# What the pipeline refers to, by name: its stages' functions and jobs, the bucket, the queue.
_Texts: TypeAlias = Mapping[str, str]
_Inputs: TypeAlias = Mapping[str, "str | pulumi.Output[str]"]

# No stage can have these names.
_BUCKET, _QUEUE = ".bucket", ".queue"
_START = {MachineType.EXPRESS: "states:StartSyncExecution", MachineType.STANDARD: "states:StartExecution"}


class WorkflowPipeline(pulumi.ComponentResource):
    """The state machine of a pipeline, its role and its logs; the pipe that feeds it; for Standard, its failure queue.

    A message that an Express pipeline could not do returns to its queue, and goes to that queue's dead-letter queue as
    the queue says. A Standard pipeline takes a message out of the queue when it starts; an execution that ended badly
    is reported to the failure queue with its ARN, name, status, cause and input.

    Attributes:
        arn: The state machine's ARN.
        machine_type: Express or Standard.
        pipe_name: The pipe's name; None without a queue.
        failures: The failure queue of a Standard pipeline; None for Express, which emits no events of its executions.
    """

    arn: pulumi.Output[str]
    machine_type: MachineType
    pipe_name: pulumi.Output[str] | None
    failures: DeadLetterQueue | None = None

    def __init__(
        self,
        name: str,
        config: WorkflowConfiguration,
        *,
        bucket: WorkflowBucket | aws.s3.Bucket | pulumi.Output[str] | str,
        source_queue: SourceQueue | aws.sqs.Queue | pulumi.Output[str] | str | None = None,
        running: bool = True,
        context: StackContext | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the pipeline.

        Args:
            name: The component's name in the program. The names in AWS come from ``config.workflow_name``.
            config: The stages, the type of workflow, retries, batches.
            bucket: Through which stages hand over, below ``executions/``: a ``WorkflowBucket``, another bucket, or the
                name of one as a text or an output. Functions and jobs need ``s3:GetObject`` and ``s3:PutObject`` there,
                and ``s3:ListBucket``, without which S3 answers that access is denied where an object is missing.
            source_queue: Whose messages start it: a ``SourceQueue``, another queue, or the ARN of one as a text or an
                output. Its visibility time-out must be longer than an Express execution takes (AWS asks for six times
                as long), and it should have a dead-letter queue. Default: none; executions are then started by their
                callers.
            running: Whether the pipe fetches messages; false keeps them in the queue, up to 14 days. Default true.
            context: The stack. Default: that of the running program.
            opts: Resource options.

        Raises:
            DefinitionError: AWS would refuse the definition.
            InvalidName: A name that is made of ``config.workflow_name`` would be refused.
            TypeError: ``bucket`` or ``source_queue`` is nothing of what it may be.
            ValueError: The bucket is not named by its name, or the queue not by its ARN.
        """
        context = context or current_context()
        inputs = _inputs(config, bucket, source_queue)
        workflow, specs = _planned(config, context, inputs)
        super().__init__("data-scout:components:WorkflowPipeline", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        granted = {
            role: replace(spec, statements=_statements(inputs, config, context, role)) for role, spec in specs.items()
        }
        key_arn = bucket.key_arn if isinstance(bucket, WorkflowBucket) else None
        roles = WorkflowRoles(name, WorkflowRolesArgs(context, granted, key_arn), child).roles
        self.machine_type = config.machine_type
        if self.machine_type is MachineType.STANDARD:
            self.failures = _failure_queue(name, config, context, child)
        machine = WorkflowMachine(
            name,
            WorkflowMachineArgs(
                context,
                workflow,
                roles[_machine_role(config)],
                definition=_later(inputs, lambda texts: render(_workflow(config, context, texts).definition)),
                calls=[item for item in map(_called, config.stages) if isinstance(item, pulumi.Resource)],
                source=_source(config, inputs, roles, running=running),
                failures=_reports(config, self.failures),
            ),
            child,
        )
        self.arn, self.pipe_name = machine.arn, machine.pipe_name
        failures_url = self.failures.url if self.failures else None
        self.register_outputs({"arn": self.arn, "pipeName": self.pipe_name, "failureQueueUrl": failures_url})


def check(config: WorkflowConfiguration, context: StackContext) -> None:
    """See that a pipeline could be made, before anything is.

    Args:
        config: The pipeline.
        context: The stack.

    Raises:
        DefinitionError: AWS would refuse the definition.
        InvalidName: A name that is made of ``config.workflow_name`` would be refused.
    """
    references = {stage.name: stage.reference for stage in config.stages}
    _planned(config, context, {**references, _BUCKET: context.bucket, _QUEUE: "<queue>"})


def _planned(
    config: WorkflowConfiguration, context: StackContext, inputs: _Inputs
) -> tuple[Workflow, dict[str, RoleSpec]]:
    """The state machine and its roles; what is known only later stands by a placeholder."""
    known = {key: text if isinstance(text, str) else f"<{key}>" for key, text in inputs.items()}
    name = config.workflow_name
    context.names.of("state machine", name)
    if _QUEUE in inputs:
        context.names.of("pipe", _pipe(config))
    if config.machine_type is MachineType.STANDARD:
        context.names.of("rule", _rule(config))
        context.names.of("queue", _failures(config))
    specs = _roles(config, context, known)
    for role in specs:
        context.names.of("role", role)
    return _workflow(config, context, known), specs


def _inputs(
    config: WorkflowConfiguration,
    bucket: WorkflowBucket | aws.s3.Bucket | pulumi.Output[str] | str,
    queue: SourceQueue | aws.sqs.Queue | pulumi.Output[str] | str | None,
) -> _Inputs:
    """What the pipeline refers to: as texts where they are known before anything is made."""
    who = f"pipeline {config.workflow_name!r}"
    inputs: dict[str, str | pulumi.Output[str]] = {stage.name: stage.reference for stage in config.stages}
    inputs[_BUCKET] = _bucket_name(bucket, who)
    if queue is not None:
        inputs[_QUEUE] = _queue_arn(queue, who)
    return inputs


def _bucket_name(
    bucket: WorkflowBucket | aws.s3.Bucket | pulumi.Output[str] | str, who: str
) -> str | pulumi.Output[str]:
    match bucket:
        case WorkflowBucket():
            return bucket.known_name
        case aws.s3.Bucket():
            return bucket.bucket
        case str() if not bucket or bucket.startswith("arn:"):
            raise ValueError(f"{who}: bucket is {bucket!r}; give the bucket's name")
        case str() | pulumi.Output():
            return bucket
    raise TypeError(f"{who}: bucket is {bucket!r}, which is no bucket and no name")


def _queue_arn(queue: SourceQueue | aws.sqs.Queue | pulumi.Output[str] | str, who: str) -> str | pulumi.Output[str]:
    match queue:
        case SourceQueue():
            return queue.known_arn
        case aws.sqs.Queue():
            return queue.arn
        case str() if not queue.startswith("arn:"):
            raise ValueError(f"{who}: source_queue is {queue!r}; give the queue's ARN")
        case str() | pulumi.Output():
            return queue
    raise TypeError(f"{who}: source_queue is {queue!r}, which is no queue and no ARN")


def _later(inputs: _Inputs, make: Callable[[_Texts], T]) -> pulumi.Output[T] | None:
    """What is made of texts of which some are known only later; None if all are known."""
    if all(isinstance(text, str) for text in inputs.values()):
        return None
    return pulumi.Output.all(**inputs).apply(make)


def _workflow(config: WorkflowConfiguration, context: StackContext, texts: _Texts) -> Workflow:
    """The state machine, checked."""
    references = {stage.name: texts[stage.name] for stage in config.stages}
    definition = pipeline(
        config,
        workflow_bucket=texts[_BUCKET],
        references=references,
        services=Services(partition=context.partition),
    )
    timeouts = {
        references[stage.name]: stage.seconds
        for stage in config.stages
        if isinstance(stage, LambdaStage) and stage.seconds
    }
    return Workflow(definition, config.machine_type, timeouts)


def _roles(config: WorkflowConfiguration, context: StackContext, texts: _Texts) -> dict[str, RoleSpec]:
    """The roles of the state machine and of its pipe, by their names in the stack."""
    name = config.workflow_name
    functions = [texts[stage.name] for stage in config.stages if isinstance(stage, LambdaStage)]
    jobs = [texts[stage.name] for stage in config.stages if isinstance(stage, GlueStage)]
    place = f"{context.settings.region}:{context.account}"
    statements = [
        *([invoke_functions(functions)] if functions else []),
        *([run_jobs(f"arn:{context.partition}:glue:{place}:job/{job}" for job in jobs)] if jobs else []),
    ]
    writes = writes_objects(config)
    if writes:
        statements.append(write_objects(f"arn:{context.partition}:s3:::{texts[_BUCKET]}", ["executions/"]))
    machine = replace(state_machine_role(context, name, *statements), uses_bucket=writes)
    if _QUEUE not in texts:
        return {_machine_role(config): machine}
    start = Statement("StartWorkflow", (_START[config.machine_type],), (context.arn("state machine", name),))
    pipe = pipe_role(context, _pipe(config), receive_messages(texts[_QUEUE]), start)
    return {_machine_role(config): machine, _pipe_role(config): pipe}


def _statements(
    inputs: _Inputs, config: WorkflowConfiguration, context: StackContext, role: str
) -> tuple[Statement, ...] | pulumi.Output[tuple[Statement, ...]]:
    def of(texts: _Texts) -> tuple[Statement, ...]:
        return tuple(_roles(config, context, texts)[role].statements)

    return _later(inputs, of) or of({key: str(text) for key, text in inputs.items()})


def _source(
    config: WorkflowConfiguration, inputs: _Inputs, roles: Mapping[str, Role], *, running: bool
) -> QueueSource | None:
    if _QUEUE not in inputs:
        return None
    return QueueSource(
        _pipe(config),
        inputs[_QUEUE],
        roles[_pipe_role(config)],
        config.batch_size,
        config.batch_window_seconds,
        INPUT_TEMPLATE,
        running,
    )


def _failure_queue(
    name: str, config: WorkflowConfiguration, context: StackContext, opts: pulumi.ResourceOptions
) -> DeadLetterQueue:
    args = DeadLetterQueueArgs(context, _failures(config), failure_rule=_rule(config))
    return DeadLetterQueue(f"{name}-failures", args, opts)


def _reports(config: WorkflowConfiguration, queue: DeadLetterQueue | None) -> FailureReports | None:
    return FailureReports(_rule(config), queue.arn, queue.policy) if queue else None


def _called(stage: Stage) -> object:
    return stage.function if isinstance(stage, LambdaStage) else stage.job


def _machine_role(config: WorkflowConfiguration) -> str:
    return f"{config.workflow_name}-workflow-role"


def _pipe_role(config: WorkflowConfiguration) -> str:
    return f"{config.workflow_name}-pipe-role"


def _pipe(config: WorkflowConfiguration) -> str:
    return f"{config.workflow_name}-pipe"


def _failures(config: WorkflowConfiguration) -> str:
    return f"{config.workflow_name}-failures"


def _rule(config: WorkflowConfiguration) -> str:
    return f"{config.workflow_name}-failure"
