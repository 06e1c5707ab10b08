"""EventBridge Pipes from an SQS queue to a Step Functions state machine.

The emulator keeps pipes, but polls DynamoDB streams only, and forgets the parameters of source and target. What is
added follows https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-error-troubleshooting.html. What is not there
(filters, enrichments, other targets) is refused when a pipe is created, never ignored.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import roles
from scout.embedded.emulator.patches.support import Patch, Untyped, service
from scout.embedded.emulator.pipe_poller import RECEIVE_MAXIMUM, invocation_type, poll_forever

_PATCH: Final = Patch(__name__)
_pipes: Final = service("services.pipes")
_sfn: Final = service("services.stepfunctions")
_sqs: Final = service("services.sqs")

_BATCH_LIMITS: Final = range(1, 10_001)
_WINDOW_LIMITS: Final = range(301)
_PRINCIPAL: Final = "pipes.amazonaws.com"
_SOURCE_ACTIONS: Final = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_KEPT: Final = ("SourceParameters", "TargetParameters", "LogConfiguration", "KmsKeyIdentifier")


class _RefusedError(Exception):
    """A pipe that AWS refuses, or that is not supported here; the message says which."""


def install() -> None:
    """Make pipes from SQS work in this process: their parameters are kept, and a thread polls their queues."""
    _PATCH.expect(_pipes._poll_pipe, '_arn_service(pipe.get("Source", "")) != "dynamodb"')
    _PATCH.expect(_pipes._create_pipe, "register_pipe(")
    _PATCH.around(_pipes, "_create_pipe", _create_pipe)
    _PATCH.around(_pipes, "_update_pipe", _update_pipe)
    _PATCH.around(_pipes, "_set_state", _set_state)
    _PATCH.around(_pipes, "_describe_response", _describe_response)
    threading.Thread(target=poll_forever, name="pipes", daemon=True).start()


def _create_pipe(original: Untyped, name: str, body: dict[str, Any]) -> Untyped:
    return _checked(original, name, body)


def _update_pipe(original: Untyped, name: str, body: dict[str, Any]) -> Untyped:
    before = _pipes._pipes.get(name) or {}
    return _checked(original, name, {**{key: before[key] for key in (*_KEPT, "Source") if key in before}, **body})


def _set_state(original: Untyped, name: str, desired: str) -> Untyped:
    answer = original(name, desired)
    _settle_state(_pipes._pipes.get(name), "START_FAILED")
    return answer


def _describe_response(original: Untyped, pipe: dict[str, Any]) -> Untyped:
    return {**original(pipe), **{key: pipe[key] for key in _KEPT if pipe.get(key)}}


def _checked(operation: Untyped, name: str, body: dict[str, Any]) -> Untyped:
    """Run CreatePipe or UpdatePipe after a check of what the pipe would be, and keep its parameters."""
    if ":sqs:" not in body.get("Source", ""):
        return operation(name, body)
    existing = _pipes._pipes.get(name) or {}
    try:
        _check(body, body.get("Target") or existing.get("Target", ""))
    except _RefusedError as refused:
        return _pipes._error(HTTPStatus.BAD_REQUEST, "ValidationException", str(refused))
    status, headers, answer = operation(name, body)
    if status != HTTPStatus.OK:
        return status, headers, answer
    pipe = _pipes._pipes[name]
    for key in _KEPT:
        if key in body:
            pipe[key] = body[key]
    _settle_state(pipe, "UPDATE_FAILED" if existing else "CREATE_FAILED")
    return _pipes._json_resp(HTTPStatus.OK, _pipes._lifecycle_response(pipe))


def _check(body: dict[str, Any], target: str) -> None:
    source = body.get("SourceParameters") or {}
    if source.get("FilterCriteria", {}).get("Filters"):
        raise _RefusedError("the embedded AWS has no filters of pipes: leave out SourceParameters.FilterCriteria")
    if body.get("Enrichment"):
        raise _RefusedError("the embedded AWS has no enrichment of pipes: leave out Enrichment")
    queue = source.get("SqsQueueParameters") or {}
    size, window = queue.get("BatchSize", 10), queue.get("MaximumBatchingWindowInSeconds", 0)
    if size not in _BATCH_LIMITS or window not in _WINDOW_LIMITS:
        raise _RefusedError(f"BatchSize {size} must be 1 to 10000, MaximumBatchingWindowInSeconds {window} 0 to 300")
    if size > RECEIVE_MAXIMUM and window < 1:
        raise _RefusedError(f"BatchSize {size} needs a MaximumBatchingWindowInSeconds of at least 1")
    if ":states:" not in target or ":stateMachine:" not in target:
        raise _RefusedError(f"the embedded AWS delivers from SQS to state machines, not to {target}")
    machine = _sfn._state_machines.get(target)
    if machine is None:
        raise _RefusedError(f"State machine {target} does not exist.")
    if invocation_type(body) == "REQUEST_RESPONSE" and machine["type"] != "EXPRESS":
        raise _RefusedError("Invocation type REQUEST_RESPONSE is not supported for Standard state machine workflows.")


def _settle_state(pipe: dict[str, Any] | None, failed: str) -> None:
    """Set the state of a pipe that shall run to RUNNING, or to `failed` if its role or source does not allow that."""
    if pipe is None or ":sqs:" not in pipe.get("Source", ""):
        return
    reason = _why_it_cannot_run(pipe)
    pipe["StateReason"] = reason
    pipe["CurrentState"] = failed if reason else pipe["DesiredState"]


def _why_it_cannot_run(pipe: dict[str, Any]) -> str:
    role, source = pipe["RoleArn"], pipe["Source"]
    refused = "Input parameter is invalid from the request due to : "
    if not roles.may_be_assumed_by(role, _PRINCIPAL, pipe["Arn"]):
        return f"{refused}The provided role {role} cannot be assumed by principal '{_PRINCIPAL}'"
    if _sqs._queue_by_arn(source) is None:
        return f"{refused}The queue {source} does not exist"
    for action in _SOURCE_ACTIONS:
        try:
            roles.require(role, pipe["Name"], f"sqs:{action}", source)
        except roles.RoleDeniedError:
            return f"{refused}The provided customer role does not have permissions to call {action} on SQS"
    return ""
