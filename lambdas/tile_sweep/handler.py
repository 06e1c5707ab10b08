"""The Lambda handler of the state TileSweep."""

from __future__ import annotations

from typing import Any

from lambdas.runtime.context import LambdaContext
from lambdas.runtime.stage import handle
from lambdas.tile_sweep.state import tile_sweep

STAGES = {"TileSweep": tile_sweep}


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the state that the event names.

    Args:
        event: Execution id, run id, stage and bucket, as ``lambdas.runtime.context.ExecutionContext`` reads them.
        context: The context object of the Lambda runtime.

    Returns:
        The stage result: status, counters, and the key of the output.
    """
    return handle(event, context, STAGES)
