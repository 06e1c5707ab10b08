"""What is special about functions and layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from scout.embedded.resources import JsonObject
    from tests.integration.resources.conftest import World

FUNCTION = HANDLERS["aws:lambda/function:Function"]
LAYER = HANDLERS["aws:lambda/layerVersion:LayerVersion"]


def _function(world: World, body: str, **inputs: Any) -> JsonObject:
    return {
        "name": "tiles",
        "role": world.role("lambda"),
        "runtime": "python3.13",
        "handler": "code.handler",
        "code": world.archive(code=f"def handler(event, context):\n    return {body}\n"),
        **inputs,
    }


def _invoke(world: World) -> Any:
    return json.loads(world.client("lambda").invoke(FunctionName="tiles")["Payload"].read())


def test_the_code_runs_and_an_update_runs_the_new_code(world: World) -> None:
    inputs = _function(world, "1")
    identifier, outputs = FUNCTION.create(inputs, world.ctx)
    assert _invoke(world) == 1

    changed = inputs | {"code": world.archive(code="def handler(event, context):\n    return 2\n")}
    updated = FUNCTION.update(identifier, inputs, changed, world.ctx)

    assert _invoke(world) == 2
    assert updated["codeSha256"] != outputs["codeSha256"]


def test_settings_alone_leave_the_code_as_it_is(world: World) -> None:
    inputs = _function(world, "event and context.memory_limit_in_mb", memorySize=256)
    identifier, outputs = FUNCTION.create(inputs, world.ctx)
    updated = FUNCTION.update(identifier, inputs, inputs | {"memorySize": 512}, world.ctx)
    assert updated["codeSha256"] == outputs["codeSha256"]


def test_publishing_gives_each_update_a_version(world: World) -> None:
    inputs = _function(world, "1", publish=True)
    identifier, first = FUNCTION.create(inputs, world.ctx)
    changed = inputs | {"code": world.archive(code="def handler(event, context):\n    return 2\n")}
    second = FUNCTION.update(identifier, inputs, changed, world.ctx)
    assert (first["version"], second["version"]) == ("1", "2")
    assert second["qualifiedArn"] == f"{second['arn']}:2"
    assert second == FUNCTION.read(identifier, changed, world.ctx)


@pytest.mark.parametrize(("before", "after"), [(-1, 3), (3, -1), (2, 5)])
def test_reserved_concurrency_is_set_changed_and_taken_away(world: World, before: int, after: int) -> None:
    inputs = _function(world, "1", reservedConcurrentExecutions=before)
    identifier, _ = FUNCTION.create(inputs, world.ctx)
    FUNCTION.update(identifier, inputs, inputs | {"reservedConcurrentExecutions": after}, world.ctx)
    found = world.client("lambda").get_function_concurrency(FunctionName=identifier)
    assert found.get("ReservedConcurrentExecutions", -1) == after


def test_a_layer_is_on_the_path_of_a_function(world: World) -> None:
    layer = world.make(
        "aws:lambda/layerVersion:LayerVersion",
        layerName="core",
        code=world.archive(**{"python/shared": "N = 41"}),
        description="shared code",
        compatibleRuntimes=["python3.13"],
        compatibleArchitectures=["arm64"],
    )
    inputs = _function(world, "__import__('shared').N + 1", layers=[layer["arn"]])
    FUNCTION.create(inputs, world.ctx)
    assert _invoke(world) == 42


def test_layer_versions_stand_beside_each_other(world: World) -> None:
    first, second = (
        {"layerName": "core", "code": world.archive(**{"python/shared": text})} for text in ("N = 1", "N = 2")
    )
    (one, made), (two, remade) = LAYER.create(first, world.ctx), LAYER.create(second, world.ctx)
    assert LAYER.find(second, world.ctx) is None
    assert (made["version"], remade["version"]) == ("1", "2")
    assert made["layerArn"] == remade["layerArn"]
    assert LAYER.read(one, first, world.ctx) == made
    LAYER.delete(one, first, world.ctx)
    assert LAYER.read(one, first, world.ctx) is None
    assert LAYER.read(two, second, world.ctx) == remade


def test_a_file_that_is_no_zip_is_refused_by_the_api(world: World) -> None:
    path = world.folder / "broken.zip"
    path.write_bytes(b"no zip")
    inputs = _function(world, "1") | {"code": {"path": str(path), "sha256": "0"}}
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        FUNCTION.create(inputs, world.ctx)
