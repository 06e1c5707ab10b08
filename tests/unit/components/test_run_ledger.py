"""RunLedger: a table that costs nothing at rest, forgets on time, and can be restored."""

from __future__ import annotations

import pytest

from components.run_ledger import RunLedger, RunLedgerArgs
from tests.unit.pulumi_support import Graph, context_of, record


def build(**changes: object) -> Graph:
    context = context_of(changes)
    return record(lambda: RunLedger("ledger", RunLedgerArgs(context)))


def test_the_table():
    graph = build()
    inputs = graph.one("Table").inputs
    assert inputs["name"] == "data-scout-mock-ledger"
    assert inputs["billingMode"] == "PAY_PER_REQUEST"
    assert (inputs["hashKey"], inputs["rangeKey"]) == ("run", "item")
    assert inputs["attributes"] == [{"name": "run", "type": "S"}, {"name": "item", "type": "S"}]
    assert inputs["ttl"] == {"attributeName": "expires_at", "enabled": True}
    assert inputs["pointInTimeRecovery"] == {"enabled": True}
    assert inputs["tags"]["component"] == "run-ledger"
    assert len(graph.resources) == 2
    assert graph.component_outputs == {
        "RunLedger ledger": {
            "name": "data-scout-mock-ledger",
            "arn": "arn:aws:dynamodb:us-east-1:123456789012:table/data-scout-mock-ledger",
        }
    }


@pytest.mark.parametrize("allowed", [True, False])
def test_it_is_protected_unless_the_stack_may_be_destroyed_with_its_data(allowed):
    assert build(force_destroy=allowed).one("Table").inputs["deletionProtectionEnabled"] is not allowed
