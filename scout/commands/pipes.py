"""The words that pause and drain what feeds a workflow."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from scout.commands.options import JSON, LAST_STACK
from scout.queues import monitoring, named, pipes, views
from scout.queues.analyzing import explained
from scout.stacks import deployed

_FED = typer.Argument(help="frontier or a pipeline.", show_default=False)
_DRY_RUN = typer.Option("--dry-run", help="Say what would be done, and do nothing.")


def pause(
    queue: Annotated[str, _FED],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Stop the pipe of a queue, and wait until it has stopped. What comes in waits in the queue.

    Example: scout pipe pause candidate-realtime
    """
    _ordered(queue, "stop", dry_run=dry_run, stack=stack, as_json=as_json)


def resume(
    queue: Annotated[str, _FED],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Start the pipe of a queue again, and wait until it runs.

    Example: scout pipe resume candidate-realtime
    """
    _ordered(queue, "start", dry_run=dry_run, stack=stack, as_json=as_json)


def drain(
    *,
    queue: Annotated[str, _FED],
    quiet: Annotated[
        float, typer.Option(min=1, help="Seconds that the queue must be empty for; SQS counts up to 60 s late.")
    ] = 60,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for that.")] = 3600,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Wait until a queue is empty, with nothing in flight or delayed, and stop its pipe then.

    Ends with 1, and leaves the pipe running, if that was not so in time.

    Example: scout pipe drain candidate-realtime --quiet 10
    """
    deployment = deployed.deployment(stack)
    fed = named.fed_queue(deployment, queue)
    console = Console(stderr=as_json, highlight=False)
    with explained(deployment, queue):
        if dry_run:
            found = monitoring.counts(deployment, fed.url)
            state = pipes.state(deployment.session, fed.pipe_name)
            text = f"Pipe {fed.pipe_name} is {state}, and its queue holds {found['total']:,} messages."
            typer.echo(json.dumps({"pipe": fed.pipe_name, "state": state, **found}) if as_json else text)
            return
        view = views.MoveView(console)
        done = pipes.drain(deployment.session, fed, quiet=quiet, timeout=timeout, seen=view.depth)
    left = done.left.total
    if as_json:
        typer.echo(json.dumps({"pipe": fed.pipe_name, "state": "STOPPED", "seconds": done.seconds, "left": left}))
        return
    console.print(f"Queue {fed.name} is drained, and pipe {fed.pipe_name} is stopped.", soft_wrap=True)
    if left:
        console.print(f"{left:,} messages came in before it had stopped, and wait.")
    console.print(f"`scout pipe resume {fed.name}` starts it again.")


def _ordered(queue: str, what: pipes.Order, *, dry_run: bool, stack: str | None, as_json: bool) -> None:
    deployment = deployed.deployment(stack)
    fed = named.fed_queue(deployment, queue)
    with explained(deployment, queue):
        before = pipes.state(deployment.session, fed.pipe_name)
        if not dry_run:
            pipes.order(deployment.session, fed.pipe_name, what)
            pipes.wait(deployment.session, fed.pipe_name, what)
        now = pipes.state(deployment.session, fed.pipe_name)
    end = {"start": "RUNNING", "stop": "STOPPED"}[what]
    text = f"would be {end}" if dry_run and now != end else f"is {now}"
    document = {"pipe": fed.pipe_name, "before": before, "state": now, "dry_run": dry_run}
    typer.echo(json.dumps(document) if as_json else f"Pipe {fed.pipe_name} was {before}, and {text}.")


app = typer.Typer(help="The pipe of a queue: pause it, resume it, drain the queue first.", no_args_is_help=True)
for word in (pause, resume, drain):
    app.command()(word)
