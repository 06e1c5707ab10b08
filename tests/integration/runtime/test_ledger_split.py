"""The split of budgets between primaries and secondaries: each keeps to its quota until the budgets are shared."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.connectors import BudgetGroup, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.ledger import Ledger
from tests.integration.runtime.ledgers import ON_EMULATOR, RUN_IDS, TABLE, WORKERS, Lossy, job, opened

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

GOOGLE = BudgetGroup.GOOGLE


def budget(cap: int) -> Any:
    return job(budgets={"google": {"tokens_per_min": cap, "max_tokens_total": cap}})


def spent(client: DynamoDBClient) -> dict[str, int]:
    key = {"run": {"S": "run-1"}, "item": {"S": "BUDGET#google"}}
    item = client.get_item(TableName=TABLE, Key=key, ConsistentRead=True)["Item"]
    return {name: int(item[name]["N"]) for name in ("spent", *Split)}


def test_each_group_is_split_by_itself(client):
    record = opened(client, defaults=RunDefaults()).run()
    for group in BudgetGroup:
        cap = record.job.cap(group)
        assert record.quota(group, Split.PRIMARIES) == int(cap * 0.7)
        assert record.quota(group, Split.SECONDARIES) == cap - int(cap * 0.7)


def test_a_quota_that_is_used_up_leaves_the_rest_to_the_other_and_the_gate_open(client):
    ledger = opened(client, of=budget(100), defaults=RunDefaults())
    assert ledger.reserve(GOOGLE, [1] * 80, "a", Split.PRIMARIES).granted == 70
    assert ledger.reserve(GOOGLE, [1], "b", Split.PRIMARIES).granted == 0
    assert ledger.gate() is None
    assert ledger.reserve(GOOGLE, [1] * 40, "c", Split.SECONDARIES).granted == 30
    gate = ledger.gate()
    assert gate is not None
    assert (gate.name, gate.value, gate.threshold) == (StoppedBy.BUDGET, 100, 100)
    use = ledger.budgets()["google"]
    assert (use.spent, use.primaries) == (100, 70)


def test_the_frontier_keeps_to_the_cap_alone(client):
    ledger = opened(client, of=budget(100), defaults=RunDefaults())
    assert ledger.reserve(GOOGLE, [1] * 90, "a", Split.FRONTIER).granted == 90
    assert ledger.reserve(GOOGLE, [1] * 20, "b", Split.PRIMARIES).granted == 10
    assert ledger.budgets()["google"].spent == 100


def test_what_primaries_left_is_shared_even_with_a_process_that_does_not_know_yet(client):
    now = [1000.0]
    ledger = opened(client, of=budget(100), defaults=RunDefaults(), clock=lambda: now[0])
    ledger.settle(ledger.reserve(GOOGLE, [1] * 60, "a", Split.PRIMARIES), 20, 20)
    assert ledger.reserve(GOOGLE, [1] * 50, "b").granted == 30
    remembered = ledger.run()
    Ledger(TABLE, "run-1", client).share_budgets()
    ledger._remember(remembered)
    assert ledger.reserve(GOOGLE, [1] * 60, "c").granted == 50
    assert spent(client) == {"spent": 100, "primaries": 20, "secondaries": 80, "frontier": 0}


def test_sharing_twice_keeps_the_first_moment(client):
    now = [1000.0]
    ledger = opened(client, clock=lambda: now[0])
    ledger.share_budgets()
    first = ledger.run().shared_at
    now[0] += 5
    ledger.share_budgets()
    assert ledger.run(max_age=0).shared_at == first


@ON_EMULATOR
@given(
    cap=st.integers(0, 120),
    ratio=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["reserve", "reserve", "settle", "release", "share"]),
            st.integers(0, 5),
            st.sampled_from(list(Split)),
            st.lists(st.integers(1, 40), min_size=1, max_size=5),
        ),
        max_size=20,
    ),
)
def test_it_is_two_accounts_until_they_are_shared(client, cap, ratio, steps):
    """Against a model: charges by key and split, and two quotas that fall away."""
    ledger = opened(client, next(RUN_IDS), of=budget(cap), defaults=RunDefaults(split_ratio=ratio))
    cap = ledger.run().job.cap(GOOGLE)
    primaries = int(cap * ratio)
    quota = {Split.PRIMARIES: primaries, Split.SECONDARIES: cap - primaries, Split.FRONTIER: cap}
    used = dict.fromkeys(Split, 0)
    held: dict[str, Reservation] = {}
    for action, number, split, amounts in steps:
        key = f"key-{number}"
        if action == "share":
            ledger.share_budgets()
            quota = dict.fromkeys(Split, cap)
        elif action == "reserve" and key not in held:
            room = min(cap - sum(used.values()), quota[split] - used[split])
            granted = max((n for n in range(len(amounts) + 1) if sum(amounts[:n]) <= room), default=0)
            reservation = ledger.reserve(GOOGLE, amounts, key, split)
            assert reservation.granted == granted
            if granted:
                held[key] = reservation
                used[split] += reservation.amount
        elif action in {"settle", "release"} and key in held:
            reservation = held.pop(key)
            half = reservation.amount // 2 if action == "settle" else 0
            used[reservation.split] += half - reservation.amount
            if action == "settle":
                ledger.settle(reservation, half, 1)
            else:
                ledger.release(reservation)
        use = ledger.budgets()["google"]
        assert (use.spent, use.primaries) == (sum(used.values()), used[Split.PRIMARIES])
        assert use.spent <= cap


@pytest.mark.parametrize("seed", [1, 2])
def test_forty_workers_keep_both_quotas_while_replies_get_lost(client, seed):
    lossy: Any = Lossy(client, seed)
    ledger = opened(lossy, of=budget(600), defaults=RunDefaults())
    passed: list[dict[str, int]] = []
    charged: list[tuple[Split, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            now = spent(client)
            if now["primaries"] > 420 or now["secondaries"] > 180 or now["spent"] > 600:
                passed.append(now)

    def work(worker: int) -> None:
        own, split = Ledger(TABLE, "run-1", lossy), list(Split)[worker % 2]
        for turn in range(3):
            for _ in range(2):
                reservation = own.reserve(GOOGLE, [3] * 5, f"{worker}|{turn}", split)
            own.settle(reservation, reservation.granted * 2, reservation.granted)
            charged.append((split, reservation.granted * 2))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    done.set()
    watcher.join()
    assert passed == []
    sums: dict[str, int] = {split.value: sum(amount for of, amount in charged if of is split) for split in Split}
    assert spent(client) == {"spent": sum(sums.values()), **sums}
    assert ledger.budgets()["google"].primaries == sums[Split.PRIMARIES]
    assert sums[Split.SECONDARIES] > 90, "the quota was reached for"
