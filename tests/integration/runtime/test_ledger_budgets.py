"""Budgets and rates on the embedded AWS: nothing is overspent or charged twice, whatever gets lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults, TokenBucket
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.ledger import Ledger
from tests.integration.runtime.ledgers import (
    ON_EMULATOR,
    RUN_IDS,
    TABLE,
    WORKERS,
    Lossy,
    job,
    opened,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def google_cap(cap: int) -> Any:
    return job(budgets={"google": {"tokens_per_min": cap, "max_tokens_total": cap}})


class TestBudgets:
    def test_what_fits_is_granted_in_order_and_the_rest_closes_the_gate(self, client):
        ledger = opened(client, of=google_cap(600), clock=lambda: 1000.0)
        assert ledger.reserve(BudgetGroup.GOOGLE, [500], "a").granted == 1
        assert ledger.gate() is None
        assert ledger.reserve(BudgetGroup.GOOGLE, [60, 40, 1, 1], "b") == Reservation(BudgetGroup.GOOGLE, "b", 2, 100)
        gate = ledger.gate()
        assert gate is not None
        assert (gate.name, gate.value, gate.threshold) == (StoppedBy.BUDGET, 600, 600)
        assert gate.at == "1970-01-01T00:16:40.000Z"
        assert gate.detail.startswith("google:")

    def test_a_budget_of_nothing_grants_nothing(self, client):
        ledger = opened(client, of=google_cap(0))
        assert ledger.reserve(BudgetGroup.GOOGLE, [1], "a").granted == 0
        assert ledger.budgets()["google"].spent == 0

    def test_the_first_gate_stands(self, client):
        ledger = opened(client)
        ledger.close_gate(StoppedBy.EARLY_STOP, 0.01, 0.05, "first")
        assert ledger.close_gate(StoppedBy.BUDGET, 1, 1, "second").name is StoppedBy.EARLY_STOP

    @pytest.mark.parametrize(("spent", "calls"), [(20, 2), (10, 1), (0, 0)])
    def test_what_is_called_after_settlement_is_charged_anew(self, client, spent, calls):
        ledger = opened(client)
        for _ in range(2):
            reservation = ledger.reserve(BudgetGroup.GOOGLE, [10, 10], "a")
            for _ in range(2):
                ledger.settle(reservation, spent, calls)
        use = ledger.budgets()["google"]
        assert (use.spent, use.calls) == (2 * spent, 2 * calls)

    def test_a_retry_that_needs_less_of_what_is_held_gives_the_rest_back(self, client):
        ledger = opened(client)
        ledger.reserve(BudgetGroup.GOOGLE, [10, 10, 10], "a")
        reservation = ledger.reserve(BudgetGroup.GOOGLE, [10], "a")
        assert (reservation.granted, reservation.amount) == (1, 30)
        ledger.settle(reservation, 10, 1)
        use = ledger.budgets()["google"]
        assert (use.spent, use.calls) == (10, 1)

    def test_skipped_work_is_counted_once(self, client):
        ledger = opened(client)
        for key in ("a", "a", "b"):
            ledger.skip(BudgetGroup.LLM, 4, key)
        use = ledger.budgets()["llm"]
        assert (use.skipped, use.spent, use.killed) == (8, 0, True)

    @ON_EMULATOR
    @given(
        cap=st.integers(0, 120),
        steps=st.lists(
            st.tuples(
                st.sampled_from(["reserve", "settle", "release"]),
                st.integers(0, 4),
                st.lists(st.integers(1, 40), min_size=1, max_size=5),
                st.integers(1, 3),
            ),
            max_size=25,
        ),
    )
    def test_it_is_a_simple_account_with_every_call_repeated(self, client, cap, steps):
        """Against a model: what is held by key, and what was used. Every call is made one to three times in a row."""
        ledger = opened(client, next(RUN_IDS), of=google_cap(cap))
        cap = ledger.run().job.cap(BudgetGroup.GOOGLE)
        held: dict[str, Reservation] = {}
        used = calls = 0
        for action, number, amounts, times in steps:
            key = f"key-{number}"
            for _ in range(times):
                if action == "reserve":
                    reservation = ledger.reserve(BudgetGroup.GOOGLE, amounts, key)
                    room = cap - used - sum(standing.amount for standing in held.values())
                    room = held[key].amount if key in held else room
                    fitting = max(n for n in range(len(amounts) + 1) if sum(amounts[:n]) <= room)
                    if key not in held:
                        assert (reservation.granted, reservation.amount) == (fitting, sum(amounts[:fitting]))
                        if fitting:
                            held[key] = reservation
                    elif reservation.granted:
                        assert (reservation.granted, reservation.amount) == (fitting, held[key].amount)
                elif key in held:
                    if action == "settle":
                        ledger.settle(held[key], held[key].amount // 2, 1)
                    else:
                        ledger.release(held[key])
            if action != "reserve" and key in held:
                settled = held.pop(key)
                used += settled.amount // 2 if action == "settle" else 0
                calls += action == "settle"
            use = ledger.budgets()["google"]
            assert use.spent == used + sum(standing.amount for standing in held.values()) <= cap
            assert use.calls == calls

    @pytest.mark.parametrize("seed", [1, 2])
    def test_forty_workers_never_overspend_and_nothing_is_charged_twice(self, client, seed):
        lossy: Any = Lossy(client, seed)
        # Less than the workers ask for together, so that the end of the budget is reached in the crowd.
        ledger = opened(lossy, of=google_cap(600))
        cap = ledger.run().job.cap(BudgetGroup.GOOGLE)
        assert cap == 600
        charged: list[int] = []
        overspent: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.is_set():
                spent = google_spent(client)
                if spent > cap:
                    overspent.append(spent)

        def work(worker: int) -> None:
            own = Ledger(TABLE, "run-1", lossy)
            for turn in range(3):
                for _ in range(2):  # as after a crash: the same work once more
                    reservation = own.reserve(BudgetGroup.GOOGLE, [2] * 5, f"{worker}|{turn}")
                real = reservation.granted * (worker % 3)
                own.settle(reservation, real, reservation.granted)
                own.settle(reservation, real, reservation.granted)
                charged.append(real)

        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, range(WORKERS)))
        done.set()
        watcher.join()
        assert lossy.lost > 50
        assert overspent == []
        assert google_spent(client) == sum(charged)
        assert sum(charged) > cap / 2


def google_spent(client: DynamoDBClient) -> int:
    key = {"run": {"S": "run-1"}, "item": {"S": "BUDGET#google"}}
    return int(client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]["spent"]["N"])


class TestRates:
    def test_a_bucket_gives_its_capacity_and_then_its_refill(self, client):
        now = [1000.0]
        ledger = opened(client, clock=lambda: now[0])
        takes = [ledger.take(Connector.NOMINATIM, 25, f"k{n}") for n in range(20)]
        assert takes == [0] * 20
        assert ledger.take(Connector.NOMINATIM, 10, "more") == pytest.approx(12)
        now[0] += 12
        assert ledger.take(Connector.NOMINATIM, 10, "more") == 0
        assert ledger.take(Connector.NOMINATIM, 1, "again") == pytest.approx(1.2)

    def test_a_bucket_without_refill_is_an_allowance(self, client):
        ledger = opened(client)
        assert ledger.take(Connector.LLM_TOKENS, 199_999, "a") == 0
        assert ledger.take(Connector.LLM_TOKENS, 1, "b") == 0
        assert ledger.take(Connector.LLM_TOKENS, 1, "c") == float("inf")

    def test_more_than_the_capacity_is_never_there(self, client):
        assert opened(client).take(Connector.NOMINATIM, 501, "a") == float("inf")

    @ON_EMULATOR
    @given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10)), min_size=1, max_size=20))
    def test_it_is_a_token_bucket(self, client, steps):
        """Against the textbook: a level that rises with time up to the capacity."""
        now, level = 1000.0, 10.0
        bucket = TokenBucket(capacity=10, refill=60, period_seconds=60)
        ledger = opened(
            client,
            next(RUN_IDS),
            defaults=RunDefaults(token_buckets={Connector.WIKI: bucket}),
            clock=lambda: now,
        )
        for number, (passed, tokens) in enumerate(steps):
            now += passed
            level = min(10.0, level + passed)
            wait = ledger.take(Connector.WIKI, tokens, f"k{number}")
            assert wait == pytest.approx(max(0.0, tokens - level))
            level -= tokens if not wait else 0

    def test_forty_workers_take_no_more_than_there_is(self, client):
        def take(worker: int) -> bool:
            own = Ledger(TABLE, "run-1", client, lambda: 1000.0)
            return own.take(Connector.NOMINATIM, 25, f"k{worker}") == 0

        opened(client, clock=lambda: 1000.0)
        with ThreadPoolExecutor(WORKERS) as pool:
            assert sum(pool.map(take, range(WORKERS))) == 20
