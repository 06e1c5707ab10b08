"""Progress and messages on the embedded AWS: nothing is counted twice, whatever gets lost."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement
from lambdas.runtime.window import LOG_LIMIT
from tests.integration.runtime.ledgers import (
    ON_EMULATOR,
    RUN_IDS,
    TABLE,
    WORKERS,
    Lossy,
    job,
    opened,
)
from tests.integration.runtime.stages import page

if TYPE_CHECKING:
    pass


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
        messages = [page(number) for number in range(130)]
        first = ledger.enqueue([*messages, messages[0]], "sender")
        assert (first.new, len(first.to_send)) == (130, 130)
        retried = ledger.enqueue(messages, "sender")
        assert (retried.new, len(retried.to_send)) == (0, 130)
        other = ledger.enqueue([*messages, page(999)], "other")
        assert (other.new, [sent.key for sent in other.to_send]) == (1, [page(999).key])

    def test_a_message_is_processed_until_it_is_done(self, client):
        now = [1000.0]
        ledger = opened(client, clock=lambda: now[0])
        key = page(1).key
        ledger.enqueue([page(1)], "s")
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
        keys = [page(number).key for number in range(2)]
        ledger.enqueue([page(number) for number in range(2)], "s")
        ledger.admit({keys[0]: 1, keys[1]: 5})
        assert ledger.frontier(5).in_flight == 2
        now[0] += 301
        state = ledger.frontier(5)
        assert (state.in_flight, state.waiting, state.lost) == (0, (keys[0],), (keys[1],))

    def test_a_dead_message_that_is_sent_again_is_taken_up(self, client):
        ledger = opened(client)
        key = page(1).key
        ledger.enqueue([page(1)], "s")
        ledger.settle_messages([Settlement(key, MessageState.DEAD, "Boom")])
        assert ledger.frontier().use().dead == 1
        assert ledger.admit({key: 1}) == {}
