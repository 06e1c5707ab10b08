"""What a run would go by on a stack: every effective value, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.effective import Effective, Origin, VariableError, effective, variables_in
from lambdas.contracts.job import RunInput
from scout.errors import InputRefused
from scout.stacks.configuration import stack_settings

if TYPE_CHECKING:
    from settings import Settings


def with_environment(job: RunInput, environment: Mapping[str, str]) -> RunInput:
    """A run input with the overrides of its operator's environment.

    Args:
        job: What to run; its own ``environment`` counts where the operator's says nothing.
        environment: The variables of a process.

    Raises:
        InputRefused: A variable is unknown, or has a value that its setting cannot have.
    """
    try:
        variables = {**(job.environment or {}), **variables_in(environment)}
        if variables:
            job = RunInput.parse({**job.document(), "environment": variables})
            effective(job, RunDefaults())
    except VariableError as error:
        raise InputRefused("the environment", error.problems) from error
    return job


def explained(job: RunInput, stack: str) -> dict[str, Effective]:
    """Every value that a run of a job on a stack would go by, by dotted name.

    Raises:
        InputRefused: An environment variable is wrong.
        ScoutError: The stack's configuration is wrong.
    """
    settings = stack_settings(stack)
    defaults = RunDefaults.parse(settings.run_defaults())
    return {**effective(with_environment(job, os.environ), defaults), **_concurrency(stack, settings)}


def _concurrency(stack: str, settings: Settings) -> dict[str, Effective]:
    """What functions reserve: fixed when a stack is deployed, so that its variables count for `up`, not for `run`."""
    from settings import Concurrency  # noqa: PLC0415 - see local.up()

    standard = Concurrency().model_dump(by_alias=True)
    configured = stack_settings(stack, {}).concurrency.model_dump(by_alias=True)
    result = {}
    for key, value in settings.concurrency.model_dump(by_alias=True).items():
        origin = Origin.DEFAULT if configured[key] == standard[key] else Origin.STACK
        source = origin if value == configured[key] else Origin.ENVIRONMENT
        result[f"concurrency.{key}"] = Effective(value=value, source=source)
    return result
