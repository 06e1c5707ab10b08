"""Checks: each has a name, a result and a reason. One that could not be looked at never counts as passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Annotated, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from lambdas.contracts.base import Contract
from lambdas.runtime.errors import StageError
from scout.errors import ScoutError


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Check(Contract):
    """A check that was made, or that could not be.

    Attributes:
        name: What it is about.
        outcome: How it ended.
        reason: What was seen; for a failure, what is wrong; otherwise why it was not looked at.
        seconds: How long it took.
    """

    name: str
    outcome: Outcome
    reason: str
    seconds: Annotated[float, Field(ge=0)]


class CheckFailed(Exception):
    """What was looked at is not as it has to be; the message says what was seen."""


class Observer(Protocol):
    """Who wants to know of each check."""

    def checked(self, check: Check) -> None:
        """A check has ended."""


class Checks:
    """Makes checks one after the other, and keeps them.

    Args:
        view: Told of each.
        fail_fast: Look at nothing more after the first failure.
    """

    def __init__(self, view: Observer, *, fail_fast: bool = False) -> None:
        self.done: list[Check] = []
        self._view = view
        self._fail_fast = fail_fast

    @property
    def passed(self) -> bool:
        """Whether every check passed; nothing passes where nothing was checked."""
        return bool(self.done) and all(check.outcome is Outcome.PASSED for check in self.done)

    def run(self, name: str, look: Callable[[], str], needs: Collection[str] = ()) -> bool:
        """Make a check.

        Args:
            name: What it is about.
            look: Looks, and returns what it saw. It fails by raising `CheckFailed`, or an error of `scout`, the
                stage SDK or AWS.
            needs: The checks that must have passed, or there is nothing to look at.

        Returns:
            Whether it passed.
        """
        bad = [check.name for check in self.done if check.outcome is not Outcome.PASSED]
        missing = [check for check in bad if check in needs]
        failed = next((check.name for check in self.done if check.outcome is Outcome.FAILED), None)
        began = time.monotonic()
        if missing:
            outcome, reason = Outcome.SKIPPED, f"not looked at: {', '.join(missing)} did not pass"
        elif self._fail_fast and failed:
            outcome, reason = Outcome.SKIPPED, f"not looked at: {failed} failed, and --fail-fast was given"
        else:
            outcome, reason = self._look(look)
        check = Check(name=name, outcome=outcome, reason=reason, seconds=round(time.monotonic() - began, 3))
        self.done.append(check)
        self._view.checked(check)
        return outcome is Outcome.PASSED

    @staticmethod
    def _look(look: Callable[[], str]) -> tuple[Outcome, str]:
        try:
            return Outcome.PASSED, look()
        except (CheckFailed, ScoutError, StageError, ClientError, BotoCoreError) as error:
            return Outcome.FAILED, str(error)
