"""Rules of EventBridge and their targets, on the default bus."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import Absent, Refused
from scout.embedded.resources.shapes import changed, picked, unpicked
from scout.embedded.resources.tags import Tagging, tag_list
from scout.embedded.resources.values import DOCUMENT, OBJECT, TEXTS, OneOf, Problem, texts

_TAGGING: Final = Tagging("ResourceARN", pair=("Key", "Value"))

_RULE: Final = {
    "description": "Description",
    "eventPattern": "EventPattern",
    "scheduleExpression": "ScheduleExpression",
    "state": "State",
}

_TARGET: Final = {"targetId": "Id", "arn": "Arn", "roleArn": "RoleArn", "input": "Input", "inputPath": "InputPath"}


class EventRule(Handler):
    """`aws:cloudwatch/eventRule:EventRule`: a rule with a pattern or a schedule."""

    resource_type = "aws:cloudwatch/eventRule:EventRule"
    arguments = frozenset(_RULE) | {"name", "tags"}
    required = frozenset({"name"})
    values = texts("name", "description", "scheduleExpression") | {
        "eventPattern": DOCUMENT,
        "state": OneOf(("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")),
        "tags": TEXTS,
    }
    defaults = MappingProxyType({"state": "ENABLED"})
    replace_on = frozenset({"name"})

    def _problems(self, inputs: JsonObject) -> list[Problem]:
        if inputs.keys() & {"eventPattern", "scheduleExpression"}:
            return []
        return [Problem("", "one of the arguments `eventPattern` and `scheduleExpression` is missing")]

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:events:{ctx.region}:{ctx.account}:rule/{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        tags = {"Tags": tag_list(inputs)} if inputs.get("tags") else {}
        ctx.client("events").put_rule(Name=inputs["name"], **picked(inputs, _RULE), **tags)
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        return {"arn": ctx.client("events").describe_rule(Name=identifier)["Arn"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("events")
        rule = client.describe_rule(Name=identifier)
        return unpicked(rule, _RULE) | {"name": identifier, "tags": _TAGGING.read(client, rule["Arn"])}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("events")
        if changed(old, new, _RULE):
            # PutRule takes what it does not get as absent, so it gets all.
            client.put_rule(Name=identifier, **picked(new, _RULE))
        _TAGGING.change(client, self.expected(new, ctx)[1]["arn"], old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("events").delete_rule(Name=identifier)


class EventTarget(Handler):
    """`aws:cloudwatch/eventTarget:EventTarget`: where a rule sends its events."""

    resource_type = "aws:cloudwatch/eventTarget:EventTarget"
    arguments = frozenset({"rule", "targetId", "arn", "roleArn", "input", "inputPath", "inputTransformer"})
    required = frozenset({"rule", "targetId", "arn"})
    values = texts("rule", "targetId", "arn", "roleArn", "input", "inputPath") | {"inputTransformer": OBJECT}
    replace_on = frozenset({"rule", "targetId"})
    owns_name = False

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return f"{inputs['rule']}-{inputs['targetId']}", {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        identifier, _ = self.expected(inputs, ctx)
        self._update(identifier, {}, inputs, ctx)
        return identifier

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        self._target(identifier, inputs, ctx)
        return {}

    def _identify(self, identifier: str) -> JsonObject:
        # What an import names; the id itself cannot be taken apart, since both names may have hyphens.
        rule, _, target = identifier.rpartition("/")
        return {"rule": rule, "targetId": target}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        target = self._target(identifier, inputs, ctx)
        held = unpicked(target, _TARGET) | {"rule": inputs["rule"]}
        if transformer := target.get("InputTransformer"):
            paths, template = transformer.get("InputPathsMap", {}), transformer["InputTemplate"]
            held["inputTransformer"] = {"inputPaths": paths, "inputTemplate": template}
        return held

    def _target(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        pages = ctx.client("events").get_paginator("list_targets_by_rule").paginate(Rule=inputs["rule"])
        for target in [item for page in pages for item in page["Targets"]]:
            if target["Id"] == inputs["targetId"]:
                return dict(target)
        raise Absent(identifier)

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        target = picked(new, _TARGET)
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
