"""What a person sees of flags and of a promotion."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from workflow.city_states import STATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from scout.embedded.deploy.diff import PropertyChange
    from scout.stacks.flags import StackFlags
    from scout.stacks.promotion import Plan

_MODE_STYLES = {"real": "green", "mock": "cyan"}
_MOST_PROPERTIES = 6


def flags_table(stacks: Sequence[StackFlags]) -> RenderableType:
    """Each state's mode in every stack, side by side; below, why a stack would be refused."""
    table = Table("State", *(held.stack for held in stacks), box=box.SIMPLE_HEAD, pad_edge=False)
    others = sorted({state for held in stacks for state in held.modes} - set(STATE_NAMES))
    for state in (*STATE_NAMES, *others):
        modes = (held.modes.get(state, "-") for held in stacks)
        table.add_row(state, *(Text(mode, _MODE_STYLES.get(mode, "red")) for mode in modes))
    lines = []
    for held in stacks:
        if held.problems:
            more = f" (and {len(held.problems) - 1} more)" if held.problems[1:] else ""
            lines.append(Text(f"{held.stack} would be refused: {held.problems[0]}{more}", "yellow"))
    return Group(table, *lines)


class PlanView:
    """Shows a promotion: what differs, what would be done, and whether it may be.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def plan(self, plan: Plan) -> None:
        """The whole plan."""
        self._console.print(f"[bold]From {plan.source} to {plan.target}[/bold]\n")
        self._properties(f"Settings that differ ({plan.source} -> {plan.target})", plan.config)
        definitions = [item for item in plan.resources if item.is_definition]
        others = [item for item in plan.resources if not item.is_definition]
        for title, items in (("Definitions that differ", definitions), ("Resources that differ", others)):
            self._console.print(f"{title}: {len(items) or 'none'}")
            for item in items:
                where = f"  only in {item.only_in}" if item.only_in else ""
                self._console.print(Text(f"  {item.type.rpartition(':')[2]:<26} {item.name}{where}"), soft_wrap=True)
                self._lines(item.properties)
        counts = Counter(change.op.value for change in plan.changes)
        said = ", ".join(f"{number} to {op}" for op, number in counts.items()) or "nothing changes"
        self._console.print(f"\nOn {plan.target}: {said}")
        for line in plan.warnings:
            self._console.print(Text(f"warning: {line}", "yellow"), soft_wrap=True)
        for line in plan.refusals:
            self._console.print(Text(f"refused: {line}", "red"), soft_wrap=True)

    def commands(self, plan: Plan) -> None:
        """What to type."""
        self._console.print("\nTo do it:")
        for command in plan.commands:
            self._console.print(Text(f"  {command}"), soft_wrap=True)

    def _properties(self, title: str, properties: Sequence[PropertyChange]) -> None:
        self._console.print(f"{title}: {len(properties) or 'none'}")
        for item in properties:
            self._console.print(
                Text(f"  {item.path}: {item.old or '(none)'} -> {item.new or '(none)'}"), soft_wrap=True
            )

    def _lines(self, properties: Sequence[PropertyChange]) -> None:
        for item in properties[:_MOST_PROPERTIES]:
            line = f"      {item.path}: {item.old or '(none)'} -> {item.new or '(none)'}"
            self._console.print(Text(line), soft_wrap=True)
        if (more := len(properties) - _MOST_PROPERTIES) > 0:
            self._console.print(Text(f"      and {more} more; --json has them all"))
