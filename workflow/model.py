"""A pipeline as its user writes it: a list of stages, the type of workflow, retries.

::

    WorkflowConfiguration(
        workflow_name="candidates",
        workflow_type=WorkflowType.AUTO,
        stages=[LambdaStage("ETLStage", function=etl), GlueStage("HeavyETLStage", job=heavy)],
    )

What cannot work is refused when it is written, with what to do about it. ``workflow.pipeline`` makes the state machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import ceil

from workflow.bounds import state_seconds
from workflow.definition import MachineType
from workflow.limits import MAX_EXPRESS_SECONDS, MAX_STANDARD_SECONDS
from workflow.stages import (
    ConfigurationError,
    GlueStage,
    LambdaStage,
    RetryConfiguration,
    Stage,
    stage_problems,
)
from workflow.states import Task

# An inline Map handles up to 40 items at a time, and a pipe fetches more than 10 messages only with a window
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html).
MAX_BATCH_SIZE = 10
MAX_BATCH_WINDOW_SECONDS = 300

# Beyond the sum of all stages: the states between them.
_MARGIN_SECONDS = 60
_WORKFLOW_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,47}")
_WORKFLOW_NAME_TEXT = "a letter, then up to 47 letters, digits and hyphens"


class WorkflowType(StrEnum):
    """What a workflow is deployed as.

    ``EXPRESS``: at most five minutes, Lambda stages only, started synchronously by its queue's pipe, billed by requests
    and duration. ``STANDARD``: up to a year, Lambda and Glue stages, billed by state transitions. ``AUTO``: Express if
    all stages are Lambda and end in time even if each takes its whole time-out and all its retries, else Standard.
    """

    EXPRESS = "EXPRESS"
    STANDARD = "STANDARD"
    AUTO = "AUTO"


class MigrationMode(StrEnum):
    """How the stages of a workflow hand over: ``LEGACY`` through the state, ``S3`` through S3, ``HYBRID`` mixed."""

    LEGACY = "LEGACY"
    HYBRID = "HYBRID"
    S3 = "S3"


@dataclass(frozen=True)
class TypeChoice:
    """What a workflow is deployed as, and why.

    Attributes:
        machine_type: Express or Standard.
        reasons: What decided it.
    """

    machine_type: MachineType
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WorkflowConfiguration:
    """A workflow of stages that hand over through S3.

    Attributes:
        workflow_name: The workflow's name in its stack; the names of its resources are made of it.
        stages: At least one stage, in their order.
        workflow_type: Express, Standard, or the choice between them. Default ``AUTO``.
        retry: Retries of the stages. Default: two each, after 20 s and 40 s, of Glue stages after 5 and 10 minutes.
        batch_size: The most messages that one execution gets, 1 to 10. More than one only for Express, where each
            message goes through the stages by itself; a Standard execution is one message. Default 1.
        batch_window_seconds: The longest wait for a full batch, 0 to 300 s. Default 0.
        timeout_seconds: For a whole execution. Default: 300 for Express, the most that AWS allows; for Standard the
            longest that its stages can take with all their retries.
        comment: Stands in the definition.

    Raises:
        ConfigurationError: The workflow could not work; all that is wrong is listed.
    """

    workflow_name: str
    stages: Sequence[Stage]
    workflow_type: WorkflowType = WorkflowType.AUTO
    retry: RetryConfiguration = field(default_factory=RetryConfiguration)
    batch_size: int = 1
    batch_window_seconds: int = 0
    timeout_seconds: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stages, Iterable) and not isinstance(self.stages, str):
            object.__setattr__(self, "stages", tuple(self.stages))
        # What a stage takes can be asked only once the stages themselves are sound.
        if problems := list(self._kind_problems()) or list(self._stage_problems()) or list(self._type_problems()):
            raise ConfigurationError(str(self.workflow_name), problems)

    @cached_property
    def choice(self) -> TypeChoice:
        """The type, and what decided it."""
        if self.workflow_type is not WorkflowType.AUTO:
            return TypeChoice(MachineType(self.workflow_type), (f"workflow_type is {self.workflow_type}",))
        if glue := [stage.name for stage in self.stages if isinstance(stage, GlueStage)]:
            reason = f"an Express execution cannot wait for a Glue job ({', '.join(glue)})"
            return TypeChoice(MachineType.STANDARD, (reason,))
        if (self.timeout_seconds or 0) > MAX_EXPRESS_SECONDS:
            reason = (
                f"timeout_seconds is {self.timeout_seconds}; an Express execution ends after {MAX_EXPRESS_SECONDS} s"
            )
            return TypeChoice(MachineType.STANDARD, (reason,))
        longest, most = self.longest_seconds(MachineType.EXPRESS), self._express_seconds
        takes = f"with all retries the stages take up to {longest:,.0f} s"
        if longest > most:
            return TypeChoice(MachineType.STANDARD, (f"{takes}; an Express execution ends after {most} s",))
        return TypeChoice(MachineType.EXPRESS, ("all stages are Lambda functions", f"{takes}, within {most} s"))

    @property
    def machine_type(self) -> MachineType:
        """What the workflow is deployed as."""
        return self.choice.machine_type

    @property
    def execution_seconds(self) -> int:
        """The time-out of an execution."""
        if self.machine_type is MachineType.EXPRESS:
            return self._express_seconds
        longest = ceil(self.longest_seconds(MachineType.STANDARD)) + _MARGIN_SECONDS
        return self.timeout_seconds or min(longest, MAX_STANDARD_SECONDS)

    @property
    def legacy_stages(self) -> tuple[LambdaStage, ...]:
        """The stages that take and give their data through the state."""
        return tuple(stage for stage in self.stages if isinstance(stage, LambdaStage) and stage.legacy)

    @property
    def migration_mode(self) -> MigrationMode:
        """How far the workflow has been migrated to the hand-off through S3."""
        if not self.legacy_stages:
            return MigrationMode.S3
        return MigrationMode.LEGACY if len(self.legacy_stages) == len(self.stages) else MigrationMode.HYBRID

    def longest_seconds(self, machine_type: MachineType) -> float:
        """The longest that all stages can take together, in seconds.

        Each takes its whole time-out, once more for each retry of a time-out, and all waits between retries
        (``workflow.bounds.state_seconds``).
        """
        return sum(self._stage_seconds(stage, machine_type) for stage in self.stages)

    @property
    def _express_seconds(self) -> int:
        return self.timeout_seconds or MAX_EXPRESS_SECONDS

    def _stage_seconds(self, stage: Stage, machine_type: MachineType) -> float:
        retriers = self.retry.retriers(stage, machine_type)
        return state_seconds(Task(resource=stage.name, timeout_seconds=stage.task_seconds, retry=retriers))

    def _kind_problems(self) -> Iterator[str]:
        """What is of another kind than it has to be, as a number that was written as text."""
        for name, kind in (("batch_size", int), ("batch_window_seconds", int), ("timeout_seconds", int | None)):
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                yield f"{name} is {value!r}; it takes a whole number."
        if not isinstance(self.workflow_name, str):
            yield f"workflow_name is {self.workflow_name!r}; it takes a text."
        if not isinstance(self.retry, RetryConfiguration):
            yield f"retry is {self.retry!r}; it takes a RetryConfiguration."
        if not isinstance(self.stages, tuple):
            yield f"stages is {self.stages!r}; it takes a list. Solution: put a single stage into a list, too."
            return
        for stage in self.stages:
            if not isinstance(stage, LambdaStage | GlueStage):
                yield f"stages holds {stage!r}; a stage is a LambdaStage or a GlueStage."

    def _stage_problems(self) -> Iterator[str]:
        """What is wrong with the names, the numbers and the stages by themselves."""
        if not self.workflow_name.strip():
            yield "Workflow name cannot be empty or blank."
        elif not _WORKFLOW_NAME.fullmatch(self.workflow_name):
            yield f"Workflow name {self.workflow_name!r} is not valid: it takes {_WORKFLOW_NAME_TEXT}."
        if self.workflow_type not in set(WorkflowType):
            yield f"workflow_type is {self.workflow_type!r}; it takes {', '.join(WorkflowType)}."
        if not self.stages:
            yield "Workflow must contain at least one stage. Received an empty list. Solution: add a LambdaStage."
        for name, count in Counter(stage.name for stage in self.stages).items():
            if count > 1:
                yield (
                    f"Stage names must be unique within a workflow: {count} stages are named {name!r}, and each would "
                    "overwrite the output of the other. Solution: rename them."
                )
        for stage in self.stages:
            yield from stage_problems(stage)
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if isinstance(before, GlueStage) and isinstance(after, LambdaStage) and after.legacy:
                yield (
                    f"Legacy stage {after.name!r} cannot follow the Glue stage {before.name!r}: it takes its data "
                    f"through the state, where a Glue job leaves none. Solution: migrate {after.name!r} to the stage "
                    "SDK, and take legacy=True away."
                )
        if not 1 <= self.batch_size <= MAX_BATCH_SIZE:
            yield f"batch_size is {self.batch_size}; it takes 1 to {MAX_BATCH_SIZE} messages."
        if not 0 <= self.batch_window_seconds <= MAX_BATCH_WINDOW_SECONDS:
            yield f"batch_window_seconds is {self.batch_window_seconds}; it takes 0 to {MAX_BATCH_WINDOW_SECONDS}."
        if self.timeout_seconds is not None and not 1 <= self.timeout_seconds <= MAX_STANDARD_SECONDS:
            yield f"timeout_seconds is {self.timeout_seconds}; it takes 1 to {MAX_STANDARD_SECONDS:,} (a year)."

    def _type_problems(self) -> Iterator[str]:
        """What the type of workflow does not allow."""
        if self.machine_type is MachineType.STANDARD:
            if self.batch_size > 1:
                yield (
                    f"batch_size is {self.batch_size}, but a Standard execution is one message ("
                    f"{'; '.join(self.choice.reasons)}): it is reported and replayed whole. Solution: leave batch_size "
                    "out, or make the workflow fit Express."
                )
            return
        if glue := [f"{stage.name} (job {stage.reference})" for stage in self.stages if isinstance(stage, GlueStage)]:
            yield (
                "Express workflows only support Lambda stages. Reason: an Express execution cannot wait for a job. "
                f"Found Glue stages: {', '.join(glue)}. Solution: change workflow_type to WorkflowType.STANDARD."
            )
            return
        if self._express_seconds > MAX_EXPRESS_SECONDS:
            yield (
                f"timeout_seconds is {self.timeout_seconds}; an Express execution ends after {MAX_EXPRESS_SECONDS} s. "
                "Solution: lower it, or change workflow_type to WorkflowType.STANDARD."
            )
            return
        longest = self.longest_seconds(MachineType.EXPRESS)
        if longest > self._express_seconds:
            parts = ", ".join(
                f"{stage.name} {self._stage_seconds(stage, MachineType.EXPRESS):,.0f}" for stage in self.stages
            )
            yield (
                f"The stages can take {longest:,.0f} s with all their retries ({parts}), but an Express execution ends "
                f"after {self._express_seconds} s, and its messages would return to the queue with their work undone. "
                "Solution: lower the time-outs of the functions, retry.lambda_interval_seconds or "
                "retry.lambda_max_attempts, or change workflow_type to WorkflowType.STANDARD or AUTO."
            )
