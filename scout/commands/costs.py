"""The word about money."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout.cities import inputs
from scout.commands.options import JSON
from scout.pipelines import messages as pipeline_messages
from scout.stacks import deployed
from workflow import prices
from workflow.city_costs import CityVolume
from workflow.pipeline_costs import Volume
from workflow.prices import Price

_CITY = "city-discovery"
_DEFAULTS = CityVolume()
_MESSAGES = 1_000_000
_WIDE = 160


def cost(
    workflow: Annotated[str, typer.Argument(help="city-discovery, or a pipeline of the stack.")] = _CITY,
    *,
    run: Annotated[
        str | None,
        typer.Option("--run", "-r", help="What a run has cost: its id, or `last`; of a pipeline, an execution."),
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="A run input: its budgets bound calls and tokens.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of a city a month.")] = _DEFAULTS.runs,
    messages: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"Frontier messages of a run ({_DEFAULTS.messages}); of a pipeline, messages a month ({_MESSAGES:,}).",
        ),
    ] = None,
    calls: Annotated[
        int | None, typer.Option(min=0, help=f"Calls to outside services of a run ({_DEFAULTS.calls}).")
    ] = None,
    stage_seconds: Annotated[float | None, typer.Option(min=0.001, help="Of a stage, on average.")] = None,
    memory: Annotated[int | None, typer.Option(min=128, help="MB of a function, on average.")] = None,
    job_minutes: Annotated[float, typer.Option(min=0.1, help="Of a Glue stage, on average.")] = 5,
    llm_price: Annotated[
        float, typer.Option(min=0, help="USD for a thousand model tokens, read and written together.")
    ] = prices.LLM_TOKENS.tiers[0][1],
    stack: Annotated[
        str | None,
        typer.Option("--stack", "-s", help="Default: `mock`; with --run, the stack of the last `up`."),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """What a workflow would cost a month, or, with --run, what a run has cost.

    Before: from the stack's definitions and the volumes given; no AWS is needed. After: from the run's history, the
    REPORT lines of its functions, its ledger and what it left. Each line says its units, its price, and whether it is
    counted, measured or estimated.

    Example: scout cost --run last
    """
    from scout.costs import after, before, bill  # noqa: PLC0415 - the program takes a while to import

    if input_file is not None and calls is not None:
        raise typer.BadParameter("give either --calls, or --input, whose budgets say how many there may be")
    given = (input_file, messages, calls, stage_seconds, memory)
    if run is not None and any(value is not None for value in given):
        raise typer.BadParameter("with --run it goes by what the run has used: leave the volumes and --input out")
    if workflow != _CITY and input_file is not None:
        raise typer.BadParameter("--input is an input of a city's run, not of a pipeline")
    tokens = prices.LLM_TOKENS
    if llm_price != tokens.tiers[0][1]:
        tokens = Price(tokens.unit, ((0, llm_price),), "--llm-price")
    if run is not None and workflow == _CITY:
        found = after.of_run(deployed.deployment(stack), run, tokens)
    elif run is not None:
        deployment = deployed.deployment(stack)
        found = after.of_execution(deployment, pipeline_messages.named(deployment, workflow), run)
    elif workflow == _CITY:
        volume = CityVolume(
            runs=runs,
            messages=_DEFAULTS.messages if messages is None else messages,
            calls=_DEFAULTS.calls if calls is None else calls,
            stage_seconds=stage_seconds or _DEFAULTS.stage_seconds,
            memory_mb=memory or _DEFAULTS.memory_mb,
        )
        job = inputs.load(input_file) if input_file else None
        found = before.of_city(stack or "mock", volume, job, tokens)
    else:
        per_month = Volume(
            messages=_MESSAGES if messages is None else messages,
            stage_seconds=stage_seconds or 0.3,
            memory_mb=memory or 512,
            job_minutes=job_minutes,
        )
        found = before.of_pipeline(stack or "mock", workflow, per_month)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=2))
        return
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=_WIDE)).print(bill.table(found))
