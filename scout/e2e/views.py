"""What a person sees of an end-to-end test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from scout.e2e.checks import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from scout.e2e.checks import Check
    from scout.e2e.reports import Report

_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}


class CheckView:
    """Prints each check as it ends, and the result.

    Args:
        console: Where to.
        verbose: Say also of what passed what was seen.
    """

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose

    def checked(self, check: Check) -> None:
        """A check has ended."""
        line = Text.assemble("  ", (f"{check.outcome.value:<8}", _STYLES[check.outcome]), f"{check.name:<16}")
        if self._verbose or check.outcome is not Outcome.PASSED:
            line.append(check.reason)
        self._console.print(line, soft_wrap=True)

    def result(self, report: Report) -> None:
        """The test has ended."""
        counts = ", ".join(
            f"{number} {outcome.value}"
            for outcome in Outcome
            if (number := sum(check.outcome is outcome for check in report.checks))
        )
        word = Text(report.result.value.upper(), style=_STYLES[report.result])
        self._console.print(Text.assemble(word, f": {counts} in {report.seconds:.1f} s"), soft_wrap=True)
