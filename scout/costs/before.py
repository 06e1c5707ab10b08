"""What a month would cost: of runs of the city workflow, or of messages of a pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from scout.costs.bill import Bill
from scout.pipelines import choosing
from scout.stacks.configuration import stack_settings
from workflow import prices
from workflow.city_costs import CityVolume, estimate
from workflow.definition import MachineType, render
from workflow.pipeline_costs import Volume, compare
from workflow.prices import Price

CITY = "city-discovery"


def of_city(stack: str, volume: CityVolume, job: RunInput | None = None, llm: Price = prices.LLM_TOKENS) -> Bill:
    """Estimate runs of the city workflow.

    Args:
        stack: Whose definitions.
        volume: What has to be done.
        job: An input: its budgets bound the calls and the tokens of a run.
        llm: What a thousand tokens cost.

    Raises:
        ScoutError: The stack's configuration is wrong.
    """
    city, pages = _machines(stack)
    notes = ["An estimate, for runs without failures; it leaves out what the services cost that real states call."]
    if job is not None:
        volume = _bounded(volume, job)
        notes.append(
            f"At most, by the budgets of {job.job_id}: {volume.calls:,} calls to outside services and "
            f"{volume.llm_tokens:,.0f} thousand model tokens a run."
        )
    items = estimate(city, pages, len(render(pages).encode()), volume, llm)
    count = "1 run" if volume.runs == 1 else f"{volume.runs:,} runs"
    return Bill(f"{CITY}, {count} a month", items, tuple(notes))


def of_pipeline(stack: str, pipeline: str, volume: Volume) -> Bill:
    """Estimate messages of a pipeline, as the type of workflow that it is deployed as.

    Args:
        stack: Whose configuration.
        pipeline: Which.
        volume: What has to be done.

    Raises:
        ScoutError: The stack's configuration is wrong, or has no such pipeline.
    """
    name, chosen = choosing.from_stack(stack, pipeline)
    found = compare(chosen, volume)
    offer = found.express if found.chosen is MachineType.EXPRESS else found.standard
    notes = (
        "An estimate, without retries; `scout choose` compares both types of workflow.",
        f"{found.chosen.value.capitalize()}, since {'; '.join(found.reasons)}.",
    )
    return Bill(f"{name}, {volume.messages:,} messages a month", (*offer.orchestration, *found.common), notes)


def _machines(stack: str) -> tuple[Any, Any]:
    """The two definitions of a stack."""
    from components.city_discovery import workflows  # noqa: PLC0415 - imports Pulumi, which takes a second
    from components.context import StackContext  # noqa: PLC0415

    context = StackContext(stack_settings(stack), account="000000000000")
    city, pages = workflows(context)
    return city.definition, pages.definition


def _bounded(volume: CityVolume, job: RunInput) -> CityVolume:
    caps = {group: job.cap(group) for group in BudgetGroup}
    killed = {group for group in BudgetGroup if getattr(job.kill_switches, group.value)}
    tokens = 0 if BudgetGroup.LLM in killed else caps[BudgetGroup.LLM]
    # A unit of these is one call; of `web` it is a byte, which does not say how many calls there are.
    counted = sum(caps[group] for group in (BudgetGroup.GOOGLE, BudgetGroup.OPEN_DATA) if group not in killed)
    return replace(volume, calls=counted, llm_tokens=tokens)
