"""AdmitBatch and SettleBatch: each message of a batch by itself, and each with its effect once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from pydantic import ValidationError

from lambdas.contracts.frontier import FrontierMessage, parse_message
from lambdas.control.returning import MAX_WAIT_SECONDS, ReturningQueue, wait_of
from lambdas.runtime.context import explain
from lambdas.runtime.errors import InputNotFound, InvalidInput, RunClosed
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState, Settlement

LedgerOf = Callable[[str], Ledger]
# Where a message may be in a batch twice, the outcome further down counts.
_OUTCOMES = ("dropped", "failed", "done")


@dataclass
class _Item:
    """A record of a batch, and what is to become of it. ``message`` is ``None`` where the body is not one."""

    message_id: str
    receipt_handle: str
    receives: int
    message: FrontierMessage | None
    action: str
    reason: str = ""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> _Item:
        received = record["messageId"], record["receiptHandle"], int(record["attributes"]["ApproximateReceiveCount"])
        try:
            message = parse_message(record["body"])
        except ValidationError as error:
            return cls(*received, None, "reject", explain(error))
        return cls(*received, message, message.type)

    def document(self) -> dict[str, Any]:
        message = self.message
        return {
            "messageId": self.message_id,
            "receiptHandle": self.receipt_handle,
            "messageKey": message.key if message else None,
            "action": self.action,
            "reason": self.reason,
            "runId": message.run_id if message else None,
            "executionId": f"{message.run_id}-{message.key}" if message else None,
            "message": message.document() if message else None,
            "receiveCount": self.receives,
        }


def admit_batch(records: Sequence[Mapping[str, Any]], ledger_of: LedgerOf) -> dict[str, Any]:
    """Decide what becomes of each message of a batch.

    Args:
        records: SQS records, as the Pipe hands them over.
        ledger_of: The ledger of a run.

    Returns:
        ``items``, one for each record. ``action`` is the type of a message that is to be processed, ``drop`` for one
        whose run looks for no more or that was processed before, ``reject`` for one that no run can use; ``reason``
        says why.

    Raises:
        LedgerUnavailable: The ledger could not be used; the whole batch returns to the queue.
        RunClosed: An emergency stop keeps what waits; the whole batch returns to the queue.
    """
    items = [_Item.of(record) for record in records]
    admitted: dict[str, dict[str, _Item]] = defaultdict(dict)
    for item in items:
        if item.message is None:
            continue
        run_id, key = item.message.run_id, item.message.key
        item.action, item.reason = _judged(item.message, ledger_of(run_id))
        if key in admitted[run_id]:
            item.action, item.reason = "drop", "it is in this batch twice"
        elif item.action == item.message.type:
            admitted[run_id][key] = item
    for run_id, of_run in admitted.items():
        processed = ledger_of(run_id).admit({key: item.receives for key, item in of_run.items()})
        for key, state in processed.items():
            of_run[key].action, of_run[key].reason = "drop", f"it is {state} already"
    return {"items": [item.document() for item in items]}


def _judged(message: FrontierMessage, ledger: Ledger) -> tuple[str, str]:
    """The action on a message by its run alone, and the reason."""
    try:
        record = ledger.run()
        gate = ledger.gate()
    except InputNotFound as error:
        return "reject", str(error)
    if record.held_at and not record.closed_at:
        raise RunClosed(f"{record.run_id} was stopped in an emergency at {record.held_at}; its frontier is kept.")
    if record.closed_at:
        return "drop", f"the run was closed at {record.closed_at}"
    if gate:
        return "drop", f"the gate {gate.name} closed at {gate.at}"
    group = message.budget_token.group
    if record.killed(group):
        ledger.skip(group, 1, message.key)
        return "drop", f"the kill switch {group} is on"
    return message.type, ""


def settle_batch(
    items: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Mapping[str, Any]],
    ledger_of: LedgerOf,
    max_receives: int,
    frontier: ReturningQueue,
) -> dict[str, Any]:
    """Record how the messages of a batch ended, name those that are to return to the queue, and let them return soon.

    Args:
        items: From :func:`admit_batch`.
        outcomes: For each item ``messageId``, ``messageKey``, ``runId``, ``outcome`` (``done``, ``dropped`` or
            ``failed``) and ``error``.
        ledger_of: The ledger of a run.
        max_receives: How often the queue hands out a message before it goes to the dead letters: a message that
            failed so often is dead, and its run waits for it no longer.
        frontier: The queue that handed the messages out.

    Returns:
        ``batchItemFailures``, as a Pipe reads it.

    Raises:
        InvalidInput: An unknown outcome.
        LedgerUnavailable: The ledger could not be used; the whole batch returns to the queue.
    """
    received = {item["messageId"]: item for item in items}
    settlements: dict[str, dict[str, Settlement]] = defaultdict(dict)
    for outcome in sorted(outcomes, key=_weight):
        run_id, key = outcome.get("runId"), outcome.get("messageKey")
        if run_id and key:
            last = received[outcome["messageId"]]["receiveCount"] >= max_receives
            failed = MessageState.DEAD if last else MessageState.QUEUED
            ends = dict(zip(_OUTCOMES, (MessageState.DROPPED, failed, MessageState.DONE), strict=True))
            settlements[run_id][key] = Settlement(key, ends[outcome["outcome"]], outcome.get("error"))
    for run_id, of_run in settlements.items():
        ledger_of(run_id).settle_messages(of_run.values())
    failures = {outcome["messageId"]: outcome for outcome in outcomes if outcome["outcome"] == "failed"}
    postponed = _postponed(failures.values(), ledger_of)
    # Not before the ledger has them as waiting: a message that is back already must find itself so.
    frontier.hasten(
        {
            received[message_id]["receiptHandle"]: postponed.get(message_id)
            or wait_of(outcome.get("error"), received[message_id]["receiveCount"])
            for message_id, outcome in failures.items()
        }
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def _postponed(failures: Iterable[Mapping[str, Any]], ledger_of: LedgerOf) -> dict[str, int]:
    """How long messages wait that know when their turn is, in seconds by message id."""
    message_ids: dict[str, dict[str, str]] = defaultdict(dict)
    for failure in failures:
        if failure.get("runId") and failure.get("messageKey"):
            message_ids[failure["runId"]][failure["messageKey"]] = failure["messageId"]
    return {
        of_run[key]: min(ceil(seconds), MAX_WAIT_SECONDS)
        for run_id, of_run in message_ids.items()
        for key, seconds in ledger_of(run_id).waits(of_run).items()
    }


def _weight(outcome: Mapping[str, Any]) -> int:
    try:
        return _OUTCOMES.index(outcome["outcome"])
    except ValueError as error:
        raise InvalidInput(f"outcome: {outcome['outcome']!r} is none of {', '.join(_OUTCOMES)}") from error
