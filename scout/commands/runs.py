"""The words about runs that have been started: which there are, how they stand, what they left; stop, resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout import local
from scout.cities import comparing, executions, facts, listing, logs, outputs, resuming, run_views, standing, views
from scout.cities import runs as city_runs
from scout.cities.facts import Status
from scout.commands.asking import sure
from scout.commands.cities import ended
from scout.commands.options import JSON, LAST_STACK
from scout.stacks import deployed

RUN = typer.Argument(metavar="RUN", help="A run by its id, or `last`.", show_default=False)

# Where nobody looks at it, a table need not fit a terminal.
_WIDE = 160


def list_runs(
    *,
    city: Annotated[str | None, typer.Option(help="Only runs of this city.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only runs that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The most on a page.")] = 20,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the runs of a stack, newest first.

    Runs are known for 90 days after their end: so long Step Functions keeps an execution.

    Example: scout list --city edinburgh --status succeeded
    """
    found, more = listing.page(deployed.deployment(stack), city=city, status=status, limit=limit, number=page)
    if as_json:
        document = {"runs": [run_views.run_document(run) for run in found], "page": page, "more": more}
        typer.echo(json.dumps(document, indent=2))
        return
    console = _console()
    console.print(run_views.runs_table(found) if found else "There is no such run.")
    if more:
        console.print(f"There are more: --page {page + 1} shows them.")


def status(
    run: Annotated[str, RUN],
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show one run: state by state, its budgets, its gate, what it found, and what went wrong.

    Ends with 0 if it goes well so far or has ended well, 3 if it is partial, 1 if it has failed.

    Example: scout status last
    """
    found = standing.of(deployed.deployment(stack), run)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2))
    else:
        _console().print(run_views.standing_view(found))
    code = {Status.PARTIAL: 3, Status.FAILED: 1, Status.TIMED_OUT: 1, Status.ABORTED: 1}.get(found.facts.status, 0)
    if code:
        raise typer.Exit(code)


def watch(
    run: Annotated[str, RUN],
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to follow the run; default: its own limit.")] = None,
    out: Annotated[Path | None, typer.Option(help="Copy manifest and outputs to a folder per run in here.")] = None,
) -> None:
    """Follow a run that is going on to its end, and verify its outputs, as `scout run` does.

    Ends as `scout run` does: with 0 if the run succeeded and its outputs were verified, 3 if some state failed and the
    rest was kept, 1 otherwise. Stopping to watch does not stop the run.

    Example: scout watch last
    """
    deployment = deployed.deployment(stack)
    known = facts.of(deployment, run)
    if known.job is None or known.status is Status.DUPLICATE:
        known.finished()
    assert known.job is not None, "what has no job has no manifest"  # noqa: S101
    console = Console(stderr=as_json, highlight=False)
    view = views.RunView(console, deployment)
    result = city_runs.watch(deployment, known.run_id, known.job, view=view, timeout=timeout, out=out)
    ended(result, view, as_json=as_json)


def show_logs(
    *,
    run: Annotated[str, RUN],
    state: Annotated[str | None, typer.Option(help="Only lines about this state or operation.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only lines that tell of a failure.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what all functions have logged about a run, in order. With --json each line is one JSON object.

    Example: scout logs last --state TileSweep --errors
    """
    if state is not None and state not in logs.SUBJECTS:
        raise typer.BadParameter(f"{state} is no state or operation; there are {', '.join(logs.SUBJECTS)}")
    console, none = Console(highlight=False), True
    for line in logs.of(deployed.deployment(stack), run, state=state, errors=errors, follow=follow):
        none = False
        if as_json:
            sys.stdout.write(json.dumps(line.document(), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            console.print(run_views.line_text(line), soft_wrap=True)
    if none:
        typer.echo("There is no such line.", err=True)


def show_outputs(
    run: Annotated[str, RUN],
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Copy what was verified to a folder per run in here.")
    ] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what a run left in S3; manifest, results and stage outputs are read back and compared with their digests.

    Example: scout outputs last --out .scout/results
    """
    deployment = deployed.deployment(stack)
    found = outputs.of(deployment, run, out)
    if as_json:
        document = {
            "run_id": found.run_id,
            "bucket": deployment.bucket,
            "outputs": [left.document() for left in found.left],
            "copied_to": str(found.copied_to) if found.copied_to else None,
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        for line in run_views.outputs_lines(deployment.bucket, found):
            _console().print(line, soft_wrap=True)


def stop(
    *,
    run: Annotated[str, RUN],
    abort: Annotated[
        bool, typer.Option("--abort", help="End its execution at once, too: nothing is ranked or reported.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Stop one run: its gate closes, it makes no more calls, and it ends with what it has found, ranked and reported.

    What waits in its frontier is dropped. Other runs go on; `scout emergency-stop` stops all of them.

    Example: scout stop last --yes
    """
    deployment = deployed.deployment(stack)
    planned = resuming.plan_stop(deployment, run, abort=abort)
    stopped = not dry_run and sure(f"Stop run {planned.run_id} on stack {deployment.stack}? {planned.why}", yes=yes)
    if stopped:
        resuming.stop(deployment, planned)
    said = f"{planned.run_id}: {planned.why}" if stopped or dry_run else f"{planned.run_id} goes on."
    typer.echo(json.dumps({**planned.document(), "stopped": stopped}) if as_json else said)
    if not stopped and not dry_run:
        raise typer.Exit(1)


def resume(
    *,
    run: Annotated[str, RUN],
    new_run: Annotated[
        bool, typer.Option("--new-run", help="As a new run of the same job, also where the execution could go on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how, and start nothing.")] = False,
    follow: Annotated[bool, typer.Option(help="Follow it to its end.")] = True,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Take up a run again that failed, timed out or was aborted.

    Where Step Functions can redrive its execution, it goes on in the state in which it ended: what it found, spent and
    put out stands. Otherwise a new run of the same job is started, with budgets of its own; it takes over what was
    found, and skips the stages whose outputs stand.

    Example: scout resume last --dry-run
    """
    deployment = deployed.deployment(stack)
    planned = resuming.plan_resume(deployment, run, new_run=new_run)
    console = Console(stderr=as_json, highlight=False)
    ways = {resuming.ResumeWay.REDRIVE: "the execution is redriven", resuming.ResumeWay.NEW_RUN: "as a new run"}
    said = f"{planned.facts.run_id}: {ways[planned.way]}, since {planned.why}"
    console.print(said, soft_wrap=True, markup=False)
    if planned.skips:
        console.print(f"  its outputs stand, and are taken over: {', '.join(planned.skips)}", soft_wrap=True)
    document = {
        "run_id": planned.facts.run_id,
        "way": planned.way.value,
        "why": planned.why,
        "skips": list(planned.skips),
        "resumed_as": None,
    }
    if dry_run:
        if as_json:
            typer.echo(json.dumps(document))
        return
    resumed, job = resuming.resume(deployment, planned)
    if not follow:
        typer.echo(json.dumps({**document, "resumed_as": resumed}) if as_json else f"It goes on as {resumed}.")
        return
    view = views.RunView(console, deployment)
    result = city_runs.watch(deployment, resumed, job, view=view)
    ended(result, view, as_json=as_json)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A run by its id.", show_default=False)],
    second: Annotated[
        str, typer.Argument(metavar="B", help="Another run of the same city, or `last`.", show_default=False)
    ],
    places: Annotated[int, typer.Option(min=0, help="How many of the gained and lost places to name.")] = 10,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare two runs of one city: counts, places gained and lost, budgets, cost and time.

    Example: scout compare edinburgh-20260101T120000Z-abc123 last
    """
    found = comparing.of(deployed.deployment(stack), first, second)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2, ensure_ascii=False))
    else:
        _console().print(run_views.comparison_view(found, places))


def report(
    run: Annotated[str, typer.Option("--run", "-r", help="A run by its id.")] = executions.LAST,
    out: Annotated[Path | None, typer.Option(help="The file; default: .scout/reports/RUN.html.")] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write a run as one HTML page, which opens without a network.

    It has a map of the ranked places, the funnel from candidates to places, sources, timeline, budgets, errors, costs.

    Example: scout report --run last --out edinburgh.html
    """
    from scout.report import data, page  # noqa: PLC0415 - Jinja2 takes a while to import

    found = data.of(deployed.deployment(stack), run)
    path = out or local.state_dir() / "reports" / f"{found.manifest.run_id}.html"
    body = page.html(found)
    local.write_text(path, body)
    if as_json:
        typer.echo(json.dumps({"run_id": found.manifest.run_id, "file": str(path), "bytes": len(body.encode())}))
    else:
        typer.echo(f"{path}: {len(found.features):,} places, {len(body.encode()):,} bytes")


def _console() -> Console:
    # Names of cities and places are text, whatever brackets they hold.
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=_WIDE)
