"""Turns at hosts: one worker at a time, with pauses in between, over all runs that share a ledger's table."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lambdas.fetching.hosts import HOLD_SECONDS, MAX_PAGES, MAX_PAUSE_SECONDS, Hosts
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.ledger import Ledger
from tests.integration.runtime.ledgers import job, opened
from tests.integration.runtime.stages import page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.integration

HOST = "site.example"
INTERVAL = 5.0
# What times are kept to.
MILLISECOND = 0.001


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = time.time()
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(client: DynamoDBClient, clock: Clock) -> Ledger:
    return opened(client, clock=clock)


def hosts(ledger: Ledger, clock: Clock, message: str | None = None, patience: float = 3.0) -> Hosts:
    return Hosts(ledger, message, patience=patience, sleep=clock.sleep, clock=clock)


def messages(ledger: Ledger, count: int) -> list[str]:
    pages = [page(number) for number in range(count)]
    ledger.enqueue(pages, "a state")
    return [message.key for message in pages]


def reason_of(hosts: Hosts, host: str = HOST) -> Reason:
    with pytest.raises(Unfetched) as caught, hosts.turn(host, INTERVAL):
        pytest.fail("the host is not free")
    return caught.value.reason


def test_the_next_worker_waits_for_the_interval(ledger: Ledger, clock: Clock) -> None:
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        clock.now += 2
    ended = clock.now
    with hosts(ledger, clock, patience=20).turn(HOST, INTERVAL):
        assert ended + INTERVAL - MILLISECOND <= clock.now < ended + 2 * INTERVAL


def test_another_host_is_free(ledger: Ledger, clock: Clock) -> None:
    with hosts(ledger, clock).turn(HOST, INTERVAL), hosts(ledger, clock).turn("other.example", INTERVAL):
        assert clock.slept == 0


def test_runs_share_the_turns(client: DynamoDBClient, ledger: Ledger, clock: Clock) -> None:
    other = opened(client, "run-2", clock=clock)
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        assert reason_of(hosts(other, clock)) is Reason.HOST_BUSY


def test_workers_never_meet_at_a_host(client: DynamoDBClient) -> None:
    ledgers = [opened(client, f"run-{number % 2}") for number in range(2)]
    lock, visits = threading.Lock(), list[tuple[float, float]]()

    def work(number: int) -> None:
        with Hosts(ledgers[number % 2], None, patience=30).turn(HOST, 0.2):
            began = time.time()
            time.sleep(0.05)
            with lock:
                visits.append((began, time.time()))

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(work, range(6)))
    visits.sort()
    assert len(visits) == 6
    assert all(began - ended >= 0.2 - MILLISECOND for (_, ended), (began, _) in itertools.pairwise(visits))


def test_whoever_cannot_wait_is_given_a_turn_of_its_own_and_finds_it_free(ledger: Ledger, clock: Clock) -> None:
    keys = messages(ledger, 3)
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        for key in keys:
            assert reason_of(hosts(ledger, clock, key, patience=0)) is Reason.HOST_BUSY
    waits = ledger.waits(keys)
    assert [waits[key] for key in keys] == sorted(waits.values())
    turns = [clock.now + waits[key] for key in keys]
    assert all(later - earlier >= INTERVAL - MILLISECOND for earlier, later in itertools.pairwise(turns))
    for key, turn in zip(keys, turns, strict=True):
        clock.now, slept = turn + MILLISECOND, clock.slept
        with hosts(ledger, clock, key).turn(HOST, INTERVAL):
            assert clock.slept == slept, "it is due"


def test_nobody_takes_the_turn_that_another_has(ledger: Ledger, clock: Clock) -> None:
    [key] = messages(ledger, 1)
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        assert reason_of(hosts(ledger, clock, key, patience=0)) is Reason.HOST_BUSY
    clock.now += ledger.waits([key])[key] + MILLISECOND
    assert reason_of(hosts(ledger, clock, patience=0)) is Reason.HOST_BUSY
    with hosts(ledger, clock, key).turn(HOST, INTERVAL):
        pass


def test_a_host_that_asked_for_it_is_left_alone(ledger: Ledger, clock: Clock) -> None:
    [key] = messages(ledger, 1)
    with hosts(ledger, clock).turn(HOST, INTERVAL) as turn:
        turn.pause = 120
    assert reason_of(hosts(ledger, clock, key)) is Reason.HOST_BUSY
    assert ledger.waits([key])[key] == pytest.approx(120, abs=0.01)


def test_no_host_is_left_alone_for_ever(ledger: Ledger, clock: Clock) -> None:
    [key] = messages(ledger, 1)
    with hosts(ledger, clock).turn(HOST, INTERVAL) as turn:
        turn.pause = 10**9
    assert reason_of(hosts(ledger, clock, key)) is Reason.HOST_BUSY
    assert ledger.waits([key])[key] == pytest.approx(MAX_PAUSE_SECONDS, abs=0.01)


def test_a_turn_is_given_back_by_a_worker_that_fails(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(RuntimeError), hosts(ledger, clock).turn(HOST, INTERVAL):
        raise RuntimeError
    clock.now += INTERVAL + MILLISECOND
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        assert clock.slept == 0


def test_a_worker_that_died_holds_its_host_for_a_while(ledger: Ledger, clock: Clock) -> None:
    dead = hosts(ledger, clock).turn(HOST, INTERVAL)
    dead.__enter__()
    clock.now += HOLD_SECONDS - 10
    assert reason_of(hosts(ledger, clock)) is Reason.HOST_BUSY
    clock.now += 10 + 2 * INTERVAL
    with hosts(ledger, clock).turn(HOST, INTERVAL):
        pass


def test_a_turn_after_the_end_of_the_run_is_none(client: DynamoDBClient, clock: Clock) -> None:
    short = opened(client, "short", of=job(timeouts={"wall_clock_seconds": 60}), clock=clock)
    with hosts(short, clock).turn(HOST, INTERVAL) as turn:
        turn.pause = 500
    assert reason_of(hosts(short, clock)) is Reason.HOST_TOO_SLOW


def test_a_run_asks_a_host_for_so_many_pages_each_counted_once(ledger: Ledger, clock: Clock) -> None:
    counting = hosts(ledger, clock)
    for number in range(MAX_PAGES):
        for _ in range(2):
            counting.count_page(HOST, f"http://{HOST}/{number}")
    with pytest.raises(Unfetched) as caught:
        counting.count_page(HOST, f"http://{HOST}/more")
    assert caught.value.reason is Reason.HOST_CAP
    counting.count_page(HOST, f"http://{HOST}/0")
    counting.count_page("other.example", "http://other.example/")
