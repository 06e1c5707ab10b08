"""How checks are made: what fails, what is skipped and why, and what counts as passed."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.runtime.errors import LedgerUnavailable
from scout.e2e.checks import Check, CheckFailed, Checks, Outcome
from scout.errors import ScoutError


class Heard:
    def __init__(self) -> None:
        self.checks: list[Check] = []

    def checked(self, check: Check) -> None:
        self.checks.append(check)


def fine() -> str:
    return "seen"


def failing(error: Exception):
    def look() -> str:
        raise error

    return look


def outcomes(checks: Checks) -> list[tuple[str, str]]:
    return [(check.name, check.outcome.value) for check in checks.done]


ERRORS = [
    CheckFailed("it is broken"),
    ScoutError("it is broken"),
    LedgerUnavailable("it is broken"),
    ClientError({"Error": {"Code": "AccessDenied", "Message": "it is broken"}}, "GetObject"),
    EndpointConnectionError(endpoint_url="it is broken"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_check_that_raises_fails_and_says_why(error: Exception):
    heard = Heard()
    checks = Checks(heard)
    assert not checks.run("one", failing(error))
    assert checks.done == heard.checks
    assert checks.done[0].outcome is Outcome.FAILED
    assert "it is broken" in checks.done[0].reason
    assert not checks.passed


def test_an_error_of_the_test_itself_is_not_taken_for_one_of_the_stack():
    with pytest.raises(ZeroDivisionError):
        Checks(Heard()).run("one", lambda: str(1 // 0))


def test_what_passes_keeps_what_was_seen():
    checks = Checks(Heard())
    assert checks.run("one", fine)
    assert (checks.done[0].outcome, checks.done[0].reason) == (Outcome.PASSED, "seen")
    assert checks.passed


def test_what_needs_a_check_that_did_not_pass_is_skipped_all_the_way_and_nothing_passes():
    checks = Checks(Heard())
    checks.run("one", failing(CheckFailed("no")))
    assert not checks.run("two", failing(AssertionError("looked at")), ("one",))
    assert not checks.run("three", failing(AssertionError("looked at")), ("two",))
    assert checks.run("four", fine)
    assert outcomes(checks) == [("one", "failed"), ("two", "skipped"), ("three", "skipped"), ("four", "passed")]
    assert checks.done[2].reason == "not looked at: two did not pass"
    assert not checks.passed


def test_a_skipped_check_alone_keeps_the_whole_from_passing():
    checks = Checks(Heard(), fail_fast=True)
    checks.run("one", failing(CheckFailed("no")))
    checks.run("two", failing(AssertionError("looked at")))
    assert outcomes(checks) == [("one", "failed"), ("two", "skipped")]
    assert "one failed, and --fail-fast was given" in checks.done[1].reason


def test_without_fail_fast_the_rest_is_looked_at():
    checks = Checks(Heard())
    checks.run("one", failing(CheckFailed("no")))
    checks.run("two", fine)
    assert outcomes(checks) == [("one", "failed"), ("two", "passed")]


def test_no_check_at_all_is_not_a_pass():
    assert not Checks(Heard()).passed
