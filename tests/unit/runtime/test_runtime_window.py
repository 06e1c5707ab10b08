from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.window import LOG_LIMIT, condensed, last_calls, progress_of

INCREMENT = st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(0, 50))
LOG = st.lists(INCREMENT, max_size=400)
WINDOW = st.integers(1, 3000)


def calls(log: list[tuple[int, int, int]]) -> int:
    return sum(increment[0] for increment in log)


@given(LOG, WINDOW)
def test_the_window_is_the_shortest_tail_with_enough_calls(log, window):
    tail = last_calls(log, window)
    assert tail == log[len(log) - len(tail) :]
    if calls(log) < window:
        assert tail == log
    else:
        assert calls(tail) >= window > calls(tail[1:])


@given(LOG, WINDOW)
def test_condensing_keeps_the_window_to_within_a_batch(log, window):
    short = condensed(log, window)
    assert len(short) <= LOG_LIMIT // 2 + 2
    # Nothing inside the window is lost, nothing comes in twice.
    tail = last_calls(log, window)
    assert [sum(column) for column in zip(*short, strict=True)] == [sum(column) for column in zip(*tail, strict=True)]
    largest = max((increment[0] for increment in tail), default=0)
    assert calls(last_calls(short, window)) <= max(window, calls(tail)) + max(largest, window // 64)


@given(LOG, WINDOW, LOG)
def test_condensing_twice_on_the_way_changes_the_window_by_a_batch_at_most(log, window, more):
    plain = last_calls([*log, *more], window)
    short = last_calls([*condensed(log, window), *more], window)
    assert len(short) <= len(plain) or calls(short) >= calls(plain)
    assert abs(calls(short) - calls(plain)) <= max(30, window // 64)


@given(LOG, WINDOW)
def test_the_rate_is_a_share_of_what_was_seen(log, window):
    log = [(count, min(new, seen), seen) for count, new, seen in log]
    progress = progress_of(log, (1, 2, 3), window)
    assert 0 <= progress.rate <= 1
    assert progress.window_full == (calls(log) >= window)
    assert (progress.calls, progress.new, progress.seen) == (1, 2, 3)


def test_nothing_seen_is_no_reason_to_stop():
    assert progress_of([(200, 0, 0)], (200, 0, 0), 200).rate == 1.0
