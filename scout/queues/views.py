"""What a person sees of dead letters: tables, and how a redrive or a purge goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group as Lines
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from scout.queues.contents import UNKNOWN

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from scout.queues.analyzing import Group, Letter, Reading
    from scout.queues.contents import Content
    from scout.queues.holding import Depth
    from scout.queues.inspecting import Inspection
    from scout.queues.journal import Plan
    from scout.queues.monitoring import Sample, Status
    from scout.queues.purging import Purged
    from scout.queues.redriving import Outcome

# Without a terminal a line of progress is printed at most this often, in seconds.
_LINE_EVERY = 2.0
_STYLES = {"safe": "green", "fix-first": "yellow", "no-effect": "dim", "never": "red", "report": "cyan"}
_EXCERPT = 110


class MoveView:
    """How a redrive, a purge or a drain goes on: bars on a terminal, elsewhere lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        self._line_at, self._last_line = 0.0, ""

    @contextmanager
    def shown(self) -> Iterator[MoveView]:
        """Show bars until the end of the block."""
        with self._progress:
            yield self

    def waiting(self, messages: int) -> None:
        """Messages are hidden, and will be back."""
        self._line(f"  waiting for {messages:,} messages that somebody else has received")

    def taken_up(self, plan: Plan) -> None:
        """A redrive that was cut off goes on."""
        self._print(f"Redrive {plan.number} was cut off; it goes on: {len(plan.messages):,} messages")

    def planned(self, plan: Plan) -> None:
        """It is written down what moves."""
        self._print(f"Redrive {plan.number}: {len(plan.messages):,} messages to {plan.target_url.rpartition('/')[2]}")

    def step(self, name: str, done: int, total: int) -> None:
        """Messages have been copied, deleted or moved."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done)
        if done >= total and name not in self._ended:
            self._ended.add(name)
            self._print(f"  {name} {done:,} of {total:,}")
        elif done < total and not self._console.is_terminal:
            self._line(f"  {name} {done:,} of {total:,}")

    def depth(self, found: Depth) -> None:
        """What a queue that is drained holds."""
        self._line(f"  {found.visible:,} visible, {found.in_flight:,} in flight, {found.delayed:,} delayed")

    def _line(self, text: str) -> None:
        """A line that comes again with other numbers, but not too often, and never twice the same."""
        if text != self._last_line and time.monotonic() - self._line_at >= _LINE_EVERY:
            self._line_at, self._last_line = time.monotonic(), text
            self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def status_table(statuses: Sequence[Status]) -> RenderableType:
    """The dead-letter queues of a stack."""
    table = _table("Queue", "Visible", "In flight", "Delayed", "Total", "Its queue", "")
    table.columns[0].no_wrap = True
    for column in table.columns[1:6]:
        column.justify = "right"
    for status in statuses:
        depth, target = status.depth, status.target
        notes = ["SQS moves messages out of it"] if status.moving else []
        notes += [f"redrive {status.open_redrive} is open"] if status.open_redrive else []
        table.add_row(
            status.queue.name,
            *(f"{count:,}" for count in (depth.visible, depth.in_flight, depth.delayed, depth.total)),
            f"{target.total:,}" if target else "-",
            "; ".join(notes),
        )
    return table


def contents_table(contents: Sequence[Content]) -> RenderableType:
    """Messages as they lie there: a line about each, and the beginning of its body."""
    now = time.time()
    lines = []
    for content in contents:
        message = content.message
        about = [content.type.value, content.city, content.run, f"{shown_age(now - message.sent_at)} old"]
        lines.append(Text.assemble((message.id, "bold"), "  ", ", ".join(filter(None, about))))
        lines.append(Text(f"    {message.body[:_EXCERPT]}", style="dim"))
    return Lines(*lines)


def groups_table(groups: Sequence[Group], reading: Reading) -> RenderableType:
    """Groups, then what to do about each. What all of them have in common is said once."""
    hidden = [Text(f"{reading.hidden:,} more are hidden: somebody else has received them.")] if reading.hidden else []
    if not groups:
        return Lines(*(hidden or [Text("No message lies there.")]))
    now = time.time()
    fields = groups[0].fields
    common = [name for name in fields if len({group.fields[name] for group in groups}) == 1]
    apart = [name for name in fields if name not in common]
    table = _table("", "Count", *(name.capitalize() for name in apart), "Oldest", "Redrive")
    table.columns[1].justify = "right"
    lines = []
    for number, group in enumerate(groups, 1):
        safety = group.judgement.safety.value
        table.add_row(
            str(number),
            f"{len(group.messages):,}",
            *(Text(group.fields[name], style="dim" if group.fields[name] == UNKNOWN else "") for name in apart),
            shown_age(now - group.messages[0].sent_at),
            Text(safety, style=_STYLES[safety]),
        )
        lines += [Text(f"{number:>3}  {group.judgement.reason[:500]}"), Text(f"     {group.command}", style="bold")]
    total = sum(len(group.messages) for group in groups)
    said = "".join(f", {name} {fields[name]}" for name in common)
    return Lines(Text(f"{total:,} messages{said}"), table, *lines, *hidden)


def inspection(found: Inspection) -> RenderableType:
    """One dead letter, whole."""
    letter, message = found.letter, found.letter.message
    facts = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")

    def section(name: str, values: Mapping[str, Any] | None) -> None:
        if not values:
            facts.add_row(name, "nothing is known")
            return
        for position, (key, value) in enumerate(values.items()):
            text = value if isinstance(value, str) else json.dumps(value)
            facts.add_row(name if position == 0 else "", Text(f"{key}: {text}"))

    facts.add_row("Message", message.id)
    section("Content", {key: value or UNKNOWN for key, value in letter.content.document().items()})
    facts.add_row("Contract", Text(found.contract))
    section("Attributes", message.document()["attributes"])
    section("Message attributes", message.document()["message_attributes"])
    section("Run in the ledger", found.run)
    facts.add_row("Work in the ledger", found.ledger_state or "nothing is known")
    section("Execution", found.execution)
    section("Outputs", found.outputs)
    judgement = letter.judgement
    # Outside of the table, whose lines are folded: a command is copied as it stands.
    redrive = Text.assemble(
        ("Redrive  ", "bold"), (f"{judgement.safety.value}: {judgement.reason}", _STYLES[judgement.safety.value])
    )
    command = Text(f"  {found.command}", style="bold")
    return Lines(facts, redrive, command, Text("Body", style="bold"), Text(_pretty(message.body)))


def outcome(done: Outcome, bucket: str, *, dry_run: bool) -> RenderableType:
    """What a redrive did, or would do."""
    lines = []
    if done.open:
        count = f"{len(done.open.messages):,} messages"
        lines.append(Text(f"Redrive {done.open.number} was cut off; first it would be finished: {count}."))
    for moved in done.moved:
        lines.append(Text(f"Redrive {moved.number}: {moved.messages:,} messages moved, out of {moved.by}."))
        lines.append(Text(f"Log: s3://{bucket}/{moved.log_key}"))
    if dry_run:
        lines.append(Text(f"{len(done.chosen):,} messages would move."))
    elif not done.moved:
        lines.append(Text("No message moves."))
    lines += [Text(f"No message {message_id} is there.", style="red") for message_id in done.missing]
    return Lines(*lines, *_staying(done.left))


def purged(done: Purged, bucket: str, *, dry_run: bool) -> RenderableType:
    """What a purge did, or would do."""
    count = f"{len(done.letters):,} messages"
    if done.backup_key:
        lines = [Text(f"{count} are thrown away."), Text(f"Backup: s3://{bucket}/{done.backup_key}")]
    else:
        lines = [Text(f"{count} would be thrown away." if dry_run else "Nothing is thrown away.")]
    return Lines(*lines, *(Text(f"No message {one} is there.", style="red") for one in done.missing))


def _staying(left: Sequence[Letter]) -> list[RenderableType]:
    if not left:
        return []
    why: dict[str, list[str]] = {}
    for letter in left:
        judgement = letter.judgement
        text = f"{letter.content.type.value}, {judgement.safety.value}: {judgement.reason[:500]}"
        why.setdefault(text, []).append(letter.message.id)
    lines = [f"{len(ids):>5,}  {text}\n       such as {ids[0]}" for text, ids in why.items()]
    return [Text(f"{len(left):,} that were asked for stay:"), *map(Text, lines)]


def sample_line(sample: Sample) -> str:
    """A dead-letter queue at one moment, in one line."""
    depth = sample.depth
    oldest = "-" if sample.oldest_seconds is None else shown_age(sample.oldest_seconds)
    return (
        f"{sample.at}  {depth.total:>7,} messages ({depth.in_flight:,} in flight), oldest {oldest}"
        f"{'' if sample.all_seen else ' of those that can be seen'}"
    )


def shown_age(seconds: float) -> str:
    """An age, as coarse as a person wants it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _table(*columns: str) -> Table:
    """A table whose texts are folded where they are too long: who needs them whole cannot do with a part."""
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    return table
