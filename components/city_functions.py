"""The Lambda functions of city discovery as data: what each runs, what it needs, and what it may touch."""

from __future__ import annotations

from dataclasses import dataclass

from components.context import StackContext
from components.policies import (
    Statement,
    change_visibility,
    list_objects,
    read_objects,
    send_messages,
    use_ledger,
    write_objects,
)
from settings import Settings
from workflow.city_states import CityState, StateMode
from workflow.targets import LambdaFunction, Targets

COMMON_PACKAGES = ("lambdas/__init__.py", "lambdas/contracts", "lambdas/places", "lambdas/runtime")


@dataclass(frozen=True)
class FunctionSpec:
    """A function of the stack.

    Attributes:
        name: Its name in the stack.
        description: What it does.
        packages: What its zip holds beside ``COMMON_PACKAGES``; the first one has the handler.
        timeout_seconds: Of one invocation. An Express execution calls control twice and up to three page functions in a
            row, and ends after 300 s.
        memory_mb: Its memory.
        layers: Its layers.
        reads: Key prefixes below which it reads objects, and may list them.
        writes: Key prefixes below which it writes objects.
        sends_to_frontier: It sends messages to the frontier.
        returns_to_frontier: It says when messages come back to the frontier.
    """

    name: str
    description: str
    packages: tuple[str, ...]
    timeout_seconds: int
    memory_mb: int
    layers: tuple[str, ...] = ("core",)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    sends_to_frontier: bool = False
    returns_to_frontier: bool = False

    @property
    def handler(self) -> str:
        """The function that Lambda calls."""
        return self.packages[0].replace("/", ".") + ".handler.handler"

    @property
    def all_packages(self) -> tuple[str, ...]:
        """What its zip holds."""
        return (*COMMON_PACKAGES, *self.packages)

    def lambda_function(self, context: StackContext) -> LambdaFunction:
        """This function as a state machine calls it."""
        return LambdaFunction(arn=context.arn("function", self.name), timeout_seconds=self.timeout_seconds)

    def statements(self, context: StackContext) -> tuple[Statement, ...]:
        """What this function may do, beyond writing its logs."""
        bucket = context.bucket_arn
        objects = (
            [read_objects(bucket, self.reads), write_objects(bucket, self.writes), list_objects(bucket, self.reads)]
            if self.reads
            else []
        )
        queue = context.arn("queue", "frontier")
        sending = [send_messages(queue)] if self.sends_to_frontier else []
        returning = [change_visibility(queue)] if self.returns_to_frontier else []
        return (use_ledger(context.arn("table", "ledger")), *objects, *sending, *returning)

    @property
    def uses_bucket(self) -> bool:
        """Whether it reads or writes objects."""
        return bool(self.reads or self.writes)


CONTROL = FunctionSpec(
    name="control",
    description="Opens, watches and closes runs; admits and settles batches of messages",
    packages=("lambdas/control",),
    timeout_seconds=20,
    memory_mb=512,
    returns_to_frontier=True,
)

# Everything that a state writes. Golden inputs keep their pointer to the last run below cities/ or tests/.
_ALL_PREFIXES = ("executions/", "raw/", "extracted/", "manifests/", "cities/", "tests/")

MOCK = FunctionSpec(
    name="mock",
    description="Stands for all states that are mock, with a synthetic city in place of the outside world",
    packages=("lambdas/mock", "lambdas/finalization"),
    timeout_seconds=60,
    memory_mb=1024,
    reads=_ALL_PREFIXES,
    writes=_ALL_PREFIXES,
    sends_to_frontier=True,
)

REAL: dict[CityState, FunctionSpec] = {
    CityState.TILE_SWEEP: FunctionSpec(
        name="tile-sweep",
        description="Finds the places of an OpenStreetMap extract",
        packages=("lambdas/tile_sweep", "lambdas/connectors"),
        timeout_seconds=300,
        memory_mb=2048,
        layers=("core", "osm"),
        reads=("executions/", "raw/json/open-data/", "extracted/", "reference/osm/"),
        writes=("executions/", "raw/json/open-data/", "extracted/"),
    ),
}


def function_of(state: CityState, settings: Settings) -> FunctionSpec:
    """The function that serves a state in this stack."""
    return MOCK if settings.states[state] is StateMode.MOCK else REAL[state]


def functions_of(settings: Settings) -> list[FunctionSpec]:
    """The functions of a stack: control, one for all mock states if there are any, and one for each real state."""
    return list(dict.fromkeys([CONTROL, *(function_of(state, settings) for state in CityState)]))


def reserved_concurrency(function: FunctionSpec, settings: Settings) -> int | None:
    """What a function takes for itself of the account's concurrency: only real states' functions, and only by flag."""
    if not settings.functions.reserve_concurrency:
        return None
    by_function = {spec.name: settings.concurrency.by_state.get(state) for state, spec in REAL.items()}
    return by_function.get(function.name)


def targets_of(context: StackContext) -> Targets:
    """What the state machines of the stack call."""
    return Targets(
        functions={state: function_of(state, context.settings).lambda_function(context) for state in CityState},
        control=CONTROL.lambda_function(context),
        workflow_bucket=context.bucket,
        partition=context.partition,
    )
