"""What runs of city discovery would cost a month, from the definitions of its two state machines and from volumes.

The estimate is that of runs without failures. It leaves out what the outside services of real states cost, but for the
tokens of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from workflow import prices
from workflow.graph import success_way
from workflow.prices import Item, Price
from workflow.states import Choice, ItemProcessor, Map, Scope, Task

_MB = 1024 * 1024
_GB = 1024**3
# Each invocation of the runtime's stages writes about so much, Lambda's own three lines included.
LOG_BYTES = 3000
# Each look into the ledger that a stage takes: its record, the gate, the state of its messages.
LEDGER_READS = 4
# Of a batch of outside calls: reservation, rate, settlement, and what was found.
LEDGER_WRITES_A_BATCH = 4
CALLS_A_BATCH = 25
# A message is entered, admitted and settled by transactions, which cost two units each.
LEDGER_WRITES_A_MESSAGE = 6
# What opens a run: its claim, its record, four budgets, its progress; all but the claim in a transaction.
LEDGER_WRITES_A_RUN = 13
# Sends, receives and deletes come in batches of so many.
QUEUE_BATCH = 10


@dataclass(frozen=True)
class CityVolume:
    """What has to be done in a month. The defaults are those of the Edinburgh example, whose pages are map searches.

    Attributes:
        runs: Runs a month.
        messages: Frontier messages of a run: pages, and map searches further out.
        calls: Calls to outside services of a run.
        polls: How often a run waits for its frontier.
        stage_seconds: How long a state of a run takes in its function, on average.
        page_seconds: How long a stage of a page takes in its function, on average.
        memory_mb: The memory of a function, on average.
        batch_size: The most messages that the pipe hands over at once.
        output_mb: What a run leaves in S3.
        llm_tokens: Tokens of a model that a run uses, in thousands.
        architecture: ``arm64`` or ``x86_64``.
    """

    runs: int = 1
    messages: int = 60
    calls: int = 500
    polls: int = 2
    stage_seconds: float = 1.5
    page_seconds: float = 0.6
    memory_mb: int = 1024
    batch_size: int = 10
    output_mb: float = 25
    llm_tokens: float = 0
    architecture: str = "arm64"


def estimate(
    city: Scope, pages: Scope, definition_bytes: int, volume: CityVolume, llm: Price = prices.LLM_TOKENS
) -> tuple[Item, ...]:
    """Estimate a month of runs.

    Args:
        city: The definition of ``city-discovery``.
        pages: The definition of ``page-processing``.
        definition_bytes: The size of the latter.
        volume: What has to be done.
        llm: What a thousand tokens cost.

    Returns:
        A line for each thing that is paid for.
    """
    runs, messages = volume.runs, volume.messages
    way, loop = straight_way(city)
    transitions = len(way) + volume.polls * len(loop)
    tasks = sum(isinstance(city.states[name], Task) for name in way)
    poll_tasks = volume.polls * sum(isinstance(city.states[name], Task) for name in loop)
    stages = _stages_of_a_message(pages)
    batches = ceil(messages / volume.batch_size)
    invocations = tasks + poll_tasks + messages * stages + 2 * batches
    gb = volume.memory_mb / 1024
    seconds = tasks * volume.stage_seconds + messages * stages * volume.page_seconds
    # The pages of a batch are worked on at the same time.
    batch_seconds = max(stages * volume.page_seconds, prices.EXPRESS_STEP_SECONDS)
    step_mb = prices.EXPRESS_STEP_MB
    express_mb = ceil((prices.EXPRESS_BASE_MB + definition_bytes / _MB) / step_mb) * step_mb
    outputs = tasks + messages * stages
    objects = outputs + volume.calls + ceil(volume.calls / CALLS_A_BATCH)
    sends = 3 * ceil(messages / QUEUE_BATCH)
    writes = (
        LEDGER_WRITES_A_RUN
        + LEDGER_WRITES_A_MESSAGE * messages
        + LEDGER_WRITES_A_BATCH * ceil(volume.calls / CALLS_A_BATCH)
        + 2 * outputs
    )
    items = (
        Item("State transitions", runs * transitions, prices.STANDARD_TRANSITIONS, note=f"{transitions} a run"),
        Item("Express requests", runs * batches, prices.EXPRESS_REQUESTS, note="one for each batch of messages"),
        Item(
            "Express duration",
            runs * batches * batch_seconds * express_mb / 1024,
            prices.EXPRESS_DURATION,
            note=f"{batch_seconds:g} s a batch, {express_mb} MB",
        ),
        Item("Lambda invocations", runs * invocations, prices.LAMBDA_REQUESTS, note=f"{invocations} a run"),
        Item(
            "Lambda duration",
            runs * seconds * gb,
            prices.LAMBDA_DURATION[volume.architecture],
            note=f"{volume.memory_mb} MB, {volume.architecture}",
        ),
        Item("Queue", runs * sends, prices.SQS_REQUESTS, note="sends, receives and deletes of ten messages"),
        Item("Pipe", runs * messages, prices.PIPE_REQUESTS, note="at most one for each message"),
        Item("S3 writes", runs * objects, prices.S3_WRITES, note="outputs, raw answers, candidates"),
        Item(
            "S3 reads", runs * (2 * outputs + 2 * volume.calls), prices.S3_READS, note="looks for what stands already"
        ),
        Item(
            "S3 storage",
            runs * volume.output_mb / 1024,
            prices.S3_STORAGE,
            note="for a month, as if nothing expired in it",
        ),
        Item("DynamoDB writes", runs * writes, prices.DYNAMODB_WRITES, note="the run's ledger"),
        Item("DynamoDB reads", runs * LEDGER_READS * invocations, prices.DYNAMODB_READS, note="the run's ledger"),
        Item("Logs", runs * invocations * LOG_BYTES / _GB, prices.LOG_INGESTION, note=f"{LOG_BYTES} bytes a call"),
        Item(
            "LLM tokens",
            runs * volume.llm_tokens,
            llm,
            note=f"in thousands; {prices.LLM_MODEL}" if llm is prices.LLM_TOKENS else "in thousands",
        ),
    )
    return tuple(item for item in items if item.units)


def straight_way(scope: Scope) -> tuple[list[str], list[str]]:
    """The states of a run in which nothing fails: those entered once, and those of the loop, entered again each turn.

    A loop is left by the last of its Choices that has a way out; until then each takes its default.

    Args:
        scope: A definition with at most one loop on that way.
    """
    way: list[str] = []
    loop: list[str] = []
    name: str | None = scope.start_at
    while name is not None:
        if name in way:
            loop = way[way.index(name) :]
            name = _way_out(scope, loop)
            # What comes after the Choice by which the loop is left, such as the wait, belongs to its turns alone.
            leaving = max(place for place, one in enumerate(loop) if _leads_out(scope, one, loop))
            del way[way.index(loop[0]) + leaving + 1 :]
            continue
        way.append(name)
        name = _usual(scope, name)
    return way, loop


def _leads_out(scope: Scope, name: str, loop: list[str]) -> bool:
    state = scope.states[name]
    return isinstance(state, Choice) and any(rule.next not in loop for rule in state.choices)


def _way_out(scope: Scope, loop: list[str]) -> str:
    last = [name for name in loop if _leads_out(scope, name, loop)][-1]
    state = scope.states[last]
    assert isinstance(state, Choice), "only a Choice leads out"  # noqa: S101
    return next(rule.next for rule in state.choices if rule.next not in loop)


def _usual(scope: Scope, name: str) -> str | None:
    state = scope.states[name]
    return state.default if isinstance(state, Choice) else getattr(state, "next", None)


def _stages_of_a_message(pages: Scope) -> int:
    """The most Tasks that one message goes through."""
    inner = next(state.item_processor for state in pages.states.values() if isinstance(state, Map))
    return max(_tasks_from(inner, name) for name in _first(inner))


def _first(inner: ItemProcessor) -> list[str]:
    start = inner.states[inner.start_at]
    return [rule.next for rule in start.choices] if isinstance(start, Choice) else [inner.start_at]


def _tasks_from(inner: ItemProcessor, name: str) -> int:
    way = success_way(Scope(start_at=name, states=inner.states))
    return sum(isinstance(inner.states[state], Task) for state in way)
