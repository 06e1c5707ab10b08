"""How many events and how much time an execution can take: arithmetic that was done by hand once."""

from __future__ import annotations

from math import inf

import pytest

from tests.unit.workflow.definitions import EXPRESS, FAILED, STANDARD, machine, problems, task
from workflow.bounds import state_events, state_seconds
from workflow.states import (
    ALL_ERRORS,
    ItemProcessor,
    Map,
    Parallel,
    Pass,
    ProcessorConfig,
    Retrier,
    Scope,
    State,
    Succeed,
    Wait,
)

FIVE = Retrier(error_equals=(ALL_ERRORS,), interval_seconds=1, backoff_rate=1.0, max_attempts=5)
ONE_TASK = Scope(start_at="One", states={"One": task(catch=None)})
TWO_TASKS = Scope(start_at="One", states={"One": task(catch=None, next="Two"), "Two": task(catch=None)})


def pages(tasks: int, max_items: int, concurrency: int = 0) -> Map:
    """A Map whose items pass so many Tasks."""
    states: dict[str, State] = {
        f"Task{place}": task(catch=None, next=None if place == tasks else f"Task{place + 1}")
        for place in range(1, tasks + 1)
    }
    return Map(
        max_items=max_items,
        max_concurrency=concurrency,
        item_processor=ItemProcessor(start_at="Task1", states=states),
    )


@pytest.mark.parametrize(
    ("state", "events"),
    [
        (Pass(), 2),
        (Wait(seconds=1), 2),
        (Succeed(), 2),
        (FAILED, 1),
        (task(), 5),
        (task(retry=(FIVE,)), 2 + 3 * 6),
        (task(retry=(Retrier(error_equals=("A",), max_attempts=2), FIVE)), 2 + 3 * 8),
        (task(resource="arn:aws:states:::glue:startJobRun.sync"), 6),
        (pages(tasks=3, max_items=10), 4 + 10 * 17),
        (Parallel(branches=(ONE_TASK, TWO_TASKS)), 4 + 5 + 10),
        (Parallel(branches=(ONE_TASK,), retry=(FIVE,)), 2 + 6 * (2 + 5)),
        (Map(item_processor=ItemProcessor(start_at="Each", states={"Each": Pass()})), inf),
        (
            Map(
                item_processor=ItemProcessor(
                    start_at="Each", states={"Each": Pass()}, processor_config=ProcessorConfig(mode="DISTRIBUTED")
                )
            ),
            6,
        ),
    ],
)
def test_events_of_a_state(state: State, events: float):
    assert state_events(state, 60) == events


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (Pass(), 0),
        (Wait(seconds=7), 7),
        (Wait(seconds_path="$.wait"), inf),
        (task(), 30),
        # A time-out that is retried takes the whole time again; other errors come at once.
        (task(retry=(FIVE,)), 6 * 30 + 5),
        (task(retry=(Retrier(error_equals=("States.Timeout", "Sandbox.Timedout"), max_attempts=0), FIVE)), 30 + 5),
        (task(retry=(Retrier(error_equals=("States.Timeout",), max_attempts=0), FIVE)), 6 * 30 + 5),
        (task(retry=(Retrier(error_equals=("States.TaskFailed",), max_attempts=1, backoff_rate=1.0),)), 2 * 30 + 1),
        (task(retry=(Retrier(error_equals=("Busy",), max_attempts=1),)), 30 + 1),
        (pages(tasks=3, max_items=10, concurrency=10), 90),
        (pages(tasks=3, max_items=10, concurrency=4), 3 * 90),
        (pages(tasks=1, max_items=41), 2 * 30),
        (Parallel(branches=(ONE_TASK, TWO_TASKS)), 60),
        (Parallel(branches=(ONE_TASK,), retry=(FIVE,)), 6 * 30 + 5),
    ],
)
def test_seconds_of_a_state(state: State, seconds: float):
    assert state_seconds(state) == seconds


def test_an_inline_map_may_write_25_000_events_and_no_more():
    # Start and end 2, the Map 4, an iteration of three Tasks 17: 6 + 1,470 * 17 = 24,996.
    def of(max_items: int):
        each = pages(tasks=3, max_items=max_items)
        return machine({"All": each}, timeout_seconds=3600)

    def about_events(definition) -> list[str]:
        return [message for state, message in problems(definition, STANDARD) if state == "All"]

    assert about_events(of(1470)) == []
    [message] = about_events(of(1471))
    assert message == (
        "an execution can write 25,013 (start and end 2; All 25,011) events, 25,000 are allowed;"
        " lower max_items or use a Distributed Map, and wait longer in loops"
    )


def test_an_express_machine_must_end_in_time_if_every_task_takes_its_whole_time_out():
    def of(seconds: int):
        return machine(
            {
                "First": task(timeout_seconds=100, next="Second"),
                "Second": task(timeout_seconds=seconds, next="Done"),
                "Done": Succeed(),
                "Failed": FAILED,
            },
            timeout_seconds=300,
        )

    assert problems(of(200), EXPRESS) == []
    [(state, message)] = problems(of(201), EXPRESS)
    assert state == "Second"
    assert message == (
        "the longest way takes up to 301 (First 100; Second 201) seconds, 300 are allowed;"
        " lower time-outs or retries, or let a Map handle more items at the same time"
    )


def test_the_time_of_an_express_machine_is_its_own_limit_if_that_is_shorter():
    definition = machine({"Work": task(next="Done"), "Done": Succeed(), "Failed": FAILED}, timeout_seconds=29)
    assert "30 (Work 30) seconds, 29 are allowed" in problems(definition, EXPRESS)[0][1]
