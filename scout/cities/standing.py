"""How one run stands: state by state, its budgets, its gate, its frontier, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lambdas.contracts.manifest import BudgetUse, FrontierUse, GateClosed, StateReport
from lambdas.runtime.messages import MessageState
from scout.cities import executions, facts
from scout.cities.executions import Span
from scout.cities.facts import RunFacts, Status, told
from workflow.city_discovery import WORK_OF

if TYPE_CHECKING:
    from scout.deployment import Deployment

# What only chooses the way is no work to look at.
WORK = {"Task", "Wait", "Map", "Parallel"}


@dataclass(frozen=True)
class StateLine:
    """One state of a run.

    Attributes:
        state: Its name.
        entered: Seconds from the start of the run to its first visit; None if the state machine did not visit it: the
            states of pages run in the Express state machine, which keeps no history.
        visits: How often it was entered.
        seconds: How long all visits took together.
        retries: How often its task was tried again.
        going_on: Whether the run is in it.
        errors: The names of the errors of its attempts, where none of a visit succeeded.
        report: What the ledger says of its handler; None for operations on the run itself.
    """

    state: str
    entered: float | None
    visits: int
    seconds: float
    retries: int
    going_on: bool
    errors: tuple[str, ...]
    report: StateReport | None

    @property
    def status(self) -> str:
        """How it stands, in a word."""
        if self.going_on:
            return "RUNNING"
        if self.report is not None:
            return self.report.status.value
        return "-" if self.entered is None else "DONE"

    def document(self) -> dict[str, Any]:
        """For machines."""
        report = self.report.document() if self.report else None
        return {**vars(self), "status": self.status, "errors": list(self.errors), "report": report}


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Attributes:
        facts: What is known of it.
        spans: The visits to states.
        states: The same, state by state, and the states of its pages.
        budgets: What each group has used.
        frontier: What became of its frontier messages so far.
        in_flight: How many are being processed.
        new_unique_rate: How much it still finds, or found at its end; None before anything was seen.
        page_errors: How many frontier messages have failed with which error, and were not done since.
    """

    facts: RunFacts
    spans: Sequence[Span]
    states: Sequence[StateLine]
    budgets: Mapping[str, BudgetUse]
    frontier: FrontierUse
    in_flight: int
    new_unique_rate: float | None
    page_errors: Mapping[str, int]

    @property
    def gate(self) -> GateClosed | None:
        """The gate that ended the search, if one did."""
        manifest, record = self.facts.manifest, self.facts.record
        return manifest.gate if manifest else record.gate if record else None

    @property
    def errors(self) -> list[tuple[str, str]]:
        """What went wrong, as (where, what)."""
        return list(self._errors())

    def _errors(self) -> Iterator[tuple[str, str]]:
        execution = self.facts.execution
        for line in self.states:
            if line.report is not None and line.report.error:
                yield line.state, line.report.error
            elif line.errors:
                tried = Counter(line.errors)
                yield (
                    line.state,
                    ", ".join(f"{name} ({count} time{'' if count == 1 else 's'})" for name, count in tried.items()),
                )
        for name, count in self.page_errors.items():
            yield "frontier", f"{name} ({count} message{'' if count == 1 else 's'})"
        if execution.error or execution.cause:
            yield "execution", ": ".join(filter(None, (execution.error, execution.cause)))

    def document(self) -> dict[str, Any]:
        """For machines."""
        known, execution, manifest, record = self.facts, self.facts.execution, self.facts.manifest, self.facts.record
        stopped_by = manifest.stopped_by if manifest else record.stopped_by if record else None
        return {
            "run_id": known.run_id,
            "status": known.status.value,
            "city": known.job.city if known.job else None,
            "job_id": known.job.job_id if known.job else None,
            "started_at": execution.started_at.isoformat(),
            "stopped_at": execution.stopped_at.isoformat() if execution.stopped_at else None,
            "seconds": round(execution.seconds, 3),
            "deadline": record.deadline if record else None,
            "stopped_by": stopped_by.value if stopped_by else None,
            "gate": self.gate.document() if self.gate else None,
            "execution": {
                "arn": execution.arn,
                "status": execution.status,
                "error": execution.error,
                "cause": execution.cause,
                "redrivable": execution.redrivable,
            },
            "states": [line.document() for line in self.states],
            "budgets": {group: use.document() for group, use in self.budgets.items()},
            "frontier": {**self.frontier.document(), "in_flight": self.in_flight},
            "new_unique_rate": self.new_unique_rate,
            "counts": manifest.counts.document() if manifest else None,
            "quality": manifest.quality.document() if manifest else None,
            "errors": [{"where": where, "what": what} for where, what in self.errors],
        }


def of(deployment: Deployment, run: str) -> Standing:
    """How a run stands.

    Args:
        deployment: Where.
        run: Its id, or ``last``.

    Raises:
        ScoutError: There is none, or AWS refused to say.
    """
    known = facts.of(deployment, run)
    with told(f"run {known.run_id} on stack {deployment.stack}"):
        spans = executions.spans(executions.history(deployment, known.execution.arn))
        if known.record is None:
            return _forgotten(known, spans)
        ledger = facts.ledger_of(deployment, known.run_id)
        frontier, progress = ledger.frontier(), ledger.progress()
        # What a later attempt made good is no error.
        failed = Counter(
            str(item["error"])
            for item in ledger.read_all("MSG#", "state", "error")
            if "error" in item and item["state"] != MessageState.DONE
        )
        return Standing(
            facts=known,
            spans=spans,
            states=_lines(spans, known, ledger.states()),
            budgets=ledger.budgets(),
            frontier=frontier.use(),
            in_flight=frontier.in_flight,
            new_unique_rate=progress.rate if progress.seen else None,
            page_errors=dict(failed),
        )


def _forgotten(known: RunFacts, spans: Sequence[Span]) -> Standing:
    """What the manifest says of a run that the ledger does not know, or no longer."""
    manifest = known.manifest
    return Standing(
        facts=known,
        spans=spans,
        states=_lines(spans, known, manifest.states if manifest else {}),
        budgets=manifest.budgets if manifest else {},
        frontier=manifest.frontier if manifest else FrontierUse(),
        in_flight=0,
        new_unique_rate=manifest.new_unique_rate if manifest else None,
        page_errors={},
    )


def _lines(spans: Sequence[Span], known: RunFacts, reports: Mapping[str, StateReport]) -> list[StateLine]:
    # The manifest knows more: Finalize has no report of its own in the ledger while it writes it.
    reports = {**reports, **(known.manifest.states if known.manifest else {})}
    visits: dict[str, list[Span]] = {}
    for span in spans:
        if span.kind in WORK:
            visits.setdefault(span.state, []).append(span)
    started = spans[0].entered_at if spans else known.execution.started_at
    reported = {state: WORK_OF.get(state, state) for state in visits}
    lines = [_line(state, of_state, started, reports.get(reported[state])) for state, of_state in visits.items()]
    # What the run has not reached yet is left out while it goes on.
    others = [
        StateLine(state, None, 0, 0, 0, False, (), report)
        for state, report in reports.items()
        if state not in reported.values() and (known.status is not Status.RUNNING or report.seconds)
    ]
    return [*lines, *others]


def _line(state: str, spans: Sequence[Span], started: datetime, report: StateReport | None) -> StateLine:
    now = datetime.now(UTC)
    return StateLine(
        state=state,
        entered=(spans[0].entered_at - started).total_seconds(),
        visits=len(spans),
        seconds=sum(((span.left_at or now) - span.entered_at).total_seconds() for span in spans),
        retries=sum(max(0, span.attempts - 1) for span in spans),
        going_on=spans[-1].left_at is None,
        # What a later attempt made good is a retry, and no error.
        errors=tuple(error for span in spans if len(span.errors) >= span.attempts for error in span.errors),
        report=report,
    )
