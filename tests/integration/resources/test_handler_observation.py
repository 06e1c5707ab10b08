"""What a handler tells of a resource that somebody else may have changed, or that it knows nothing of but the id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scout.embedded.resources import HANDLERS, Refused
from scout.embedded.resources.differences import changed_inputs
from tests.integration.resources.cases import CASES, Case

if TYPE_CHECKING:
    from scout.embedded.resources import JsonObject
    from tests.integration.resources.conftest import World

# What an id cannot tell, or is told under another one.
IMPORT_IDS = {"aws:cloudwatch/eventTarget:EventTarget": "failure/dlq"}

IDS = [case.type.split(":")[-1] for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_nobody_changed_is_as_it_was_made(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, _ = handler.create(inputs, world.ctx)
    assert handler.observe(identifier, inputs, world.ctx) == inputs
    # With every default said, it is the same.
    complete = handler.complete(inputs)
    assert handler.observe(identifier, complete, world.ctx) == complete


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_was_changed_behind_its_back_is_told(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, _ = handler.create(inputs, world.ctx)
    wanted = {key: value for key, value in (inputs | case.changes).items() if value is not None}
    handler.update(identifier, inputs, wanted, world.ctx)

    observed = handler.observe(identifier, inputs, world.ctx)

    assert observed is not None
    expected = set(case.changes) - handler.unreadable
    # Of what the program left out, AWS decides on its own what it is.
    expected -= {key for key in handler.computed if key not in inputs}
    # Contents are one thing, whether they are a file or a text.
    expected -= {"content"} if "source" in inputs else set()
    assert set(changed_inputs(observed, inputs)) == expected
    # Once it is known, it is as it is told.
    assert handler.observe(identifier, observed, world.ctx) == observed


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_id_is_enough_to_take_a_resource_over(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, _ = handler.create(inputs, world.ctx)

    observed = handler.observe(IMPORT_IDS.get(case.type, identifier), {}, world.ctx)

    assert observed is not None
    untold = handler.unreadable | handler.computed
    known = {key: value for key, value in inputs.items() if key not in untold}
    assert changed_inputs(handler.complete(observed), handler.complete(known)) == []


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_creation_can_be_gone_on_with_at_any_time(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, outputs = handler.create(inputs, world.ctx)
    assert handler.resume(identifier, inputs, world.ctx) == outputs
    assert handler.observe(identifier, inputs, world.ctx) == inputs


@pytest.mark.parametrize("case", [case for case in CASES if case.removable], ids=lambda case: case.type.split(":")[-1])
def test_what_is_gone_is_told(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, _ = handler.create(inputs, world.ctx)
    handler.delete(identifier, inputs, world.ctx)
    assert handler.observe(identifier, inputs, world.ctx) is None


@pytest.mark.parametrize(
    ("resource_type", "identifier"),
    [
        ("aws:sqs/queue:Queue", "frontier"),
        ("aws:sqs/queuePolicy:QueuePolicy", "frontier"),
        ("aws:sns/topic:Topic", "alerts"),
        ("aws:sfn/stateMachine:StateMachine", "pages"),
        ("aws:lambda/layerVersion:LayerVersion", "core:1"),
        ("aws:iam/rolePolicy:RolePolicy", "worker"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", "data"),
        ("aws:cloudwatch/eventTarget:EventTarget", "failure-dlq"),
    ],
)
def test_what_is_no_id_is_refused(resource_type: str, identifier: str, world: World) -> None:
    with pytest.raises(Refused, match=f"InvalidId: {identifier} is no id of {resource_type}"):
        HANDLERS[resource_type].observe(identifier, {}, world.ctx)


def test_a_layer_is_told_by_its_contents(world: World) -> None:
    handler = HANDLERS["aws:lambda/layerVersion:LayerVersion"]
    inputs: JsonObject = {
        "layerName": "core",
        "code": world.archive(shared="N = 1"),
        "compatibleRuntimes": ["python3.13"],
        "description": "packages",
    }
    identifier, _ = handler.create(inputs, world.ctx)
    assert handler.observe(identifier, inputs, world.ctx) == inputs
    imported: Any = handler.observe(identifier, {}, world.ctx)
    assert changed_inputs(imported, inputs) == []
    handler.delete(identifier, inputs, world.ctx)
    assert handler.observe(identifier, inputs, world.ctx) is None


def test_an_alias_is_told_by_its_key(world: World) -> None:
    handler = HANDLERS["aws:kms/alias:Alias"]
    first, second = (world.make("aws:kms/key:Key", description=text) for text in ("one", "two"))
    for named in ("keyId", "arn"):
        inputs = {"name": f"alias/{named.lower()}", "targetKeyId": first[named]}
        identifier, _ = handler.create(inputs, world.ctx)
        assert handler.observe(identifier, inputs, world.ctx) == inputs
        world.client("kms").update_alias(AliasName=identifier, TargetKeyId=second["keyId"])
        assert handler.observe(identifier, inputs, world.ctx) == inputs | {"targetKeyId": second["keyId"]}
    world.client("kms").delete_alias(AliasName="alias/arn")
    assert handler.observe("alias/arn", inputs, world.ctx) is None


def test_code_that_somebody_else_put_there_is_told_and_replaced(world: World) -> None:
    handler = HANDLERS["aws:lambda/function:Function"]
    code = world.archive(code="def handler(event, context): return 1")
    inputs: JsonObject = {
        "name": "tiles",
        "role": world.role("lambda"),
        "runtime": "python3.13",
        "handler": "code.handler",
        "code": code,
    }
    identifier, outputs = handler.create(inputs, world.ctx)
    inputs["sourceCodeHash"] = outputs["codeSha256"]
    other = world.archive(code="def handler(event, context): return 2")
    client = world.client("lambda")
    with open(other["path"], "rb") as file:
        client.update_function_code(FunctionName=identifier, ZipFile=file.read())

    observed = handler.observe(identifier, inputs, world.ctx)

    assert observed is not None
    assert changed_inputs(observed, inputs) == ["code", "sourceCodeHash"]
    assert observed["code"] == {"path": "", "sha256": other["sha256"]}
    handler.update(identifier, observed, inputs, world.ctx)
    assert handler.observe(identifier, inputs, world.ctx) == inputs
