"""Amounts that are read from logs and histories."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scout.cities import logs
from scout.costs import after, invocations
from scout.deployment import Deployment

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
AT = round(SINCE.timestamp() * 1000)


def lines(request: str, *told: str, ms: int = 120, mb: int = 512) -> list[str]:
    report = (
        f"REPORT RequestId: {request}\tDuration: 118.5 ms\tBilled Duration: {ms} ms\tMemory Size: {mb} MB\tMax Memory"
    )
    return [f"START RequestId: {request} Version: $LATEST\n", *told, f"END RequestId: {request}\n", report]


class FakeLogs:
    """CloudWatch Logs and Lambda, as far as they are asked: streams of lines, a millisecond apart, in pages.

    ``limit``: so many lines are given at once without a token for the next page, as the embedded AWS does.
    """

    def __init__(self, streams: dict[str, list[str]], page: int = 3, limit: int | None = None) -> None:
        self.page, self.limit = page, limit
        self.events = sorted(
            (
                {"logStreamName": stream, "timestamp": AT + place, "message": text}
                for stream, texts in streams.items()
                for place, text in enumerate(texts)
            ),
            key=lambda event: int(str(event["timestamp"])),
        )

    def client(self, _service: str) -> FakeLogs:
        return self

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"Architectures": ["arm64"]}

    def get_paginator(self, _operation: str) -> FakeLogs:
        return self

    def paginate(self, *, startTime: int, endTime: int, filterPattern: str, **_: Any) -> Any:  # noqa: N803
        found = [event for event in self.events if startTime <= int(str(event["timestamp"])) <= endTime]
        found = [event for event in found if filterPattern.strip('"') in str(event["message"])][: self.limit]
        for place in range(0, len(found), self.page):
            yield {"events": found[place : place + self.page]}


def stack(aws: Any) -> Deployment:
    return Deployment("mock", aws, "bucket", "ledger", "frontier", "dlq", "city", "pages", "pipe", {})


def told(**fields: Any) -> str:
    return json.dumps(fields)


def test_only_invocations_that_speak_of_the_run_are_counted_with_all_their_lines() -> None:
    mine, other = told(runId="run-1", seconds=1.0, currentStage="Rank"), told(runId="run-2")
    aws = FakeLogs(
        {
            # In one stream one invocation follows the other; in two, their lines come mixed.
            "a": [
                *lines("1", mine, "plain text", ms=100),
                *lines("2", other),
                *lines("3", told(key="x/run-1/y"), ms=300),
            ],
            "b": [*lines("4", "no JSON {", told(runIds=["run-1"])), "START RequestId: 5", mine],
        }
    )
    found = invocations.about(stack(aws), ["work"], "run-1", SINCE, UNTIL)
    assert sorted(one.billed_seconds for one in found) == [0.1, 0.12, 0.3]
    assert {(one.function, one.architecture, one.memory_mb) for one in found} == {("work", "arm64", 512)}
    first = next(one for one in found if one.billed_seconds == 0.1)
    assert list(first.lines) == [json.loads(mine)]
    assert first.gb_seconds == pytest.approx(0.05)
    texts = [text.rstrip("\n") for text in lines("1", mine, "plain text", ms=100)]
    assert first.log_bytes == sum(len(text) + 26 for text in texts)


def test_a_log_of_more_lines_than_are_given_at_once_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAGE", 10)
    aws = FakeLogs({"a": [f"line {number}" for number in range(25)], "b": ["same", "same"]}, limit=10)
    found = [event["message"] for event in logs.events(cast("Any", aws), "group", SINCE, UNTIL)]
    assert sorted(found) == sorted([*(f"line {number}" for number in range(25)), "same", "same"])


@pytest.mark.parametrize(
    ("run", "hours"),
    [
        ({"ExecutionTime": 120, "MaxCapacity": 2.0}, 2 * 120 / 3600),
        ({"ExecutionTime": 20, "NumberOfWorkers": 2}, 2 * 60 / 3600),
        ({"ExecutionTime": 360, "NumberOfWorkers": 5, "WorkerType": "G.2X"}, 1.0),
        ({"ExecutionTime": 600, "MaxCapacity": 10.0, "DPUSeconds": 1800.0}, 0.5),
    ],
)
def test_a_job_run_is_billed_by_its_time_and_capacity(run: dict[str, Any], hours: float) -> None:
    details = {"resourceType": "glue", "resource": "startJobRun.sync", "output": json.dumps(run)}
    assert after._dpu_hours(details) == pytest.approx(hours)
    assert after._dpu_hours({**details, "resourceType": "lambda", "resource": "invoke"}) == 0
