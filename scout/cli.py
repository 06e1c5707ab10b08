"""The ``scout`` command: its words and options. What they do lies in the modules beside this one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lambdas.contracts.connectors import BudgetGroup
from scout import inputs, local, runs, schemas, settings_of_run, stopping, views
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT
from scout.errors import InputRefused, ScoutError

app = typer.Typer(
    help="Deploy the workflows, run cities, and look at what they found.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
aws = typer.Typer(help="Use the running embedded AWS with other tools.", no_args_is_help=True)
app.add_typer(aws, name="aws")

_STACK = typer.Option("--stack", "-s", help="A stack: the NAME of a Pulumi.NAME.yaml.")
_LAST_STACK = typer.Option("--stack", "-s", help="Default: the stack of the last `up`.")
_JSON = typer.Option("--json", help="Print JSON alone on standard output.")


def main() -> None:
    """Run the command; a failure that a person can act on ends with its message and its exit code."""
    try:
        app()
    except ScoutError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, style="red", soft_wrap=True)
        sys.exit(error.exit_code)


@app.command()
def up(
    stack: Annotated[str, _STACK] = "mock",
    preview: Annotated[bool, typer.Option("--preview", help="Show what would change, and change nothing.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the embedded AWS; a free one if not given.")] = None,
) -> None:
    """Start the embedded AWS if it is not running, and deploy a stack on it.

    A second `up` changes only what differs.

    Example: scout up -s mixed-mock-real --preview
    """
    console = Console(highlight=False)
    view = views.DeployView(console, preview=preview)
    local.up(stack, preview=preview, port=port, view=view)


@app.command()
def down() -> None:
    """Stop the embedded AWS that `up` started, with everything on it.

    Example: scout down
    """
    console = Console(highlight=False)
    console.print("Stopped." if local.down() else "Nothing is running.")


@app.command()
def run(
    input_file: Annotated[Path, typer.Option("--input", "-i", help="A run input, such as examples/input.london.json.")],
    stack: Annotated[str | None, _LAST_STACK] = None,
    as_json: Annotated[bool, _JSON] = False,
    timeout: Annotated[int | None, typer.Option(help="Seconds to follow the run; default: its own limit.")] = None,
    out: Annotated[Path | None, typer.Option(help="Copy manifest and outputs to a folder per run in here.")] = None,
) -> None:
    """Run a city on what is up, follow it, and verify its outputs.

    Ends with 0 if the run succeeded and its outputs were verified, 3 if some state failed and the rest was kept, 1
    otherwise.

    Example: scout run --input examples/input.edinburgh.json --json > manifest.json
    """
    job = settings_of_run.with_environment(inputs.load(input_file), os.environ)
    deployment = local.deployment(stack)
    console = Console(stderr=as_json, highlight=False)
    view = views.RunView(console, deployment)
    result = runs.run(deployment, job, view=view, timeout=timeout, out=out)
    if as_json:
        sys.stdout.write(result.manifest.model_dump_json(indent=2) + "\n")
    else:
        view.result(result)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


@app.command()
def kill(
    *,
    run_id: Annotated[str, typer.Option("--run", "-r", help="The run, as `scout run` names it.")],
    connector: Annotated[list[BudgetGroup] | None, typer.Option(help="Which; may be given several times.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All four: the run ends with what it has found.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Allow it again.")] = False,
    stack: Annotated[str | None, _LAST_STACK] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Forbid a run the calls of a connector, within five seconds; what it would have done is counted as skipped.

    A gate that has closed meanwhile, as it does with all four killed, stays closed.

    Example: scout kill --run london-20260101T120000Z-abc123 --connector web
    """
    if every == bool(connector):
        raise typer.BadParameter("give either --connector, or --all for all of them")
    groups = list(BudgetGroup) if every else connector or []
    switches = stopping.kill(local.deployment(stack), run_id, groups, on=not undo)
    killed = [group for group, on in switches.items() if on]
    text = f"{run_id}: killed are {', '.join(killed)}" if killed else f"{run_id}: nothing is killed"
    typer.echo(json.dumps({"run_id": run_id, "kill_switches": switches}) if as_json else text)


@app.command()
def emergency_stop(
    undo: Annotated[bool, typer.Option("--undo", help="Start the pipe again; stopped runs stay closed.")] = False,
    stack: Annotated[str | None, _LAST_STACK] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Close all runs of a stack, and stop the pipe that feeds its frontier.

    Every run makes no more calls, and ends with what it has found; what waits in the frontier stays in the queue.

    Example: scout emergency-stop -s mock
    """
    deployment = local.deployment(stack)
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


@app.command()
def config(
    input_file: Annotated[Path, typer.Option("--input", "-i", help="A run input.")],
    stack: Annotated[str, _STACK] = "mock",
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Print every value that a run would go by, and where it comes from. Nothing is run, and no AWS is needed.

    Sources, each over the one before: default, stack, input, environment.

    Example: EARLY_STOP_WINDOW=50 scout config --input examples/input.london.json -s mock
    """
    values = settings_of_run.explained(inputs.load(input_file), stack)
    if as_json:
        typer.echo(json.dumps({name: value.document() for name, value in values.items()}, indent=2))
    else:
        Console(highlight=False).print(views.values_table(values))


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Run inputs.")],
) -> None:
    """Check run inputs without running anything.

    Example: scout validate examples/*.json
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


@app.command()
def render(
    stack: Annotated[str, _STACK] = "mock",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to; made if missing.")] = Path("rendered"),
) -> None:
    """Write a stack's resource graph and state machine definitions as JSON, without any AWS.

    Example: scout render -s mock -o rendered
    """
    for path in local.render(stack, out):
        typer.echo(str(path))


@app.command(name="schemas")
def write_schemas(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas of run input, manifest, messages and stack config.

    Example: scout schemas
    """
    for path in schemas.write(out):
        typer.echo(str(path))


@aws.command()
def start(port: Annotated[int | None, typer.Option(help="Its port; a free one if not given.")] = None) -> None:
    """Start the embedded AWS without deploying anything.

    Example: scout aws start --port 4566
    """
    emulator, _ = local.ensure(port)
    typer.echo(emulator.endpoint_url)


@aws.command()
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
