"""The ledger on the embedded AWS: runs are opened once, controls act, and without it nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.manifest import StateStatus, StoppedBy
from lambdas.runtime import record
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.errors import InputNotFound, LedgerUnavailable
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from tests.integration.runtime.ledgers import (
    MODES,
    TABLE,
    WORKERS,
    job,
    opened,
    unreachable,
)
from tests.integration.runtime.stages import page

if TYPE_CHECKING:
    pass


class TestOpening:
    def test_a_retry_of_the_same_execution_is_the_same_run(self, client):
        clock = iter(range(1_000_000, 1_000_100)).__next__
        ledger = Ledger(TABLE, "run-a", client, clock)
        arguments: Any = {"modes": MODES, "settings": RunDefaults(), "versions": {}}
        first, second = (ledger.open_run(job(), **arguments) for _ in range(2))
        assert first == second
        assert (first.run_id, first.duplicate) == ("run-a", False)
        assert ledger.run(max_age=0).started_at == "1970-01-12T13:46:40.000Z"

    def test_the_same_job_is_answered_with_its_first_run(self, client):
        arguments: Any = {"modes": MODES, "settings": RunDefaults(), "versions": {}}
        Ledger(TABLE, "run-a", client).open_run(job(), **arguments)
        again = Ledger(TABLE, "run-b", client).open_run(job(), **arguments)
        assert (again.run_id, again.duplicate) == ("run-a", True)
        with pytest.raises(InputNotFound, match="run-b"):
            Ledger(TABLE, "run-b", client).run()

    def test_another_correlation_id_is_another_job(self, client):
        caller = {"correlation_id": "0a1b2c3d-0000-4000-8000-000000000001"}
        arguments: Any = {"modes": MODES, "settings": RunDefaults(), "versions": {}}
        Ledger(TABLE, "run-a", client).open_run(job(), **arguments)
        other = Ledger(TABLE, "run-b", client)
        assert not other.open_run(job(orchestrator=caller), **arguments).duplicate
        assert other.run().correlation_id == caller["correlation_id"]

    def test_a_job_is_forgotten_with_its_run(self, client):
        arguments: Any = {"modes": MODES, "settings": RunDefaults(ledger_days=1), "versions": {}}
        Ledger(TABLE, "run-a", client, lambda: 0.0).open_run(job(), **arguments)
        day_after = Ledger(TABLE, "run-b", client, lambda: 86_401.0)
        assert not day_after.open_run(job(), **arguments).duplicate

    def test_forty_executions_of_one_job_open_one_run(self, client):
        def open_one(number: int) -> tuple[str, bool]:
            ledger = Ledger(TABLE, f"run-{number}", client)
            answer = ledger.open_run(job(), modes=MODES, settings=RunDefaults(), versions={})
            return answer.run_id, answer.duplicate

        with ThreadPoolExecutor(WORKERS) as pool:
            answers = list(pool.map(open_one, range(WORKERS)))
        assert len({run_id for run_id, _ in answers}) == 1
        assert sum(not duplicate for _, duplicate in answers) == 1

    @pytest.mark.parametrize(("wall_clock", "spending"), [(3600, 3480), (100, 80)])
    def test_finalization_keeps_its_reserve_of_the_wall_clock(self, client, wall_clock, spending):
        limited = job(timeouts={"wall_clock_seconds": wall_clock})
        ledger = opened(client, of=limited, clock=lambda: 1000.0)
        assert record.moment(ledger.run().deadline) == 1000 + spending

    def test_everything_of_a_run_expires(self, client):
        ledger = opened(client)
        ledger.take(Connector.OVERPASS, 1, "k")
        ledger.first_seen({"cell": ["a"]}, "b")
        ledger.enqueue([page(1)], "s")
        ledger.record_state("Rank", key="k", seconds=1, status=StateStatus.SUCCEEDED)
        items = client.scan(TableName=TABLE)["Items"]
        assert len(items) == 11
        assert {item["expires_at"]["N"] for item in items} == {str(ledger.run().expires_at)}


class TestControls:
    def test_a_kill_switch_is_seen_within_two_seconds(self, client, monkeypatch):
        ticks = [0.0]
        monkeypatch.setattr(record, "monotonic", lambda: ticks[0])
        worker = opened(client)
        assert not worker.run().killed(BudgetGroup.GOOGLE)
        # As another process does it.
        client.update_item(
            TableName=TABLE,
            Key={"run": {"S": "run-1"}, "item": {"S": "META"}},
            UpdateExpression="SET kill_google = :on",
            ExpressionAttributeValues={":on": {"BOOL": True}},
        )
        ticks[0] += 1.9
        assert not worker.run().killed(BudgetGroup.GOOGLE)
        ticks[0] += 0.2
        assert worker.run().killed(BudgetGroup.GOOGLE)

    def test_a_kill_switch_can_be_undone(self, client):
        ledger = opened(client)
        assert ledger.run().killed(BudgetGroup.LLM)
        ledger.kill([BudgetGroup.LLM], on=False)
        assert not ledger.run().killed(BudgetGroup.LLM)

    def test_all_kill_switches_close_the_gate(self, client):
        ledger = opened(client)
        for group in BudgetGroup:
            assert ledger.gate() is None
            ledger.kill([group], on=True)
        gate = ledger.gate()
        assert gate is not None
        assert (gate.name, gate.value) == (StoppedBy.KILL_SWITCH, 4)

    def test_the_deadline_closes_the_gate(self, client):
        now = [1000.0]
        ledger = opened(client, clock=lambda: now[0])
        now[0] += 3479
        assert ledger.gate() is None
        now[0] += 2
        gate = ledger.gate()
        assert gate is not None
        assert (gate.name, gate.value, gate.threshold) == (StoppedBy.DEADLINE, 3481, 3480)

    def test_a_state_succeeds_if_any_invocation_did(self, client):
        ledger = opened(client)
        for key in ("a", "a", "b"):
            ledger.record_state("Rank", key=key, seconds=0.5, status=StateStatus.FAILED, error="Throttled: wait")
        report = ledger.states()["Rank"]
        assert (report.status, report.seconds, report.error) == (StateStatus.FAILED, 1.0, "Throttled: wait")
        ledger.record_state("Rank", key="c", seconds=0.25, status=StateStatus.SUCCEEDED, records=7)
        report = ledger.states()["Rank"]
        assert (report.status, report.seconds, report.records, report.error) == (StateStatus.SUCCEEDED, 1.25, 7, None)
        assert ledger.states()["TileSweep"].status is StateStatus.SKIPPED

    def test_the_first_reason_for_closing_stands(self, client):
        ledger = opened(client)
        ledger.close(StoppedBy.DRAINED)
        closed_at = ledger.run().closed_at
        ledger.close(StoppedBy.ERROR)
        assert (ledger.run().stopped_by, ledger.run().closed_at) == (StoppedBy.DRAINED, closed_at)


USES: dict[str, Callable[[Ledger], object]] = {
    "run": lambda ledger: ledger.run(max_age=0),
    "open_run": lambda ledger: ledger.open_run(job(), modes=MODES, settings=RunDefaults(), versions={}),
    "reserve": lambda ledger: ledger.reserve(BudgetGroup.GOOGLE, [1], "k"),
    "settle": lambda ledger: ledger.settle(Reservation(BudgetGroup.GOOGLE, "k", 1, 1), 0, 0),
    "release": lambda ledger: ledger.release(Reservation(BudgetGroup.GOOGLE, "k", 1, 1)),
    "skip": lambda ledger: ledger.skip(BudgetGroup.GOOGLE, 1, "k"),
    "take": lambda ledger: ledger.take(Connector.WIKI, 1, "k"),
    "budgets": lambda ledger: ledger.budgets(),
    "gate": lambda ledger: ledger.gate(max_age=0),
    "close_gate": lambda ledger: ledger.close_gate(StoppedBy.BUDGET, 1, 1, "x"),
    "kill": lambda ledger: ledger.kill([BudgetGroup.GOOGLE], on=True),
    "close": lambda ledger: ledger.close(StoppedBy.DRAINED),
    "observe": lambda ledger: ledger.observe("k", 1, 1, 1),
    "progress": lambda ledger: ledger.progress(),
    "first_seen": lambda ledger: ledger.first_seen({"c": ["a"]}, "k"),
    "enqueue": lambda ledger: ledger.enqueue([page(1)], "s"),
    "admit": lambda ledger: ledger.admit({"k": 1}),
    "settle_messages": lambda ledger: ledger.settle_messages([Settlement("k", MessageState.DONE)]),
    "frontier": lambda ledger: ledger.frontier(),
    "record_state": lambda ledger: ledger.record_state("Rank", key="k", seconds=1, status=StateStatus.FAILED),
    "states": lambda ledger: ledger.states(),
}


@pytest.mark.parametrize("use", USES)
def test_without_the_ledger_every_use_of_it_fails(account, client, use):
    opened(client).run()
    with pytest.raises(LedgerUnavailable, match="could not be reached"):
        USES[use](Ledger(TABLE, "run-1", unreachable(account)))


@pytest.mark.parametrize("use", sorted(set(USES) - {"open_run", "admit", "settle_messages", "frontier"}))
def test_an_unknown_run_is_refused(client, use):
    with pytest.raises(InputNotFound, match="no run 'run-9'"):
        USES[use](Ledger(TABLE, "run-9", client))
