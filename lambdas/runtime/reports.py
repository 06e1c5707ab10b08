"""What a stage says of itself: structured log lines, and metrics in the embedded metric format."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lambdas.contracts.connectors import Connector
from lambdas.runtime.context import ExecutionContext, Metrics, RunContext

NAMESPACE = "DataScout"
LOGGER = Logger()


def fields(context: ExecutionContext) -> dict[str, Any]:
    """What every line about a stage says: which stage, of which execution."""
    run = {"runId": context.run_id} if isinstance(context, RunContext) else {}
    return {
        "executionId": context.execution_id,
        **run,
        "currentStage": context.current_stage,
        "previousStage": context.previous_stage or "none (first stage)",
    }


def started(context: ExecutionContext) -> None:
    """A stage begins."""
    LOGGER.info("Starting stage", extra=fields(context))


def completed(
    context: ExecutionContext, seconds: float, report: dict[str, Any], metrics: Metrics, **counts: int
) -> None:
    """A stage has ended well.

    Args:
        context: The stage.
        seconds: How long it took.
        report: What else the line says.
        metrics: Those of the stage's own.
        **counts: Metrics beside its duration.
    """
    LOGGER.info("Stage completed successfully", extra=fields(context) | {"seconds": round(seconds, 3)} | report)
    _emit(context, seconds, {**metrics, "Errors": 0, **counts})


def failed(context: ExecutionContext, seconds: float, error: BaseException) -> None:
    """A stage has failed; to be called while its error is handled."""
    kind = {"errorType": type(error).__name__, "errorMessage": str(error) or "Unknown error"}
    LOGGER.exception("Stage failed", extra=fields(context) | kind)
    _emit(context, seconds, {"Errors": 1})


def spent(run_id: str, state: str, connector: Connector, units: int, calls: int) -> None:
    """Calls to an outside service were settled.

    Args:
        run_id: The run.
        state: The state on whose behalf they were made.
        connector: The service.
        units: What they used, in units of the connector's group.
        calls: How many there were.
    """
    about = {"runId": run_id, "currentStage": state, "connector": connector.value, "group": connector.group.value}
    LOGGER.info("Calls settled", extra={**about, "units": units, "calls": calls})


def _emit(context: ExecutionContext, seconds: float, counts: Metrics) -> None:
    metrics = EphemeralMetrics(namespace=NAMESPACE)
    metrics.add_dimension("Stage", context.current_stage)
    metrics.add_metric("Duration", MetricUnit.Milliseconds, round(seconds * 1000))
    for name, value in counts.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.flush_metrics()
