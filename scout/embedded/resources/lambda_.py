"""Functions and layers of Lambda."""

from __future__ import annotations

import base64
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import await_state
from scout.embedded.resources.shapes import camel, changed, pascal, picked, unpicked
from scout.embedded.resources.tags import Tagging
from scout.embedded.resources.values import FILE, LARGEST, LIST, OBJECT, TEXTS, TRUTH, Whole, texts

_TAGGING: Final = Tagging("Resource", listing="list_tags")

# What Lambda gives a function that does not say.
_CONFIGURATION_DEFAULTS: Final[JsonObject] = {
    "description": "",
    "memorySize": 128,
    "timeout": 3,
    "layers": [],
    "environment": {"variables": {}},
    "tracingConfig": {"mode": "PassThrough"},
    "ephemeralStorage": {"size": 512},
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
_LAYER: Final = {
    "description": "Description",
    "compatibleArchitectures": "CompatibleArchitectures",
    "compatibleRuntimes": "CompatibleRuntimes",
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
        "EphemeralStorage": pascal(full["ephemeralStorage"]),
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
        "ephemeralStorage",
        "reservedConcurrentExecutions",
        "publish",
        "tags",
    }
    required = frozenset({"name", "code", "role", "runtime", "handler"})
    values = texts("name", "role", "runtime", "handler", "description", "sourceCodeHash") | {
        "code": FILE,
        "memorySize": Whole(128, 10240),
        "timeout": Whole(1, 900),
        "layers": LIST,
        "architectures": LIST,
        "environment": OBJECT,
        "tracingConfig": OBJECT,
        "ephemeralStorage": OBJECT,
        "reservedConcurrentExecutions": Whole(_UNRESERVED, LARGEST),
        "publish": TRUTH,
        "tags": TEXTS,
    }
    defaults = MappingProxyType(
        {"memorySize": 128, "timeout": 3, "publish": False, "reservedConcurrentExecutions": _UNRESERVED}
    )
    archives = frozenset({"code"})
    computed = frozenset({"sourceCodeHash", "architectures", "tracingConfig", "ephemeralStorage"})
    unreadable = frozenset({"publish"})
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
        return str(name)

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("lambda")
        self._await_ready(identifier, client)
        self._reserve({}, inputs, client)

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

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("lambda")
        answer = client.get_function(FunctionName=identifier)
        held = answer["Configuration"]
        return unpicked(held, _CONFIGURATION) | {
            "name": identifier,
            "layers": [layer["Arn"] for layer in held.get("Layers", [])],
            "environment": {"variables": held.get("Environment", {}).get("Variables", {})},
            "tracingConfig": camel(held["TracingConfig"]),
            "ephemeralStorage": camel(held["EphemeralStorage"]),
            "architectures": held["Architectures"],
            "reservedConcurrentExecutions": answer.get("Concurrency", {}).get(
                "ReservedConcurrentExecutions", _UNRESERVED
            ),
            "tags": _TAGGING.read(client, held["FunctionArn"]),
            **_held_code(held["CodeSha256"]),
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("lambda")
        if changed(old, new, [*_CONFIGURATION, "environment", "tracingConfig", "ephemeralStorage"]):
            client.update_function_configuration(FunctionName=identifier, **_configuration(new))
            self._await_ready(identifier, client)
        # A hash that differs from what it was says that what runs is not the program's code, even if that is the same.
        if changed(_contents(old), _contents(new), ["code", "sourceCodeHash", "architectures"]):
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
        _TAGGING.change(client, self.expected(new, ctx)[1]["arn"], old, new)

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


def _held_code(digest: str) -> JsonObject:
    """Return the inputs that say what code runs, from the digest that Lambda tells."""
    return {"code": {"path": "", "sha256": base64.b64decode(digest).hex()}, "sourceCodeHash": digest}


class LayerVersion(Handler):
    """`aws:lambda/layerVersion:LayerVersion`: one version of a layer, which never changes once it is published."""

    resource_type = "aws:lambda/layerVersion:LayerVersion"
    arguments = frozenset(
        {"layerName", "code", "sourceCodeHash", "compatibleArchitectures", "compatibleRuntimes", "description"}
    )
    required = frozenset({"layerName", "code"})
    values = texts("layerName", "description", "sourceCodeHash") | {
        "code": FILE,
        "compatibleArchitectures": LIST,
        "compatibleRuntimes": LIST,
    }
    archives = frozenset({"code"})
    replace_on = arguments
    computed = frozenset({"sourceCodeHash"})
    owns_name = False
    coexists = True
    assigned = frozenset({"id", "arn", "version", "createdDate"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        layer = f"arn:{ctx.partition}:lambda:{ctx.region}:{ctx.account}:layer:{inputs['layerName']}"
        return f"{layer}:1", {"arn": f"{layer}:1", "layerArn": layer, "version": "1"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        made = ctx.client("lambda").publish_layer_version(
            LayerName=inputs["layerName"], Content={"ZipFile": _zip(inputs["code"])}, **picked(inputs, _LAYER)
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

    def _identify(self, identifier: str) -> JsonObject:
        layer, _, version = identifier.rpartition(":")
        return {"layerName": layer.rpartition(":layer:")[2] if ":layer:" in layer and version.isdecimal() else ""}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("lambda").get_layer_version_by_arn(Arn=identifier)
        named = {"layerName": inputs["layerName"]}
        return unpicked(held, _LAYER) | named | _held_code(held["Content"]["CodeSha256"])

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        raise AssertionError("every argument of a layer version forces a new one")

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        version = int(identifier.rpartition(":")[2])
        ctx.client("lambda").delete_layer_version(LayerName=inputs["layerName"], VersionNumber=version)


HANDLERS: Final[tuple[Handler, ...]] = (Function(), LayerVersion())
