"""What a pipeline costs a month, as Express and as Standard, and which of the two it should be.

The estimate is that of executions without failures: retries and messages that come twice cost more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from workflow import prices
from workflow.definition import MachineType, StateMachine, render
from workflow.graph import success_way
from workflow.model import WorkflowConfiguration, WorkflowType
from workflow.pipeline import pipeline
from workflow.prices import Item, total
from workflow.stages import ConfigurationError, LambdaStage

_CHUNK_BYTES = 64 * 1024
_MB = 1024 * 1024


@dataclass(frozen=True)
class Volume:
    """What a pipeline has to do in a month.

    Attributes:
        messages: Messages a month.
        stage_seconds: How long a Lambda stage takes, on average.
        memory_mb: The memory of a function, on average.
        message_bytes: The size of a message.
        job_minutes: How long a Glue stage takes, on average.
        job_dpus: The DPUs of a job: two workers of ``G.1X`` are two.
        architecture: ``arm64`` or ``x86_64``.
    """

    messages: int
    stage_seconds: float = 0.3
    memory_mb: int = 512
    message_bytes: int = 2048
    job_minutes: float = 5
    job_dpus: float = 2
    architecture: str = "arm64"


@dataclass(frozen=True)
class Offer:
    """One type of workflow for a pipeline.

    Attributes:
        machine_type: The type.
        refusal: Why the pipeline cannot be of this type; None if it can.
        orchestration: What Step Functions costs; nothing where no execution could be of this type at all.
    """

    machine_type: MachineType
    refusal: str | None
    orchestration: tuple[Item, ...]

    @property
    def usd(self) -> float:
        """What Step Functions costs a month."""
        return total(self.orchestration)


@dataclass(frozen=True)
class Comparison:
    """A pipeline as both types.

    Attributes:
        express: As Express.
        standard: As Standard.
        common: What costs the same with either: functions, jobs, the queue and its pipe, S3.
        chosen: The type that the pipeline is deployed as.
        reasons: Why.
    """

    express: Offer
    standard: Offer
    common: tuple[Item, ...]
    chosen: MachineType
    reasons: tuple[str, ...]


def compare(config: WorkflowConfiguration, volume: Volume) -> Comparison:
    """Estimate a pipeline as both types.

    Args:
        config: The pipeline.
        volume: What it has to do.

    Returns:
        What each type would cost, and why it is of the type that it is.
    """
    lambdas = sum(isinstance(stage, LambdaStage) for stage in config.stages)
    jobs = len(config.stages) - lambdas
    return Comparison(
        express=Offer(MachineType.EXPRESS, _refusal(config, WorkflowType.EXPRESS), _express(config, volume, lambdas)),
        standard=Offer(MachineType.STANDARD, _refusal(config, WorkflowType.STANDARD), _standard(config, volume)),
        common=_common(config, volume, lambdas, jobs),
        chosen=config.machine_type,
        reasons=config.choice.reasons,
    )


def _refusal(config: WorkflowConfiguration, workflow_type: WorkflowType) -> str | None:
    try:
        # A batch size is for Express alone, and no reason against Standard.
        size = config.batch_size if workflow_type is WorkflowType.EXPRESS else 1
        replace(config, workflow_type=workflow_type, batch_size=size)
    except ConfigurationError as error:
        return " ".join(error.problems)
    return None


def _standard(config: WorkflowConfiguration, volume: Volume) -> tuple[Item, ...]:
    standard = replace(config, workflow_type=WorkflowType.STANDARD, batch_size=1)
    transitions = len(success_way(_planned(standard)))
    return (Item("State transitions", volume.messages * transitions, prices.STANDARD_TRANSITIONS),)


def _express(config: WorkflowConfiguration, volume: Volume, lambdas: int) -> tuple[Item, ...]:
    if lambdas < len(config.stages):
        return ()
    executions = volume.messages / config.batch_size
    steps = ceil(max(lambdas * volume.stage_seconds, prices.EXPRESS_STEP_SECONDS) / prices.EXPRESS_STEP_SECONDS)
    # The states of the message's Map hold its data once more.
    data_mb = 2 * config.batch_size * volume.message_bytes / _MB
    definition_mb = len(render(_planned(config)).encode()) / _MB
    memory = ceil((prices.EXPRESS_BASE_MB + definition_mb + data_mb) / prices.EXPRESS_STEP_MB) * prices.EXPRESS_STEP_MB
    seconds = executions * steps * prices.EXPRESS_STEP_SECONDS
    return (
        Item("Requests", executions, prices.EXPRESS_REQUESTS),
        Item("Duration", seconds * memory / 1024, prices.EXPRESS_DURATION),
    )


def _common(config: WorkflowConfiguration, volume: Volume, lambdas: int, jobs: int) -> tuple[Item, ...]:
    messages = volume.messages
    calls = messages * lambdas
    chunks = ceil(volume.message_bytes / _CHUNK_BYTES)
    minutes = max(volume.job_minutes, prices.GLUE_LEAST_SECONDS / 60)
    items = [
        Item("Lambda invocations", calls, prices.LAMBDA_REQUESTS),
        Item(
            "Lambda duration",
            calls * volume.stage_seconds * volume.memory_mb / 1024,
            prices.LAMBDA_DURATION[volume.architecture],
        ),
        Item("Glue jobs", messages * jobs * minutes / 60 * volume.job_dpus, prices.GLUE_DPU_HOURS),
        Item("Pipe", messages * chunks, prices.PIPE_REQUESTS),
        # Sent, received and deleted; the last two in batches.
        Item("Queue", messages * chunks * (1 + 2 / config.batch_size), prices.SQS_REQUESTS),
        # Each stage writes one output, and finds out first whether it stands.
        Item("S3 writes", messages * len(config.stages), prices.S3_WRITES),
        Item("S3 reads", messages * (2 * len(config.stages) - 1), prices.S3_READS),
    ]
    return tuple(item for item in items if item.units)


def _planned(config: WorkflowConfiguration) -> StateMachine:
    """The definition with the names of stages for what they call."""
    names = {stage.name: stage.name for stage in config.stages}
    return pipeline(config, workflow_bucket="bucket", references=names)
