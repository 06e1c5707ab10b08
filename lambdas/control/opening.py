"""OpenRun: a job becomes a run, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.effective import VariableError, resolved
from lambdas.contracts.job import MAX_INPUT_BYTES, RunInput
from lambdas.contracts.manifest import StateMode
from lambdas.runtime.context import explain
from lambdas.runtime.documents import Json, to_json
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.ledger import Ledger, correlation_id


def open_run(
    ledger: Ledger,
    document: Json,
    *,
    modes: Mapping[str, StateMode],
    settings: RunDefaults,
    versions: Mapping[str, str],
    execution_arn: str | None = None,
) -> dict[str, Any]:
    """Validate a run input and open its run.

    Args:
        ledger: Of the run to open, which is named as its execution.
        document: The run input, as JSON.
        modes: Which implementation each state has.
        settings: The stack's settings.
        versions: Of the program and of the definitions.
        execution_arn: The execution.

    Returns:
        The start of the execution's data. ``duplicate``: the same job has opened ``runId`` before.

    Raises:
        InvalidInput: The input does not keep to its contract; the message names each field.
        LedgerUnavailable: The ledger could not be used.
    """
    try:
        job, settings = resolved(parse_input(document), settings)
    except VariableError as error:
        raise InvalidInput(f"The run input is not valid: environment: {error}") from error
    opened = ledger.open_run(job, modes=modes, settings=settings, versions=versions, execution_arn=execution_arn)
    return {
        "run": {
            "runId": opened.run_id,
            "duplicate": opened.duplicate,
            "failFast": job.orchestrator.fail_fast,
            "city": job.slug,
            "correlationId": correlation_id(job, opened.run_id),
        },
        "results": {},
        "errors": {},
    }


def parse_input(document: Json) -> RunInput:
    """Validate a run input.

    Args:
        document: What the JSON says.

    Raises:
        InvalidInput: It is larger than an execution's input may be, or does not keep to its contract; the message names
            the path of each wrong field and what is expected there.
    """
    try:
        size = len(to_json(document))
        if size > MAX_INPUT_BYTES:
            raise InvalidInput(f"The run input has {size} bytes; at most {MAX_INPUT_BYTES} are expected.")
        return RunInput.parse(document)
    except ValidationError as error:
        raise InvalidInput(f"The run input is not valid: {explain(error)}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"The run input is not JSON: {error}") from error
