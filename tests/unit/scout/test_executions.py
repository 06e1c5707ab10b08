"""What a history says: which states were visited, for how long, how often they were tried, what is billed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from scout.cities.executions import Execution, spans, transitions

START = datetime(2026, 1, 1, tzinfo=UTC)


class History:
    """Events a second apart."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.add("ExecutionStarted")

    def add(self, kind: str, **details: Any) -> History:
        at = START + timedelta(seconds=len(self.events))
        self.events.append({"id": len(self.events) + 1, "type": kind, "timestamp": at, **details})
        return self

    def enter(self, name: str, kind: str = "Task") -> History:
        return self.add(f"{kind}StateEntered", stateEnteredEventDetails={"name": name})

    def leave(self, name: str, kind: str = "Task") -> History:
        return self.add(f"{kind}StateExited", stateExitedEventDetails={"name": name})

    def tried(self, error: str | None = None) -> History:
        self.add("TaskScheduled", taskScheduledEventDetails={})
        return self.add("TaskFailed", taskFailedEventDetails={"error": error}) if error else self.add("TaskSucceeded")


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def test_each_visit_is_a_span_with_its_attempts_and_errors() -> None:
    history = History().enter("A").tried("Throttled").tried("Throttled").tried().leave("A").enter("B", "Choice")
    history.leave("B", "Choice").enter("A").tried().leave("A").add("ExecutionSucceeded")
    first, choice, again = spans(history.events)
    assert (first.state, first.kind, first.entered_at, first.left_at) == ("A", "Task", at(1), at(8))
    assert (first.attempts, first.errors, first.failed) == (3, ("Throttled", "Throttled"), False)
    assert (choice.state, choice.kind, choice.attempts) == ("B", "Choice", 0)
    assert (again.state, again.attempts, again.errors) == ("A", 1, ())
    # Three entries and two retries.
    assert transitions(history.events) == 5


def test_the_state_that_goes_on_has_no_end() -> None:
    assert spans(History().enter("A").events)[-1].left_at is None


def test_an_execution_that_ends_badly_ends_the_state_that_it_is_in() -> None:
    for end in ("ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"):
        [span] = spans(History().enter("A").tried("Boom").add(end).events)
        assert (span.left_at, span.failed, span.errors) == (at(4), True, ("Boom",))


def test_a_redriven_execution_goes_on_in_the_state_in_which_it_had_ended() -> None:
    history = History().enter("A").tried("Boom").add("ExecutionFailed").add("ExecutionRedriven")
    assert spans(history.events)[-1].left_at is None
    history.tried().leave("A").enter("B").leave("B").add("ExecutionSucceeded")
    first, second = spans(history.events)
    assert (first.state, first.left_at, first.failed, first.attempts) == ("A", at(8), False, 2)
    assert second.state == "B"
    # Two entries, the attempt after the redrive, and the redrive itself.
    assert transitions(history.events) == 4


def test_a_redriven_state_that_is_told_as_entered_again_is_one_visit() -> None:
    history = History().enter("A").tried("Boom").add("ExecutionFailed").add("ExecutionRedriven").enter("A").tried()
    history.leave("A").enter("A").leave("A").add("ExecutionSucceeded")
    first, second = spans(history.events)
    assert (first.entered_at, first.left_at, first.failed, first.attempts) == (at(1), at(9), False, 2)
    assert (second.state, second.entered_at, second.left_at) == ("A", at(10), at(11)), "a later visit is one of its own"


def test_an_input_that_is_no_run_input_is_none() -> None:
    described = {"name": "r", "executionArn": "arn", "status": "FAILED", "startDate": START, "stopDate": at(5)}
    for text in ("{}", "[]", "no JSON", ""):
        assert Execution.of({**described, "input": text}).job() is None
    execution = Execution.of({**described, "error": "Boom", "cause": "it did"})
    assert execution.why == "run r ended FAILED\n  error: Boom\n  cause: it did"
    assert execution.seconds == 5
    assert execution.redrivable is None
