"""The states of a pipeline's stages.

A stage takes what it needs of its message from the context object, and what the stage before has made is in S3; so the
state holds neither, and cannot grow. Only what a legacy stage returns is in the state, at ``$.Payload``, for the next
one; and at ``$.ETag`` what the state machine itself wrote to S3 for a job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workflow.model import WorkflowConfiguration
from workflow.retries import CONTROL_RETRY, retry_block
from workflow.stages import INITIAL, GlueStage, LambdaStage, Stage
from workflow.states import ALL_ERRORS, DATA_LIMIT_EXCEEDED, DISCARD, Catcher, Path, State, Task, Template
from workflow.targets import Services

_LEGACY_PAYLOAD = "$.Payload"
_KEEP_SECONDS = 60
# In place of all that the state held.
_WHOLE_STATE = "$"


@dataclass(frozen=True)
class Message:
    """Where a stage finds its message, and how the folder of its outputs is called.

    Attributes:
        path: Where the message is in the context object.
        id_format: The form of ``executionId``, with a ``{}`` for each of ``id_parts``.
        id_parts: What it is made of.
    """

    path: str
    id_format: str
    id_parts: tuple[str, ...]

    @property
    def execution_id(self) -> str:
        """The path, or the intrinsic, that gives ``executionId``: it names the folder of the message's outputs."""
        if self.id_format == "{}":
            return self.id_parts[0]
        return f"States.Format('{self.id_format}', {', '.join(self.id_parts)})"

    def output_key(self, stage: str) -> str:
        """The intrinsic that gives the key of a stage's output, as ``lambdas.runtime.keys`` has it."""
        key = f"executions/{self.id_format}/{stage}/output.json"
        return f"States.Format('{key}', {', '.join(self.id_parts)})"


STANDARD_MESSAGE = Message("$$.Execution.Input[0]", "{}", ("$$.Execution.Name",))
# The message first, so that who knows the message finds its outputs by their prefix.
EXPRESS_MESSAGE = Message("$$.Map.Item.Value", "{}-{}", ("$$.Map.Item.Value.messageId", "$$.Execution.Name"))


@dataclass(frozen=True)
class Handover:
    """Through what stages hand over, and what they call.

    Attributes:
        bucket: The name of the bucket.
        references: The ARN of each stage's function, or the name of its job, by the stage's name.
        services: The service integrations.
        message: Where the message is.
    """

    bucket: str
    references: Mapping[str, str]
    services: Services
    message: Message


@dataclass(frozen=True)
class _Step:
    """A stage among its neighbours."""

    stage: Stage
    before: Stage | None
    after: Stage | None

    @property
    def previous(self) -> str:
        """The folder in which the input lies."""
        return self.before.name if self.before else INITIAL

    @property
    def is_kept(self) -> bool:
        """Whether the input is not in S3 yet, and must be written there before the stage."""
        return isinstance(self.stage, GlueStage) and (self.before is None or is_legacy(self.before))

    @property
    def first_state(self) -> str:
        """The state with which the stage begins."""
        return f"Keep for {self.stage.name}" if self.is_kept else self.stage.name


@dataclass(frozen=True)
class _Call:
    """What a stage's Task calls, and what it keeps of the answer."""

    resource: str
    parameters: Template
    result_path: Path = DISCARD
    result_selector: Template | None = None


def stage_states(
    config: WorkflowConfiguration, handover: Handover, *, done: str | None = None, failed: str | None = None
) -> dict[str, State]:
    """The states of all stages in their order; the first one begins.

    Args:
        config: The workflow.
        handover: What the stages call.
        done: The state after the last stage. ``None``: that stage ends the execution, and its output is where the
            result lies, or the result itself if the stage is legacy.
        failed: The state to which an error of a stage leads. The state is then the error. ``None``: it ends the
            execution.

    Returns:
        The states by their names.
    """
    # States.ALL does not match this one (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
    errors = ((DATA_LIMIT_EXCEEDED,), (ALL_ERRORS,))
    catch = tuple(Catcher(error_equals=names, result_path=_WHOLE_STATE, next=failed) for names in errors if failed)
    states: dict[str, State] = {}
    steps = list(_steps(config.stages))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        stage = step.stage
        if step.is_kept:
            states[step.first_state] = _keep(step, handover, catch)
        call = _call(step, handover)
        if following is None and done is None:
            call = _with_result(call, stage, handover)
        states[stage.name] = Task(
            resource=handover.services.integration(call.resource),
            parameters=call.parameters,
            result_selector=call.result_selector,
            result_path=call.result_path,
            timeout_seconds=stage.task_seconds,
            retry=config.retry.retriers(stage, config.machine_type),
            catch=catch or None,
            next=following.first_state if following else done,
        )
    return states


def writes_objects(config: WorkflowConfiguration) -> bool:
    """Whether the state machine itself writes to the bucket."""
    return any(step.is_kept for step in _steps(config.stages))


def is_legacy(stage: Stage) -> bool:
    """Whether a stage takes and returns its data through the state."""
    return isinstance(stage, LambdaStage) and stage.legacy


def _steps(stages: Sequence[Stage]) -> Iterator[_Step]:
    for before, stage, after in zip((None, *stages), stages, (*stages[1:], None), strict=False):
        yield _Step(stage, before, after)


def _call(step: _Step, handover: Handover) -> _Call:
    match step.stage:
        case GlueStage() as stage:
            return _run_job(stage, step, handover)
        case LambdaStage(legacy=True) as stage:
            # The first one gets what legacy functions always got; each other one what the one before it returned.
            first: Template = {"Payload": {"data.$": f"{handover.message.path}.initialData"}}
            payload: Template = {"Payload.$": _LEGACY_PAYLOAD} if step.before else first
            parameters: Template = {"FunctionName": handover.references[stage.name], **payload}
            return _Call("lambda:invoke", parameters, _WHOLE_STATE, {"Payload.$": "$.Payload"})
        case stage:
            return _invoke(stage, step, handover)


def _invoke(stage: LambdaStage, step: _Step, handover: Handover) -> _Call:
    """A function of the stage SDK. Beside a legacy stage it takes or gives its data through the state as well."""
    data: Template = {"initialData": None}
    if step.before is None:
        data = {"initialData.$": f"{handover.message.path}.initialData"}
    elif is_legacy(step.before):
        data = {"initialData.$": _LEGACY_PAYLOAD, "inputInline": True}
    gives = step.after is not None and is_legacy(step.after)
    payload: Template = {
        "executionId.$": handover.message.execution_id,
        "currentStage": stage.name,
        "previousStage": step.before.name if step.before else None,
        "workflowBucket": handover.bucket,
        **data,
        **({"outputInline": True} if gives else {}),
    }
    parameters: Template = {"FunctionName": handover.references[stage.name], "Payload": payload}
    if gives:
        return _Call("lambda:invoke", parameters, _WHOLE_STATE, {"Payload.$": "$.Payload.output"})
    return _Call("lambda:invoke", parameters)


def _run_job(stage: GlueStage, step: _Step, handover: Handover) -> _Call:
    arguments: Template = {
        **{f"--{name}": value for name, value in stage.arguments.items()},
        "--execution_id.$": handover.message.execution_id,
        "--stage_name": stage.name,
        "--previous_stage": step.previous,
        "--input_bucket": handover.bucket,
        "--input_key.$": handover.message.output_key(step.previous),
        # The job then reads exactly what this execution wrote, or fails.
        **({"--input_etag.$": "$.ETag"} if step.is_kept else {}),
        "--output_bucket": handover.bucket,
        "--output_key.$": handover.message.output_key(stage.name),
    }
    return _Call("glue:startJobRun.sync", {"JobName": handover.references[stage.name], "Arguments": arguments})


def _keep(step: _Step, handover: Handover, catch: tuple[Catcher, ...]) -> Task:
    """Write to S3 what is not there yet."""
    data = _LEGACY_PAYLOAD if step.before else f"{handover.message.path}.initialData"
    return Task(
        resource=handover.services.integration("aws-sdk:s3:putObject"),
        parameters={
            "Bucket": handover.bucket,
            "Key.$": handover.message.output_key(step.previous),
            "ContentType": "application/json",
            "Body": {"initialData.$": data},
        },
        result_selector={"ETag.$": "$.ETag"},
        result_path=_WHOLE_STATE,
        timeout_seconds=_KEEP_SECONDS,
        retry=retry_block(CONTROL_RETRY),
        catch=catch or None,
        next=step.stage.name,
    )


def _with_result(call: _Call, last: Stage, handover: Handover) -> _Call:
    """The call of the last stage, with the output of the execution for its result."""
    message = handover.message
    known: Template = {"executionId.$": message.execution_id, "messageId.$": f"{message.path}.messageId"}
    lies: Template = {"bucket": handover.bucket, "outputKey.$": message.output_key(last.name)}
    result: Template = {**known, **({"output.$": "$.Payload"} if is_legacy(last) else lies)}
    return _Call(call.resource, call.parameters, _WHOLE_STATE, result)
