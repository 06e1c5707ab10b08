"""Functions and layers of Lambda."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from scout.embedded.resources.base import (
    AwsContext,
    Handler,
    JsonObject,
    await_state,
    changed,
    pascal,
    picked,
    tag_changes,
)

# What Lambda gives a function that does not say.
_CONFIGURATION_DEFAULTS: Final[JsonObject] = {
    "description": "",
    "memorySize": 128,
    "timeout": 3,
    "layers": [],
    "environment": {"variables": {}},
    "tracingConfig": {"mode": "PassThrough"},
}
_CONFIGURATION: Final = {
    "role": "Role",
    "runtime": "Runtime",
    "handler": "Handler",
    "description": "Description",
    "memorySize": "MemorySize",
    "timeout": "Timeout",
    "layers": "Layers",
}
_ARCHITECTURES: Final = ["x86_64"]
_UNRESERVED: Final = -1


def _zip(archive: JsonObject) -> bytes:
    return Path(archive["path"]).read_bytes()


def _configuration(inputs: JsonObject) -> JsonObject:
    """Return what both CreateFunction and UpdateFunctionConfiguration take."""
    full = _CONFIGURATION_DEFAULTS | inputs
    return picked(full, _CONFIGURATION) | {
        # Names of variables are the user's own, so only the frame around them is renamed.
        "Environment": {"Variables": full["environment"].get("variables", {})},
        "TracingConfig": pascal(full["tracingConfig"]),
    }


class Function(Handler):
    """`aws:lambda/function:Function`: a function whose code is a zip file."""

    resource_type = "aws:lambda/function:Function"
    arguments = frozenset(_CONFIGURATION) | {
        "name",
        "code",
        "sourceCodeHash",
        "architectures",
        "environment",
        "tracingConfig",
        "reservedConcurrentExecutions",
        "publish",
        "tags",
    }
    required = frozenset({"name", "code", "role", "runtime", "handler"})
    replace_on = frozenset({"name"})
    volatile = frozenset({"lastModified", "version", "qualifiedArn", "codeSha256"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        arn = f"arn:{ctx.partition}:lambda:{ctx.region}:{ctx.account}:function:{name}"
        return name, self._outputs(arn, "1" if inputs.get("publish") else "$LATEST", ctx)

    def _outputs(self, arn: str, version: str, ctx: AwsContext) -> JsonObject:
        path = f"arn:{ctx.partition}:apigateway:{ctx.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
        return {"arn": arn, "invokeArn": path, "version": version, "qualifiedArn": f"{arn}:{version}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        client, name = ctx.client("lambda"), inputs["name"]
        client.create_function(
            FunctionName=name,
            Code={"ZipFile": _zip(inputs["code"])},
            Architectures=inputs.get("architectures", _ARCHITECTURES),
            Publish=inputs.get("publish", False),
            Tags=inputs.get("tags", {}),
            **_configuration(inputs),
        )
        self._await_ready(name, client)
        self._reserve({}, inputs, client)
        return str(name)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("lambda")
        held = client.get_function_configuration(FunctionName=identifier)
        version = "$LATEST"
        if inputs.get("publish"):
            pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=identifier)
            numbers = [
                int(item["Version"]) for page in pages for item in page["Versions"] if item["Version"] != version
            ]
            version = str(max(numbers))
        arn = held["FunctionArn"]
        return self._outputs(arn, version, ctx) | {
            "lastModified": held["LastModified"],
            "codeSha256": held["CodeSha256"],
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("lambda")
        if changed(old, new, [*_CONFIGURATION, "environment", "tracingConfig"]):
            client.update_function_configuration(FunctionName=identifier, **_configuration(new))
            self._await_ready(identifier, client)
        if changed(_contents(old), _contents(new), ["code", "architectures"]):
            client.update_function_code(
                FunctionName=identifier,
                ZipFile=_zip(new["code"]),
                Architectures=new.get("architectures", _ARCHITECTURES),
            )
            self._await_ready(identifier, client)
        if new.get("publish"):
            # Lambda makes no second version of what has not changed since the last one.
            client.publish_version(FunctionName=identifier)
        self._reserve(old, new, client)
        tags, removed = tag_changes(old, new)
        arn = self.expected(new, ctx)[1]["arn"]
        if tags:
            client.tag_resource(Resource=arn, Tags=tags)
        if removed:
            client.untag_resource(Resource=arn, TagKeys=removed)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("lambda").delete_function(FunctionName=identifier)

    def _reserve(self, old: JsonObject, new: JsonObject, client: Any) -> None:  # noqa: ANN401 - a boto3 client
        before, after = (inputs.get("reservedConcurrentExecutions", _UNRESERVED) for inputs in (old, new))
        if before == after:
            return
        if after == _UNRESERVED:
            client.delete_function_concurrency(FunctionName=new["name"])
        else:
            client.put_function_concurrency(FunctionName=new["name"], ReservedConcurrentExecutions=after)

    def _await_ready(self, name: str, client: Any) -> None:  # noqa: ANN401 - a boto3 client
        # Lambda refuses a change while an earlier one is under way.
        def state() -> tuple[str, str]:
            held = client.get_function_configuration(FunctionName=name)
            if held["State"] != "Active":
                return held["State"], held.get("StateReason", "")
            return held["LastUpdateStatus"], held.get("LastUpdateStatusReason", "")

        await_state(state, "Successful", frozenset({"Pending", "InProgress"}))


def _contents(inputs: JsonObject) -> JsonObject:
    """Return the inputs with the archive as its contents alone: where it lies makes no other code."""
    return inputs | {"code": inputs["code"]["sha256"]}


class LayerVersion(Handler):
    """`aws:lambda/layerVersion:LayerVersion`: one version of a layer, which never changes once it is published."""

    resource_type = "aws:lambda/layerVersion:LayerVersion"
    arguments = frozenset(
        {"layerName", "code", "sourceCodeHash", "compatibleArchitectures", "compatibleRuntimes", "description"}
    )
    required = frozenset({"layerName", "code"})
    replace_on = arguments
    owns_name = False
    coexists = True
    assigned = frozenset({"id", "arn", "version", "createdDate"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        layer = f"arn:{ctx.partition}:lambda:{ctx.region}:{ctx.account}:layer:{inputs['layerName']}"
        return f"{layer}:1", {"arn": f"{layer}:1", "layerArn": layer, "version": "1"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        names = {
            "description": "Description",
            "compatibleArchitectures": "CompatibleArchitectures",
            "compatibleRuntimes": "CompatibleRuntimes",
        }
        made = ctx.client("lambda").publish_layer_version(
            LayerName=inputs["layerName"], Content={"ZipFile": _zip(inputs["code"])}, **picked(inputs, names)
        )
        return str(made["LayerVersionArn"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("lambda").get_layer_version_by_arn(Arn=identifier)
        return {
            "arn": identifier,
            "layerArn": held["LayerArn"],
            "version": str(held["Version"]),
            "codeSha256": held["Content"]["CodeSha256"],
            "createdDate": held["CreatedDate"],
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        raise AssertionError("every argument of a layer version forces a new one")

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        version = int(identifier.rpartition(":")[2])
        ctx.client("lambda").delete_layer_version(LayerName=inputs["layerName"], VersionNumber=version)


HANDLERS: Final[tuple[Handler, ...]] = (Function(), LayerVersion())
