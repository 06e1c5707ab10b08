"""Options that several words have."""

from __future__ import annotations

import typer

STACK = typer.Option("--stack", "-s", help="A stack: the NAME of a Pulumi.NAME.yaml.")
LAST_STACK = typer.Option(
    "--stack", "-s", help="Default: the stack of the last `up`; with --aws the one that `pulumi` has selected."
)
JSON = typer.Option("--json", help="Print JSON alone on standard output.")
