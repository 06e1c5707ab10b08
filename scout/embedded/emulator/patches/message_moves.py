"""Messages of a dead-letter queue can be moved back.

AWS: StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask move what lies in a dead-letter queue
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html);
ListDeadLetterSourceQueues names the queues that send there. Who starts a move must be allowed
`sqs:StartMessageMoveTask`, `ReceiveMessage`, `DeleteMessage` and `GetQueueAttributes` on the dead-letter queue, and
`SendMessage` on where the messages go
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html).

The emulator has none of these operations. What is not here: moves between FIFO queues.
"""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator.message_moves import Move
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_actions: Final = service("core.iam_actions")
_evaluator: Final = service("core.iam_evaluator")
_responses: Final = service("core.responses")
_router: Final = service("core.router")
_sqs: Final = service("services.sqs")

_RATES: Final = range(1, 501)
_KEPT: Final = 10
_TARGET: Final = "AmazonSQS."
# What the caller must be allowed on the dead-letter queue, beside the operation itself.
_NEEDED: Final = {
    "StartMessageMoveTask": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "CancelMessageMoveTask": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "ListMessageMoveTasks": ("GetQueueAttributes",),
}

# ARN of a dead-letter queue -> its moves, the latest first.
_moves: Final = _responses.AccountRegionScopedDict()


def apply() -> None:
    """Add the operations, and what they need to be allowed."""
    _PATCH.expect(_sqs._dispatch, "fn = _HANDLERS.get(action)")
    _PATCH.expect(_sqs._dlq_sweep, '"DeadLetterQueueSourceArn"', 'dlq["messages"].append(moved)')
    _PATCH.expect(_sqs._act_send_message, '"receive_count": 0', '"first_receive_at": None', '"sent_at": now')
    _PATCH.expect(_actions.extract_resource_arn, 'if service == "sqs":', '_param(body, query_params, "QueueUrl")')
    _PATCH.around(_actions, "extract_resource_arn", _extract_resource_arn)
    _PATCH.around(_sqs, "handle_request", _handle_request)
    _PATCH.around(_sqs, "reset", _reset)
    _sqs._HANDLERS.update(
        {
            "StartMessageMoveTask": _start_move,
            "ListMessageMoveTasks": _list_moves,
            "CancelMessageMoveTask": _cancel_move,
            "ListDeadLetterSourceQueues": _list_sources,
        }
    )


def _refused(code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> Exception:
    error: Exception = _sqs._Err(code, message, status)
    return error


def _start_move(data: dict[str, Any], _url: str) -> dict[str, Any]:
    source, destination = _existing(data, "SourceArn"), data.get("DestinationArn", "")
    if not _sources_of(source):
        raise _refused("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination:
        _existing(data, "DestinationArn")
    if destination == source:
        raise _refused("InvalidParameterValue", "Source queue and destination queue must not be the same.")
    if any(arn.endswith(".fifo") for arn in (source, destination)):
        raise _refused("UnsupportedOperation", "the embedded AWS does not move messages of FIFO queues")
    rate = data.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and rate not in _RATES:
        reason = "Reason: Must be between 1 and 500, if provided."
        name = "MaxNumberOfMessagesPerSecond"
        raise _refused("InvalidParameterValue", f"Value {rate} for parameter {name} is invalid. {reason}")
    earlier = _moves.get(source, [])
    if any(move.active for move in earlier):
        message = (
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
        raise _refused("InvalidParameterValue", message)
    move = Move(source, destination, rate)
    move.start()
    _moves[source] = [move, *earlier][:_KEPT]
    return {"TaskHandle": move.handle}


def _list_moves(data: dict[str, Any], _url: str) -> dict[str, Any]:
    source = _existing(data, "SourceArn")
    count = data.get("MaxResults", 1)
    if count not in range(1, _KEPT + 1):
        raise _refused("InvalidParameterValue", f"Value {count} for parameter MaxResults is invalid.")
    return {"Results": [_described(move) for move in _moves.get(source, [])[:count]]}


def _described(move: Move) -> dict[str, Any]:
    described = {
        "TaskHandle": move.handle if move.status == "RUNNING" else None,
        "Status": move.status,
        "SourceArn": move.source,
        "DestinationArn": move.destination or None,
        "MaxNumberOfMessagesPerSecond": move.rate,
        "ApproximateNumberOfMessagesMoved": move.moved,
        "ApproximateNumberOfMessagesToMove": move.total,
        "FailureReason": move.reason or None,
        "StartedTimestamp": int(move.started * 1000),
    }
    return {name: value for name, value in described.items() if value is not None}


def _cancel_move(data: dict[str, Any], _url: str) -> dict[str, Any]:
    task, source = _opened(data.get("TaskHandle", ""))
    if not source:
        raise _refused("InvalidParameterValue", "Value for parameter TaskHandle is invalid.")
    _existing({"SourceArn": source}, "SourceArn")
    move = next((move for move in _moves.get(source, []) if move.id == task), None)
    if move is None:
        raise _refused("ResourceNotFoundException", "Task does not exist.", HTTPStatus.NOT_FOUND)
    if move.status != "RUNNING":
        raise _refused("UnsupportedOperation", "Only tasks with status RUNNING can be cancelled.")
    move.cancel()
    return {"ApproximateNumberOfMessagesMoved": move.moved}


def _list_sources(data: dict[str, Any], url: str) -> dict[str, Any]:
    arn = _sqs._get_q(data.get("QueueUrl", url), "sqs:ListDeadLetterSourceQueues")["attributes"]["QueueArn"]
    urls = [_sqs._externalize_url(queue["url"]) for queue in _sources_of(arn)]
    first, count = int(data.get("NextToken") or 0), data.get("MaxResults")
    if count is None:
        return {"queueUrls": urls}
    more = {"NextToken": str(first + count)} if first + count < len(urls) else {}
    return {"queueUrls": urls[first : first + count], **more}


def _existing(data: dict[str, Any], name: str) -> str:
    arn = str(data.get(name, ""))
    queue = _sqs._queue_by_arn(arn)
    if queue is None or arn.split(":")[4] != _responses.get_account_id():
        message = f"The resource that you specified for the {name} parameter doesn't exist."
        raise _refused("ResourceNotFoundException", message, HTTPStatus.NOT_FOUND)
    return arn


def _sources_of(dead_letter_queue: str) -> list[dict[str, Any]]:
    """Return the queues of this account and region that send what they fail with to a queue."""
    found = []
    for _, queue in _sqs._queues.items():
        policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn") == dead_letter_queue:
            found.append(queue)
    return found


def _opened(handle: str) -> tuple[str, str]:
    """Return the task and the queue that a handle names; both empty if it is none."""
    try:
        content = json.loads(base64.b64decode(handle, validate=True))
        return str(content["taskId"]), str(content["sourceArn"])
    except (ValueError, KeyError, TypeError):
        return "", ""


# Permissions


def _extract_resource_arn(original: Untyped, service_name: str, *request: Untyped) -> str:
    _, _, headers, body, *_ = request
    operation = str(headers.get("x-amz-target", "")).removeprefix(_TARGET)
    if service_name == "sqs" and operation in _NEEDED:
        return _source_of(body) or "*"
    arn: str = original(service_name, *request)
    return arn


def _source_of(body: bytes) -> str:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return ""
    return str(data.get("SourceArn", "")) or _opened(str(data.get("TaskHandle", "")))[1]


async def _handle_request(original: Untyped, *request: Untyped) -> Untyped:
    """Ask for what an operation needs beside its own action, which the emulator asks for by itself."""
    _, _, headers, body, query_params = request
    operation = headers.get("x-amz-target", "").removeprefix(_TARGET)
    source = _source_of(body) if operation in _NEEDED else ""
    if source:
        access_key = _router.extract_access_key_id(headers, query_params)
        for action, arn in _additional(operation, source, body):
            denied = _evaluator.enforce(access_key, action, "sqs", _responses.get_region(), resource_arn=arn)
            if denied:
                return _actions.access_denied_response(
                    "sqs",
                    action,
                    denied.principal_arn,
                    _responses.new_uuid(),
                    headers=headers,
                    resource_arn=arn,
                    explicit_deny=denied.decision == "Deny",
                    resource_policy_arn=denied.resource_policy_arn,
                )
    return await original(*request)


def _additional(operation: str, source: str, body: bytes) -> list[tuple[str, str]]:
    needed = [(f"sqs:{action}", source) for action in _NEEDED[operation]]
    if operation == "StartMessageMoveTask":
        destination = json.loads(body).get("DestinationArn")
        targets = [destination] if destination else [queue["attributes"]["QueueArn"] for queue in _sources_of(source)]
        needed += [("sqs:SendMessage", arn) for arn in targets]
    return needed


def _reset(original: Untyped) -> None:
    for _, moves in _moves.all_items():
        for move in moves:
            if move.active:
                move.cancel()
    _moves.clear()
    original()
