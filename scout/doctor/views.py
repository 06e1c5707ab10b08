"""What a person sees of an examination."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from scout.doctor.findings import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from scout.doctor.findings import Finding

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Each finding with what to do about it, and how many there are of each."""
    for finding in findings:
        style = _STYLES[finding.level]
        console.print(
            Text.assemble("  ", (f"{finding.level.value:<5}", style), f"{finding.subject:<21} ", finding.said),
            soft_wrap=True,
        )
        if finding.advice and finding.level is not Level.OK:
            console.print(Text(f"       -> {finding.advice}"), soft_wrap=True)
    counts = Counter(finding.level for finding in findings)
    console.print(", ".join(f"{counts[level]} {level.value}" for level in Level))
