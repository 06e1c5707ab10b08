"""Log groups."""

from __future__ import annotations

from typing import Final

from scout.embedded.resources.base import Absent, AwsContext, Handler, JsonObject, changed, tag_changes


class LogGroup(Handler):
    """`aws:cloudwatch/logGroup:LogGroup`: a log group and how long it keeps events."""

    resource_type = "aws:cloudwatch/logGroup:LogGroup"
    arguments = frozenset({"name", "retentionInDays", "tags"})
    required = frozenset({"name"})
    replace_on = frozenset({"name"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:logs:{ctx.region}:{ctx.account}:log-group:{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        tags = {"tags": inputs["tags"]} if inputs.get("tags") else {}
        ctx.client("logs").create_log_group(logGroupName=inputs["name"], **tags)
        self._set_retention(inputs, ctx)
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        pages = ctx.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=identifier)
        if not any(group["logGroupName"] == identifier for page in pages for group in page["logGroups"]):
            raise Absent(identifier)
        return {"arn": self.expected({"name": identifier}, ctx)[1]["arn"]}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("logs")
        if changed(old, new, ["retentionInDays"]):
            self._set_retention(new, ctx)
        tags, removed = tag_changes(old, new)
        arn = self.expected(new, ctx)[1]["arn"]
        if tags:
            client.tag_resource(resourceArn=arn, tags=tags)
        if removed:
            client.untag_resource(resourceArn=arn, tagKeys=removed)

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
