"""EventBridge Pipes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from botocore.exceptions import ClientError

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import await_state, is_not_found
from scout.embedded.resources.shapes import camel, changed, pascal, picked, unpicked
from scout.embedded.resources.tags import Tagging
from scout.embedded.resources.values import OBJECT, TEXTS, OneOf, texts

_TAGGING: Final = Tagging("resourceArn", "tags", "tagKeys", listed="tags")

_SETTINGS: Final = {
    "description": "Description",
    "desiredState": "DesiredState",
    "roleArn": "RoleArn",
    "target": "Target",
}
_PARAMETERS: Final = {"sourceParameters": "SourceParameters", "targetParameters": "TargetParameters"}
_PASSING: Final = frozenset({"CREATING", "UPDATING", "STARTING", "STOPPING", "DELETING"})
_RESTING: Final = frozenset({"RUNNING", "STOPPED", "CREATE_FAILED", "UPDATE_FAILED", "START_FAILED", "STOP_FAILED"})
_GONE: Final = "GONE"


def _parameters(inputs: JsonObject) -> JsonObject:
    return {name: pascal(inputs[key]) for key, name in _PARAMETERS.items() if key in inputs}


class Pipe(Handler):
    """`aws:pipes/pipe:Pipe`: a pipe from a source to a target."""

    resource_type = "aws:pipes/pipe:Pipe"
    arguments = frozenset({*_SETTINGS, *_PARAMETERS, "name", "source", "tags"})
    required = frozenset({"name", "source", "target", "roleArn"})
    values = texts("name", "description", "source", "target", "roleArn") | {
        "desiredState": OneOf(("RUNNING", "STOPPED")),
        "sourceParameters": OBJECT,
        "targetParameters": OBJECT,
        "tags": TEXTS,
    }
    defaults = MappingProxyType({"desiredState": "RUNNING"})
    replace_on = frozenset({"name", "source"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:pipes:{ctx.region}:{ctx.account}:pipe/{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        ctx.client("pipes").create_pipe(
            Name=inputs["name"],
            Source=inputs["source"],
            Tags=inputs.get("tags", {}),
            **picked(inputs, _SETTINGS),
            **_parameters(inputs),
        )
        return str(inputs["name"])

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        self._await_settled(inputs, ctx)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        return {"arn": ctx.client("pipes").describe_pipe(Name=identifier)["Arn"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("pipes")
        pipe = client.describe_pipe(Name=identifier)
        return unpicked(pipe, _SETTINGS) | {
            "name": identifier,
            "source": pipe["Source"],
            "tags": _TAGGING.read(client, pipe["Arn"]),
            **{key: camel(pipe[name]) for key, name in _PARAMETERS.items() if name in pipe},
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("pipes")
        if changed(old, new, [*_SETTINGS, *_PARAMETERS]):
            settings = {"description": "", "desiredState": "RUNNING"} | new
            client.update_pipe(Name=identifier, **picked(settings, _SETTINGS), **_parameters(new))
            self._await_settled(new, ctx)
        _TAGGING.change(client, self.expected(new, ctx)[1]["arn"], old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("pipes").delete_pipe(Name=identifier)
        await_state(lambda: self._state(identifier, ctx), _GONE, _PASSING | _RESTING)

    def _await_settled(self, inputs: JsonObject, ctx: AwsContext) -> None:
        await_state(lambda: self._state(inputs["name"], ctx), inputs.get("desiredState", "RUNNING"), _PASSING)

    def _state(self, name: str, ctx: AwsContext) -> tuple[str, str]:
        try:
            pipe = ctx.client("pipes").describe_pipe(Name=name)
        except ClientError as error:
            if is_not_found(error):
                return _GONE, ""
            raise
        return pipe["CurrentState"], pipe.get("StateReason", "")


HANDLERS: Final[tuple[Handler, ...]] = (Pipe(),)
