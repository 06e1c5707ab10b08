"""Log groups."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import Absent
from scout.embedded.resources.shapes import changed
from scout.embedded.resources.tags import Tagging
from scout.embedded.resources.values import TEXTS, OneOf, texts

_TAGGING: Final = Tagging("resourceArn", "tags", "tagKeys", listed="tags")

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html; 0 means for ever.
_DAYS: Final = (
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
)  # fmt: skip


class LogGroup(Handler):
    """`aws:cloudwatch/logGroup:LogGroup`: a log group and how long it keeps events."""

    resource_type = "aws:cloudwatch/logGroup:LogGroup"
    arguments = frozenset({"name", "retentionInDays", "tags"})
    required = frozenset({"name"})
    values = texts("name") | {"retentionInDays": OneOf(_DAYS), "tags": TEXTS}
    defaults = MappingProxyType({"retentionInDays": 0})
    replace_on = frozenset({"name"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:logs:{ctx.region}:{ctx.account}:log-group:{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        tags = {"tags": inputs["tags"]} if inputs.get("tags") else {}
        ctx.client("logs").create_log_group(logGroupName=inputs["name"], **tags)
        return str(inputs["name"])

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        self._set_retention(inputs, ctx)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        self._group(identifier, ctx)
        return {"arn": self.expected({"name": identifier}, ctx)[1]["arn"]}

    def _group(self, name: str, ctx: AwsContext) -> JsonObject:
        pages = ctx.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        for group in [item for page in pages for item in page["logGroups"]]:
            if group["logGroupName"] == name:
                return dict(group)
        raise Absent(name)

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        days = self._group(identifier, ctx).get("retentionInDays", 0)
        arn = self.expected({"name": identifier}, ctx)[1]["arn"]
        return {"name": identifier, "retentionInDays": days, "tags": _TAGGING.read(ctx.client("logs"), arn)}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        if changed(old, new, ["retentionInDays"]):
            self._set_retention(new, ctx)
        _TAGGING.change(ctx.client("logs"), self.expected(new, ctx)[1]["arn"], old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("logs").delete_log_group(logGroupName=identifier)

    def _set_retention(self, inputs: JsonObject, ctx: AwsContext) -> None:
        client, name, days = ctx.client("logs"), inputs["name"], inputs.get("retentionInDays", 0)
        # No days means for ever, which is the absence of a policy.
        if days:
            client.put_retention_policy(logGroupName=name, retentionInDays=days)
        else:
            client.delete_retention_policy(logGroupName=name)


HANDLERS: Final[tuple[Handler, ...]] = (LogGroup(),)
