"""The words that run cities and control their runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from scout.cities import executions, inputs, runs, settings_of_run, stopping, views
from scout.commands.options import JSON, LAST_STACK, STACK
from scout.errors import InputRefused
from scout.stacks import deployed


def run(
    *,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="A run input, such as examples/input.london.json.")
    ] = None,
    city: Annotated[str | None, typer.Option(help="Instead: a golden input by its name.")] = None,
    allow: Annotated[
        list[BudgetGroup] | None, typer.Option(help="A connector that the input may kill; may be given several times.")
    ] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
    timeout: Annotated[int | None, typer.Option(help="Seconds to follow the run; default: its own limit.")] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Copy manifest and outputs to a folder per run in here.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="See whether it could be started, and start nothing.")
    ] = False,
) -> None:
    """Run a city on what is up, follow it, and verify its outputs.

    Ends with 0 if the run succeeded and its outputs were verified, 3 if some state failed and the rest was kept, 1
    otherwise.

    Example: scout run --city edinburgh --allow web --allow llm --json > manifest.json
    """
    job = settings_of_run.with_environment(inputs.allowing(_given(input_file, city), allow or ()), os.environ)
    deployment = deployed.deployment(stack)
    if dry_run:
        runs.check(deployment, job)
        document = {"job_id": job.job_id, "city": job.city, "stack": deployment.stack, "started": False}
        text = (
            f"{job.job_id} ({job.city}) can be started on stack {deployment.stack}; `scout config` shows its settings"
        )
        typer.echo(json.dumps(document) if as_json else text)
        return
    console = Console(stderr=as_json, highlight=False)
    view = views.RunView(console, deployment)
    result = runs.run(deployment, job, view=view, timeout=timeout, out=out)
    ended(result, view, as_json=as_json)


def ended(result: runs.RunResult, view: views.RunView, *, as_json: bool) -> None:
    """Say what a run that was followed came to, and end with its exit code."""
    if as_json:
        sys.stdout.write(result.manifest.model_dump_json(indent=2) + "\n")
    else:
        view.result(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _given(input_file: Path | None, city: str | None) -> RunInput:
    """The one run input that was given."""
    if input_file is not None and city is None:
        return inputs.load(input_file)
    if city is not None and input_file is None:
        return inputs.golden(city)
    raise typer.BadParameter("give a run input: either --input FILE, or --city NAME")


def kill(
    *,
    run: Annotated[str, typer.Option("--run", "-r", help="The run, as `scout run` names it, or `last`.")],
    connector: Annotated[list[BudgetGroup] | None, typer.Option(help="Which; may be given several times.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All four: the run ends with what it has found.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Allow it again.")] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Forbid a run the calls of a connector, within five seconds; what it would have done is counted as skipped.

    A gate that has closed meanwhile, as it does with all four killed, stays closed.

    Example: scout kill --run london-20260101T120000Z-abc123 --connector web
    """
    if every == bool(connector):
        raise typer.BadParameter("give either --connector, or --all for all of them")
    groups = list(BudgetGroup) if every else connector or []
    deployment = deployed.deployment(stack)
    run_id = executions.named(deployment, run).run_id
    switches = stopping.kill(deployment, run_id, groups, on=not undo)
    killed = [group for group, on in switches.items() if on]
    text = f"{run_id}: killed are {', '.join(killed)}" if killed else f"{run_id}: nothing is killed"
    typer.echo(json.dumps({"run_id": run_id, "kill_switches": switches}) if as_json else text)


def emergency_stop(
    undo: Annotated[bool, typer.Option("--undo", help="Start the pipe again; stopped runs stay closed.")] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Close all runs of a stack, and stop the pipe that feeds its frontier.

    Every run makes no more calls, and ends with what it has found; what waits in the frontier stays in the queue.

    Example: scout emergency-stop -s mock
    """
    deployment = deployed.deployment(stack)
    if undo:
        stopping.start_frontier(deployment)
        typer.echo(json.dumps({"pipe": "RUNNING"}) if as_json else f"Pipe {deployment.pipe_name} is running.")
        return
    stopped = stopping.emergency_stop(deployment)
    if as_json:
        typer.echo(json.dumps({"pipe": "STOPPED", "closed": stopped.closed, "aborted": stopped.aborted}))
        return
    typer.echo(f"Pipe {deployment.pipe_name} is stopped; `scout emergency-stop --undo` starts it.")
    for run_id in stopped.closed:
        typer.echo(f"{run_id}: closed; it ends with what it has found")
    for run_id in stopped.aborted:
        typer.echo(f"{run_id}: aborted before it had begun; its input lies in the DLQ")
    if not stopped.closed + stopped.aborted:
        typer.echo("No run is open.")


def config(
    *,
    input_file: Annotated[Path | None, typer.Option("--input", "-i", help="A run input.")] = None,
    city: Annotated[str | None, typer.Option(help="Instead: a golden input by its name.")] = None,
    stack: Annotated[str, STACK] = "mock",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print every value that a run would go by, and where it comes from. Nothing is run, and no AWS is needed.

    Sources, each over the one before: default, stack, input, environment.

    Example: EARLY_STOP_WINDOW=50 scout config --input examples/input.london.json -s mock
    """
    values = settings_of_run.explained(_given(input_file, city), stack)
    if as_json:
        typer.echo(json.dumps({name: value.document() for name, value in values.items()}, indent=2))
    else:
        Console(highlight=False).print(views.values_table(values))


def validate(
    files: Annotated[list[Path], typer.Argument(help="Run inputs.")],
) -> None:
    """Check run inputs without running anything.

    Example: scout validate examples/input.*.json
    """
    refused = False
    for path in files:
        try:
            job = inputs.load(path)
        except InputRefused as error:
            refused = True
            typer.echo(str(error), err=True)
        else:
            typer.echo(f"{path}: valid ({job.job_id}, {job.city}, {job.seed.radius_km:g} km)")
    if refused:
        raise typer.Exit(InputRefused.exit_code)
