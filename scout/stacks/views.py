"""What a person sees while a stack is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from scout.embedded.deploy.deployment import Stage
from scout.embedded.deploy.diff import Op

if TYPE_CHECKING:
    from rich.console import Console

    from scout.embedded.deploy.commands import DeployResult
    from scout.embedded.deploy.deployment import Event
    from scout.embedded.emulator.instance import Emulator
    from scout.standin.process import WorldProcess

_SYMBOLS = {
    Op.CREATE: ("+", "green"),
    Op.UPDATE: ("~", "yellow"),
    Op.REPLACE: ("±", "yellow"),
    Op.DELETE: ("-", "red"),
}
# Change together with `code`, which is shown.
_TWINS = {"sourceCodeHash"}


class DeployView:
    """Says what a deployment does to each resource, and at the end how many of each."""

    def __init__(self, console: Console, *, preview: bool) -> None:
        self._console = console
        self._preview = preview

    def embedded_aws(self, emulator: Emulator, *, started: bool) -> None:
        """The embedded AWS answers."""
        state = "started" if started else "running"
        line = f"Embedded AWS {state} at {emulator.endpoint_url} (log: {emulator.log_file})"
        self._console.print(line, soft_wrap=True)

    def stand_in_world(self, world: WorldProcess) -> None:
        """The stand-in world answers."""
        line = f"Stand-in world at {world.url}: real states call it in place of the outside services (--live: those)"
        self._console.print(line, soft_wrap=True)

    def event(self, event: Event) -> None:
        """Something happened to a resource."""
        if event.stage is Stage.STARTED or event.change.op is Op.SAME:
            return
        symbol, style = _SYMBOLS[event.change.op]
        kind = event.change.type.partition("/")[0].removeprefix("aws:") + ":" + event.change.type.rpartition(":")[2]
        line = Text.assemble((f"  {symbol} ", style), f"{kind:<46}", event.change.name)
        if event.stage is Stage.FAILED:
            line.append("  failed", style="red")
        self._console.print(line, soft_wrap=True)
        for changed in event.change.properties:
            if changed.path not in _TWINS:
                values = f"{changed.old or '(none)'} -> {changed.new or '(none)'}"
                self._console.print(f"      {changed.path}: {values}", soft_wrap=True)

    def deployed(self, stack: str, result: DeployResult) -> None:
        """The deployment, or its preview, is complete."""
        if result.lost:
            self._console.print(f"{len(result.lost)} resources of an earlier embedded AWS were gone and are made anew.")
        changed = [f"{result.count(op)} {op.value}d" for op in _SYMBOLS if result.count(op)]
        summary = f"{', '.join(changed)}, {result.count(Op.SAME)} unchanged" if changed else "no changes"
        prefix = "preview: " if self._preview else ""
        self._console.print(f"Stack {stack}: {prefix}{summary} ({result.seconds:.1f} s)")
