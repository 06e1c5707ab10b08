"""What a person sees while a city runs: redrawn on a terminal, elsewhere lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, RenderableType

    from lambdas.contracts.effective import Effective
    from lambdas.contracts.job import RunInput
    from lambdas.contracts.manifest import BudgetUse, Manifest
    from scout.cities.runs import RunResult, Snapshot
    from scout.deployment import Deployment

# Without a terminal a line of progress is printed at most this often, in seconds.
_LINE_EVERY = 2.0
UNITS = {"google": "requests", "web": "bytes", "llm": "1,000 tokens", "open_data": "calls"}


class RunView:
    """Follows one run: states entered, frontier, pages, budgets, new-unique rate; then the result."""

    def __init__(self, console: Console, deployment: Deployment) -> None:
        self._console = console
        self._deployment = deployment
        self._live: Live | None = None
        self._read = 0
        self._shown: set[str] = set()
        self._last_line = ""
        self._last_line_at = 0.0

    def started(self, run_id: str, job: RunInput) -> None:
        """The execution has been accepted."""
        self._console.print(
            f"\n[bold]Run {run_id}[/bold] on stack {self._deployment.stack}\n"
            f"  {escape(job.city)}, {job.seed.radius_km:g} km around {job.seed.center.lat:g}, {job.seed.center.lng:g}",
            soft_wrap=True,
        )
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()

    def update(self, snapshot: Snapshot) -> None:
        """The run has moved on, or time has passed."""
        for entered in snapshot.states[self._read :]:
            # The states of the polling loop come again with each turn: the line of progress says what has changed.
            if entered.name not in self._shown:
                self._shown.add(entered.name)
                self._console.print(f"  {entered.seconds:6.1f} s  [cyan]{entered.name}[/cyan]")
        self._read = len(snapshot.states)
        line = _progress(snapshot)
        if self._live is not None:
            self._live.update(Text(f"  {snapshot.seconds:6.1f} s  {line}", style="dim"))
        elif line != self._last_line and time.monotonic() - self._last_line_at >= _LINE_EVERY:
            self._console.print(f"  {snapshot.seconds:6.1f} s    {line}", style="dim", soft_wrap=True)
            self._last_line, self._last_line_at = line, time.monotonic()

    def ended(self) -> None:
        """Nothing more will come; give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def result(self, result: RunResult) -> None:
        """The table of what was found, and where it lies."""
        self._console.print(_result_table(result))
        self._console.print(f"Verified: {len(result.manifest.outputs)} outputs match the digests in the manifest.")
        self._console.print(f"Manifest: s3://{self._deployment.bucket}/{result.manifest_key}", soft_wrap=True)
        for output in result.manifest.outputs:
            self._console.print(f"          s3://{self._deployment.bucket}/{output.key}", soft_wrap=True)
        if result.copied_to is not None:
            self._console.print(f"Copied to {result.copied_to}", soft_wrap=True, markup=False)


def values_table(values: Mapping[str, Effective]) -> RenderableType:
    """Effective values by name, with where each comes from."""
    table = Table("Setting", "Value", "Source", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    for name, value in values.items():
        plain = isinstance(value.value, bool | float)
        table.add_row(name, str(value.value) if plain else f"{value.value:,}", value.source.value)
    return table


def _progress(snapshot: Snapshot) -> str:
    frontier = snapshot.frontier
    parts = [
        f"frontier {snapshot.waiting} waiting, {snapshot.in_flight} in flight",
        f"pages {frontier.done}",
        *(f"{group} {_amount(use)}" for group, use in snapshot.budgets.items() if not use.killed),
    ]
    if snapshot.new_unique_rate is not None:
        parts.append(f"new-unique {snapshot.new_unique_rate:.0%}")
    if snapshot.gate is not None:
        parts.append(f"gate closed: {snapshot.gate}")
    return " · ".join(parts)


def _amount(use: BudgetUse) -> str:
    return f"{use.spent:,}/{use.cap:,}"


def _result_table(result: RunResult) -> RenderableType:
    manifest = result.manifest
    facts = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column()
    for name, value in _facts(manifest):
        facts.add_row(name, Text(value))
    budgets = Table("Budget", "Spent", "Cap", "Calls", "Skipped", "Unit", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in budgets.columns[1:5]:
        column.justify = "right"
    for group, use in manifest.budgets.items():
        unit = UNITS.get(group, "")
        budgets.add_row(
            f"{group} (killed)" if use.killed else group,
            f"{use.spent:,}",
            f"{use.cap:,}",
            f"{use.calls:,}",
            f"{use.skipped:,}",
            unit,
        )
    return Group(facts, budgets)


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    counts, quality = manifest.counts, manifest.quality
    facts = [
        ("City", f"{manifest.city} ({manifest.job_id})"),
        ("Status", manifest.status.value),
        ("Stopped by", manifest.stopped_by.value + (f": {manifest.gate.detail}" if manifest.gate else "")),
        ("Places", f"{counts.places:,}"),
        ("  primaries", f"{counts.primaries:,}"),
        ("  secondaries", f"{counts.secondaries:,}"),
        ("Candidates", f"{counts.candidates:,}"),
        ("Duplicates merged", f"{counts.duplicates_merged:,}"),
        ("Duration", f"{manifest.seconds:.1f} s"),
    ]
    if quality.recall is not None and quality.precision is not None and quality.duplicate_rate is not None:
        measured = (
            f"recall {quality.recall:.1%}, precision {quality.precision:.1%}, duplicates {quality.duplicate_rate:.1%}"
        )
        facts.append(("Against the truth", measured))
    if manifest.failed_states:
        facts.append(("Failed states", ", ".join(manifest.failed_states)))
    return facts
