"""An emergency stop, where AWS refuses a part of it: whatever can be stopped is stopped, and first what spends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from scout.cities import stopping
from scout.deployment import Deployment
from scout.errors import ScoutError

JOB = (Path(__file__).parents[3] / "examples" / "input.edinburgh.json").read_text(encoding="utf-8")


def refusal(operation: str, code: str = "AccessDeniedException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class FakeAws:
    """Pipes, Step Functions and DynamoDB in one, as far as an emergency stop uses them, and a diary of the changes.

    ``pipe`` holds what the pipe's state is at each look, the last one from then on; ``broken`` are operations, and runs
    in the ledger, that are refused.
    """

    def __init__(self, *runs: str, pipe: tuple[str, ...] = ("RUNNING", "STOPPING", "STOPPED")) -> None:
        self.runs = runs
        self.unopened: set[str] = set()
        self.closed: set[str] = set()
        self.broken: set[str] = set()
        self.pipe = list(pipe)
        self.diary: list[str] = []

    def client(self, _service: str) -> FakeAws:
        return self

    def describe_pipe(self, **_: str) -> dict[str, str]:
        state = self.pipe.pop(0) if len(self.pipe) > 1 else self.pipe[0]
        self.diary.append(state)
        return {"CurrentState": state}

    def stop_pipe(self, **_: str) -> None:
        self._allowed("stop_pipe")
        self.diary.append("stop")

    def get_paginator(self, operation: str) -> FakeAws:
        self._allowed(operation)
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        for page, run in enumerate(self.runs):
            self._allowed(f"page {page}")
            yield {"executions": [{"name": run, "executionArn": f"arn:{run}"}]}

    def stop_execution(self, *, executionArn: str, **_: str) -> None:  # noqa: N803 - the name of the API
        self.diary.append(f"abort {executionArn}")

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        run = Key["run"]["S"]
        self._allowed(run)
        if run in self.unopened:
            return {}
        item = {
            "run": run,
            "job": JOB,
            "correlation_id": "c",
            "started_at": "2026-01-01T00:00:00.000Z",
            "deadline": "2026-01-01T01:00:00.000Z",
            "modes": {},
            "settings": json.dumps({}),
            "versions": {},
            **({"closed_at": "2026-01-01T00:30:00.000Z"} if run in self.closed else {}),
        }
        return {"Item": {name: TypeSerializer().serialize(value) for name, value in item.items()}}

    def update_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        run = Key["run"]["S"]
        if run in self.unopened:
            raise refusal("UpdateItem", "ConditionalCheckFailedException")
        self.diary.append(f"hold {run}")
        return {}

    def _allowed(self, what: str) -> None:
        if what in self.broken:
            raise refusal(what)


def stack(aws: Any) -> Deployment:
    return Deployment("mock", aws, "bucket", "ledger", "frontier", "dlq", "city", "pages", "frontier-pipe", {})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes by sleeping alone."""
    now = [0.0]
    monkeypatch.setattr("scout.queues.pipes.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("scout.queues.pipes.time.monotonic", lambda: now[0])


def test_runs_are_held_before_the_pipe_is_waited_for() -> None:
    aws = FakeAws("one", "two")
    assert stopping.emergency_stop(stack(aws)) == stopping.Stopped(["one", "two"], [])
    assert aws.diary == ["RUNNING", "stop", "hold one", "hold two", "STOPPING", "STOPPED"]


@pytest.mark.parametrize("pipe", [("STOPPED",), ("STOPPING", "STOPPED")])
def test_a_pipe_that_stops_already_is_not_told_again(pipe: tuple[str, ...]) -> None:
    aws = FakeAws("one", pipe=pipe)
    assert stopping.emergency_stop(stack(aws)).closed == ["one"]
    assert aws.diary == [pipe[0], "hold one", "STOPPED"]


def test_a_run_that_looks_for_no_more_is_left_alone_and_one_that_is_not_open_is_aborted() -> None:
    aws = FakeAws("one", "two")
    aws.closed, aws.unopened = {"one"}, {"two"}
    assert stopping.emergency_stop(stack(aws)) == stopping.Stopped(["one"], ["two"])
    assert aws.diary == ["RUNNING", "stop", "abort arn:two", "STOPPING", "STOPPED"]


def test_a_refused_pipe_keeps_no_run_from_being_held() -> None:
    aws = FakeAws("one", "two")
    aws.broken = {"stop_pipe"}
    with pytest.raises(ScoutError, match=r"could not be stopped as a whole: pipe frontier-pipe: .*AccessDenied"):
        stopping.emergency_stop(stack(aws))
    assert aws.diary == ["RUNNING", "hold one", "hold two"], "there is nothing to wait for"


def test_one_run_that_fails_keeps_no_other_from_being_held_and_is_named() -> None:
    aws = FakeAws("one", "two", "three")
    aws.broken = {"one", "three"}
    with pytest.raises(ScoutError, match=r"run one: Access denied.*; run three: Access denied") as failed:
        stopping.emergency_stop(stack(aws))
    assert aws.diary == ["RUNNING", "stop", "hold two", "STOPPING", "STOPPED"]
    assert "two" not in str(failed.value)


def test_what_was_listed_is_held_when_the_list_breaks_off() -> None:
    aws = FakeAws("one", "two")
    aws.broken = {"page 1"}
    with pytest.raises(ScoutError, match="the list of runs: "):
        stopping.emergency_stop(stack(aws))
    assert "hold one" in aws.diary


def test_a_pipe_that_never_stops_is_named_once_all_runs_are_held() -> None:
    aws = FakeAws("one", pipe=("RUNNING", "STOPPING"))
    with pytest.raises(ScoutError, match="pipe frontier-pipe is still STOPPING after 120 s"):
        stopping.emergency_stop(stack(aws))
    assert aws.diary[:3] == ["RUNNING", "stop", "hold one"]
