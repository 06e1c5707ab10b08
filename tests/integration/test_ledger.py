"""The ledger on the embedded AWS: nothing is overspent, nothing is charged twice, whatever gets lost."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults, TokenBucket
from lambdas.contracts.frontier import FrontierMessage, WebMessage
from lambdas.contracts.manifest import StateStatus, StoppedBy
from lambdas.runtime import record
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.errors import InputNotFound, LedgerUnavailable
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from lambdas.runtime.window import LOG_LIMIT
from tests.integration.account import Account
from tests.integration.ledgers import MODES, TABLE, Lossy, job, make_table, opened, unreachable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from scout.embedded.emulator import Emulator

WORKERS = 40
# Each example is a run of its own, so that the table may be shared by all of them.
ON_EMULATOR = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
RUN_IDS = (f"run-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def account(emulator: Emulator) -> Account:
    return Account(emulator, "100000000003")


@pytest.fixture
def client(account: Account) -> Iterator[DynamoDBClient]:
    client = make_table(account)
    yield client
    client.delete_table(TableName=TABLE)
    record._CACHE.clear()


def google_cap(cap: int) -> Any:
    return job(budgets={"google": {"tokens_per_min": cap, "max_tokens_total": cap}})


def message(number: int, run_id: str) -> FrontierMessage:
    return WebMessage(
        city="Edinburgh",
        run_id=run_id,
        correlation_id="00000000-0000-0000-0000-000000000000",
        budget_token=Connector.WEB_FETCH,
        source_url=f"https://example.org/{number}",
        source_name="example",
        source_type="html",
        crawl_depth=0,
    )


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
        ledger.enqueue([message(1, "run-1")], "s")
        ledger.record_state("Rank", key="k", seconds=1, status=StateStatus.SUCCEEDED)
        items = client.scan(TableName=TABLE)["Items"]
        assert len(items) == 11
        assert {item["expires_at"]["N"] for item in items} == {str(ledger.run().expires_at)}


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

    def test_a_released_reservation_is_reserved_anew(self, client):
        ledger = opened(client)
        ledger.release(ledger.reserve(BudgetGroup.GOOGLE, [10, 10], "a"), spent=10, calls=1)
        ledger.reserve(BudgetGroup.GOOGLE, [10, 10], "a")
        use = ledger.budgets()["google"]
        assert (use.spent, use.calls) == (30, 3)

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
        """Against a model: a dict of charges by key. Every call is made one to three times in a row."""
        ledger = opened(client, next(RUN_IDS), of=google_cap(cap))
        cap = ledger.run().job.cap(BudgetGroup.GOOGLE)
        charges: dict[str, int] = {}
        held: dict[str, Reservation] = {}
        released = 0
        for action, number, amounts, times in steps:
            key = f"key-{number}"
            for _ in range(times):
                if action == "reserve":
                    room = cap - sum(charges.values()) - released
                    if key not in charges:
                        granted = max(n for n in range(len(amounts) + 1) if sum(amounts[:n]) <= max(room, 0))
                        reservation = ledger.reserve(BudgetGroup.GOOGLE, amounts, key)
                        assert reservation.granted == granted
                        if granted:
                            charges[key] = sum(amounts[:granted])
                            held[key] = reservation
                    else:
                        ledger.reserve(BudgetGroup.GOOGLE, amounts, key)
                elif key in held:
                    spent = held[key].amount // 2
                    if action == "settle":
                        ledger.settle(held[key], spent, 1)
                    else:
                        ledger.release(held[key], spent, 1)
            if action == "settle" and key in held:
                charges[key] = held.pop(key).amount // 2
            elif action == "release" and key in held:
                released += held.pop(key).amount // 2
                del charges[key]
            assert ledger.budgets()["google"].spent == sum(charges.values()) + released <= cap

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
            settings=RunDefaults(token_buckets={Connector.WIKI: bucket}),
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


class TestProgress:
    def test_early_stop_waits_for_a_full_window(self, client):
        ledger = opened(client, of=job("early-stop-test"))
        assert not ledger.observe("a", 24, 0, 100).window_full
        assert ledger.gate() is None
        assert ledger.observe("b", 1, 0, 10).window_full
        gate = ledger.gate()
        assert gate is not None
        assert (gate.name, gate.value, gate.threshold) == (StoppedBy.EARLY_STOP, 0.0, 0.8)

    def test_a_rate_at_the_threshold_goes_on(self, client):
        ledger = opened(client, of=job("early-stop-test"))
        ledger.observe("a", 25, 80, 100)
        assert ledger.gate() is None

    @ON_EMULATOR
    @given(
        window=st.integers(1, 30),
        steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20), st.integers(0, 30)), max_size=30),
        data=st.data(),
    )
    def test_it_is_the_last_calls_with_every_report_repeated(self, client, window, steps, data):
        """Against a model that keeps every batch; the window is exact to within the batch at its beginning."""
        rule = {"min_new_unique_rate": 0.0, "window_calls": window}
        ledger = opened(client, next(RUN_IDS), of=job(early_stop=rule))
        batches: deque[tuple[int, int, int]] = deque()
        for number, (calls, new, more) in enumerate(steps):
            batches.append((calls, new, new + more))
            for _ in range(data.draw(st.integers(1, 2))):
                progress = ledger.observe(f"k{number}", calls, new, new + more)
            while sum(batch[0] for batch in batches) - batches[0][0] >= window:
                batches.popleft()
            seen = sum(batch[2] for batch in batches)
            assert progress.rate == (sum(batch[1] for batch in batches) / seen if seen else 1.0)
            assert progress.window_full == (sum(batch[0] for batch in batches) >= window)
            assert progress.calls == sum(step[0] for step in steps[: number + 1])

    def test_a_long_log_is_condensed_and_keeps_its_window(self, client):
        rule = {"min_new_unique_rate": 0.0, "window_calls": 400}
        ledger = opened(client, of=job(early_stop=rule))
        for number in range(LOG_LIMIT + 60):
            progress = ledger.observe(f"k{number}", 2, number % 3, 2)
        stored = ledger.read("PROGRESS")
        assert stored is not None
        assert len(stored["log"]) < LOG_LIMIT / 2
        last = [number % 3 for number in range(LOG_LIMIT + 60)][-200:]
        assert progress.window_full
        assert progress.rate == pytest.approx(sum(last) / 400, abs=0.005)
        assert progress.calls == 2 * (LOG_LIMIT + 60)

    def test_forty_workers_lose_no_increment(self, client):
        lossy: Any = Lossy(client, 3)
        opened(lossy)

        def work(worker: int) -> None:
            own = Ledger(TABLE, "run-1", lossy)
            for turn in range(5):
                own.observe(f"{worker}|{turn}", 1, 1, 2)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, range(WORKERS)))
        progress = Ledger(TABLE, "run-1", client).progress()
        assert (progress.calls, progress.new, progress.seen) == (200, 200, 400)
        assert progress.rate == 0.5

    def test_a_place_is_new_once_whoever_reports_it(self, client):
        lossy: Any = Lossy(client, 4)
        opened(lossy)
        places = [str(number) for number in range(300)]

        def work(worker: int) -> int:
            mine = places[worker * 5 : worker * 5 + 105]
            return Ledger(TABLE, "run-1", lossy).first_seen({"west": mine, "east": mine[:3]}, f"batch-{worker}")

        with ThreadPoolExecutor(WORKERS) as pool:
            new = sum(pool.map(work, range(WORKERS)))
        assert new == 300 + len({place for worker in range(WORKERS) for place in places[worker * 5 : worker * 5 + 3]})

    def test_a_repeated_batch_finds_the_same_places_new(self, client):
        ledger = opened(client)
        assert [ledger.first_seen({"cell": ["a", "b"]}, key) for key in ("one", "one", "two")] == [2, 2, 0]


class TestMessages:
    def test_the_same_work_is_entered_once(self, client):
        ledger = opened(client)
        messages = [message(number, "run-1") for number in range(130)]
        first = ledger.enqueue([*messages, messages[0]], "sender")
        assert (first.new, len(first.to_send)) == (130, 130)
        retried = ledger.enqueue(messages, "sender")
        assert (retried.new, len(retried.to_send)) == (0, 130)
        other = ledger.enqueue([*messages, message(999, "run-1")], "other")
        assert (other.new, [sent.key for sent in other.to_send]) == (1, [message(999, "run-1").key])

    def test_a_message_is_processed_until_it_is_done(self, client):
        now = [1000.0]
        ledger = opened(client, clock=lambda: now[0])
        key = message(1, "run-1").key
        ledger.enqueue([message(1, "run-1")], "s")
        assert ledger.admit({key: 1}) == {}
        assert ledger.frontier().in_flight == 1
        ledger.settle_messages([Settlement(key, MessageState.QUEUED, "Boom")])
        assert ledger.frontier().waiting == (key,)
        assert ledger.admit({key: 2}) == {}
        assert ledger.settle_messages([Settlement(key, MessageState.DONE)]) == 1
        assert ledger.settle_messages([Settlement(key, MessageState.QUEUED)]) == 0
        assert ledger.admit({key: 3}) == {key: MessageState.DONE}
        state = ledger.frontier()
        assert (state.drained, state.done, state.use().enqueued) == (True, 1, 1)

    def test_silence_is_waited_for_and_then_lost(self, client):
        now = [1000.0]
        ledger = opened(client, clock=lambda: now[0])
        keys = [message(number, "run-1").key for number in range(2)]
        ledger.enqueue([message(number, "run-1") for number in range(2)], "s")
        ledger.admit({keys[0]: 1, keys[1]: 5})
        assert ledger.frontier(5).in_flight == 2
        now[0] += 301
        state = ledger.frontier(5)
        assert (state.in_flight, state.waiting, state.lost) == (0, (keys[0],), (keys[1],))

    def test_a_dead_message_that_is_sent_again_is_taken_up(self, client):
        ledger = opened(client)
        key = message(1, "run-1").key
        ledger.enqueue([message(1, "run-1")], "s")
        ledger.settle_messages([Settlement(key, MessageState.DEAD, "Boom")])
        assert ledger.frontier().use().dead == 1
        assert ledger.admit({key: 1}) == {}


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
        ledger.kill(BudgetGroup.LLM, on=False)
        assert not ledger.run().killed(BudgetGroup.LLM)

    def test_all_kill_switches_close_the_gate(self, client):
        ledger = opened(client)
        for group in BudgetGroup:
            assert ledger.gate() is None
            ledger.kill(group, on=True)
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
    "kill": lambda ledger: ledger.kill(BudgetGroup.GOOGLE, on=True),
    "close": lambda ledger: ledger.close(StoppedBy.DRAINED),
    "observe": lambda ledger: ledger.observe("k", 1, 1, 1),
    "progress": lambda ledger: ledger.progress(),
    "first_seen": lambda ledger: ledger.first_seen({"c": ["a"]}, "k"),
    "enqueue": lambda ledger: ledger.enqueue([message(1, "run-1")], "s"),
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
