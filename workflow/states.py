"""Typed Amazon States Language in JSONPath mode: one class per state type, and what states are made of.

Field names are those of the language in snake case; rendering turns ``timeout_seconds`` into ``TimeoutSeconds``. What
the language forbids and a type can express cannot be written: a state has either a next state or none (``End``), a
comparison has exactly one operator, a time-out is positive. What depends on other states is left to
``workflow.rules``.

The language: https://states-language.net/spec.html and
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_pascal

ALL_ERRORS = "States.ALL"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"

PositiveSeconds: TypeAlias = Annotated[int, Field(ge=1, le=99_999_999)]
Template: TypeAlias = dict[str, JsonValue]


class Discard(Enum):
    """Marks a path that is rendered as ``null``: the value is thrown away. Leaving a path out means ``$`` instead."""

    DISCARD = "discard"


DISCARD = Discard.DISCARD
Path: TypeAlias = Annotated[
    str | Discard, PlainSerializer(lambda path: None if path is DISCARD else path, return_type=str | None)
]


class Asl(BaseModel):
    """Part of a definition: immutable, closed, rendered with the language's own field names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=AliasGenerator(serialization_alias=to_pascal), allow_inf_nan=False
    )

    def to_asl(self) -> dict[str, Any]:
        """This part as the JSON that Step Functions takes, without the fields that are not set."""
        document: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return document


class Retrier(Asl):
    """When and how often a failed state is tried again.

    ``max_attempts`` is the number of retries; 0 means that these errors are never retried. Jitter is ``FULL`` by
    default: each wait is a random part of the computed one, so that many failed states do not return all at once.
    """

    error_equals: tuple[str, ...] = Field(min_length=1)
    interval_seconds: PositiveSeconds = 1
    max_attempts: Annotated[int, Field(ge=0, le=99_999_999)] = 3
    backoff_rate: Annotated[float, Field(ge=1.0)] = 2.0
    max_delay_seconds: Annotated[int, Field(ge=1, lt=31_622_400)] | None = None
    jitter_strategy: Literal["FULL", "NONE"] = "FULL"

    @property
    def total_delay(self) -> float:
        """The longest time in seconds that all waits of this retrier take together."""
        longest = self.max_delay_seconds or float("inf")
        return sum(min(longest, self.interval_seconds * self.backoff_rate**n) for n in range(self.max_attempts))


class Catcher(Asl):
    """Where a failed state goes when no retry is left. ``result_path`` says where ``{"Error", "Cause"}`` is put."""

    error_equals: tuple[str, ...] = Field(min_length=1)
    result_path: Path | None = None
    next: str


class Comparison(Asl):
    """A test of one value: a ``variable`` and exactly one operator."""

    variable: str
    string_equals: str | None = None
    string_matches: str | None = None
    numeric_equals: int | float | None = None
    numeric_less_than: int | float | None = None
    numeric_less_than_equals: int | float | None = None
    numeric_greater_than: int | float | None = None
    numeric_greater_than_equals: int | float | None = None
    boolean_equals: bool | None = None
    is_present: bool | None = None
    is_null: bool | None = None
    is_string: bool | None = None
    is_numeric: bool | None = None
    is_boolean: bool | None = None

    @model_validator(mode="after")
    def _one_operator(self) -> Self:
        operators = [name for name, value in self if name != "variable" and value is not None]
        if len(operators) != 1:
            raise ValueError(f"give exactly one operator for {self.variable}; given are {operators or 'none'}")
        return self


class And(Asl):
    """True if all rules are."""

    rules: tuple[Condition, ...] = Field(min_length=1, serialization_alias="And")


class Or(Asl):
    """True if one of the rules is."""

    rules: tuple[Condition, ...] = Field(min_length=1, serialization_alias="Or")


class Not(Asl):
    """True if the rule is not."""

    rule: Condition = Field(serialization_alias="Not")


Condition: TypeAlias = Comparison | And | Or | Not


class ChoiceRule(Asl):
    """One way out of a Choice: taken if the condition holds and no rule before it did."""

    when: Condition
    next: str

    @model_serializer(mode="wrap")
    def _flat(self, render: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body = render(self)
        return {**body["When"], "Next": body["Next"]}


class _State(Asl):
    type: str
    comment: str | None = None


class _Filtered(_State):
    input_path: Path | None = None
    output_path: Path | None = None


class _Flowing(_Filtered):
    """A state that another one may follow; without ``next`` it ends its scope."""

    next: str | None = None

    @model_serializer(mode="wrap")
    def _next_or_end(self, render: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = render(self)
        following = body.pop("Next", None)
        return body | ({"End": True} if following is None else {"Next": following})


class Pass(_Flowing):
    """Makes its output from its input: ``parameters`` with paths, or a fixed ``result``."""

    type: Literal["Pass"] = "Pass"
    parameters: Template | None = None
    result: JsonValue = None
    result_path: Path | None = None


class Wait(_Flowing):
    """Waits a fixed number of seconds, or as many as stand at ``seconds_path``.

    ``mean_seconds`` and ``within_seconds`` are not rendered. They are what the writer of ``seconds_path`` promises: the
    least mean of all waits of an execution, and how long after its start an execution may still wait here. The rules
    need them to know how often a loop can turn.
    """

    type: Literal["Wait"] = "Wait"
    seconds: PositiveSeconds | None = None
    seconds_path: str | None = None
    mean_seconds: PositiveSeconds | None = Field(None, exclude=True)
    within_seconds: PositiveSeconds | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _one_duration(self) -> Self:
        if (self.seconds is None) == (self.seconds_path is None):
            raise ValueError("give either seconds or seconds_path")
        return self


class Succeed(_Filtered):
    """Ends its scope well."""

    type: Literal["Succeed"] = "Succeed"


class Fail(_State):
    """Ends the execution as failed. Error and cause are fixed, or read from the input by a path or an intrinsic."""

    type: Literal["Fail"] = "Fail"
    error: str | None = None
    error_path: str | None = None
    cause: str | None = None
    cause_path: str | None = None

    @model_validator(mode="after")
    def _fixed_or_path(self) -> Self:
        if None not in (self.error, self.error_path) or None not in (self.cause, self.cause_path):
            raise ValueError("give error or error_path, and cause or cause_path, but not both of a pair")
        return self


class Choice(_Filtered):
    """Goes where the first rule that holds says, or to ``default``.

    The language allows a Choice without a default; it then fails with ``States.NoChoiceMatched``. Here it is required.
    """

    type: Literal["Choice"] = "Choice"
    choices: tuple[ChoiceRule, ...] = Field(min_length=1)
    default: str


class _Retried(_Flowing):
    """A state that does work: its result can be reshaped and placed, and its failure retried and caught."""

    parameters: Template | None = None
    result_selector: Template | None = None
    result_path: Path | None = None
    retry: tuple[Retrier, ...] | None = None
    catch: tuple[Catcher, ...] | None = None

    @property
    def retries(self) -> int:
        """The most often that this state is tried again: each retrier counts for itself."""
        return sum(retrier.max_attempts for retrier in self.retry or ())


class Task(_Retried):
    """Calls a service or a function and waits for what ``resource`` says: the reply, the job's end, or a callback."""

    type: Literal["Task"] = "Task"
    resource: str
    timeout_seconds: PositiveSeconds | None = None
    heartbeat_seconds: PositiveSeconds | None = None

    @property
    def function(self) -> str | None:
        """The Lambda function that this Task calls, as it is named in the definition; None if it calls none."""
        if self.resource.split(":")[2:3] == ["lambda"]:
            return self.resource
        if ":states:::lambda:invoke" not in self.resource:
            return None
        name = (self.parameters or {}).get("FunctionName")
        return name if isinstance(name, str) else None


class ProcessorConfig(Asl):
    """How a Map runs its items: in the same execution, or each in one of its own (Distributed Map)."""

    mode: Literal["INLINE", "DISTRIBUTED"] = "INLINE"
    execution_type: Literal["STANDARD", "EXPRESS"] | None = None


class Scope(Asl):
    """States that refer to each other by name, and where they start."""

    start_at: str
    states: dict[str, State] = Field(min_length=1)

    @model_serializer(mode="wrap")
    def _states_last(self, render: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = render(self)
        states = body.pop("States")
        return body | {"States": states}


class ItemProcessor(Scope):
    """What a Map does for each item."""

    processor_config: ProcessorConfig = ProcessorConfig()


class Map(_Retried):
    """Runs its states once for each item of the array at ``items_path``.

    ``max_items`` is not rendered. It is the most items that the array can hold; the rules need it to know how many
    events and how much time the Map can take.
    """

    type: Literal["Map"] = "Map"
    items_path: str | None = None
    item_selector: Template | None = None
    max_concurrency: Annotated[int, Field(ge=0)] | None = None
    item_processor: ItemProcessor
    max_items: Annotated[int, Field(ge=1)] | None = Field(None, exclude=True)

    @property
    def distributed(self) -> bool:
        """Whether each item has an execution of its own."""
        return self.item_processor.processor_config.mode == "DISTRIBUTED"


class Parallel(_Retried):
    """Runs its branches at the same time and makes an array of their results."""

    type: Literal["Parallel"] = "Parallel"
    branches: tuple[Scope, ...] = Field(min_length=1)


State: TypeAlias = Annotated[Pass | Task | Choice | Wait | Succeed | Fail | Map | Parallel, Field(discriminator="type")]

# Scopes hold states and some states hold scopes: subclasses in other modules need this resolved.
Scope.model_rebuild()
