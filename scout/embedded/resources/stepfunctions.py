"""State machines of Step Functions."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.shapes import changed
from scout.embedded.resources.tags import Tagging, tag_list
from scout.embedded.resources.values import DOCUMENT, OBJECT, TEXTS, OneOf, texts

_TAGGING: Final = Tagging("resourceArn", "tags", "tagKeys", ("key", "value"), listed="tags")
_SETTINGS: Final = ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration")


def _settings(inputs: JsonObject) -> JsonObject:
    """Return what both CreateStateMachine and UpdateStateMachine take."""
    logging = inputs.get("loggingConfiguration", {})
    destination = logging.get("logDestination")
    return {
        "definition": inputs["definition"],
        "roleArn": inputs["roleArn"],
        "loggingConfiguration": {
            "level": logging.get("level", "OFF"),
            "includeExecutionData": logging.get("includeExecutionData", False),
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}] if destination else [],
        },
        "tracingConfiguration": {"enabled": inputs.get("tracingConfiguration", {}).get("enabled", False)},
    }


def _logging(held: JsonObject) -> JsonObject:
    """Return the input `loggingConfiguration`. The API has a list of destinations, which holds one at most."""
    told = {"level": held.get("level", "OFF"), "includeExecutionData": held.get("includeExecutionData", False)}
    for destination in held.get("destinations", []):
        told["logDestination"] = destination["cloudWatchLogsLogGroup"]["logGroupArn"]
    return told


class StateMachine(Handler):
    """`aws:sfn/stateMachine:StateMachine`: a state machine, Standard or Express."""

    resource_type = "aws:sfn/stateMachine:StateMachine"
    arguments = frozenset(_SETTINGS) | {"name", "type", "tags"}
    required = frozenset({"name", "definition", "roleArn"})
    values = texts("name", "roleArn") | {
        "definition": DOCUMENT,
        "type": OneOf(("STANDARD", "EXPRESS")),
        "loggingConfiguration": OBJECT,
        "tracingConfiguration": OBJECT,
        "tags": TEXTS,
    }
    defaults = MappingProxyType({"type": "STANDARD"})
    computed = frozenset({"loggingConfiguration", "tracingConfiguration"})
    replace_on = frozenset({"name", "type"})
    assigned = frozenset({"creationDate", "revisionId"})
    volatile = frozenset({"revisionId"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        arn = f"arn:{ctx.partition}:states:{ctx.region}:{ctx.account}:stateMachine:{inputs['name']}"
        return arn, {"arn": arn, "status": "ACTIVE"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        made = ctx.client("stepfunctions").create_state_machine(
            name=inputs["name"],
            type=inputs.get("type", "STANDARD"),
            tags=tag_list(inputs, "key", "value"),
            **_settings(inputs),
        )
        return str(made["stateMachineArn"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("stepfunctions").describe_state_machine(stateMachineArn=identifier)
        return {
            "arn": identifier,
            "status": held["status"],
            "creationDate": held["creationDate"].isoformat(),
            "revisionId": held.get("revisionId", ""),
        }

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier.partition(":stateMachine:")[2]}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("stepfunctions")
        held = client.describe_state_machine(stateMachineArn=identifier)
        return {
            "name": held["name"],
            "type": held["type"],
            "definition": held["definition"],
            "roleArn": held["roleArn"],
            "loggingConfiguration": _logging(held.get("loggingConfiguration", {})),
            "tracingConfiguration": held.get("tracingConfiguration", {}),
            "tags": _TAGGING.read(client, identifier),
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("stepfunctions")
        if changed(old, new, _SETTINGS):
            client.update_state_machine(stateMachineArn=identifier, **_settings(new))
        _TAGGING.change(client, identifier, old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("stepfunctions")
        # AWS ends the executions of a deleted machine at their next state; stopping them first gives the same end
        # where they would go on. An Express machine lists none.
        if inputs.get("type", "STANDARD") == "STANDARD":
            pages = client.get_paginator("list_executions").paginate(stateMachineArn=identifier, statusFilter="RUNNING")
            for execution in [item for page in pages for item in page["executions"]]:
                client.stop_execution(executionArn=execution["executionArn"], cause="the state machine is deleted")
        client.delete_state_machine(stateMachineArn=identifier)


HANDLERS: Final[tuple[Handler, ...]] = (StateMachine(),)
