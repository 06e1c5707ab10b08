"""Queues, and the queue attributes that `pulumi_aws` keeps as resources of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from scout.embedded.resources.base import Absent, AwsContext, Handler, JsonObject, is_not_found, tag_changes

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


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return str(value).lower() if isinstance(value, bool) else str(value)


class Queue(Handler):
    """`aws:sqs/queue:Queue`: a standard queue."""

    resource_type = "aws:sqs/queue:Queue"
    arguments = frozenset(_ATTRIBUTES) | {"name", "tags"}
    required = frozenset({"name"})
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

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["queueUrl"], {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._set(inputs["queueUrl"], inputs[self.document], ctx)
        return str(inputs["queueUrl"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        answer = ctx.client("sqs").get_queue_attributes(QueueUrl=identifier, AttributeNames=[self.attribute])
        if not answer.get("Attributes", {}).get(self.attribute):
            raise Absent(identifier)
        return {}

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
