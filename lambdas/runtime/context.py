"""What a stage is given and what it gives back: the event, the time that is left, the output, the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, Self, TypeAlias

from pydantic import ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from lambdas.contracts.base import Contract, RunId
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable

# Names and values that CloudWatch takes, and that a person can chart.
MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,254}$")]
MetricValue = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Metrics: TypeAlias = dict[MetricName, MetricValue]

# Left over for the failure to be logged and recorded before Lambda ends the process.
_CLOSING_SECONDS = 1.5
# As ``workflow.model`` allows the name of a stage.
StateName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,79}$")]


class LambdaContext(Protocol):
    """What the SDK reads of the context object of the Lambda runtime."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class ExecutionContext(Contract):
    """The event of a stage (camelCase in JSON).

    Attributes:
        execution_id: Names the execution whose outputs belong together: what Step Functions takes for a name, in ASCII.
        current_stage: The stage.
        previous_stage: The stage whose output it reads; ``None`` for the first one, which reads ``initial_data``.
        workflow_bucket: Through which stages hand over.
        initial_data: What the state machine itself hands over.
        input_inline: The input is ``initial_data`` although there is a stage before it: one that hands over through the
            state.
        output_inline: The result is to hold the output as well, for a stage after it that takes it from the state.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    execution_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=@!()'-][A-Za-z0-9_.+=@!()'-]{0,127}$")]
    current_stage: StateName
    previous_stage: StateName | None = None
    workflow_bucket: Annotated[str, Field(min_length=3, max_length=63)]
    initial_data: Json = None
    input_inline: bool = False
    output_inline: bool = False

    @classmethod
    def parse(cls, document: object) -> Self:
        """Validate the event of a stage.

        Raises:
            InvalidInput: A field is missing or wrong, and the message names each; or a number is none that JSON has.
        """
        try:
            return super().parse(document)
        except ValueError as error:
            told = explain(error) if isinstance(error, ValidationError) else str(error)
            raise InvalidInput(f"The event of the stage is not valid: {told}") from error


class RunContext(ExecutionContext):
    """The event of a stage that works for a run.

    Attributes:
        run_id: The run in the ledger.
        state: The state whose work the stage is, where that has another name: the mode, the ledger and the manifest
            know states.
    """

    run_id: RunId
    state: StateName | None = None

    @property
    def state_name(self) -> str:
        """The state whose work the stage is."""
        return self.state or self.current_stage


def explain(error: ValidationError) -> str:
    """A validation error in one line: each field's path and what is expected of it."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'the document'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False)
    )


class Deadline:
    """The moment after which no remote call is begun.

    Args:
        seconds: From now.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @classmethod
    def of(cls, lambda_context: LambdaContext) -> Deadline:
        """The deadline of an invocation: what Lambda leaves it, less the time to report a failure."""
        return cls(lambda_context.get_remaining_time_in_millis() / 1000 - _CLOSING_SECONDS)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock())

    def check(self) -> None:
        """Refuse to begin anything once the time is over.

        Raises:
            ServiceUnavailable: No time is left.
        """
        if self.remaining() <= 0:
            raise ServiceUnavailable("No time is left in this invocation for another remote call.")


@dataclass(frozen=True)
class StageOutput:
    """What a stage hands to the next one.

    Attributes:
        data: The output, as JSON; the next stage reads it from S3. An iterator is written record by record, without
            ever being in memory as a whole.
        records: How many records were processed; by default the length of a list, the number of records of an iterator,
            0 for nothing, and 1 for anything else.
        metrics: A few small numbers for the execution's history and CloudWatch.
        result: Short texts that the state machine chooses by; they stand beside the other fields of the result.
    """

    data: Json
    records: int | None = None
    metrics: Metrics = field(default_factory=dict)
    result: Mapping[str, str] = field(default_factory=dict)


class StageResult(Contract):
    """What a stage answers to the state machine: counters and the key of its output, never the output itself."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    status: str = "SUCCESS"
    stage: StateName
    records_processed: Annotated[int, Field(ge=0)]
    output_key: str
    output_sha256: Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$")]
    metrics: Metrics = Field(default_factory=dict)
    result: dict[str, str] = Field(default_factory=dict)
    output: Json = None

    def document(self) -> dict[str, Any]:
        """This result in camelCase, as the state machines read it: the texts of ``result`` beside the other fields.

        ``output`` is there only if the event asked for it.
        """
        unset = {"output"} - self.model_fields_set
        return self.result | self.model_dump(mode="json", by_alias=True, exclude={"result", *unset})
