"""The stages of a pipeline, a Lambda function or a Glue job each: what one cannot be, and how it is retried."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, TypeAlias

from workflow.definition import MachineType
from workflow.retries import BUSY_JOB_ERRORS, PERMANENT_ERRORS, TIMEOUT_ERRORS
from workflow.states import ALL_ERRORS, Retrier
from workflow.targets import START_SECONDS, GlueJobTarget, LambdaFunction

MAX_LAMBDA_SECONDS = 900
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html (Timeout: at most seven days).
MAX_GLUE_MINUTES = 10_080

# A run of a job waits for its workers before its own clock starts. The Task must not end before the job does.
GLUE_START_SECONDS = 900
# A state's name has 80 characters, of which the pipeline's own states add a few to a stage's name; the name is also
# part of an S3 key and of the arguments of a job.
_STAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_STAGE_NAME_TEXT = "a letter, then up to 63 letters, digits, hyphens and underscores"
INITIAL = "initial"
# What a workflow says to a job itself.
HANDOVER_ARGUMENTS = frozenset(
    {
        "execution_id", "stage_name", "previous_stage", "input_bucket", "input_key", "input_etag", "output_bucket",
        "output_key",
    }
)  # fmt: skip
_FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+")
# A job that has all of its concurrent runs is asked for again every minute, at last every ten, for about five hours.
BUSY_JOB = Retrier(
    error_equals=BUSY_JOB_ERRORS,
    interval_seconds=60,
    max_attempts=35,
    backoff_rate=1.5,
    max_delay_seconds=600,
    jitter_strategy="NONE",
)
# AWS's own minima, and no more than anybody waits for
# (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).
_RETRY_LIMITS = {
    "max_attempts": (0, 100),
    "interval_seconds": (1, 86_400),
    "interval_minutes": (1, 1_440),
    "backoff_rate": (1, 10),
}


class ConfigurationError(ValueError):
    """A workflow that could not work. ``problems`` holds one text for each thing that is wrong, with what to do."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join([f"workflow {name!r} cannot work:", *(f"  {problem}" for problem in problems)]))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class LambdaStage:
    """A stage that is a Lambda function.

    Attributes:
        name: The stage's name, unique in its workflow: the name of its state and the folder of its output.
        function: A ``StageFunction``, a ``workflow.targets.LambdaFunction``, any resource with an ``arn``, or the ARN
            of a function: a text, or an output of the program.
        timeout_seconds: The function's time-out in seconds, 1 to 900; needed where ``function`` does not say it. The
            Task gets a little more, so that the function ends first.
        legacy: The function was written before the S3 hand-off: it is given its data in the event and returns its
            result, both of which go through the state, at most 262,144 bytes. Default false.
    """

    name: str
    _: KW_ONLY
    function: Any
    timeout_seconds: int | None = None
    legacy: bool = False

    @property
    def reference(self) -> Any:  # noqa: ANN401 - a text, or what Pulumi resolves to one
        """The function's ARN: a text, or an output of the resource that has it."""
        return _reference(self.function, "arn")

    @property
    def seconds(self) -> int | None:
        """The function's time-out in seconds; None if nobody says it."""
        known = _target(self.function)
        if self.timeout_seconds is None and isinstance(known, LambdaFunction):
            return known.timeout_seconds
        return self.timeout_seconds

    @property
    def task_seconds(self) -> int:
        """The time-out of the stage's Task, in seconds."""
        return (self.seconds or 0) + START_SECONDS


@dataclass(frozen=True)
class GlueStage:
    """A stage that is a Glue job, run to its end (``glue:startJobRun.sync``); for Standard workflows only.

    Attributes:
        name: The stage's name, unique in its workflow.
        job: A ``GlueJob``, any resource with a ``name``, or the name of a job: a text, or an output of the program.
        timeout_minutes: The job's time-out in minutes, at most 10,080; needed where ``job`` does not say it.
        arguments: Further arguments of the job, without ``--``, and none of ``HANDOVER_ARGUMENTS``.
    """

    name: str
    _: KW_ONLY
    job: Any
    timeout_minutes: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> Any:  # noqa: ANN401 - a text, or what Pulumi resolves to one
        """The job's name: a text, or an output of the resource that has it."""
        return _reference(self.job, "name")

    @property
    def minutes(self) -> int | None:
        """The job's time-out in minutes; None if nobody says it."""
        known = _target(self.job)
        if self.timeout_minutes is None and isinstance(known, GlueJobTarget):
            return known.timeout_minutes
        return self.timeout_minutes

    @property
    def task_seconds(self) -> int:
        """The time-out of the stage's Task, in seconds."""
        return (self.minutes or 0) * 60 + GLUE_START_SECONDS


Stage: TypeAlias = LambdaStage | GlueStage


@dataclass(frozen=True)
class RetryConfiguration:
    """How often a stage that failed is tried again, and after which waits.

    Errors that the stage SDK calls permanent (``workflow.retries.PERMANENT_ERRORS``) are never tried again. In an
    Express workflow a stage that timed out is not either: its message returns to the queue instead.

    Attributes:
        lambda_max_attempts: Retries of a Lambda stage, at most 100; 0 means none. Default 2.
        lambda_interval_seconds: The first wait, in seconds, at least 1. Default 20. With jitter a wait is a random part
            of what is computed.
        lambda_backoff_rate: By what each further wait is longer; at least 1. Default 2.0.
        glue_max_attempts: Retries of a Glue stage. Default 2.
        glue_interval_minutes: The first wait, in minutes, at least 1. Default 5.
        glue_backoff_rate: By what each further wait is longer. Default 2.0.

    Raises:
        ConfigurationError: A number is out of ``_RETRY_LIMITS``.
    """

    lambda_max_attempts: int = 2
    lambda_interval_seconds: int = 20
    lambda_backoff_rate: float = 2.0
    glue_max_attempts: int = 2
    glue_interval_minutes: int = 5
    glue_backoff_rate: float = 2.0

    def __post_init__(self) -> None:
        problems = [
            f"retry.{name} is {value}; it takes {least} to {most:,}."
            for name, value in vars(self).items()
            for least, most in [_RETRY_LIMITS[name.partition("_")[2]]]
            if not least <= value <= most
        ]
        if problems:
            raise ConfigurationError("retry", problems)

    def retriers(self, stage: Stage, machine_type: MachineType) -> tuple[Retrier, ...]:
        """The Retry field of a stage's Task."""
        if isinstance(stage, GlueStage):
            attempts, seconds, rate = self.glue_max_attempts, self.glue_interval_minutes * 60, self.glue_backoff_rate
            # Whatever ended a job, Step Functions calls it States.TaskFailed.
            first = BUSY_JOB
        else:
            attempts, seconds, rate = self.lambda_max_attempts, self.lambda_interval_seconds, self.lambda_backoff_rate
            never = PERMANENT_ERRORS + (TIMEOUT_ERRORS if machine_type is MachineType.EXPRESS else ())
            first = Retrier(error_equals=never, max_attempts=0)
        again = Retrier(error_equals=(ALL_ERRORS,), interval_seconds=seconds, max_attempts=attempts, backoff_rate=rate)
        return (first, again)


def stage_problems(stage: Stage) -> Iterator[str]:
    """What is wrong with a stage by itself, with what to do about it."""
    if not _STAGE_NAME.fullmatch(stage.name) or stage.name == INITIAL:
        yield f"Stage name {stage.name!r} is not valid: it takes {_STAGE_NAME_TEXT}, and {INITIAL!r} is reserved."
    yield from _reference_problems(stage)
    yield from _time_problems(stage)


def _target(given: Any) -> Any:  # noqa: ANN401 - a component, a resource, an output or a text
    """What is called. A component says so itself."""
    # Not getattr: an output of Pulumi seems to have every attribute.
    return getattr(given, "__dict__", {}).get("target", given)


def _reference(given: Any, attribute: str) -> Any:  # noqa: ANN401 - a text, or what Pulumi resolves to one
    """The ARN or the name of what is called: an attribute of a resource, or the value itself."""
    target = _target(given)
    is_known = isinstance(target, LambdaFunction | GlueJobTarget) or hasattr(type(target), attribute)
    return getattr(target, attribute) if is_known else target


def _reference_problems(stage: Stage) -> Iterator[str]:
    reference = stage.reference
    if reference is None or isinstance(reference, int | float):
        yield f"Stage {stage.name!r}: {reference!r} is nothing that can be called."
    elif isinstance(reference, str) and isinstance(stage, LambdaStage) and not _FUNCTION_ARN.fullmatch(reference):
        yield (
            f"Stage {stage.name!r}: function is {reference!r}, which is not the ARN of a function. Solution: give the "
            "function's ARN, which policies need, not its name."
        )
    elif reference == "":
        yield f"Stage {stage.name!r}: job is empty. Solution: give the job's name."
    if isinstance(stage, GlueStage) and (taken := sorted(HANDOVER_ARGUMENTS & stage.arguments.keys())):
        told = ", ".join(taken)
        yield f"Stage {stage.name!r}: the workflow itself sets {told}. Solution: name these arguments otherwise."


def _time_problems(stage: Stage) -> Iterator[str]:
    if isinstance(stage, GlueStage):
        given, most, what, unit, target = stage.minutes, MAX_GLUE_MINUTES, "job", "timeout_minutes", _target(stage.job)
    else:
        given, most, what, unit = stage.seconds, MAX_LAMBDA_SECONDS, "function", "timeout_seconds"
        target = _target(stage.function)
    own = getattr(target, unit) if isinstance(target, LambdaFunction | GlueJobTarget) else None
    if given is None:
        yield (
            f"Stage {stage.name!r}: the time-out of its {what} is not known, and the {what} would outlive its state. "
            f"Solution: give {unit}= the time-out that the {what} has."
        )
    elif not 1 <= given <= most:
        yield f"Stage {stage.name!r}: {unit} is {given}; AWS takes 1 to {most:,}."
    elif own is not None and given < own:
        yield (
            f"Stage {stage.name!r}: {unit} is {given}, but the {what}'s own is {own}: its state would end before it. "
            f"Solution: leave {unit} out, or lower the {what}'s."
        )
