"""The base handler: what surrounds every stage, so that a stage is nothing but its work."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lambdas.contracts.manifest import StateStatus
from lambdas.runtime import keys
from lambdas.runtime.aws import AWS, Aws
from lambdas.runtime.context import (
    Deadline,
    ExecutionContext,
    Json,
    LambdaContext,
    StageOutput,
    StageResult,
)
from lambdas.runtime.errors import InputNotFound, InvalidInput, OutputConflict, StageError, VerificationFailed
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage, sha256, to_json

NAMESPACE = "DataScout"
# The state after ExpandNeighbors: however that ended, nothing more is sought for primaries alone.
_SHARES_BUDGETS = "TileSweep"
_LOGGER = Logger()


class StageInput:
    """What a stage is given. The previous stage's output is read only when it is asked for.

    Args:
        context: The event.
        storage: The workflow bucket.
    """

    def __init__(self, context: ExecutionContext, storage: Storage) -> None:
        self.context = context
        self._storage = storage

    @property
    def initial_data(self) -> Json:
        """What the state machine itself hands over."""
        return self.context.initial_data

    def read(self) -> Json:
        """The input: the initial data for a first stage, else what the previous stage put out.

        Raises:
            InvalidInput: A first stage without initial data.
            InputNotFound: The previous stage has put nothing out.
            VerificationFailed: Its output does not match its digest.
            TransientStorageError: S3 could not be used.
        """
        previous = self.context.previous_stage
        if previous is None:
            if self.context.initial_data is None:
                raise InvalidInput(f"initialData is null for the first stage, {self.context.current_stage}.")
            return self.context.initial_data
        key = keys.stage_output(self.context.execution_id, previous)
        try:
            return _opened(self._storage.get(key), key)["data"]
        except InputNotFound as error:
            raise InputNotFound(
                f"Input data not found in S3. Previous stage '{previous}' may have failed or not written output. "
                f"Path: s3://{self._storage.bucket}/{key}"
            ) from error

    def read_optional(self) -> Json | None:
        """The same, or ``None`` where the previous stage has put nothing out.

        Raises:
            VerificationFailed: Its output does not match its digest.
            TransientStorageError: S3 could not be used.
        """
        try:
            return self.read()
        except InputNotFound:
            return None


Stage: TypeAlias = Callable[[StageInput, Run], StageOutput]


def handle(
    event: Mapping[str, Any], lambda_context: LambdaContext, stages: Mapping[str, Stage], aws: Aws = AWS
) -> dict[str, Any]:
    """Run the stage that an event names: read, work, write once, report.

    An execution's stage that has put out already is answered from there, without doing its work again.

    Args:
        event: ``ExecutionContext`` as JSON.
        lambda_context: The context object of the Lambda runtime.
        stages: What this function implements, by the name of the state.
        aws: The clients.

    Returns:
        ``StageResult`` as JSON.

    Raises:
        InvalidInput: The event is not valid, or names a stage that this function does not implement.
        StageError: The stage failed, by the names in ``lambdas.runtime.errors``.
    """
    context = ExecutionContext.parse(event)
    stage = stages.get(context.current_stage)
    if stage is None:
        raise InvalidInput(f"currentStage: {context.current_stage!r} is none of {', '.join(sorted(stages))}")
    aws.deadline = Deadline.of(lambda_context)
    storage = Storage(context.workflow_bucket, aws.s3)
    run = Run(
        state=context.state_name,
        execution_id=context.execution_id,
        ledger=Ledger(os.environ["LEDGER_TABLE"], context.run_id, aws.dynamodb),
        storage=storage,
        queue=Queue(os.environ["FRONTIER_QUEUE_URL"], aws.sqs),
        deadline=aws.deadline,
    )
    started = time.monotonic()
    try:
        if context.current_stage == _SHARES_BUDGETS:
            run.ledger.share_budgets()
        envelope = _standing(storage, context) or _written(
            storage, context, run, stage(StageInput(context, storage), run)
        )
        seconds = time.monotonic() - started
        run.ledger.record_state(
            context.state_name,
            key=context.execution_id,
            seconds=seconds,
            status=StateStatus(envelope["status"]),
            records=envelope["records"],
        )
    except Exception as error:
        # The time that was kept free for this.
        aws.deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000)
        _report_failure(error, context, run, lambda_context.aws_request_id, time.monotonic() - started)
        raise
    result = StageResult(
        stage=context.current_stage,
        records_processed=envelope["records"],
        output_key=_key(context),
        output_sha256=envelope["sha256"],
        metrics=envelope["metrics"],
        result=envelope["result"],
    ).document()
    report = {"state": envelope["status"], "seconds": round(seconds, 3), "calls": run.calls_made, "result": result}
    _LOGGER.info("Stage completed", extra=_fields(context) | report | {"skipped": run.skipped})
    _emit(context, seconds, Records=envelope["records"], Calls=run.calls_made, Errors=0)
    return result


def _key(context: ExecutionContext) -> str:
    return keys.stage_output(context.execution_id, context.current_stage)


def _standing(storage: Storage, context: ExecutionContext) -> dict[str, Any] | None:
    """What an earlier invocation of this stage in this execution has put out."""
    body = storage.find(_key(context))
    return None if body is None else _opened(body, _key(context))


def _written(storage: Storage, context: ExecutionContext, run: Run, output: StageOutput) -> dict[str, Any]:
    """Write the output; where another invocation of the same stage came first, its output stands."""
    idle = run.skipped and not run.calls_made and not output.records
    envelope = {
        "executionId": context.execution_id,
        "runId": context.run_id,
        "stage": context.current_stage,
        "status": (StateStatus.SKIPPED if idle else StateStatus.SUCCEEDED).value,
        "records": output.records,
        "metrics": dict(output.metrics),
        "result": dict(output.result),
        "sha256": sha256(to_json(output.data)),
        "data": output.data,
    }
    try:
        storage.put_once(_key(context), to_json(envelope))
    except OutputConflict:
        _LOGGER.warning("Another invocation has put out first; its output stands", extra=_fields(context))
        return _opened(storage.get(_key(context)), _key(context))
    return envelope


def _opened(body: bytes, key: str) -> dict[str, Any]:
    """The envelope of a stage's output, once its digest is checked."""
    try:
        envelope: dict[str, Any] = json.loads(body)
        intact = envelope["sha256"] == sha256(to_json(envelope["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(f"{key} is not the output of a stage: {error!r}") from error
    if not intact:
        raise VerificationFailed(f"{key} does not match its digest {envelope['sha256']}.")
    return envelope


def _report_failure(error: Exception, context: ExecutionContext, run: Run, request_id: str, seconds: float) -> None:
    _LOGGER.exception("Stage failed", extra=_fields(context) | {"errorType": type(error).__name__})
    _emit(context, seconds, Errors=1)
    try:
        run.ledger.record_state(
            context.state_name,
            key=f"{context.execution_id}|{request_id}",
            seconds=seconds,
            status=StateStatus.FAILED,
            error=f"{type(error).__name__}: {error}",
        )
    except StageError:
        # The stage's own error is the one that the state machine is to see.
        _LOGGER.exception("The failure is not in the ledger", extra=_fields(context))


def _fields(context: ExecutionContext) -> dict[str, Any]:
    return {
        "executionId": context.execution_id,
        "runId": context.run_id,
        "currentStage": context.current_stage,
        "previousStage": context.previous_stage or "none (first stage)",
    }


def _emit(context: ExecutionContext, seconds: float, **counts: int) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_dimension("Stage", context.current_stage)
    metrics.add_metric("Duration", MetricUnit.Milliseconds, round(seconds * 1000))
    for name, value in counts.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.flush_metrics()
