"""The words that use the embedded AWS with other tools."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout import local
from scout.commands.options import JSON
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT
from scout.stacks import serving, standing_in


def start(port: Annotated[int | None, typer.Option(help="Its port; a free one if not given.")] = None) -> None:
    """Start the embedded AWS without deploying anything.

    Example: scout aws start --port 4566
    """
    emulator, _ = local.ensure(port)
    typer.echo(emulator.endpoint_url)


def env(
    account: Annotated[str, typer.Option(help="An account of twelve digits; each has state of its own.")] = (
        DEFAULT_ACCOUNT
    ),
) -> None:
    """Print the variables that point an AWS tool to the running embedded AWS.

    Example: eval "$(scout aws env)" && aws s3 ls
    """
    for name, value in local.environment(account).items():
        typer.echo(f"export {name}={value}")


def serve(
    account: Annotated[str, typer.Option(help="The account that stacks go to: twelve digits.")] = (
        serving.ENGINE_ACCOUNT
    ),
    port: Annotated[int | None, typer.Option(help="Where the engine attaches; a free port if not given.")] = None,
    *,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Let the Pulumi engine deploy on the embedded AWS, without an AWS plugin, until Ctrl-C.

    Prints the variables that `pulumi` needs for that.

    Example: scout aws serve --port 4510
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    served = serving.start(account, port)
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    if as_json:
        described = {"account": account, "port": served.server.port, "variables": served.variables}
        typer.echo(json.dumps(described))
    else:
        state = "started" if served.started else "running"
        told.print(f"Embedded AWS {state} at {served.emulator.endpoint_url}. Set this where you run pulumi:")
        for name, value in served.variables.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        told.print(
            "Then: pulumi stack select --create mock && pulumi up. Ctrl-C ends this; scout down ends the stacks."
        )
    served.wait(stop)
    told.print("No engine is served any more.")


def world(
    port: Annotated[int | None, typer.Option(help="Its port; a free one if not given.")] = None,
    seed: Annotated[str, typer.Option(help="Another seed makes other cities in the same places.")] = "1",
    faults: Annotated[
        Path | None, typer.Option(help="A JSON file with a list of faults, in place of those that it has.")
    ] = None,
    *,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Start the stand-in world, and print the config that makes a stack use it.

    It stands in for the outside services that real states call; `scout up` starts it by itself. `scout down` ends it.

    Example: scout aws world --faults faults.json
    """
    rules = None if faults is None else standing_in.read_faults(faults)
    running, connectors = standing_in.start(port, seed, rules)
    told = Console(stderr=True, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps({"url": running.url, "seed": running.seed, "connectors": connectors}))
        return
    told.print(f"Stand-in world at {running.url} (log: {running.log_file}). Config of a stack that is to use it:")
    typer.echo(standing_in.as_yaml(connectors), nl=False)
