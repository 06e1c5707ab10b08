"""What the tests of city discovery and of pipelines share: find the stack, see that it is ready and stays the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scout.e2e import prerequisites
from scout.e2e.checks import CheckFailed, Checks
from scout.queues import named
from scout.stacks import fingerprint
from scout.stacks.fingerprint import CITY_DISCOVERY

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue


class StackTest(ABC):
    """An end-to-end test of one part of a deployed stack.

    Args:
        find: Finds the stack.
        subject: The part: ``city-discovery``, or a pipeline's name.
        given: What it is tested with, for reports.

    Attributes:
        found: The stack; None as long as it is not found.
        fingerprint: What is deployed of the part, read before anything is started.
        run_id: The run or execution that was followed.
        versions: The versions that it says it was made with.
    """

    def __init__(self, find: Callable[[], Deployment], subject: str, given: str) -> None:
        self.subject, self.given = subject, given
        self.found: Deployment | None = None
        self.fingerprint: Mapping[str, str] = {}
        self.run_id: str | None = None
        self.versions: Mapping[str, str] = {}
        self._find = find

    @property
    def deployment(self) -> Deployment:
        """The stack, once it was found."""
        if self.found is None:
            raise CheckFailed("the stack was not found")
        return self.found

    def run(self, checks: Checks) -> None:
        """Make every check, in order."""
        checks.run("stack", self._stack)
        ready = self.prerequisites()
        for name, look in ready.items():
            checks.run(name, look, ("stack",))
        self.test(checks, ("stack", *ready))
        checks.run("deployment", self._unchanged, ("stack",))

    @abstractmethod
    def prerequisites(self) -> Mapping[str, Callable[[], str]]:
        """What must hold before anything is started, by the names of the checks."""

    @abstractmethod
    def test(self, checks: Checks, ready: tuple[str, ...]) -> None:
        """Start something, follow it, and check what it left.

        Args:
            checks: Makes the checks.
            ready: The checks that must have passed before anything is started.
        """

    def common(self) -> dict[str, Callable[[], str]]:
        """The prerequisites of both kinds of test."""
        return {
            "credentials": lambda: prerequisites.credentials(self.deployment),
            "bucket": lambda: prerequisites.bucket(self.deployment),
            "queues": lambda: prerequisites.queues(self.deployment, self.dead_letter_queues),
        }

    @property
    def dead_letter_queues(self) -> list[DeadLetterQueue]:
        """Where what fails of this part ends."""
        return [
            queue
            for queue in named.dead_letter_queues(self.deployment).values()
            if (queue.pipeline.name if queue.pipeline else CITY_DISCOVERY) == self.subject
        ]

    def no_dead_letters(self) -> str:
        """Nothing has failed for good."""
        return prerequisites.no_dead_letters(self.deployment, self.dead_letter_queues)

    def _stack(self) -> str:
        found = self._find()
        # Refuses a pipeline that the stack does not have: no result of that is kept.
        fingerprint.machines_of(found, self.subject)
        self.found = found
        self.fingerprint = fingerprint.fingerprint(self.found, self.subject)
        return f"{self.found.stack} is deployed: {', '.join(self.fingerprint)}"

    def _unchanged(self) -> str:
        """Otherwise nobody could say what was tested."""
        now = fingerprint.fingerprint(self.deployment, self.subject)
        if changed := fingerprint.differences(self.fingerprint, now):
            raise CheckFailed(f"the stack was changed during the test: {'; '.join(changed)}")
        return "what was tested is what is deployed"
