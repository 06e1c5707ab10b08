"""A batch operation of SQS is authorised by the action of the single one.

AWS: there is no action `sqs:SendMessageBatch`; the permission to send covers batches
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html).

The emulator asks for an action named like the operation, and so denies a role with exactly the rights that AWS wants.
"""

from __future__ import annotations

from typing import Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_ACTIONS: Final = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def apply() -> None:
    """Answer with the action that AWS asks for."""
    actions = service("core.iam_actions")
    _PATCH.expect(actions.extract_iam_action, "_action_from_target(headers)")
    _PATCH.around(actions, "extract_iam_action", _extract_iam_action)


def _extract_iam_action(original: Untyped, *arguments: Untyped) -> str | None:
    action: str | None = original(*arguments)
    return _ACTIONS.get(action or "", action)
