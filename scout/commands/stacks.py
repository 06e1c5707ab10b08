"""The words that deploy stacks and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout import local, schemas
from scout.commands.options import STACK
from scout.errors import ScoutError
from scout.stacks import deployed, views


def up(
    stack: Annotated[str, STACK] = "mock",
    preview: Annotated[bool, typer.Option("--preview", help="Show what would change, and change nothing.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the embedded AWS; a free one if not given.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Real states call the real services, not the stand-in world.")
    ] = False,
) -> None:
    """Start the embedded AWS if it is not running, and deploy a stack on it.

    A second `up` changes only what differs. With real states the stand-in world is started beside, and the stack's
    connectors are pointed to it.

    Example: scout up -s mixed-mock-real --preview
    """
    _embedded_only("up", f"on AWS it is `pulumi up --stack {stack}`")
    console = Console(highlight=False)
    view = views.DeployView(console, preview=preview)
    local.up(stack, preview=preview, port=port, view=view, live=live)


def down() -> None:
    """Stop the embedded AWS that `up` started, with everything on it, and the stand-in world beside it.

    Example: scout down
    """
    _embedded_only("down", "on AWS it is `pulumi destroy`")
    console = Console(highlight=False)
    console.print("Stopped." if local.down() else "Nothing is running.")


def _embedded_only(word: str, instead: str) -> None:
    if deployed.on_aws():
        raise ScoutError(f"`scout {word}` is for the embedded AWS: leave --aws and SCOUT_AWS out; {instead}")


def render(
    stack: Annotated[str, STACK] = "mock",
    out: Annotated[
        Path, typer.Option("--out", "-o", file_okay=False, help="Folder to write to; made if missing.")
    ] = Path("rendered"),
) -> None:
    """Write a stack's resource graph and state machine definitions as JSON, without any AWS.

    Example: scout render -s mock -o rendered
    """
    for path in local.render(stack, out):
        typer.echo(str(path))


def write_schemas(
    out: Annotated[Path, typer.Option("--out", "-o", file_okay=False, help="Folder to write to.")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas of run input, manifest, messages and stack config.

    Example: scout schemas
    """
    for path in schemas.write(out):
        typer.echo(str(path))
