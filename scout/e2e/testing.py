"""Run an end-to-end test, and report it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lambdas.contracts.base import utc_now
from scout.e2e.checks import Checks, Observer, Outcome
from scout.e2e.reports import Report

if TYPE_CHECKING:
    from scout.e2e.stack_test import StackTest


def run(test: StackTest, view: Observer, *, fail_fast: bool = False) -> Report:
    """Make every check of a test.

    Args:
        test: The test.
        view: Told of each check.
        fail_fast: Look at nothing more after the first failure.

    Returns:
        The report. Whatever went wrong with the stack stands in it; nothing of that is raised.
    """
    checks, started_at, began = Checks(view, fail_fast=fail_fast), utc_now(), time.monotonic()
    test.run(checks)
    return Report(
        stack=test.found.stack if test.found else None,
        subject=test.subject,
        given=test.given,
        result=Outcome.PASSED if checks.passed else Outcome.FAILED,
        started_at=started_at,
        seconds=round(time.monotonic() - began, 3),
        run_id=test.run_id,
        versions=test.versions,
        fingerprint=test.fingerprint,
        checks=tuple(checks.done),
    )
