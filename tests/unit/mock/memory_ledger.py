"""A ledger without DynamoDB: the same answers, kept in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from lambdas.contracts.base import utc_now
from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import FrontierMessage
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import BudgetUse, GateClosed, StateMode, StateReport, StateStatus, StoppedBy
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.ledger import correlation_id
from lambdas.runtime.messages import Enqueued, FrontierState
from lambdas.runtime.record import RunRecord
from lambdas.runtime.window import Increment, Progress, progress_of


class MemoryLedger:
    """What :class:`lambdas.runtime.run.Run` and Finalize use of a ledger, for one run."""

    def __init__(self, job: RunInput, modes: Mapping[str, StateMode], run_id: str = "run-1") -> None:
        self.run_id = run_id
        self.messages: dict[str, FrontierMessage] = {}
        self.done: set[str] = set()
        self.reports: dict[str, StateReport] = {
            state: StateReport(mode=mode, status=StateStatus.SKIPPED, seconds=0) for state, mode in modes.items()
        }
        self._spent = dict.fromkeys(BudgetGroup, 0)
        self._calls = dict.fromkeys(BudgetGroup, 0)
        self._skipped = dict.fromkeys(BudgetGroup, 0)
        self._seen: set[tuple[str, str]] = set()
        self._log: list[Increment] = []
        self._record = RunRecord(
            run_id=run_id,
            job=job,
            correlation_id=correlation_id(job, run_id),
            execution_arn=None,
            started_at="2026-01-01T00:00:00.000Z",
            deadline="2999-01-01T00:00:00.000Z",
            modes=modes,
            settings=RunDefaults(),
            versions={"program": "test"},
            overrides={},
            gate=None,
            closed_at=None,
            stopped_by=None,
        )

    def run(self, max_age: float = 0) -> RunRecord:
        return self._record

    def gate(self, max_age: float = 0) -> GateClosed | None:
        return self._record.gate

    def close_gate(self, name: StoppedBy, value: float, threshold: float, detail: str) -> GateClosed:
        gate = GateClosed(name=name, at=utc_now(), value=value, threshold=threshold, detail=detail)
        self._record = replace(self._record, gate=self._record.gate or gate)
        assert self._record.gate
        return self._record.gate

    def close(self, stopped_by: StoppedBy) -> None:
        self._record = replace(self._record, stopped_by=stopped_by)

    def reserve(self, group: BudgetGroup, amounts: Sequence[int], key: str, split: Split) -> Reservation:
        cap = self._record.job.cap(group)
        sums = list(accumulate(amounts, initial=0))
        granted = max(count for count, total in enumerate(sums) if self._spent[group] + total <= cap)
        if granted < len(amounts):
            self.close_gate(StoppedBy.BUDGET, self._spent[group], cap, group.value)
        self._spent[group] += sums[granted]
        self._calls[group] += granted
        return Reservation(group, key, granted, sums[granted], split)

    def settle(self, reservation: Reservation, spent: int, calls: int) -> bool:
        self._spent[reservation.group] += spent - reservation.amount
        self._calls[reservation.group] += calls - reservation.granted
        return True

    def release(self, reservation: Reservation, spent: int = 0, calls: int = 0) -> None:
        self.settle(reservation, spent, calls)

    def skip(self, group: BudgetGroup, count: int, key: str) -> None:
        self._skipped[group] += count

    def take(self, connector: Connector, tokens: int, key: str) -> float:
        return 0.0

    def first_seen(self, places: Mapping[str, Iterable[str]], batch: str) -> int:
        found = {(cell, identity) for cell, identities in places.items() for identity in identities}
        new = found - self._seen
        self._seen |= new
        return len(new)

    def observe(self, key: str, calls: int, new: int, seen: int) -> Progress:
        self._log.append((calls, new, seen))
        progress, rule = self.progress(), self._record.job.early_stop
        if progress.window_full and progress.rate < rule.min_new_unique_rate:
            self.close_gate(StoppedBy.EARLY_STOP, progress.rate, rule.min_new_unique_rate, f"{progress.calls} calls")
        return progress

    def progress(self) -> Progress:
        calls, new, seen = (sum(increment[field] for increment in self._log) for field in range(3))
        return progress_of(self._log, (calls, new, seen), self._record.job.early_stop.window_calls)

    def enqueue(self, messages: Sequence[FrontierMessage], sender: str) -> Enqueued:
        new = {message.key: message for message in messages if message.key not in self.messages}
        self.messages.update(new)
        return Enqueued(len(new), list(new.values()))

    def frontier(self) -> FrontierState:
        waiting = tuple(key for key in self.messages if key not in self.done)
        return FrontierState(waiting=waiting, lost=(), in_flight=0, done=len(self.done), dropped=0, dead=0)

    def budgets(self) -> dict[str, BudgetUse]:
        return {
            group.value: BudgetUse(
                cap=self._record.job.cap(group),
                spent=self._spent[group],
                calls=self._calls[group],
                skipped=self._skipped[group],
                killed=self._record.killed(group),
            )
            for group in BudgetGroup
        }

    def states(self) -> dict[str, StateReport]:
        return dict(self.reports)
