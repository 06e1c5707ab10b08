"""The table: what a put sends, every failure by its name, and the stand-in by which the other tests stand or fall."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from lambdas.candidates.table import ConditionFailed, Table
from lambdas.runtime.errors import AccessDenied, InputNotFound, InvalidInput, ServiceUnavailable, Throttled
from tests.unit.candidates.conditions import holds
from tests.unit.candidates.standins import TABLE, Faults, MemoryTable, client_error

ABSENT = "attribute_not_exists(#pk)"


def item(**more: Any) -> dict[str, Any]:
    return {"pk": "p", "sk": "s", **more}


def table(memory: MemoryTable) -> Table:
    return Table(TABLE, memory)  # type: ignore[arg-type]


def test_numbers_are_kept_as_they_are_written():
    memory = MemoryTable()
    numbers = {"share": 0.1, "small": 1e-7, "whole": 3, "list": [0.5, {"deep": 2.5}], "flag": True, "none": None}
    table(memory).put(item(**numbers), "#pk <> :x OR attribute_not_exists(#pk)", x="y")
    assert memory.items["p", "s"] == item(
        share=Decimal("0.1"),
        small=Decimal("1E-7"),
        whole=Decimal(3),
        list=[Decimal("0.5"), {"deep": Decimal("2.5")}],
        flag=True,
        none=None,
    )


def test_what_stands_is_told_when_the_condition_does_not_hold():
    memory = MemoryTable()
    table(memory).put(item(a=1), "#a <= :a OR attribute_not_exists(#pk)", a=0)
    with pytest.raises(ConditionFailed) as refused:
        table(memory).put(item(a=2), "#a <= :a OR attribute_not_exists(#pk)", a=0)
    assert refused.value.standing == item(a=Decimal(1))
    assert memory.writes == 1


@pytest.mark.parametrize("number", [10**40 + 1, 1e300])
def test_a_number_that_dynamodb_cannot_hold_is_refused(number):
    with pytest.raises(InvalidInput, match="larger or more precise"):
        table(MemoryTable()).put(item(a=number), f"{ABSENT} OR #a = :a", a=1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (client_error("ProvisionedThroughputExceededException"), Throttled),
        (client_error("ThrottlingException"), Throttled),
        (client_error("AccessDeniedException"), AccessDenied),
        (client_error("ResourceNotFoundException"), InputNotFound),
        (client_error("ValidationException"), InvalidInput),
        (client_error("InternalServerError", status=500), ServiceUnavailable),
        (ConnectTimeoutError(endpoint_url="https://dynamodb"), ServiceUnavailable),
    ],
)
def test_failures_have_the_names_that_retry_knows(answer, kind):
    faults = Faults()
    faults.refusals["put_item"] = answer
    with pytest.raises(kind, match=f"(?i)the table {TABLE}"):
        table(MemoryTable(faults)).put(item(), f"{ABSENT} OR #pk = :x", x="y")


def test_a_failure_without_a_name_is_raised_as_it_is():
    faults = Faults()
    faults.refusals["put_item"] = client_error("UnrecognizedClientException")
    with pytest.raises(type(faults.refusals["put_item"]), match="UnrecognizedClientException"):
        table(MemoryTable(faults)).put(item(), f"{ABSENT} OR #pk = :x", x="y")


@pytest.mark.parametrize(
    ("expression", "standing", "expected"),
    [
        ("attribute_not_exists(#a) OR #b <= :v", {}, True),
        ("attribute_not_exists(#a) OR #b <= :v", {"a": 1, "b": 5}, True),
        ("attribute_not_exists(#a) OR #b <= :v", {"a": 1, "b": 6}, False),
        ("attribute_not_exists(#a) OR #b <= :v", {"a": 1}, False),
        ("#a = :v AND (#b = :v OR #b <> :v)", {"a": 5, "b": 6}, True),
        ("#a = :v OR #b = :v AND #b <> :v", {"a": 5, "b": 6}, True),
        ("#a = :v AND #b <= :v", {"a": 5, "b": "5"}, False),
    ],
)
def test_the_stand_in_knows_conditions(expression, standing, expected):
    assert holds(expression, {"#a": "a", "#b": "b"}, {":v": 5}, standing) is expected


@pytest.mark.parametrize("expression", ["size(#a) <= :v", "#a = :v OR", "#a = :v #a", "#a <> :v"])
def test_the_stand_in_refuses_what_it_does_not_know(expression):
    with pytest.raises((AssertionError, IndexError)):
        holds(expression, {"#a": "a"}, {":v": 5}, {"b": 1})


def test_the_stand_in_wants_every_name_to_be_used():
    with pytest.raises(AssertionError, match="must be used"):
        holds("#a = :v", {"#a": "a", "#b": "b"}, {":v": 5}, {})
