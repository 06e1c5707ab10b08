"""A pipeline as it is written in a stack's configuration, or in a file for ``scout choose``.

Functions and jobs stand there by name: those of the program, or an ARN and a job's name of what exists already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from workflow.model import MAX_BATCH_SIZE, MAX_BATCH_WINDOW_SECONDS, WorkflowConfiguration, WorkflowType
from workflow.stages import GlueStage, LambdaStage, RetryConfiguration, Stage

# By these names problems with a stage say which kind they took it for.
LAMBDA, GLUE = "LambdaStage", "GlueStage"
StageName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class _Section(BaseModel):
    """A part of the configuration: immutable and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LambdaStageConfig(_Section):
    """A stage that is a Lambda function."""

    name: StageName
    function: str = Field(min_length=1, description="A function of the program, or the ARN of one that exists already")
    timeout_seconds: Annotated[int, Field(ge=1, le=900)] | None = Field(
        None, description="The function's time-out; needed with an ARN"
    )
    legacy: bool = Field(False, description="It takes and returns its data through the state, not through S3")


class GlueStageConfig(_Section):
    """A stage that is a Glue job."""

    name: StageName
    job: str = Field(min_length=1, description="A job of the program, or the name of one that exists already")
    timeout_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = Field(
        None, description="The job's time-out; needed with a job that is not of the program"
    )
    arguments: dict[str, str] = Field({}, description="Further arguments of the job, without --")


def _kind(written: object) -> str:
    """Which of the two a stage is meant to be, so that only what is wrong with that one is told."""
    is_glue = isinstance(written, GlueStageConfig) or (isinstance(written, Mapping) and "job" in written)
    return GLUE if is_glue else LAMBDA


StageConfig: TypeAlias = LambdaStageConfig | GlueStageConfig
_AnyStage = Annotated[
    Annotated[LambdaStageConfig, Tag(LAMBDA)] | Annotated[GlueStageConfig, Tag(GLUE)], Discriminator(_kind)
]


class RetryConfig(_Section):
    """Retries of the stages."""

    lambda_max_attempts: Annotated[int, Field(ge=0)] = 2
    lambda_interval_seconds: Annotated[int, Field(ge=1)] = 20
    lambda_backoff_rate: Annotated[float, Field(ge=1)] = 2.0
    glue_max_attempts: Annotated[int, Field(ge=0)] = 2
    glue_interval_minutes: Annotated[int, Field(ge=1)] = 5
    glue_backoff_rate: Annotated[float, Field(ge=1)] = 2.0


class PipelineConfig(_Section):
    """A pipeline: its stages in their order, its type, how its queue feeds it."""

    type: WorkflowType = Field(WorkflowType.AUTO, description="EXPRESS, STANDARD, or AUTO: Express if it fits")
    stages: Annotated[tuple[_AnyStage, ...], Field(min_length=1)]
    retry: RetryConfig = RetryConfig()
    batch_size: Annotated[int, Field(ge=1, le=MAX_BATCH_SIZE)] = Field(
        1, description="Messages in one execution; more than one for Express only"
    )
    batch_window_seconds: Annotated[int, Field(ge=0, le=MAX_BATCH_WINDOW_SECONDS)] = Field(
        0, description="Longest wait for a full batch"
    )
    timeout_seconds: Annotated[int, Field(ge=1)] | None = Field(None, description="Of a whole execution")
    max_receive_count: Annotated[int, Field(ge=1, le=1000)] = Field(3, description="Tries before the DLQ")
    running: bool = Field(True, description="false keeps messages in the queue")

    def configuration(self, name: str, resolved: Callable[[StageConfig], Any]) -> WorkflowConfiguration:
        """This pipeline as the program builds it.

        Args:
            name: The pipeline's name.
            resolved: The function or job that a stage names.

        Raises:
            ConfigurationError: It could not work.
        """

        def stage(written: StageConfig) -> Stage:
            if isinstance(written, GlueStageConfig):
                minutes, arguments = written.timeout_minutes, written.arguments
                return GlueStage(written.name, job=resolved(written), timeout_minutes=minutes, arguments=arguments)
            seconds, legacy = written.timeout_seconds, written.legacy
            return LambdaStage(written.name, function=resolved(written), timeout_seconds=seconds, legacy=legacy)

        return WorkflowConfiguration(
            workflow_name=name,
            workflow_type=self.type,
            stages=[stage(written) for written in self.stages],
            retry=RetryConfiguration(**self.retry.model_dump()),
            batch_size=self.batch_size,
            batch_window_seconds=self.batch_window_seconds,
            timeout_seconds=self.timeout_seconds,
        )
