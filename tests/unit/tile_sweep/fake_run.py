"""A real ``Run`` over an S3 and a ledger in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from lambdas.contracts.candidate import Candidate
from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import GateClosed, StateMode, StoppedBy
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.context import Deadline
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.record import RunRecord
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage
from lambdas.runtime.window import Increment, Progress, progress_of
from tests.unit.connectors.fake_s3 import FakeS3

BUCKET = "data-scout-test-data-123456789012"
STARTED = "2026-01-01T00:00:00.000Z"


class FakeLedger:
    """What a run asks of its ledger, without the conditional updates: one process only."""

    run_id = "run-1"

    def __init__(self, job: RunInput) -> None:
        self.job = job
        self.closed: GateClosed | None = None
        self.spent: dict[BudgetGroup, int] = dict.fromkeys(BudgetGroup, 0)
        self.skipped: dict[BudgetGroup, int] = dict.fromkeys(BudgetGroup, 0)
        self.calls = 0
        self.log: list[Increment] = []
        self._seen: set[tuple[str, str]] = set()

    def run(self) -> RunRecord:
        return RunRecord(
            run_id=self.run_id,
            job=self.job,
            correlation_id="00000000-0000-4000-8000-000000000000",
            execution_arn=None,
            started_at=STARTED,
            deadline="2026-01-01T01:00:00.000Z",
            modes={"TileSweep": StateMode.REAL},
            settings=RunDefaults(),
            versions={"program": "9.9.9"},
            overrides={},
            gate=self.closed,
            closed_at=None,
            stopped_by=None,
        )

    def gate(self) -> GateClosed | None:
        return self.closed

    def close_gate(self, name: StoppedBy, value: float, threshold: float, detail: str) -> None:
        self.closed = self.closed or GateClosed(name=name, at=STARTED, value=value, threshold=threshold, detail=detail)

    def reserve(self, group: BudgetGroup, amounts: Sequence[int], key: str, split: Split) -> Reservation:
        room = self.job.cap(group) - self.spent[group]
        granted = 0
        while granted < len(amounts) and sum(amounts[: granted + 1]) <= room:
            granted += 1
        if granted < len(amounts):
            self.close_gate(StoppedBy.BUDGET, self.spent[group], self.job.cap(group), str(group))
        amount = sum(amounts[:granted])
        self.spent[group] += amount
        return Reservation(group, key, granted, amount, split)

    def settle(self, reservation: Reservation, spent: int, calls: int) -> None:
        self.spent[reservation.group] += spent - reservation.amount
        self.calls += calls

    def take(self, connector: Connector, tokens: int, key: str) -> float:
        return 0.0

    def skip(self, group: BudgetGroup, count: int, key: str) -> None:
        self.skipped[group] += count

    def first_seen(self, places: Mapping[str, Iterable[str]], batch: str) -> int:
        keys = {(cell, name) for cell, names in places.items() for name in names}
        new = len(keys - self._seen)
        self._seen |= keys
        return new

    def observe(self, key: str, calls: int, new: int, seen: int) -> Progress:
        self.log.append((calls, new, seen))
        window = self.job.early_stop.window_calls
        totals = (sum(i[0] for i in self.log), sum(i[1] for i in self.log), sum(i[2] for i in self.log))
        progress = progress_of(self.log, totals, window)
        if progress.window_full and progress.rate < self.job.early_stop.min_new_unique_rate:
            self.close_gate(StoppedBy.EARLY_STOP, progress.rate, self.job.early_stop.min_new_unique_rate, "rate")
        return progress


def make_run(job: RunInput, ledger: FakeLedger, s3: FakeS3, execution_id: str = "run-1") -> Run:
    """The runtime's own ``Run``, for the state TileSweep."""
    untyped: Any = s3
    return Run(
        state="TileSweep",
        execution_id=execution_id,
        ledger=cast(Ledger, ledger),
        storage=Storage(BUCKET, untyped),
        queue=cast(Queue, None),
        deadline=Deadline(60),
    )


def found(run: Run) -> dict[str, Candidate]:
    """All candidates of the run by record id; each must have been stored once."""
    candidates = run.candidates()
    by_id = {candidate.record_id: candidate for candidate in candidates}
    assert len(by_id) == len(candidates)
    return by_id
