"""What a dead letter is, by itself: of which kind, about what, and whether its queue's contract takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from lambdas.contracts.base import slug
from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.frontier import parse_message
from lambdas.runtime.context import explain
from scout.errors import InputRefused
from scout.pipelines.messages import checked
from scout.queues.message import Message
from scout.queues.named import DeadLetterQueue


class Kind(StrEnum):
    """What a dead letter is. Those of the frontier's contract are named as there.

    ``run`` reports a run that failed fast, as the state SendToDLQ sends it; ``execution`` is the status change event
    of an execution, from a failure rule; ``message`` is one of a pipeline; ``invalid`` is what its queue's contract
    refuses.
    """

    WEB = "web"
    MAPS = "maps"
    RUN = "run"
    EXECUTION = "execution"
    MESSAGE = "message"
    INVALID = "invalid"


REPORTS = (Kind.RUN, Kind.EXECUTION)
UNKNOWN = "unknown"
_ADMISSION = "AdmitBatch"


@dataclass(frozen=True)
class Content:
    """A dead letter.

    Attributes:
        message: The message.
        type: Its kind.
        city: The city that it is about.
        run: The run, or the execution of a pipeline.
        state: Where it failed.
        error: The error's name.
        detail: More of what went wrong, in words.
        key: The key of its work in the ledger; for messages of the frontier alone.
        group: The budget that its work spends; for messages of the frontier alone.
        traceable: Whether it can be followed by its correlation id, as every message of the frontier must.
    """

    message: Message
    type: Kind
    city: str | None = None
    run: str | None = None
    state: str | None = None
    error: str | None = None
    detail: str | None = None
    key: str | None = None
    group: BudgetGroup | None = None
    traceable: bool = True

    def document(self) -> dict[str, Any]:
        """What it is about, for machines; the message itself is left out."""
        return {name: getattr(self, name) for name in ("type", "city", "run", "state", "error", "detail")}


def read(queue: DeadLetterQueue, message: Message, bucket: str) -> Content:
    """Say what a message of a dead-letter queue is.

    Args:
        queue: The queue.
        message: The message.
        bucket: The workflow bucket, for the advice about a message that is too large.
    """
    try:
        body = json.loads(message.body)
    except (ValueError, RecursionError) as error:
        if queue.pipeline is None:
            return Content(
                message, Kind.INVALID, state=_ADMISSION, error="InvalidInput", detail=f"it is not JSON: {error}"
            )
        body = None
    document = body if isinstance(body, dict) else {}
    if "detail-type" in document and isinstance(document.get("detail"), dict):
        return _event(message, document["detail"])
    if queue.target_url is None:
        return Content(message, Kind.INVALID, detail="it is no report of an execution")
    if queue.pipeline is not None:
        return _of_pipeline(queue.pipeline.name, message, bucket)
    if document.get("type") == Kind.RUN:
        return _run(message, document)
    return _frontier(message, document)


def _frontier(message: Message, document: Mapping[str, Any]) -> Content:
    try:
        parsed = parse_message(message.body)
    except ValidationError as error:
        return Content(
            message,
            Kind.INVALID,
            city=_city(document.get("city")),
            run=_text(document.get("run_id")),
            state=_ADMISSION,
            error="InvalidInput",
            detail=explain(error),
            traceable=bool(document.get("correlation_id")),
        )
    attribute = message.attributes.get("correlation_id", {}).get("StringValue")
    return Content(
        message,
        Kind(parsed.type),
        city=_city(parsed.city),
        run=parsed.run_id,
        key=parsed.key,
        group=parsed.budget_token.group,
        traceable=attribute == parsed.correlation_id,
    )


def _run(message: Message, document: Mapping[str, Any]) -> Content:
    errors = document.get("errors")
    items = errors.items() if isinstance(errors, dict) else ()
    failed = {state: error for state, error in items if isinstance(error, dict)}
    # The one that ended the run stands last.
    state, error = list(failed.items())[-1] if failed else (None, {})
    return Content(
        message,
        Kind.RUN,
        city=_city(document.get("city")),
        run=_text(document.get("run_id")),
        state=state,
        error=_text(error.get("Error")),
        detail=_text(error.get("Cause")),
    )


def _event(message: Message, detail: Mapping[str, Any]) -> Content:
    try:
        given = json.loads(detail.get("input") or "null")
    except ValueError:
        given = None
    return Content(
        message,
        Kind.EXECUTION,
        city=_city(given.get("city")) if isinstance(given, dict) else None,
        run=_text(detail.get("name")),
        error=_text(detail.get("error")) or _text(detail.get("status")),
        detail=_text(detail.get("cause")),
    )


def _of_pipeline(name: str, message: Message, bucket: str) -> Content:
    try:
        checked(message.body.encode(), name, bucket)
    except InputRefused as refused:
        return Content(message, Kind.INVALID, error="InvalidInput", detail="; ".join(refused.problems))
    return Content(message, Kind.MESSAGE)


def _city(value: object) -> str | None:
    """A city as it stands in keys: reports of runs name it so, messages as the run input does."""
    return named_city(text) if (text := _text(value)) else None


def named_city(text: str) -> str:
    """A city's name, however it is written, as dead letters are grouped and chosen by it."""
    try:
        return slug(text)
    except ValueError:
        return text


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
