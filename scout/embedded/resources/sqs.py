"""Queues, and the queue attributes that `pulumi_aws` keeps as resources of their own."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import Absent, is_not_found
from scout.embedded.resources.shapes import unpicked
from scout.embedded.resources.tags import tag_changes
from scout.embedded.resources.values import DOCUMENT, TEXTS, TRUTH, Whole, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scout.embedded.resources.values import Rule

# Input -> (attribute, what AWS gives a queue that does not set it).
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_ATTRIBUTES: Final = {
    "delaySeconds": ("DelaySeconds", "0"),
    "maxMessageSize": ("MaximumMessageSize", "1048576"),
    "messageRetentionSeconds": ("MessageRetentionPeriod", "345600"),
    "receiveWaitTimeSeconds": ("ReceiveMessageWaitTimeSeconds", "0"),
    "visibilityTimeoutSeconds": ("VisibilityTimeout", "30"),
    "sqsManagedSseEnabled": ("SqsManagedSseEnabled", "true"),
    "kmsMasterKeyId": ("KmsMasterKeyId", ""),
    "redrivePolicy": ("RedrivePolicy", ""),
    "redriveAllowPolicy": ("RedriveAllowPolicy", ""),
    "policy": ("Policy", ""),
}
_NUMBERS: Final = (
    "delaySeconds",
    "maxMessageSize",
    "messageRetentionSeconds",
    "receiveWaitTimeSeconds",
    "visibilityTimeoutSeconds",
)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return str(value).lower() if isinstance(value, bool) else str(value)


class Queue(Handler):
    """`aws:sqs/queue:Queue`: a standard queue."""

    resource_type = "aws:sqs/queue:Queue"
    arguments = frozenset(_ATTRIBUTES) | {"name", "tags"}
    required = frozenset({"name"})
    values = texts("name", "kmsMasterKeyId") | {
        "delaySeconds": Whole(0, 900),
        "maxMessageSize": Whole(1024, 1_048_576),
        "messageRetentionSeconds": Whole(60, 1_209_600),
        "receiveWaitTimeSeconds": Whole(0, 20),
        "visibilityTimeoutSeconds": Whole(0, 43_200),
        "sqsManagedSseEnabled": TRUTH,
        "redrivePolicy": DOCUMENT,
        "redriveAllowPolicy": DOCUMENT,
        "policy": DOCUMENT,
        "tags": TEXTS,
    }
    defaults = MappingProxyType({key: int(_ATTRIBUTES[key][1]) for key in _NUMBERS})
    computed = frozenset({"policy", "redrivePolicy", "redriveAllowPolicy", "sqsManagedSseEnabled"})
    replace_on = frozenset({"name"})
    assigned = frozenset({"id", "url"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        url = f"https://sqs.{ctx.region}.amazonaws.com/{ctx.account}/{name}"
        return url, {"url": url, "arn": f"arn:{ctx.partition}:sqs:{ctx.region}:{ctx.account}:{name}"}

    def _find(self, inputs: JsonObject, ctx: AwsContext) -> str | None:
        try:
            return str(ctx.client("sqs").get_queue_url(QueueName=inputs["name"])["QueueUrl"])
        except ClientError as error:
            if is_not_found(error):
                return None
            raise

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        attributes = {_ATTRIBUTES[key][0]: _text(value) for key, value in inputs.items() if key in _ATTRIBUTES}
        made = ctx.client("sqs").create_queue(
            QueueName=inputs["name"], Attributes=attributes, tags=inputs.get("tags", {})
        )
        return str(made["QueueUrl"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        answer = ctx.client("sqs").get_queue_attributes(QueueUrl=identifier, AttributeNames=["QueueArn"])
        return {"url": identifier, "arn": answer["Attributes"]["QueueArn"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier.rpartition("/")[2] if "://" in identifier else ""}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("sqs")
        told = client.get_queue_attributes(QueueUrl=identifier, AttributeNames=["All"])["Attributes"]
        held = unpicked(told, {key: attribute for key, (attribute, _) in _ATTRIBUTES.items()})
        held |= {key: int(held[key]) for key in _NUMBERS if key in held}
        if "sqsManagedSseEnabled" in held:
            held["sqsManagedSseEnabled"] = held["sqsManagedSseEnabled"] == "true"
        tags = client.list_queue_tags(QueueUrl=identifier).get("Tags", {})
        return held | self._identify(identifier) | {"tags": tags}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("sqs")
        differing = {
            attribute: _text(new.get(key, default))
            for key, (attribute, default) in _ATTRIBUTES.items()
            if old.get(key) != new.get(key)
        }
        if differing:
            client.set_queue_attributes(QueueUrl=identifier, Attributes=differing)
        tags, removed = tag_changes(old, new)
        if tags:
            client.tag_queue(QueueUrl=identifier, Tags=tags)
        if removed:
            client.untag_queue(QueueUrl=identifier, TagKeys=removed)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("sqs").delete_queue(QueueUrl=identifier)


@dataclass(frozen=True)
class QueueAttribute(Handler):
    """One attribute of a queue, which holds a JSON document.

    Attributes:
        resource_type: The resource type.
        document: The input that holds the document.
        attribute: The queue's attribute.
    """

    resource_type: str
    document: str
    attribute: str

    replace_on = frozenset({"queueUrl"})
    owns_name = False

    @property
    def arguments(self) -> frozenset[str]:  # type: ignore[override]
        """The queue and the document."""
        return frozenset({"queueUrl", self.document})

    @property
    def required(self) -> frozenset[str]:  # type: ignore[override]
        """The same: one says nothing without the other."""
        return self.arguments

    @property
    def values(self) -> Mapping[str, Rule]:  # type: ignore[override]
        """What both have to be."""
        return texts("queueUrl") | {self.document: DOCUMENT}

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["queueUrl"], {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._set(inputs["queueUrl"], inputs[self.document], ctx)
        return str(inputs["queueUrl"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        self._document(identifier, ctx)
        return {}

    def _document(self, queue: str, ctx: AwsContext) -> str:
        answer = ctx.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[self.attribute])
        document = answer.get("Attributes", {}).get(self.attribute)
        if not document:
            raise Absent(queue)
        return str(document)

    def _identify(self, identifier: str) -> JsonObject:
        return {"queueUrl": identifier if "://" in identifier else ""}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        return {"queueUrl": identifier, self.document: self._document(identifier, ctx)}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        self._set(identifier, new[self.document], ctx)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        self._set(identifier, "", ctx)

    def _set(self, queue: str, document: str, ctx: AwsContext) -> None:
        ctx.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={self.attribute: document})


HANDLERS: Final[tuple[Handler, ...]] = (
    Queue(),
    QueueAttribute("aws:sqs/queuePolicy:QueuePolicy", "policy", "Policy"),
    QueueAttribute("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy", "RedrivePolicy"),
    QueueAttribute("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy", "RedriveAllowPolicy"),
)
