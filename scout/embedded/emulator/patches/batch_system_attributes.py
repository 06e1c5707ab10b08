"""A message that is sent in a batch keeps its system attributes.

AWS: each entry of SendMessageBatch may have `MessageSystemAttributes`, of which there is one, `AWSTraceHeader`
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatchRequestEntry.html).

The emulator takes them for a single message, and drops them in a batch.
"""

from __future__ import annotations

from typing import Any, Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_TRACE: Final = "AWSTraceHeader"
_sqs: Final = service("services.sqs")


def apply() -> None:
    """Give each message of a batch what its entry says."""
    _PATCH.expect(_sqs._act_send_message_batch, '"MessageAttributes": e.get("MessageAttributes")', "_act_send_message(")
    _PATCH.expect(_sqs._build_sys_attrs, 'msg["sys"].get("AWSTraceHeader")')
    _PATCH.around(_sqs, "_act_send_message_batch", _send_message_batch)
    _sqs._HANDLERS["SendMessageBatch"] = _sqs._act_send_message_batch


def _send_message_batch(original: Untyped, data: dict[str, Any], url: str) -> Untyped:
    answer = original(data, url)
    headers = {entry["Id"]: entry.get("MessageSystemAttributes", {}).get(_TRACE) for entry in data["Entries"]}
    sent = {done["MessageId"]: headers[done["Id"]] for done in answer["Successful"] if headers[done["Id"]]}
    if sent:
        # Nothing else runs in the server's loop before this returns, so that nobody has seen them without.
        for message in _sqs._get_q(data.get("QueueUrl", url))["messages"]:
            if message["id"] in sent:
                message["sys"][_TRACE] = sent[message["id"]]["StringValue"]
    return answer
