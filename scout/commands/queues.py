"""The words that deal with dead letters."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from scout.commands.asking import sure
from scout.commands.options import JSON, LAST_STACK
from scout.queues import analyzing, inspecting, monitoring, named, purging, redriving, views
from scout.queues.analyzing import Field
from scout.queues.contents import Kind
from scout.queues.judging import Safety
from scout.queues.moving import RATES
from scout.queues.selecting import Selection, duration
from scout.stacks import deployed


def _duration(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_QUEUE_HELP = "frontier, a pipeline for its queue's DLQ, or a Standard pipeline with -failures for its failure queue."
_QUEUE = typer.Argument(help=_QUEUE_HELP, show_default=False)
_DRY_RUN = typer.Option("--dry-run", help="Say what would be done, and do nothing.")
_ALL = typer.Option("--all", help="All of them.")
_MESSAGE = typer.Option(help="A message by its id; like each of the following, several times for several.")
_TYPE = typer.Option("--type", help="Of this type.")
_CITY = typer.Option(help="About this city.")
_RUN = typer.Option(help="Of this run, or execution.")
_STATE = typer.Option(help="Failed in this state; `unknown` where none is known.")
_ERROR = typer.Option(help="Failed by this error; `unknown` where none is known.")
_SAFETY = typer.Option(help="What `analyze` says of moving them.")
_OLDER = typer.Option(
    help="First sent so long ago or longer, such as 90s, 15m, 1h30m or 2d.", metavar="DURATION", parser=_duration
)
_YOUNGER = typer.Option(help="First sent not so long ago.", metavar="DURATION", parser=_duration)
_COUNT = typer.Option(min=1, help="No more than these, the oldest first.")
_THRESHOLD = typer.Option(min=0, help="More messages than these are too many.")


def status(
    *,
    queue: Annotated[str | None, typer.Argument(help=f"{_QUEUE_HELP} Default: all.", show_default=False)] = None,
    threshold: Annotated[int | None, _THRESHOLD] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show how many messages the dead-letter queues of a stack hold. Nothing is received.

    Ends with 1 if any of them holds more than --threshold messages, or has a redrive that was cut off, else with 0.

    Example: scout dlq status --threshold 10
    """
    deployment = deployed.deployment(stack)
    queues = [named.dead_letter_queue(deployment, queue)] if queue else named.dead_letter_queues(deployment).values()
    found = [monitoring.status(deployment, one) for one in queues]
    if as_json:
        typer.echo(json.dumps([one.document() for one in found], indent=2))
    else:
        Console(highlight=False).print(views.status_table(found))
    if threshold is not None and any(one.depth.total > threshold or one.open_redrive for one in found):
        raise typer.Exit(1)


def peek(
    queue: Annotated[str, _QUEUE],
    count: Annotated[int, typer.Option(min=1, help="How many at most.")] = 10,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Look at messages of a dead-letter queue, and give them back at once: nothing is hidden, nothing is counted.

    Example: scout dlq peek frontier --count 50
    """
    deployment = deployed.deployment(stack)
    found = analyzing.peek(deployment, named.dead_letter_queue(deployment, queue), count)
    if as_json:
        typer.echo(json.dumps([{**one.message.document(), **one.document()} for one in found], indent=2))
    else:
        Console(highlight=False).print(
            views.contents_table(found) if found else "No message lies there.", soft_wrap=True
        )


def analyze(
    queue: Annotated[str, _QUEUE],
    by: Annotated[list[Field] | None, typer.Option(help="Group by these alone; may be given several times.")] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Group all messages of a dead-letter queue, and say of each group whether moving it back does any good.

    safe: the error passes by itself. fix-first: it comes again until its cause is removed. no-effect: the run would
    drop it. never: its contract refuses it. report: it is no work; a run or an execution is started again instead.

    Example: scout dlq analyze frontier --by type --by error
    """
    deployment = deployed.deployment(stack)
    dead = named.dead_letter_queue(deployment, queue)
    reading = analyzing.analyze(deployment, dead)
    fields = set(by or Field)
    now = time.time()
    groups = analyzing.grouped(dead, reading.letters, fields, now)
    if as_json:
        document = {
            "queue": dead.name,
            "messages": len(reading.letters),
            "hidden": reading.hidden,
            "groups": [group.document(now) for group in groups],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        Console(highlight=False).print(views.groups_table(groups, reading), soft_wrap=True)


def inspect(
    queue: Annotated[str, _QUEUE],
    message: Annotated[str, typer.Argument(help="Its id, as `peek` shows it.", show_default=False)],
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show one message whole: body, attributes, whether its contract takes it, and what is known of its run.

    Example: scout dlq inspect frontier 5fea7756-0ea4-451a-a703-a558b933e274
    """
    deployment = deployed.deployment(stack)
    found = inspecting.inspect(deployment, named.dead_letter_queue(deployment, queue), message)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2))
    else:
        Console(highlight=False).print(views.inspection(found), soft_wrap=True)


def redrive(
    *,
    queue: Annotated[str, _QUEUE],
    every: Annotated[bool, _ALL] = False,
    message: Annotated[list[str] | None, _MESSAGE] = None,
    kind: Annotated[list[Kind] | None, _TYPE] = None,
    city: Annotated[list[str] | None, _CITY] = None,
    run: Annotated[list[str] | None, _RUN] = None,
    state: Annotated[list[str] | None, _STATE] = None,
    error: Annotated[list[str] | None, _ERROR] = None,
    safety: Annotated[list[Safety] | None, _SAFETY] = None,
    older_than: Annotated[float | None, _OLDER] = None,
    younger_than: Annotated[float | None, _YOUNGER] = None,
    count: Annotated[int | None, _COUNT] = None,
    rate: Annotated[
        int | None, typer.Option(min=RATES.start, max=RATES.stop - 1, help="Messages a second at most.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also those of which `analyze` says never or no-effect; never reports.")
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Instead: end a redrive that was cut off before anything had moved.")
    ] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Move messages back to the queue that they came from, each with all its attributes, and each once.

    What the queue's contract refuses, and what would have no effect, stays. If it is cut off or killed, give the
    command again: it finishes what was begun. A plan, and a log of what went where, lie in the bucket below
    dead-letters/.

    Ends with 0 if all that was asked for has moved, 1 if some of it stays, 2 if the queue holds no work.

    Example: scout dlq redrive frontier --type web --error Throttled --rate 10
    """
    deployment = deployed.deployment(stack)
    dead = named.dead_letter_queue(deployment, queue)
    console = Console(stderr=as_json, highlight=False)
    if give_up:
        number = redriving.give_up(deployment, dead)
        text = f"Redrive {number} is given up; nothing of it has moved." if number else "No redrive is open."
        typer.echo(json.dumps({"given_up": number}) if as_json else text)
        return
    selection = Selection(
        message=tuple(message or ()),
        type=_values(kind),
        city=tuple(city or ()),
        run=tuple(run or ()),
        state=tuple(state or ()),
        error=tuple(error or ()),
        safety=_values(safety),
        older_than=older_than,
        younger_than=younger_than,
        count=count,
        force=force,
    )
    _require_choice(selection, every=every)
    with views.MoveView(console).shown() as view:
        done = redriving.redrive(deployment, dead, selection, rate=rate, dry_run=dry_run, view=view)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, **done.document()}, indent=2))
    else:
        console.print(views.outcome(done, deployment.bucket, dry_run=dry_run), soft_wrap=True)
    if done.left or done.missing:
        raise typer.Exit(1)


def purge(
    *,
    queue: Annotated[str, _QUEUE],
    every: Annotated[bool, _ALL] = False,
    message: Annotated[list[str] | None, _MESSAGE] = None,
    kind: Annotated[list[Kind] | None, _TYPE] = None,
    city: Annotated[list[str] | None, _CITY] = None,
    run: Annotated[list[str] | None, _RUN] = None,
    state: Annotated[list[str] | None, _STATE] = None,
    error: Annotated[list[str] | None, _ERROR] = None,
    safety: Annotated[list[Safety] | None, _SAFETY] = None,
    older_than: Annotated[float | None, _OLDER] = None,
    younger_than: Annotated[float | None, _YOUNGER] = None,
    count: Annotated[int | None, _COUNT] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Throw messages away, once a backup of them is in the bucket and was read back. Nothing else is deleted.

    Example: scout dlq purge frontier --type invalid --older-than 1d
    """
    deployment = deployed.deployment(stack)
    dead = named.dead_letter_queue(deployment, queue)
    console = Console(stderr=as_json, highlight=False)
    selection = Selection(
        message=tuple(message or ()),
        type=_values(kind),
        city=tuple(city or ()),
        run=tuple(run or ()),
        state=tuple(state or ()),
        error=tuple(error or ()),
        safety=_values(safety),
        older_than=older_than,
        younger_than=younger_than,
        count=count,
    )
    _require_choice(selection, every=every)

    def confirmed(letters: list[analyzing.Letter]) -> bool:
        return not dry_run and sure(f"Throw {len(letters):,} messages of {dead.physical_name} away?", yes=yes)

    view = views.MoveView(console)
    done = purging.purge(deployment, dead, selection, confirmed=confirmed, view=view)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, **done.document()}, indent=2))
    else:
        console.print(views.purged(done, deployment.bucket, dry_run=dry_run), soft_wrap=True)
    if done.missing or not (done.backup_key or dry_run or not done.letters):
        raise typer.Exit(1)


def monitor(
    *,
    queue: Annotated[str, _QUEUE],
    interval: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 30,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="Seconds to look; default: for ever.")] = None,
    threshold: Annotated[int | None, _THRESHOLD] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Follow how many messages a dead-letter queue holds, and how old the oldest is, until Ctrl-C.

    With --json each look is a line. Ends with 1 if any look found more than --threshold messages, else with 0.

    Example: scout dlq monitor frontier --interval 10 --for 300 --threshold 10
    """
    deployment = deployed.deployment(stack)
    dead = named.dead_letter_queue(deployment, queue)
    console = Console(highlight=False)
    above = False
    try:
        for sample in monitoring.follow(deployment, dead, interval=interval, seconds=seconds):
            high = threshold is not None and sample.depth.total > threshold
            above = above or high
            if as_json:
                sys.stdout.write(json.dumps(sample.document()) + "\n")
                sys.stdout.flush()
            else:
                console.print(views.sample_line(sample), style="red" if high else None, soft_wrap=True)
    except KeyboardInterrupt:
        # How a person ends it.
        pass
    if above:
        raise typer.Exit(1)


def _values(chosen: list[Kind] | list[Safety] | None) -> tuple[str, ...]:
    return tuple(one.value for one in chosen or ())


def _require_choice(selection: Selection, *, every: bool) -> None:
    """Ask for what is to be done with all as plainly as for what is to be done with some."""
    if every == selection.chooses:
        raise typer.BadParameter("give either --all, or which: --message, --type, --error, --count, ...")


app = typer.Typer(help="Dead letters: look at them, decide, move them back or throw them away.", no_args_is_help=True)
for word in (status, peek, analyze, inspect, redrive, purge, monitor):
    app.command()(word)
