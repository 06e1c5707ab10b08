"""Why the stages of a pipeline failed, from the logs of its functions: Express keeps no history that would tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scout.cities.logs import called_by

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.pipelines.messages import Pipeline

# What a stage that fails logs (``lambdas.runtime.reports``).
_FAILED_LINE = "Stage failed"
_LOG_GROUP = "/aws/lambda/"
# The id of a message, with which the names of its executions begin.
_ID_LENGTH = 36


@dataclass(frozen=True)
class Failure:
    """A stage has failed on a message.

    Attributes:
        at: When, in milliseconds since 1970.
        stage: Which; None if its log does not say.
        error: The name of the error.
        text: What it says.
    """

    at: int
    stage: str | None
    error: str | None
    text: str | None


def last_failures(deployment: Deployment, pipeline: Pipeline, since: float) -> dict[str, Failure]:
    """The last failure of each message of an Express pipeline, by the message's id.

    Args:
        deployment: The stack.
        pipeline: Which pipeline.
        since: From when on to look, in seconds since 1970.

    Raises:
        ClientError: A log could not be read.
    """
    found: dict[str, Failure] = {}
    for at, line in _failed_lines(deployment, pipeline, since):
        message_id = str(line.get("executionId", ""))[:_ID_LENGTH]
        if message_id not in found or found[message_id].at <= at:
            found[message_id] = Failure(at, line.get("currentStage"), line.get("errorType"), line.get("errorMessage"))
    return found


def _failed_lines(deployment: Deployment, pipeline: Pipeline, since: float) -> Iterator[tuple[int, dict[str, Any]]]:
    """When, and what, the functions of a pipeline have logged of failures."""
    logs = deployment.session.client("logs")
    for name in called_by(deployment, pipeline.arn):
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=_LOG_GROUP + name, filterPattern=f'"{_FAILED_LINE}"', startTime=int(since * 1000)
        )
        try:
            for page in pages:
                for event in page["events"]:
                    line = _parsed(event["message"])
                    if line.get("message") == _FAILED_LINE:
                        yield event["timestamp"], line
        except ClientError as error:
            # A function that was never called has no log, and one of another account none that may be read.
            if error.response["Error"]["Code"] not in {"ResourceNotFoundException", "AccessDeniedException"}:
                raise


def _parsed(text: str) -> dict[str, Any]:
    """A line of a log; empty if it is no JSON object."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
