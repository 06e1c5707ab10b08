"""The ``scout`` command: its words and options. What they do lies in the modules beside this one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout import inputs, local, runs, schemas, views
from scout.embedded.emulator import DEFAULT_ACCOUNT
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
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Default: the stack of the last `up`.")] = None,
    as_json: Annotated[bool, _JSON] = False,
    timeout: Annotated[int | None, typer.Option(help="Seconds to follow the run; default: its own limit.")] = None,
    out: Annotated[Path | None, typer.Option(help="Copy manifest and outputs to a folder per run in here.")] = None,
) -> None:
    """Run a city on what is up, follow it, and verify its outputs.

    Ends with 0 if the run succeeded and its outputs were verified, 3 if some state failed and the rest was kept, 1
    otherwise.

    Example: scout run --input examples/input.edinburgh.json --json > manifest.json
    """
    job = inputs.load(input_file)
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
