"""The word that says what is wrong, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from scout.commands.options import JSON, LAST_STACK
from scout.doctor import examination, views
from scout.doctor.findings import Level


def doctor(stack: Annotated[str | None, LAST_STACK] = None, as_json: Annotated[bool, JSON] = False) -> None:
    """Say what is wrong with this machine, the account and a stack, and what to do about each thing.

    Looks at tools, disk, the embedded AWS, credentials, region, quotas, secrets, state machines, pipes, queues, and
    whether what is deployed is what program and configuration ask for. Ends with 1 if anything fails, 0 otherwise.

    Example: scout doctor -s mock
    """
    console = Console(stderr=as_json, highlight=False)
    with console.status("Looking"):
        findings = examination.examine(stack)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        views.show(console, findings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)
