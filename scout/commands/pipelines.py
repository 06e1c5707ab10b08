"""The words that use pipelines of Lambda and Glue stages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout.commands.options import JSON, LAST_STACK, STACK
from scout.pipelines import choosing, following, messages, migration, replaying, views
from scout.stacks import deployed
from workflow.pipeline_costs import Volume, compare

_PIPELINE = typer.Argument(help="A pipeline of the stack, such as candidate-realtime.", show_default=False)


def send(
    *,
    pipeline: Annotated[str, _PIPELINE],
    input_file: Annotated[Path, typer.Option("--input", "-i", help="The message: a JSON file.")],
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="Send it, print its id, and leave it at that.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to follow the message.")] = 900,
) -> None:
    """Send a message to a pipeline's queue, follow it to the last stage's output, and verify each output.

    Ends with 0 if it came through, 1 if it failed or did not come through in time, 2 if it is refused.

    Example: scout send candidate-realtime --input examples/candidates.json
    """
    deployment = deployed.deployment(stack)
    target = messages.named(deployment, pipeline)
    body = messages.read_message(input_file, target, deployment.bucket)
    if no_follow:
        message_id = messages.put(deployment, target, body)
        typer.echo(json.dumps({"pipeline": target.name, "message_id": message_id}) if as_json else message_id)
        return
    view = views.SendView(Console(stderr=as_json, highlight=False), deployment.bucket)
    sent = following.send(deployment, target, body, view=view, timeout=timeout)
    if as_json:
        typer.echo(json.dumps(views.document(sent), indent=2))
    else:
        view.result(sent)


def replay(
    *,
    pipeline: Annotated[str, _PIPELINE],
    execution: Annotated[list[str] | None, typer.Option(help="A failed execution by name; may be given often.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All failed executions.")] = False,
    redrive: Annotated[
        bool,
        typer.Option("--redrive", help="Go on from the stage that failed, within 14 days; not from the beginning."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be started, and start nothing.")] = False,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the failed executions of a Standard pipeline, or start them again with the input that they had.

    Without --all and --execution they are only shown. A report leaves the failure queue once its execution is started.

    Example: scout replay candidate-batch --all --redrive
    """
    deployment = deployed.deployment(stack)
    names = set(execution or [])
    shown_only = not every and not names
    console = Console(stderr=as_json, highlight=False)

    def started(failed: replaying.Failed) -> None:
        how = "goes on from where it failed" if redrive else f"started again as {failed.replay_name}"
        console.print(f"{failed.name}: {how}", soft_wrap=True)

    result = replaying.replay(
        deployment,
        messages.named(deployment, pipeline),
        wanted=lambda failed: every or shown_only or failed.name in names,
        dry_run=dry_run or shown_only,
        started=started,
        redrive=redrive,
    )
    found = result.wanted
    if result.foreign:
        count = len(result.foreign)
        typer.echo(f"{count} messages in the failure queue are no reports of executions, and stay there", err=True)
    if missing := sorted(names - {failed.name for failed in found}):
        typer.echo(f"no failed execution is named {', '.join(missing)}", err=True)
    if as_json:
        typer.echo(json.dumps([failed.document() for failed in found], indent=2))
    elif shown_only or dry_run:
        stages = [replaying.failed_stage(deployment, failed) for failed in found]
        console.print(views.failures_table(found, stages) if found else "No execution has failed.")
    if missing:
        raise typer.Exit(1)


def choose(
    *,
    pipeline: Annotated[str | None, typer.Argument(help="A pipeline of the stack.", show_default=False)] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Instead: a YAML file with a pipeline.")] = None,
    stack: Annotated[str, STACK] = "mock",
    messages: Annotated[int, typer.Option(min=1, help="Messages a month.")] = 1_000_000,
    stage_seconds: Annotated[float, typer.Option(min=0.001, help="Of a Lambda stage, on average.")] = 0.3,
    memory: Annotated[int, typer.Option(min=128, help="MB of a function, on average.")] = 512,
    message_bytes: Annotated[int, typer.Option(min=1, help="Size of a message.")] = 2048,
    job_minutes: Annotated[float, typer.Option(min=0.1, help="Of a Glue stage, on average.")] = 5,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Express or Standard: the decision matrix for a pipeline, with the monthly cost of both. No AWS is needed.

    Example: scout choose candidate-realtime --messages 5000000 --stage-seconds 0.2
    """
    if (pipeline is None) == (config is None):
        raise typer.BadParameter("give either a pipeline of the stack, or --config with a file")
    name, chosen = choosing.from_file(config) if config else choosing.from_stack(stack, str(pipeline))
    volume = Volume(
        messages=messages,
        stage_seconds=stage_seconds,
        memory_mb=memory,
        message_bytes=message_bytes,
        job_minutes=job_minutes,
    )
    comparison = compare(chosen, volume)
    if as_json:
        typer.echo(json.dumps(views.comparison_document(name, comparison), indent=2))
    else:
        Console(highlight=False).print(views.comparison_table(name, comparison, volume))


def verify_migration(
    *,
    old: Annotated[str, typer.Argument(help="The pipeline to migrate from.", show_default=False)],
    new: Annotated[str, typer.Argument(help="The pipeline to migrate to.", show_default=False)],
    input_file: Annotated[list[Path], typer.Option("--input", "-i", help="A message; may be given several times.")],
    ignore: Annotated[list[str] | None, typer.Option(help="A regular expression of paths that may differ.")] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    as_json: Annotated[bool, JSON] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one execution.")] = 900,
) -> None:
    """Send the same inputs through two pipelines; compare outputs, time, cost, observability and error handling.

    Ends with 0 if every point holds, 1 otherwise.

    Example: scout verify-migration candidate-legacy candidate-s3 --input examples/candidates.json
    """
    for pattern in ignore or ():
        try:
            re.compile(pattern)
        except re.error as error:
            raise typer.BadParameter(f"{pattern!r} is no regular expression: {error}") from error
    deployment = deployed.deployment(stack)
    before, after = (messages.named(deployment, name) for name in (old, new))
    bodies = {}
    for path in input_file:
        messages.read_message(path, before, deployment.bucket)
        bodies[str(path)] = json.loads(messages.read_message(path, after, deployment.bucket))
    found = migration.verify(deployment, before, after, bodies, ignored=ignore or (), timeout=timeout)
    if as_json:
        typer.echo(json.dumps(views.verification_document(found), indent=2))
    else:
        Console(highlight=False).print(views.verification_table(found))
    if not found.passed:
        raise typer.Exit(1)
