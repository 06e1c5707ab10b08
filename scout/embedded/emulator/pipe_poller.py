"""Poll the queues of running pipes, and deliver what is there to their targets.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import roles
from scout.embedded.emulator.patches.support import service
from scout.embedded.emulator.pipe_template import TemplateError, render
from scout.embedded.emulator.server_loop import on_server_loop

_pipes: Final = service("services.pipes")
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")
_sqs: Final = service("services.sqs")
_log: Final = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.05

# Batches that one pipe has in flight at most. AWS starts with five pollers and scales up to hundreds; a laptop has
# less to spend.
_BATCHES_IN_FLIGHT: Final = 4

RECEIVE_MAXIMUM: Final = 10  # messages in one answer of SQS
_INPUT_MAXIMUM_BYTES: Final = 262_144


@dataclass
class _Flight:
    """What one pipe has under way."""

    batches: int = 0
    receiving: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


_flights: dict[str, _Flight] = {}


def invocation_type(pipe: dict[str, Any]) -> str:
    """Return how a pipe, or a request to create one, calls its state machine."""
    parameters = (pipe.get("TargetParameters") or {}).get("StepFunctionStateMachineParameters") or {}
    return str(parameters.get("InvocationType", "REQUEST_RESPONSE"))


def poll_forever() -> None:
    """Poll every running pipe with a queue as its source; never returns."""
    while True:
        try:
            for account, region, pipe in _pipes._iter_all_pipes():
                if pipe["CurrentState"] == "RUNNING" and ":sqs:" in pipe["Source"]:
                    context = contextvars.copy_context()
                    context.run(_responses.set_request_account_id, account)
                    context.run(_responses.set_request_region, region)
                    context.run(_start_batches, pipe)
        except Exception:  # noqa: BLE001 - the poller must outlive whatever is wrong with one pipe
            # A record that changes while it is read, by a reset for instance; the next round reads it anew.
            _log.exception("polling the pipes")
        time.sleep(_POLL_SECONDS)


def _start_batches(pipe: dict[str, Any]) -> None:
    """Start as many batches as there are messages for, in threads, as far as the pipe may have more in flight."""
    queue = _sqs._queue_by_arn(pipe["Source"])
    if queue is None:
        return
    now = time.time()
    visible = sum(message["visible_at"] <= now for message in list(queue["messages"]))
    flight = _flights.setdefault(pipe["Arn"], _Flight())
    with flight.lock:
        wanted = -(-visible // _batch_size(pipe)) - flight.receiving
        for _ in range(min(wanted, _BATCHES_IN_FLIGHT - flight.batches)):
            flight.batches += 1
            flight.receiving += 1
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(_run_batch, pipe, flight), name="pipe-batch", daemon=True
            ).start()


def _run_batch(pipe: dict[str, Any], flight: _Flight) -> None:
    try:
        try:
            messages = _receive(pipe)
        finally:
            with flight.lock:
                flight.receiving -= 1
        if messages:
            done = _deliver(pipe, messages)
            _delete(pipe, [message for message in messages if message["MessageId"] in done])
    except roles.RoleDeniedError as denied:
        pipe["StateReason"] = str(denied)
        _log.warning("pipe %s: %s", pipe["Name"], denied)
    except Exception:  # noqa: BLE001 - logged; the messages are what has to survive
        # What was received stays in the queue and comes back after its visibility time-out.
        _log.exception("pipe %s: a batch failed", pipe["Name"])
    finally:
        with flight.lock:
            flight.batches -= 1


def _batch_size(pipe: dict[str, Any]) -> int:
    queue = (pipe.get("SourceParameters") or {}).get("SqsQueueParameters") or {}
    return int(queue.get("BatchSize", 10))


def _receive(pipe: dict[str, Any]) -> list[dict[str, Any]]:
    roles.require(pipe["RoleArn"], pipe["Name"], "sqs:ReceiveMessage", pipe["Source"])
    parameters = (pipe.get("SourceParameters") or {}).get("SqsQueueParameters") or {}
    deadline = time.monotonic() + parameters.get("MaximumBatchingWindowInSeconds", 0)
    size = _batch_size(pipe)
    messages: list[dict[str, Any]] = []
    while len(messages) < size and pipe["CurrentState"] == "RUNNING":
        request = {
            "QueueUrl": _queue_url(pipe),
            "MaxNumberOfMessages": min(size - len(messages), RECEIVE_MAXIMUM),
            "WaitTimeSeconds": 0,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        answer = on_server_loop(_sqs._act_receive_message, request, request["QueueUrl"])
        received = answer.get("Messages", [])
        messages += received
        if time.monotonic() >= deadline:
            break
        if not received:
            time.sleep(_POLL_SECONDS)
    return messages


def _delete(pipe: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    roles.require(pipe["RoleArn"], pipe["Name"], "sqs:DeleteMessage", pipe["Source"])
    for message in messages:
        try:
            data = {"QueueUrl": _queue_url(pipe), "ReceiptHandle": message["ReceiptHandle"]}
            on_server_loop(_sqs._act_delete_message, data, data["QueueUrl"])
        except _sqs._Err as error:
            # Its visibility ran out while the target worked: it was received again, under another handle.
            _log.warning("pipe %s: message %s not deleted: %s", pipe["Name"], message["MessageId"], error.message)


def _queue_url(pipe: dict[str, Any]) -> str:
    return str(_sqs._queue_url(pipe["Source"].rsplit(":", 1)[-1]))


def _deliver(pipe: dict[str, Any], messages: list[dict[str, Any]]) -> set[str]:
    """Hand a batch to the target and return the ids of the messages that are done with."""
    synchronous = invocation_type(pipe) == "REQUEST_RESPONSE"
    action = "StartSyncExecution" if synchronous else "StartExecution"
    roles.require(pipe["RoleArn"], pipe["Name"], f"states:{action}", pipe["Target"])
    records = [_record(pipe, message) for message in messages]
    template = (pipe.get("TargetParameters") or {}).get("InputTemplate")
    try:
        payload = [render(template, record, pipe) for record in records] if template else records
    except TemplateError as error:
        _log.warning("pipe %s: InputTemplate: %s", pipe["Name"], error)
        return set()
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > _INPUT_MAXIMUM_BYTES:
        _log.warning("pipe %s: a batch of more than %d bytes", pipe["Name"], _INPUT_MAXIMUM_BYTES)
        return set()
    start = _sfn._start_sync_execution if synchronous else _sfn._start_execution
    status, _, body = start({"stateMachineArn": pipe["Target"], "input": text})
    answer = json.loads(body)
    if status != HTTPStatus.OK:
        _log.warning("pipe %s: %s refused: %s", pipe["Name"], action, answer)
        return set()
    ids = {message["MessageId"] for message in messages}
    if not synchronous:
        return ids
    if answer["status"] != "SUCCEEDED":
        _log.warning("pipe %s: execution %s: %s", pipe["Name"], answer["status"], answer.get("cause"))
        return set()
    return ids - _failed_items(answer["output"], ids)


def _failed_items(output: str, ids: set[str]) -> set[str]:
    """Return the messages that the target names as failed; all of them if its answer cannot be understood."""
    value = json.loads(output)
    failures = value.get("batchItemFailures") if isinstance(value, dict) else None
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return ids
    named = {item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures}
    return ids & named if named <= ids else ids


def _record(pipe: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """Return a message in the shape that Pipes and Lambda deliver."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {
                **{key[0].lower() + key[1:]: value for key, value in attribute.items()},
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, attribute in (message.get("MessageAttributes") or {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": pipe["Source"],
        "awsRegion": pipe["Source"].split(":")[3],
    }
