"""The control function's entry: one operation per call, chosen by ``operation`` in the event.

Environment: ``LEDGER_TABLE``, ``FRONTIER_QUEUE_URL``; ``STATE_MODES``, ``RUN_DEFAULTS`` and ``VERSIONS`` (JSON
objects); ``MAX_RECEIVE_COUNT``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from lambdas.contracts.base import RunId
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.manifest import StateMode
from lambdas.control.batches import admit_batch, settle_batch
from lambdas.control.frontier import close_frontier, poll_frontier
from lambdas.control.opening import open_run
from lambdas.control.returning import ReturningQueue
from lambdas.runtime.aws import AWS, Aws
from lambdas.runtime.context import Deadline, LambdaContext, explain
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.ledger import Ledger

_LOGGER = Logger()


class _Operation(BaseModel):
    """An event of the control function, in camelCase; each subclass is named as its operation is."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    def answer(self, aws: Aws) -> dict[str, Any]:
        """Do the operation."""
        raise NotImplementedError


class OpenRun(_Operation):
    """Validates the input of an execution and opens its run."""

    execution_id: RunId
    execution_arn: str | None = None
    input: Json

    def answer(self, aws: Aws) -> dict[str, Any]:
        """The start of the execution's data."""
        return open_run(
            _ledger(aws, self.execution_id),
            self.input,
            modes={state: StateMode(mode) for state, mode in json.loads(os.environ["STATE_MODES"]).items()},
            settings=RunDefaults.model_validate_json(os.environ["RUN_DEFAULTS"]),
            versions=json.loads(os.environ["VERSIONS"]),
            execution_arn=self.execution_arn,
        )


class PollFrontier(_Operation):
    """Looks at the gates and at the frontier of a run."""

    run_id: RunId

    def answer(self, aws: Aws) -> dict[str, Any]:
        """What the gates and the wait read."""
        return poll_frontier(_ledger(aws, self.run_id), _max_receives(), time.time())


class CloseFrontier(_Operation):
    """Ends the search of a run."""

    run_id: RunId

    def answer(self, aws: Aws) -> dict[str, Any]:
        """Why it ended, and what became of the messages."""
        return close_frontier(_ledger(aws, self.run_id))


class AdmitBatch(_Operation):
    """Decides what becomes of each message of a batch."""

    records: list[dict[str, Any]]

    def answer(self, aws: Aws) -> dict[str, Any]:
        """One item for each record."""
        return admit_batch(self.records, lambda run_id: _ledger(aws, run_id))


class SettleBatch(_Operation):
    """Records how the messages of a batch ended."""

    items: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]

    def answer(self, aws: Aws) -> dict[str, Any]:
        """The messages that are to return to the queue."""
        frontier = ReturningQueue(os.environ["FRONTIER_QUEUE_URL"], aws.sqs)
        return settle_batch(self.items, self.outcomes, lambda run_id: _ledger(aws, run_id), _max_receives(), frontier)


OPERATIONS = {kind.__name__: kind for kind in _Operation.__subclasses__()}
"""By their names, as the state machines call them."""


def handler(event: Mapping[str, Any], context: LambdaContext, aws: Aws = AWS) -> dict[str, Any]:
    """Do one operation.

    Args:
        event: ``operation`` and its arguments.
        context: The context object of the Lambda runtime.
        aws: The clients.

    Returns:
        What the operation answers; every field that the state machines read is always there.

    Raises:
        InvalidInput: An unknown operation, or an argument that it refuses.
        StageError: The operation failed, by the names in ``lambdas.runtime.errors``.
    """
    aws.deadline = Deadline.of(context)
    name = event.get("operation")
    try:
        answer = _parsed(event).answer(aws)
    except Exception as error:
        told = {"operation": name, **_about(event), "errorType": type(error).__name__, "errorMessage": str(error)}
        _LOGGER.exception("Operation failed", extra=told)
        raise
    # Of a batch, how many: its messages are in the queue and in the ledger.
    brief = {field: len(value) if isinstance(value, list) else value for field, value in answer.items()}
    _LOGGER.info("Operation completed", extra={"operation": name, **_about(event, answer), "answer": brief})
    return answer


def _about(event: Mapping[str, Any], answer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Which run a line of the log is about, or which runs: the messages of a batch may be those of several."""
    if one := event.get("runId") or event.get("executionId"):
        return {"runId": one}
    items = event.get("items") or (answer or {}).get("items") or []
    runs = sorted({item["runId"] for item in items if item["runId"]})
    # Its first message names the batch: by it the admission is found that belongs to a settlement.
    return {"runIds": runs, "batch": items[0]["messageId"]} if items else {}


def _parsed(event: Mapping[str, Any]) -> _Operation:
    kind = OPERATIONS.get(str(event.get("operation")))
    if kind is None:
        raise InvalidInput(f"operation: {event.get('operation')!r} is none of {', '.join(OPERATIONS)}")
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        raise InvalidInput(f"The event of {kind.__name__} is not valid: {explain(error)}") from error


def _ledger(aws: Aws, run_id: str) -> Ledger:
    return Ledger(os.environ["LEDGER_TABLE"], run_id, aws.dynamodb)


def _max_receives() -> int:
    return int(os.environ["MAX_RECEIVE_COUNT"])
