"""No message of a queue is lost when several services work on it at once, and rules need permission to send to it.

AWS: a standard queue delivers each message that it accepted at least once
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html). A rule of
EventBridge sends to a queue whose policy allows `events.amazonaws.com` to, and the event is lost to the queue otherwise
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions).

The emulator keeps messages in a list, which requests replace in the event loop while state machines and rules append
to it from threads: what is appended in between is lost. It does not look at the queue's policy for rules.
"""

from __future__ import annotations

import contextvars
import logging
from typing import Any, Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service
from scout.embedded.emulator.server_loop import on_server_loop

_PATCH: Final = Patch(__name__)
_eventbridge: Final = service("services.eventbridge")
_responses: Final = service("core.responses")
_sqs: Final = service("services.sqs")
_log: Final = logging.getLogger(__name__)

_rule_arn: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("rule_arn")


def apply() -> None:
    """Do all that changes a queue in the event loop, and ask the queue's policy."""
    _PATCH.expect(_sqs._act_delete_message, 'q["messages"] = kept')
    _PATCH.expect(_eventbridge._dispatch_to_sqs, 'queue["messages"].append(msg)')
    _PATCH.expect(_eventbridge._invoke_target, "_dispatch_to_sqs(spec, event_payload")
    _PATCH.around(_eventbridge, "_invoke_target", _invoke_target)
    _PATCH.around(_eventbridge, "_dispatch_to_sqs", _dispatch_to_sqs)
    for change in ("_act_send_message", "_receive_messages_for_esm", "_delete_messages_for_esm"):
        _PATCH.around(_sqs, change, on_server_loop)


def _invoke_target(
    original: Untyped, target: dict[str, Any], event: Untyped, rule: dict[str, Any], view: Untyped = None
) -> None:
    token = _rule_arn.set(rule.get("Arn", ""))
    try:
        original(target, event, rule, view)
    finally:
        _rule_arn.reset(token)


def _dispatch_to_sqs(original: Untyped, spec: Untyped, payload: str, parameters: Untyped = None) -> None:
    rule = _rule_arn.get()
    # A schedule sends with a role of its own.
    if ":events:" in rule and not _sqs.queue_policy_allows(
        str(spec), "events.amazonaws.com", rule, _responses.get_account_id()
    ):
        _log.warning("the policy of %s does not let events.amazonaws.com send to it for %s", spec, rule)
        return
    on_server_loop(original, spec, payload, parameters)
