"""The handler of stages that work for a run: around their work also stands the run's ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lambdas.contracts.manifest import StateStatus
from lambdas.runtime import reports
from lambdas.runtime.aws import AWS, Aws
from lambdas.runtime.context import Deadline, LambdaContext, RunContext, StageOutput
from lambdas.runtime.errors import InvalidInput, StageError
from lambdas.runtime.handover import StageInput, Summary, put_out, result_of, standing
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage

# The state after ExpandNeighbors: however that ended, nothing more is sought for primaries alone.
_SHARES_BUDGETS = "TileSweep"

Stage: TypeAlias = Callable[[StageInput, Run], StageOutput]
Handler: TypeAlias = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def handler_of(stages: Mapping[str, Stage]) -> Handler:
    """Make the Lambda handler of a function that implements stages of a run; see ``handle``.

    Args:
        stages: What the function implements, by the name of the state. The event says which is to run.
    """

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        return handle(event, context, stages)

    return handler


def handle(
    event: Mapping[str, Any],
    lambda_context: LambdaContext,
    stages: Mapping[str, Stage],
    aws: Aws = AWS,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """Run the stage that an event names: read, work, write once, report.

    An execution's stage that has put out already is answered from there, without doing its work again.

    Args:
        event: ``ExecutionContext`` as JSON.
        lambda_context: The context object of the Lambda runtime.
        stages: What this function implements, by the name of the state.
        aws: The clients.
        environment: ``LEDGER_TABLE`` and ``FRONTIER_QUEUE_URL``.

    Returns:
        ``StageResult`` as JSON.

    Raises:
        InvalidInput: The event is not valid, or names a stage that this function does not implement.
        StageError: The stage failed, by the names in ``lambdas.runtime.errors``.
    """
    context = RunContext.parse(event)
    stage = stages.get(context.current_stage)
    if stage is None:
        raise InvalidInput(f"currentStage: {context.current_stage!r} is none of {', '.join(sorted(stages))}")
    aws.deadline = Deadline.of(lambda_context)
    storage = Storage(context.workflow_bucket, aws.s3)
    run = Run(
        state=context.state_name,
        execution_id=context.execution_id,
        ledger=Ledger(environment["LEDGER_TABLE"], context.run_id, aws.dynamodb),
        storage=storage,
        queue=Queue(environment["FRONTIER_QUEUE_URL"], aws.sqs),
        deadline=aws.deadline,
    )
    began = time.monotonic()
    reports.started(context)
    try:
        if context.current_stage == _SHARES_BUDGETS:
            run.ledger.share_budgets()
        summary = standing(storage, context) or _worked(stage, context, run)
        seconds = time.monotonic() - began
        run.ledger.record_state(
            context.state_name,
            key=context.execution_id,
            seconds=seconds,
            status=StateStatus(summary["status"]),
            records=summary["records"],
        )
    except Exception as error:
        # The time that was kept free for this.
        aws.deadline = Deadline(lambda_context.get_remaining_time_in_millis() / 1000)
        _report_failure(error, context, run, lambda_context.aws_request_id, time.monotonic() - began)
        raise
    result = result_of(context, summary, storage).document()
    report = {"state": summary["status"], "calls": run.calls_made, "skipped": run.skipped, "result": result}
    counts = {"Records": summary["records"], "Calls": run.calls_made}
    reports.completed(context, seconds, report, summary["metrics"], **counts)
    return result


def _worked(stage: Stage, context: RunContext, run: Run) -> Summary:
    """Do the work and put it out."""
    with StageInput(context, run.storage) as given:
        output = stage(given, run)
        idle = run.skipped and not run.calls_made and not output.records
        status = StateStatus.SKIPPED if idle else StateStatus.SUCCEEDED
        # Whoever takes the output over can then tell whether a gate, a switch or a budget has cut the work short.
        told = {"runId": context.run_id, "status": status.value, "skipped": run.skipped}
        return put_out(run.storage, context, output, told)


def _report_failure(error: Exception, context: RunContext, run: Run, request_id: str, seconds: float) -> None:
    reports.failed(context, seconds, error)
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
        reports.LOGGER.exception("The failure is not in the ledger", extra=reports.fields(context))
