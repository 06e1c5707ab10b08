"""What an `up` would do, as `pulumi preview --json` says it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi.automation.events import OpType

from scout.embedded.deploy.diff import Op
from scout.errors import ScoutError
from scout.stacks import planning

URN = "urn:pulumi:dev::data-scout::"
TABLE = "data-scout:components:RunLedger$aws:dynamodb/table:Table::ledger"


def step(op: str, urn: str = TABLE, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": URN + urn, "detailedDiff": None, **more}


def state(**inputs: Any) -> dict[str, Any]:
    return {"urn": URN + TABLE, "custom": True, "type": "aws:dynamodb/table:Table", "inputs": inputs, "outputs": {}}


def digest(*steps: dict[str, Any], **summary: int) -> str:
    return json.dumps({"config": {}, "steps": list(steps), "duration": 1, "changeSummary": summary})


def ops(text: str) -> list[tuple[str, Op]]:
    return [(change.name, change.op) for change in planning.of_preview(text, "dev")]


def test_a_real_form_of_it():
    stack = step("same", "pulumi:pulumi:Stack::data-scout-dev")
    provider = step("create", "pulumi:providers:aws::default_7_51_1")
    changed = step(
        "replace",
        oldState=state(name="ledger", rangeKey="item"),
        newState=state(name="ledger", rangeKey="items"),
        diffReasons=["rangeKey"],
        replaceReasons=["rangeKey"],
        provider="urn:pulumi:dev::data-scout::pulumi:providers:aws::default::1",
    )
    queue = step("delete", "aws:sqs/queue:Queue::queue", oldState=state(name="q"))
    function = step("same", "aws:lambda/function:Function::control")
    found = planning.of_preview(digest(stack, provider, changed, queue, function, replace=1, delete=1, same=2), "dev")
    assert [(change.op, change.type, change.name) for change in found] == [
        (Op.DELETE, "aws:sqs/queue:Queue", "queue"),
        (Op.REPLACE, "aws:dynamodb/table:Table", "ledger"),
    ]
    assert [(item.path, item.old, item.new) for item in found[1].properties] == [("rangeKey", "item", "items")]
    assert planning.dangerous(found) == [
        "aws:sqs/queue:Queue 'queue' would be deleted, and its messages with it",
        "aws:dynamodb/table:Table 'ledger' would be replaced, and its items with it (for rangeKey)",
    ]


@pytest.mark.parametrize("op", [op.value for op in OpType])
def test_every_operation_of_the_engine_is_known(op: str):
    assert len(planning.of_preview(digest(step(op)), "dev")) == (op not in {"same", "refresh", "read"})


@pytest.mark.parametrize(
    "op", [op.value for op in OpType if "replace" in op.value or op.value in ("delete", "discard")]
)
def test_what_takes_a_resource_away_is_dangerous(op: str):
    assert planning.dangerous(planning.of_preview(digest(step(op)), "dev"))


@pytest.mark.parametrize("op", ["create", "update", "import"])
def test_what_leaves_it_is_not(op: str):
    assert not planning.dangerous(planning.of_preview(digest(step(op)), "dev"))


@pytest.mark.parametrize("kind", sorted(planning.STATEFUL))
def test_every_kind_that_holds_data_counts(kind: str):
    found = planning.of_preview(digest(step("delete", f"{kind}::x")), "dev")
    assert planning.STATEFUL[kind] in planning.dangerous(found)[0]


def test_what_holds_no_data_may_go():
    assert not planning.dangerous(planning.of_preview(digest(step("delete", "aws:iam/role:Role::x")), "dev"))


def test_the_steps_of_one_replacement_are_one_change():
    steps = [step("create-replacement"), step("replace"), step("delete-replaced")]
    assert ops(digest(*steps)) == [("ledger", Op.REPLACE)]
    assert ops(digest(step("update"), step("delete"))) == [("ledger", Op.DELETE)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Previewing update (dev)",
        "[]",
        "null",
        json.dumps({"steps": []}),
        json.dumps({"steps": [{"op": "delete"}], "changeSummary": {}}),
        json.dumps({"steps": [{"op": "delete", "urn": "no urn"}], "changeSummary": {}}),
        digest(step("vaporize")),
    ],
)
def test_what_is_no_whole_preview_is_never_taken_for_one_without_changes(text: str):
    with pytest.raises(ScoutError, match="printed no preview"):
        planning.of_preview(text, "dev")


def test_changes_that_are_counted_and_not_named_are_refused():
    with pytest.raises(ScoutError, match="counts more resources to delete than it names"):
        planning.of_preview(digest(step("update"), update=1, delete=1), "dev")


def test_a_preview_of_nothing():
    assert planning.of_preview(json.dumps({"changeSummary": {"same": 3}}), "dev") == ()
