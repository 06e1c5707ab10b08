"""A run whose traces cannot be read: the test says so, and takes nothing for granted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.contracts.job import RunInput
from lambdas.testing.memory_s3 import refusal
from scout.cities.runs import Snapshot
from scout.e2e import golden, testing
from scout.e2e.checks import Check
from scout.e2e.cities import CityTest
from scout.e2e.city_checks import CHECKS
from tests.unit.e2e.account import Account, refused, stack

EXECUTION = {
    "status": "SUCCEEDED",
    "executionArn": "arn:execution",
    "startDate": datetime(2026, 1, 1, tzinfo=UTC),
    "stopDate": datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
}
ENTERED = {"id": 1, "timestamp": EXECUTION["startDate"], "type": "TaskStateEntered"}
ENDED = {"id": 2, "timestamp": EXECUTION["stopDate"], "type": "ExecutionSucceeded"}


class Pages:
    """A paginator: the newest event comes first when a run is followed."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events

    def paginate(self, *, reverseOrder: bool = False, **_: Any) -> Any:  # noqa: N803 - the name of the API
        return [{"events": list(reversed(self.events) if reverseOrder else self.events)}]


class Closed:
    """A paginator that is refused."""

    def paginate(self, **_: Any) -> Any:
        raise refused("Query")


class Nothing:
    """A paginator of an empty table."""

    def paginate(self, **_: Any) -> Any:
        return [{"Items": []}]


class Silent:
    def checked(self, check: Check) -> None: ...
    def started(self, run_id: str, job: RunInput) -> None: ...
    def update(self, snapshot: Snapshot) -> None: ...
    def ended(self) -> None: ...


def account(*events: dict[str, Any], **more: Any) -> Account:
    """A stack on which a run starts and succeeds at once, and of which nothing else can be read."""
    machines = {"arn:city": "STANDARD", "arn:pages": "EXPRESS"}
    queue = {"QueueArn": "arn:dlq", "RedrivePolicy": '{"deadLetterTargetArn": "arn:dlq"}'}
    operations = {
        "describe_state_machine": lambda stateMachineArn: {  # noqa: N803
            "name": stateMachineArn, "status": "ACTIVE", "type": machines[stateMachineArn], "definition": "{}"
        },
        "get_caller_identity": lambda: {"Arn": "arn:me"},
        "head_bucket": lambda **_: {},
        "describe_pipe": lambda **_: {"CurrentState": "RUNNING", "DesiredState": "RUNNING"},
        "get_queue_attributes": lambda **_: {"Attributes": queue},
        "describe_table": lambda **_: {"Table": {"TableStatus": "ACTIVE"}},
        "start_execution": lambda **_: {},
        "describe_execution": lambda **_: EXECUTION,
        "get_paginator": lambda operation: Pages(*events) if operation == "get_execution_history" else more[operation],
        "get_item": lambda **_: {},
    }  # fmt: skip
    return Account(**(operations | more))


def outcomes(found: Account) -> dict[str, Check]:
    job, expected = golden.load("early-stop-test")
    test = CityTest(lambda: stack(found), "early-stop-test", job, expected, view=lambda _: Silent(), timeout=5)
    return {check.name: check for check in testing.run(test, Silent()).checks}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes by sleeping alone."""
    now = [0.0]
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("time.monotonic", lambda: now[0])


def no_such_key(**_: Any) -> Any:
    raise refusal(404, "GetObject")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (account(ENTERED, ENDED, query=Nothing()), "Access denied to S3 bucket"),
        (account(ENTERED, ENDED, get_object=no_such_key, query=Closed()), "ledger"),
        (
            account(ENTERED, get_object=no_such_key, query=Nothing()),
            r"history lacks its end, 30 s after",
        ),
    ],
    ids=["the bucket is closed", "the ledger is closed", "the history has no end"],
)
def test_what_cannot_be_read_fails_and_no_result_is_looked_at(found: Account, reason: str):
    checks = outcomes(found)
    assert checks["execution"].outcome == "passed"
    assert checks["evidence"].outcome == "failed"
    assert re.search(reason, checks["evidence"].reason), checks["evidence"].reason
    results = [checks[name].outcome for name, _, _ in CHECKS]
    assert set(results) == {"skipped"}


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_ended_badly_says_what_it_said(status: str):
    ended = {**EXECUTION, "status": status, "error": "RunReported", "cause": "Run r failed"}
    checks = outcomes(account(ENTERED, describe_execution=lambda **_: ended))
    assert checks["end"].outcome == "passed"
    assert checks["execution"].outcome == "failed"
    assert checks["execution"].reason == f"the execution ended {status}: RunReported Run r failed"
