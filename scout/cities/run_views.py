"""What a person sees of runs: the list, one run, its log, its outputs, two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from scout.cities.facts import Status
from scout.cities.views import UNITS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from scout.cities.comparing import Change, Comparison
    from scout.cities.facts import RunFacts
    from scout.cities.logs import Line
    from scout.cities.outputs import Outputs
    from scout.cities.standing import Standing

_STYLES = {
    Status.RUNNING: "cyan",
    Status.SUCCEEDED: "green",
    Status.PARTIAL: "yellow",
    Status.DUPLICATE: "dim",
    Status.FAILED: "red",
    Status.TIMED_OUT: "red",
    Status.ABORTED: "red",
}
_CAUSE_LENGTH = 400


def runs_table(runs: Sequence[RunFacts]) -> RenderableType:
    """Runs, one a line."""
    table = _table("Run", "City", "Status", "Started", "Seconds", "Places", "Stopped by", right=(4, 5))
    for run in runs:
        manifest = run.manifest
        table.add_row(
            run.run_id,
            run.job.city if run.job else "?",
            Text(run.status.value, _STYLES[run.status]),
            f"{run.execution.started_at:%Y-%m-%d %H:%M:%S}",
            f"{run.execution.seconds:,.1f}",
            f"{manifest.counts.places:,}" if manifest else "-",
            manifest.stopped_by.value if manifest else run.execution.error or "-",
        )
    return table


def run_document(run: RunFacts) -> dict[str, Any]:
    """A line of the list, for machines."""
    manifest = run.manifest
    return {
        "run_id": run.run_id,
        "city": run.job.city if run.job else None,
        "job_id": run.job.job_id if run.job else None,
        "status": run.status.value,
        "started_at": run.execution.started_at.isoformat(),
        "stopped_at": run.execution.stopped_at.isoformat() if run.execution.stopped_at else None,
        "seconds": round(run.execution.seconds, 3),
        "places": manifest.counts.places if manifest else None,
        "stopped_by": manifest.stopped_by.value if manifest else None,
        "error": run.execution.error,
    }


def standing_view(standing: Standing) -> RenderableType:
    """One run: what it is, state by state, its budgets, what went wrong."""
    parts: list[RenderableType] = [_about(standing)]
    states = _table("State", "Mode", "Status", "At", "Seconds", "Handlers", "Records", "Retries", right=(3, 4, 5, 6, 7))
    for line in standing.states:
        report = line.report
        style = {"FAILED": "red", "RUNNING": "cyan", "SKIPPED": "dim"}.get(line.status, "")
        states.add_row(
            line.state if line.visits < 2 else f"{line.state} ({line.visits} times)",
            report.mode.value if report else "",
            Text(line.status, style),
            "" if line.entered is None else f"{line.entered:.1f}",
            "" if line.entered is None else f"{line.seconds:,.1f}",
            f"{report.seconds:,.1f}" if report else "",
            f"{report.records:,}" if report else "",
            str(line.retries or ""),
        )
    parts.append(states)
    if standing.budgets:
        parts.append(budgets_table(standing))
    for where, what in standing.errors:
        text = what if len(what) <= _CAUSE_LENGTH else what[:_CAUSE_LENGTH] + " ..."
        parts.append(Text(f"{where}: {text}", "red"))
    return Group(*parts)


def budgets_table(standing: Standing) -> Table:
    """What each group has used."""
    table = _table("Budget", "Spent", "Cap", "Used", "Calls", "Skipped", "Unit", right=(1, 2, 3, 4, 5))
    for group, use in standing.budgets.items():
        table.add_row(
            f"{group} (killed)" if use.killed else group,
            f"{use.spent:,}",
            f"{use.cap:,}",
            f"{use.spent / use.cap:.0%}" if use.cap else "-",
            f"{use.calls:,}",
            f"{use.skipped:,}",
            UNITS.get(group, ""),
        )
    return table


def _about(standing: Standing) -> RenderableType:
    known = standing.facts
    manifest, record, frontier = known.manifest, known.record, standing.frontier
    facts = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("Run", known.run_id)
    if known.job:
        facts.add_row("City", f"{known.job.city} ({known.job.job_id})")
    facts.add_row("Status", Text(known.status.value, _STYLES[known.status]))
    facts.add_row("Started", f"{known.execution.started_at:%Y-%m-%d %H:%M:%S %Z}, {known.execution.seconds:,.1f} s")
    if known.status is Status.RUNNING and record:
        facts.add_row("Looks until", record.deadline)
    gate = standing.gate
    facts.add_row("Gate", f"{gate.name.value}, closed at {gate.at}: {gate.detail}" if gate else "none is closed")
    stopped_by = manifest.stopped_by if manifest else record.stopped_by if record else None
    if stopped_by:
        facts.add_row("Stopped by", stopped_by.value)
    if manifest:
        counts = manifest.counts
        facts.add_row(
            "Places", f"{counts.places:,} ({counts.primaries:,} primaries, {counts.secondaries:,} secondaries)"
        )
        facts.add_row("Candidates", f"{counts.candidates:,}, {counts.duplicates_merged:,} duplicates merged")
    if standing.new_unique_rate is not None:
        facts.add_row("New-unique", f"{standing.new_unique_rate:.1%}")
    words = (
        f"{frontier.enqueued} messages: {frontier.waiting} waiting, {standing.in_flight} in flight, "
        f"{frontier.done} done, {frontier.dropped} dropped, {frontier.dead} dead"
    )
    facts.add_row("Frontier", words)
    return facts


def _table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for place in right:
        table.columns[place].justify = "right"
    # An id that is cut off cannot be copied.
    table.columns[0].no_wrap = True
    return table


def line_text(line: Line) -> Text:
    """A line of the log."""
    told = line.fields
    text = Text(f"{line.at:%H:%M:%S.%f}"[:12], "dim")
    if not told:
        return text.append(f" {line.function}  {line.text}", "default")
    level = str(told.get("level", ""))
    text.append(f" {level:<8}", "red" if line.is_error else "yellow" if level == "WARNING" else "dim")
    text.append(f" {line.state:<18} ", "cyan")
    text.append(str(told.get("message", "")), "default")
    for name in ("errorType", "errorMessage"):
        if told.get(name):
            text.append(f"  {told[name]}", "red")
    for name in ("recordsProcessed", "seconds", "calls", "skipped", "key"):
        if name in told:
            text.append(f"  {name}={told[name]}", "dim")
    if isinstance(told.get("answer"), dict):
        small = {name: value for name, value in told["answer"].items() if not isinstance(value, dict | list)}
        text.append("".join(f"  {name}={value}" for name, value in small.items()), "dim")
    # Where a page is worked on, the execution is called after the run and the page.
    run_id, execution_id = str(told.get("runId", "")), str(told.get("executionId", ""))
    page = execution_id.removeprefix(f"{run_id}-") if execution_id.startswith(f"{run_id}-") else ""
    return text.append(f"  page {page}", "dim") if page else text


def outputs_lines(bucket: str, outputs: Outputs) -> Iterator[str]:
    """What a run left, one object or folder a line."""
    for left in outputs.left:
        digest = f"sha256 {left.sha256[:12]}" if left.sha256 else ""
        size = f"{left.objects:>6,} objects {left.bytes:>12,} B"
        end = "" if left.sha256 or left.what == "manifest" else "..."
        yield f"{left.what:<10} {size}  {digest:<19}  s3://{bucket}/{left.key}{end}"
    verified = sum(left.sha256 is not None for left in outputs.left)
    yield f"Verified: {verified} objects match their digests."
    yield f"Copied to {outputs.copied_to}" if outputs.copied_to else "--out FOLDER copies them."


def comparison_view(comparison: Comparison, shown: int) -> RenderableType:
    """Two runs side by side, and the first few places that only one of them has."""
    first, second = comparison.first, comparison.second
    table = _table("", first.run_id, second.run_id, "Difference", right=(1, 2, 3))
    table.add_row("Status", first.status.value, second.status.value, "")
    table.add_row("Stopped by", first.stopped_by.value, second.stopped_by.value, "")
    for change in comparison.changes:
        number = f"+,.{_decimals(change)}f"
        plain = number[1:]
        table.add_row(
            change.name + (f", {change.unit}" if change.unit else ""),
            format(change.first, plain),
            format(change.second, plain),
            format(change.difference, number) if change.difference else "=",
        )
    parts: list[RenderableType] = [table]
    if not comparison.same_input:
        parts.append(Text("They were not asked for the same: the inputs differ.", "yellow"))
    parts.append(Text(f"{comparison.kept:,} places are in both."))
    for name, places in (("gained", comparison.gained), ("lost", comparison.lost)):
        parts.append(Text(f"{len(places):,} {name}" + (", by rank:" if places else ".")))
        for place in places[:shown]:
            parts.append(Text(f"  {place.rank or '-':>6}  {place.name} ({place.category or 'no category'})"))
        if len(places) > shown:
            parts.append(Text(f"          and {len(places) - shown:,} more; --json has all"))
    return Group(*parts)


def _decimals(change: Change) -> int:
    return {"s": 1, "USD": 6}.get(change.unit, 0)
