"""What is special about keys and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

ALIAS = HANDLERS["aws:kms/alias:Alias"]
KEY = HANDLERS["aws:kms/key:Key"]


def test_an_alias_moves_from_key_to_key(world: World) -> None:
    first, second = (world.make("aws:kms/key:Key", description=text) for text in ("one", "two"))
    inputs = {"name": "alias/data", "targetKeyId": first["keyId"]}
    assert ALIAS.find(inputs, world.ctx) is None

    identifier, outputs = ALIAS.create(inputs, world.ctx)

    assert identifier == "alias/data"
    assert outputs["targetKeyArn"] == first["arn"]
    assert outputs["arn"] == ALIAS.expected(inputs, world.ctx)[1]["arn"]
    assert ALIAS.find(inputs, world.ctx) == identifier

    moved = inputs | {"targetKeyId": second["keyId"]}
    assert ALIAS.update(identifier, inputs, moved, world.ctx)["targetKeyArn"] == second["arn"]

    ALIAS.delete(identifier, moved, world.ctx)
    assert ALIAS.read(identifier, moved, world.ctx) is None
    ALIAS.delete(identifier, moved, world.ctx)


def test_a_deleted_key_waits_for_its_end(world: World) -> None:
    inputs = {"description": "data", "deletionWindowInDays": 7}
    key, _ = KEY.create(inputs, world.ctx)
    KEY.delete(key, inputs, world.ctx)
    state = world.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    assert state == "PendingDeletion"
    assert KEY.read(key, inputs, world.ctx) is None
