"""Rules of EventBridge and their targets, on the default bus."""

from __future__ import annotations

from typing import Final

from scout.embedded.resources.base import (
    Absent,
    AwsContext,
    Handler,
    JsonObject,
    Refused,
    changed,
    picked,
    tag_changes,
    tag_list,
)

_RULE: Final = {
    "description": "Description",
    "eventPattern": "EventPattern",
    "scheduleExpression": "ScheduleExpression",
    "state": "State",
}


class EventRule(Handler):
    """`aws:cloudwatch/eventRule:EventRule`: a rule with a pattern or a schedule."""

    resource_type = "aws:cloudwatch/eventRule:EventRule"
    arguments = frozenset(_RULE) | {"name", "tags"}
    required = frozenset({"name"})
    replace_on = frozenset({"name"})

    def _problems(self, inputs: JsonObject) -> list[str]:
        if inputs.keys() & {"eventPattern", "scheduleExpression"}:
            return []
        return ["one of the arguments `eventPattern` and `scheduleExpression` is missing"]

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:events:{ctx.region}:{ctx.account}:rule/{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        tags = {"Tags": tag_list(inputs)} if inputs.get("tags") else {}
        ctx.client("events").put_rule(Name=inputs["name"], **picked(inputs, _RULE), **tags)
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        return {"arn": ctx.client("events").describe_rule(Name=identifier)["Arn"]}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("events")
        if changed(old, new, _RULE):
            # PutRule takes what it does not get as absent, so it gets all.
            client.put_rule(Name=identifier, **picked(new, _RULE))
        tags, removed = tag_changes(old, new)
        arn = self.expected(new, ctx)[1]["arn"]
        if tags:
            client.tag_resource(ResourceARN=arn, Tags=tag_list({"tags": tags}))
        if removed:
            client.untag_resource(ResourceARN=arn, TagKeys=removed)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("events").delete_rule(Name=identifier)


class EventTarget(Handler):
    """`aws:cloudwatch/eventTarget:EventTarget`: where a rule sends its events."""

    resource_type = "aws:cloudwatch/eventTarget:EventTarget"
    arguments = frozenset({"rule", "targetId", "arn", "roleArn", "input", "inputPath", "inputTransformer"})
    required = frozenset({"rule", "targetId", "arn"})
    replace_on = frozenset({"rule", "targetId"})
    owns_name = False

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return f"{inputs['rule']}-{inputs['targetId']}", {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        identifier, _ = self.expected(inputs, ctx)
        self._update(identifier, {}, inputs, ctx)
        return identifier

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("events").list_targets_by_rule(Rule=inputs["rule"])["Targets"]
        if all(target["Id"] != inputs["targetId"] for target in held):
            raise Absent(identifier)
        return {}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        names = {"targetId": "Id", "arn": "Arn", "roleArn": "RoleArn", "input": "Input", "inputPath": "InputPath"}
        target = picked(new, names)
        if transformer := new.get("inputTransformer"):
            paths, template = transformer.get("inputPaths", {}), transformer["inputTemplate"]
            target["InputTransformer"] = {"InputPathsMap": paths, "InputTemplate": template}
        _refuse_failures(ctx.client("events").put_targets(Rule=new["rule"], Targets=[target]))

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        _refuse_failures(ctx.client("events").remove_targets(Rule=inputs["rule"], Ids=[inputs["targetId"]]))


def _refuse_failures(answer: JsonObject) -> None:
    if answer["FailedEntryCount"]:
        entry = answer["FailedEntries"][0]
        raise Refused(entry["ErrorCode"], entry["ErrorMessage"])


HANDLERS: Final[tuple[Handler, ...]] = (EventRule(), EventTarget())
