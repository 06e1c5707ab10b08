"""What is special about tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from tests.integration.resources.conftest import World

TABLE = HANDLERS["aws:dynamodb/table:Table"]
INPUTS = {
    "name": "ledger",
    "billingMode": "PAY_PER_REQUEST",
    "hashKey": "run",
    "attributes": [{"name": "run", "type": "S"}],
}


def test_a_protected_table_stays_until_the_protection_is_taken_away(world: World) -> None:
    inputs = INPUTS | {"deletionProtectionEnabled": True}
    name, _ = TABLE.create(inputs, world.ctx)
    with pytest.raises(ClientError, match="deletion protection"):
        TABLE.delete(name, inputs, world.ctx)
    TABLE.update(name, inputs, INPUTS, world.ctx)
    TABLE.delete(name, INPUTS, world.ctx)
    assert TABLE.read(name, INPUTS, world.ctx) is None


def test_provisioned_capacity_is_refused() -> None:
    assert TABLE.check(INPUTS | {"billingMode": "PROVISIONED"}) == [
        "`billingMode` PROVISIONED has no support on the embedded AWS"
    ]
