"""Every resource type from its creation to its end, on the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from scout.embedded.resources import HANDLERS
from tests.integration.resources.cases import CASES, Case

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

_TRIED_ELSEWHERE = {"aws:kms/alias:Alias", "aws:lambda/layerVersion:LayerVersion"}


def test_every_type_has_a_case() -> None:
    assert {case.type for case in CASES} | _TRIED_ELSEWHERE == set(HANDLERS)


@pytest.mark.parametrize("case", CASES, ids=[case.type.split(":")[-1] for case in CASES])
def test_create_read_update_delete(case: Case, world: World) -> None:
    handler, ctx = HANDLERS[case.type], world.ctx
    inputs = case.given(world)
    assert handler.check(inputs) == []
    assert handler.find(inputs, ctx) is None

    identifier, outputs = handler.create(inputs, ctx)

    assert case.seen(world, identifier) == case.before
    assert outputs == handler.read(identifier, inputs, ctx)
    assert outputs.items() >= inputs.items()
    assert handler.find(inputs, ctx) == (identifier if handler.owns_name else None)
    expected_id, expected = handler.expected(inputs, ctx)
    assert {**outputs, "id": identifier}.items() >= {
        key: value for key, value in {**expected, "id": expected_id}.items() if key not in handler.assigned
    }.items()
    assert outputs.keys() <= expected.keys() | handler.assigned | handler.volatile

    wanted = {key: value for key, value in (inputs | case.changes).items() if value is not None}
    assert handler.check(wanted) == []
    updated = handler.update(identifier, inputs, wanted, ctx)

    assert case.seen(world, identifier) == case.after
    assert updated == handler.read(identifier, wanted, ctx)
    kept = outputs.keys() - inputs.keys() - handler.volatile
    assert {key: updated[key] for key in kept} == {key: outputs[key] for key in kept}

    handler.delete(identifier, wanted, ctx)

    assert (handler.read(identifier, wanted, ctx) is None) is case.removable
    handler.delete(identifier, wanted, ctx)


@pytest.mark.parametrize("case", CASES, ids=[case.type.split(":")[-1] for case in CASES])
def test_a_missing_and_an_unknown_argument_are_told(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    for name in handler.required:
        rest = {key: value for key, value in inputs.items() if key != name}
        assert f"the argument `{name}` is missing" in handler.check(rest)
    assert handler.check(inputs | {"frobnicate": 1}) == ["the argument `frobnicate` has no support on the embedded AWS"]


@pytest.mark.parametrize("case", [case for case in CASES if HANDLERS[case.type].owns_name], ids=lambda case: case.type)
def test_the_holder_of_a_name_is_found(case: Case, world: World) -> None:
    handler = HANDLERS[case.type]
    inputs = case.given(world)
    identifier, _ = handler.create(inputs, world.ctx)
    assert handler.find(inputs, world.ctx) == identifier


def test_an_error_of_the_api_is_raised(world: World) -> None:
    handler = HANDLERS["aws:lambda/function:Function"]
    inputs = next(case for case in CASES if case.type == handler.resource_type).given(world)
    nowhere = f"arn:aws:lambda:{world.ctx.region}:{world.account}:layer:core:99"
    with pytest.raises(ClientError, match="core:99"):
        handler.create(inputs | {"layers": [nowhere]}, world.ctx)
