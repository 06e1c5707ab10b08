"""A message of a queue as it is kept: as JSON in the bucket, and sent again with every attribute that it had."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.runtime.documents import to_json

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MAX_ENTRIES = 10
# What a batch may hold together. Newer queues take four times as much, but no queue takes less; a message that is
# larger by itself goes alone.
_BATCH_BYTES = 262_144
# What SQS lets a sender set. All else in `Attributes` is SQS's own account of the message, and begins anew with it.
_TRACE, _GROUP = "AWSTraceHeader", "MessageGroupId"


@dataclass(frozen=True)
class Message:
    """A message that was received.

    Attributes:
        id: The id that SQS gave it. It keeps that id in a dead-letter queue, and gets a new one when it is moved back.
        body: Its body.
        attributes: Its message attributes, as boto3 has them: type and value; binary values are bytes.
        system: What SQS says of it: when it was sent, how often it was received, and so on.
    """

    id: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    system: Mapping[str, str]

    @classmethod
    def received(cls, answer: Mapping[str, Any]) -> Message:
        """Read one of the messages that ReceiveMessage answered."""
        return cls(
            id=answer["MessageId"],
            body=answer["Body"],
            attributes=answer.get("MessageAttributes", {}),
            system=answer.get("Attributes", {}),
        )

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Message:
        """Read what ``document`` made."""
        return cls(
            id=document["message_id"],
            body=document["body"],
            attributes={name: _decoded(value) for name, value in document["message_attributes"].items()},
            system=document["attributes"],
        )

    def document(self) -> dict[str, Any]:
        """This message as JSON, binary values in base64: a message can be made of it that is the same."""
        return {
            "message_id": self.id,
            "body": self.body,
            "message_attributes": {name: _encoded(value) for name, value in self.attributes.items()},
            "attributes": dict(self.system),
        }

    @property
    def sent_at(self) -> float:
        """When it was sent first, in seconds since the epoch: a dead-letter queue does not change that."""
        return int(self.system["SentTimestamp"]) / 1000

    @property
    def receives(self) -> int:
        """How often it was received, a look at it included."""
        return int(self.system["ApproximateReceiveCount"])

    @property
    def content(self) -> str:
        """The digest of all that is sent: two messages with the same content are the same to their receiver."""
        sent = {key: self.system[key] for key in (_TRACE, _GROUP) if key in self.system}
        document = {"body": self.body, "attributes": self.document()["message_attributes"], "sent": sent}
        return hashlib.sha256(to_json(document)).hexdigest()

    @property
    def size(self) -> int:
        """Bytes, as SQS counts them: the body, and the name, type and value of each attribute."""
        attributes = sum(
            len(name.encode()) + len(value["DataType"].encode()) + len(_value_bytes(value))
            for name, value in self.attributes.items()
        )
        return len(self.body.encode()) + attributes

    def entry(self, entry_id: str) -> dict[str, Any]:
        """The entry of SendMessageBatch that sends the same again."""
        entry: dict[str, Any] = {"Id": entry_id, "MessageBody": self.body}
        if self.attributes:
            entry["MessageAttributes"] = {name: _sendable(value) for name, value in self.attributes.items()}
        if _TRACE in self.system:
            entry["MessageSystemAttributes"] = {_TRACE: {"DataType": "String", "StringValue": self.system[_TRACE]}}
        if _GROUP in self.system:
            entry[_GROUP] = self.system[_GROUP]
        return entry


def batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages in batches that SQS takes, by number and by size."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == MAX_ENTRIES or size + message.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def _value_bytes(value: Mapping[str, Any]) -> bytes:
    if "BinaryValue" in value:
        return bytes(value["BinaryValue"])
    return str(value["StringValue"]).encode()


def _sendable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without the lists of values, which SQS names in its answers and does not take."""
    return {key: value[key] for key in ("DataType", "StringValue", "BinaryValue") if key in value}


def _encoded(value: Mapping[str, Any]) -> dict[str, str]:
    document = _sendable(value)
    if "BinaryValue" in document:
        document["BinaryValue"] = base64.b64encode(document["BinaryValue"]).decode()
    return document


def _decoded(value: Mapping[str, str]) -> dict[str, Any]:
    decoded: dict[str, Any] = dict(value)
    if "BinaryValue" in decoded:
        decoded["BinaryValue"] = base64.b64decode(decoded["BinaryValue"])
    return decoded
