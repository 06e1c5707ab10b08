"""The ``scout`` command: its words, in the order in which its help shows them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from scout.commands import (
    cities,
    costs,
    doctor,
    embedded,
    graphs,
    pipelines,
    pipes,
    promotion,
    queues,
    runs,
    stacks,
    testing,
)
from scout.errors import ScoutError
from scout.stacks import deployed

app = typer.Typer(
    help="Deploy the workflows, run them, and look at what they did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
# Words that are not named as their functions, which would hide a name of Python or of a module.
NAMES = {runs.list_runs: "list", runs.show_logs: "logs", runs.show_outputs: "outputs"}
for word in (
    stacks.up,
    stacks.down,
    cities.run,
    runs.list_runs,
    runs.status,
    runs.watch,
    runs.show_logs,
    runs.show_outputs,
    runs.stop,
    runs.resume,
    runs.compare,
    runs.report,
    testing.e2e,
    pipelines.send,
    pipelines.replay,
    cities.kill,
    cities.emergency_stop,
    cities.config,
    cities.validate,
    pipelines.choose,
    pipelines.verify_migration,
    stacks.render,
    graphs.graph,
    costs.cost,
    promotion.promote,
    doctor.doctor,
):
    app.command(name=NAMES.get(word))(word)
app.command(name="schemas")(stacks.write_schemas)

aws = typer.Typer(help="Use the running embedded AWS with other tools.", no_args_is_help=True)
aws.command()(embedded.start)
aws.command()(embedded.env)
aws.command()(embedded.serve)
aws.command()(embedded.world)
app.add_typer(aws, name="aws")
app.add_typer(promotion.flags_app, name="flags")
app.add_typer(queues.app, name="dlq")
app.add_typer(pipes.app, name="pipe")


@app.callback()
def options(
    *,
    on_aws: Annotated[
        bool,
        typer.Option(
            "--aws",
            envvar="SCOUT_AWS",
            help="Use the stacks that `pulumi up` deployed to the AWS account of the environment's credentials, not "
            "those of the embedded AWS.",
        ),
    ] = False,
) -> None:
    """Take the options that stand before the word."""
    deployed.use_aws(chosen=on_aws)


def main() -> None:
    """Run the command; a failure that a person can act on ends with its message and its exit code."""
    try:
        app()
    except ScoutError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", markup=False, style="red", soft_wrap=True)
        sys.exit(error.exit_code)
