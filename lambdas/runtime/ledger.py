"""The ledger of a run: one DynamoDB table holds what every run may spend, has spent, has found and waits for.

==================== ==========================================================================================
Item                 What it holds
==================== ==========================================================================================
``META``             the job, the deadline, the modes of the states, the closed gate (``record.py``)
``BUDGET#<group>``   what is spent and reserved (``budgets.py``)
``RATE#<connector>`` the token bucket of a connector (``budgets.py``)
``PROGRESS``         the window of the new-unique rate (``progress.py``)
``SEEN#<cell>``      the places first seen in a cell of the map (``progress.py``)
``MSG#<key>``        a frontier message (``messages.py``)
``STATE#<state>``    how often a state ran, how long, and how it ended
==================== ==========================================================================================

The partition key is the run. ``run = JOB#<job id>#<correlation id>, item = RUN`` names the run that answers a job.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.contracts.connectors import BudgetGroup, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StateMode, StateReport, StateStatus
from lambdas.runtime.budgets import Budgets
from lambdas.runtime.items import Action, ConditionFailed, Item, Items
from lambdas.runtime.messages import Messages
from lambdas.runtime.progress import PROGRESS, Discoveries
from lambdas.runtime.record import META, expiry, mark_of, timestamp

# Finalization gets at most this share of a short run.
_FINALIZE_SHARE = 0.2
_ERROR_LENGTH = 2000


@dataclass(frozen=True)
class OpenedRun:
    """Which run answers a job.

    Attributes:
        run_id: The run.
        duplicate: Whether it is another run, which the same job opened before.
    """

    run_id: str
    duplicate: bool


def correlation_id(job: RunInput, run_id: str) -> str:
    """The caller's id for a run, or one that is always the same for that run."""
    return job.orchestrator.correlation_id or str(uuid.uuid5(uuid.NAMESPACE_OID, run_id))


class Ledger(Budgets, Discoveries, Messages):
    """Everything that the ledger holds of one run."""

    def open_run(
        self,
        job: RunInput,
        *,
        modes: Mapping[str, StateMode],
        settings: RunDefaults,
        versions: Mapping[str, str],
        execution_arn: str | None = None,
    ) -> OpenedRun:
        """Open a run for a job, unless the same job has one. A repeated call changes nothing.

        Args:
            job: The validated input.
            modes: Which implementation each state has.
            settings: The stack's settings.
            versions: Of the program and of the definitions.
            execution_arn: The execution that works on the run.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        now = self._clock()
        first = self._first_run(job, now, expires_at := expiry(now, settings))
        if first != self.run_id:
            return OpenedRun(first, duplicate=True)
        wall_clock = job.timeouts.wall_clock_seconds
        reserve = min(settings.finalize_reserve_seconds, _FINALIZE_SHARE * wall_clock)
        meta = {
            "job": job.model_dump_json(exclude_none=True),
            "correlation_id": correlation_id(job, self.run_id),
            "started_at": timestamp(now),
            "deadline": timestamp(now + wall_clock - reserve),
            "modes": {state: mode.value for state, mode in modes.items()},
            "settings": settings.model_dump_json(),
            "versions": dict(versions),
            **({"execution_arn": execution_arn} if execution_arn else {}),
        }
        items: dict[str, Item] = {
            **{f"BUDGET#{group}": {"spent": 0, "calls": 0, **dict.fromkeys(Split, 0)} for group in BudgetGroup},
            PROGRESS: {"log": [], "calls": 0, "new": 0, "seen": 0},
            META: meta,
        }
        self.transact([self._creation(name, {**item, "expires_at": expires_at}) for name, item in items.items()])
        return OpenedRun(self.run_id, duplicate=False)

    def record_state(
        self,
        state: str,
        *,
        key: str,
        seconds: float,
        status: StateStatus,
        records: int = 0,
        error: str | None = None,
    ) -> None:
        """Count one invocation of a state.

        Args:
            state: Which.
            key: The idempotency key; a repeated call counts nothing.
            seconds: How long it took.
            status: How it ended.
            records: How many records it processed.
            error: Why it failed.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        counting = self.action(
            f"STATE#{state}",
            "SET #mark = :one, #expires_at = :expires_at"
            + (", #error = :error" if error else "")
            + f" ADD #seconds :seconds, #records :records, #{status} :one",
            {"one": 1, "seconds": round(seconds, 3), "records": records, "expires_at": self.run().expires_at}
            | ({"error": error[:_ERROR_LENGTH]} if error else {}),
            condition="attribute_not_exists(#mark)",
            names={"mark": mark_of(key)},
        )
        self.transact([counting])

    def states(self) -> dict[str, StateReport]:
        """How each state of the run did, for the manifest.

        A state succeeded if any invocation did: failed attempts before a successful one are no failure, nor is one
        page of many.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be read.
        """
        statuses = [status.value for status in StateStatus]
        items = {
            item["item"].removeprefix("STATE#"): item
            for item in self.read_all("STATE#", "seconds", "records", "error", *statuses)
        }
        return {state: _report(mode, items.get(state, {})) for state, mode in self.run().modes.items()}

    def _first_run(self, job: RunInput, now: float, expires_at: int) -> str:
        """The run that answers the job: this one, unless another came first and is still remembered."""
        jobs = Items(self._table, f"JOB#{job.job_id}#{job.orchestrator.correlation_id or ''}", self._client)
        claim = jobs.action(
            "RUN",
            "SET #run_id = :run_id, #expires_at = :expires_at",
            {"run_id": self.run_id, "expires_at": expires_at, "now": round(now)},
            condition="attribute_not_exists(#run_id) OR #expires_at < :now",
        )
        try:
            jobs.update(claim)
        except ConditionFailed as refusal:
            return str(refusal.standing["run_id"])
        return self.run_id

    def _creation(self, name: str, item: Item) -> Action:
        setting = ", ".join(f"#{attribute} = :{attribute}" for attribute in item)
        return self.action(name, f"SET {setting}", item, condition="attribute_not_exists(#run)")


def _report(mode: StateMode, item: Item) -> StateReport:
    # A failed attempt before one that came to its end, with or without anything to do, is no failure.
    order = (StateStatus.SUCCEEDED, StateStatus.SKIPPED, StateStatus.FAILED)
    status = next((status for status in order if item.get(status.value)), StateStatus.SKIPPED)
    return StateReport(
        mode=mode,
        status=status,
        seconds=item.get("seconds", 0),
        records=item.get("records", 0),
        error=item.get("error") if status is StateStatus.FAILED else None,
    )
