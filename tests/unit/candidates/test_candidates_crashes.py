"""ReactiveStage, ended by a crash at any point: nobody is notified twice, and nobody is forgotten."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime.errors import ServiceUnavailable
from tests.unit.candidates.notifying import WINDOW, World, numbers, one, stored
from tests.unit.candidates.records import identity
from tests.unit.candidates.standins import FIFO_TOPIC, TABLE, TOPIC, Crash


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("CANDIDATES_TABLE", TABLE)
    monkeypatch.setenv("NOTIFICATIONS_TOPIC_ARN", TOPIC)


@pytest.fixture
def world() -> World:
    return World()


class TestCrash:
    @pytest.mark.parametrize("phase", ["before", "after"])
    @pytest.mark.parametrize("number", [1, 2, 3])
    @pytest.mark.parametrize("topic", [TOPIC, FIFO_TOPIC])
    def test_a_retry_sends_what_was_not_sent_and_nothing_else(self, world, monkeypatch, topic, number, phase):
        monkeypatch.setenv("NOTIFICATIONS_TOPIC_ARN", topic)
        world.faults.crash = (number, phase)
        with pytest.raises(Crash):
            world.run(stored(one()))
        world.clock.now += 20
        assert numbers(world.run(stored(one()))) == (1, 0, 0, 0, 0)
        # Published, and not marked: with a standard topic nobody can know.
        unknown = (number, phase) in {(2, "after"), (3, "before")} and topic == TOPIC
        assert len(world.topic.delivered) == (2 if unknown else 1)
        assert len({json.dumps(message) for _, message in world.topic.delivered}) == 1
        world.clock.now += 20
        assert numbers(world.run(stored(one()), "e-2")) == (0, 1, 0, 0, 0)

    def test_what_an_earlier_attempt_sent_still_counts_as_notified(self, world):
        world.faults.crash = (5, "before")
        found = stored(*(one(f"c-{number}") for number in range(2)))
        with pytest.raises(Crash):
            world.run(found)
        world.clock.now += 20
        assert numbers(world.run(found)) == (2, 0, 0, 0, 0)

    def test_another_execution_waits_until_the_first_cannot_be_running_any_more(self, world):
        world.faults.crash = (1, "after")
        with pytest.raises(Crash):
            world.run(stored(one()))
        world.clock.now += 20
        with pytest.raises(ServiceUnavailable, match="Another execution may be sending 1"):
            world.run(stored(one(), one("c-2")), "e-2")
        assert world.topic.ids() == [identity("c-2")]
        world.clock.now += 40
        assert numbers(world.run(stored(one(), one("c-2")), "e-2")) == (2, 0, 0, 0, 0)
        assert sorted(world.topic.ids()) == sorted([identity(), identity("c-2")])
        # The first one's retry, however late, does not repeat it.
        assert numbers(world.run(stored(one()))) == (0, 1, 0, 0, 0)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["e-1", "e-2", "e-3"]),
                st.none() | st.tuples(st.integers(1, 3), st.sampled_from(["before", "after"])),
                st.sampled_from([0, 1, 20, 54, 60, 240, 299, 300, 400]),
            ),
            max_size=8,
        )
    )
    def test_whatever_crashes_one_notification_a_window_is_delivered_and_never_none(self, steps):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NOTIFICATIONS_TOPIC_ARN", FIFO_TOPIC)
            world = World()
            for execution, crash, pause in steps:
                self.attempt(world, execution, crash)
                world.clock.now += pause
            for execution in ("e-1", "e-2", "e-3"):
                world.clock.now += 60
                assert self.attempt(world, execution, None) is not None
        times = [time for time, _ in world.topic.delivered]
        assert times
        assert all(later - earlier >= WINDOW for earlier, later in pairwise(times))

    def attempt(self, world: World, execution: str, crash: tuple[int, str] | None) -> dict[str, Any] | None:
        world.faults.calls.clear()
        world.faults.crash = crash
        try:
            return world.run(stored(one()), execution)
        except (Crash, ServiceUnavailable):
            return None
