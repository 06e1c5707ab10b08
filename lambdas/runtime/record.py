"""A run's own record in the ledger: what was asked, how it may spend, and whether it still looks for more."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from lambdas.contracts.connectors import BudgetGroup, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import GateClosed, StateMode, StoppedBy
from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.items import Action, ConditionFailed, Item, Items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A flipped kill switch or a closed gate is seen by every process within this time.
CACHE_SECONDS = 2.0
_CACHED_RUNS = 100
META = "META"


def timestamp(moment: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> float:
    """ISO 8601 as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def expiry(started_at: float, settings: RunDefaults) -> int:
    """When the table may forget a run, in seconds since the epoch."""
    return round(started_at) + settings.ledger_days * 86_400


def mark_of(key: str) -> str:
    """The attribute that marks an update as done: short, since one stays in the item for each update."""
    return "k" + hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class RunRecord:
    """What the ledger knows of a run.

    Attributes:
        run_id: Its id, which is the name of its execution.
        job: The validated input.
        correlation_id: The caller's id, or one that is made from the run id.
        execution_arn: The execution that works on it, if known.
        started_at: When it was opened.
        deadline: When spending ends, so that finalization ends in time.
        modes: Which implementation each state has.
        settings: The stack's settings when the run was opened.
        versions: Of the program and of the definitions.
        overrides: Kill switches that were flipped since, by group.
        gate: The gate that ended the search, if one did.
        closed_at: Since when the run takes no more messages.
        stopped_by: Why no more was looked for; known once the frontier is closed.
        shared_at: Since when the budgets are no longer split between primaries and secondaries.
        held_at: Since when an emergency stop keeps the frontier as it is.
    """

    run_id: str
    job: RunInput
    correlation_id: str
    execution_arn: str | None
    started_at: str
    deadline: str
    modes: Mapping[str, StateMode]
    settings: RunDefaults
    versions: Mapping[str, str]
    overrides: Mapping[BudgetGroup, bool]
    gate: GateClosed | None
    closed_at: str | None
    stopped_by: StoppedBy | None
    shared_at: str | None = None
    held_at: str | None = None

    @classmethod
    def of(cls, item: Item) -> RunRecord:
        """Read the item ``META``."""
        return cls(
            run_id=item["run"],
            job=RunInput.model_validate_json(item["job"]),
            correlation_id=item["correlation_id"],
            execution_arn=item.get("execution_arn"),
            started_at=item["started_at"],
            deadline=item["deadline"],
            modes={state: StateMode(mode) for state, mode in item["modes"].items()},
            settings=RunDefaults.model_validate_json(item["settings"]),
            versions=item["versions"],
            overrides={group: item[f"kill_{group}"] for group in BudgetGroup if f"kill_{group}" in item},
            gate=GateClosed.parse(item["gate"]) if "gate" in item else None,
            closed_at=item.get("closed_at"),
            stopped_by=StoppedBy(item["stopped_by"]) if "stopped_by" in item else None,
            shared_at=item.get("shared_at"),
            held_at=item.get("held_at"),
        )

    @property
    def expires_at(self) -> int:
        """When the table may forget the run, in seconds since the epoch."""
        return expiry(moment(self.started_at), self.settings)

    def killed(self, group: BudgetGroup) -> bool:
        """Whether a group may not be called: by the input, unless a later order says otherwise."""
        return self.overrides.get(group, getattr(self.job.kill_switches, group.value))

    def quota(self, group: BudgetGroup, split: Split) -> int:
        """What a group may spend for primaries, for secondaries or by the frontier, as of now."""
        cap = self.job.cap(group)
        if self.shared_at or split is Split.FRONTIER:
            return cap
        primaries = int(cap * self.settings.split_ratio)
        return primaries if split is Split.PRIMARIES else cap - primaries


_CACHE: dict[tuple[str, str], tuple[float, RunRecord]] = {}


class Records(Items):
    """Reads and changes a run's own record.

    Args:
        table: The ledger's table.
        run_id: Which run.
        client: A DynamoDB client.
        clock: Seconds since the epoch.
    """

    def __init__(self, table: str, run_id: str, client: DynamoDBClient, clock: Callable[[], float] = time.time) -> None:
        super().__init__(table, run_id, client)
        self.run_id = run_id
        self._clock = clock

    def run(self, max_age: float = CACHE_SECONDS) -> RunRecord:
        """The run's record.

        Args:
            max_age: How many seconds old what this process remembers may be.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be read.
        """
        cached = _CACHE.get(self._cache_key)
        if cached and monotonic() - cached[0] < max_age:
            return cached[1]
        item = self.read(META)
        if item is None:
            raise self._unknown()
        return self._remember(RunRecord.of(item))

    def gate(self, max_age: float = CACHE_SECONDS) -> GateClosed | None:
        """The gate that ended the search, if one did; the deadline and the kill switches are looked at now.

        Args:
            max_age: How many seconds old what this process remembers may be.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        record = self.run(max_age)
        if record.gate:
            return record.gate
        started, now = moment(record.started_at), self._clock()
        if now >= moment(record.deadline):
            allowed = round(moment(record.deadline) - started, 3)
            return self.close_gate(
                StoppedBy.DEADLINE, round(now - started, 3), allowed, f"{allowed:g} s for looking have passed"
            )
        killed = sum(record.killed(group) for group in BudgetGroup)
        if killed == len(BudgetGroup):
            detail = "emergency stop" if record.held_at else "every kill switch is on"
            return self.close_gate(StoppedBy.KILL_SWITCH, killed, killed, detail)
        return None

    def close_gate(self, name: StoppedBy, value: float, threshold: float, detail: str) -> GateClosed:
        """Record that a gate ended the search. The first one stands.

        Args:
            name: Which gate.
            value: What it saw.
            threshold: Where it closes.
            detail: In words.

        Returns:
            The gate that stands.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        gate = GateClosed(name=name, at=timestamp(self._clock()), value=value, threshold=threshold, detail=detail)
        closing = self._on_run("SET #gate = :gate", {"gate": gate.document()}, "attribute_not_exists(#gate)")
        try:
            self.update(closing)
        except ConditionFailed as refusal:
            gate = GateClosed.parse(self._known(refusal)["gate"])
        self._remember(replace(self.run(), gate=gate))
        return gate

    def kill(self, groups: Collection[BudgetGroup], on: bool) -> None:
        """Flip kill switches of a run that is going on; within :data:`CACHE_SECONDS` every process knows.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        self._change("SET " + ", ".join(f"#kill_{group} = :on" for group in groups), {"on": on})

    def hold(self) -> None:
        """Stop a run in an emergency: every kill switch goes on, and what waits in its frontier is kept.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        switches = ", ".join(f"#kill_{group} = :on" for group in BudgetGroup)
        self._change(f"SET #held_at = :now, {switches}", {"now": timestamp(self._clock()), "on": True})

    def share_budgets(self) -> None:
        """End the split of the budgets: what is left is for primaries and secondaries alike.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        self._change("SET #shared_at = if_not_exists(#shared_at, :now)", {"now": timestamp(self._clock())})

    def close(self, stopped_by: StoppedBy) -> None:
        """Take no more messages. The first reason stands.

        Raises:
            InputNotFound: The ledger has no such run.
            LedgerUnavailable: The ledger could not be used.
        """
        self._change(
            "SET #closed_at = if_not_exists(#closed_at, :now), #stopped_by = if_not_exists(#stopped_by, :why)",
            {"now": timestamp(self._clock()), "why": stopped_by.value},
        )

    def _change(self, expression: str, values: Mapping[str, Any]) -> None:
        try:
            self.update(self._on_run(expression, values))
        except ConditionFailed as refusal:
            raise self._unknown() from refusal
        _CACHE.pop(self._cache_key, None)

    def _on_run(self, expression: str, values: Mapping[str, Any], condition: str = "") -> Action:
        known = "attribute_exists(#run)"
        return self.action(META, expression, values, condition=f"{known} AND {condition}" if condition else known)

    def _known(self, refusal: ConditionFailed) -> Item:
        """The standing item of a refused update, which is there unless the run is unknown."""
        if not refusal.standing:
            raise self._unknown() from refusal
        return refusal.standing

    def _unknown(self) -> InputNotFound:
        return InputNotFound(f"The ledger has no run {self.run_id!r}.")

    def _remember(self, record: RunRecord) -> RunRecord:
        if len(_CACHE) >= _CACHED_RUNS:
            _CACHE.clear()
        _CACHE[self._cache_key] = (monotonic(), record)
        return record

    @property
    def _cache_key(self) -> tuple[str, str]:
        return self._table, self.run_id
