"""What `scout verify-migration` calls a difference, and when it says that a point of the list holds."""

from __future__ import annotations

from typing import Any

import pytest

from scout.pipelines import migration
from scout.pipelines.migration import Check, Compared, Measured


def measured(data: Any = None, *, error: str | None = None, seconds: float = 1.0, usd: float = 0.001) -> Measured:
    return Measured("execution", error, data, seconds, usd)


def differences(old: Measured, new: Measured, *ignored: str) -> list[str]:
    return list(migration._differences(old, new, ignored))


def checks(*pairs: tuple[Measured, Measured]) -> dict[str, Check]:
    compared = [Compared(str(n), old, new, tuple(differences(old, new))) for n, (old, new) in enumerate(pairs)]
    return {check.name: check for check in migration._measured(compared)}


class TestDifferences:
    @pytest.mark.parametrize("data", [None, {}, [], {"a": [1, {"b": None}]}, 1.5, "text"])
    def test_equal_outputs_have_none(self, data):
        assert differences(measured(data), measured(data)) == []

    def test_each_is_told_with_its_path(self):
        old = {"candidates": [{"id": "1", "score": 0.5}], "count": 1}
        new = {"candidates": [{"id": "1", "score": 0.6}], "total": 1}
        told = "\n".join(differences(measured(old), measured(new)))
        assert "root['candidates'][0]['score']" in told
        assert "root['count']" in told
        assert "root['total']" in told

    def test_the_order_of_records_counts(self):
        assert differences(measured([1, 2]), measured([2, 1]))

    def test_a_number_and_its_text_are_not_the_same(self):
        assert differences(measured({"n": 1}), measured({"n": "1"}))

    def test_paths_that_may_differ(self):
        old, new = ({"id": 1, "at": moment, "inner": {"at": moment}} for moment in ("today", "tomorrow"))
        assert differences(measured(old), measured(new))
        assert differences(measured(old), measured(new), r"\['at'\]$") == []

    def test_a_great_many_are_cut_short(self):
        old, new = ({str(number): value for number in range(30)} for value in (1, 2))
        told = differences(measured(old), measured(new))
        assert len(told) == 21
        assert told[-1] == "and 10 more"

    def test_a_failure_of_one_side_alone(self):
        assert differences(measured(1), measured(error="FAILED InvalidInput")) == [
            "old: succeeded; new: FAILED InvalidInput"
        ]

    def test_what_express_does_not_say_is_not_taken_for_equal(self):
        untold = measured(error="the message failed")
        assert differences(untold, untold) == ["both failed; Express does not say why, so look into the logs of both"]

    def test_both_failing_alike_is_no_difference(self):
        assert differences(measured(error="FAILED E"), measured(error="FAILED E")) == []
        assert differences(measured(error="FAILED E"), measured(error="FAILED F"))


class TestChecks:
    def test_all_hold_where_both_are_alike(self):
        assert all(check.passed for check in checks((measured(1), measured(1))).values())

    def test_one_different_output_fails_the_function(self):
        found = checks((measured(1), measured(1)), (measured(1), measured(2)))["function"]
        assert not found.passed
        assert found.new == "1 with the same output"

    @pytest.mark.parametrize(
        ("old", "new", "passed"),
        [(10, 5, True), (10, 12, True), (10, 12.1, False), (0.25, 0.75, True), (0.25, 0.8, False)],
    )
    def test_the_new_one_may_be_a_fifth_or_the_start_of_a_function_slower(self, old, new, passed):
        assert checks((measured(1, seconds=old), measured(1, seconds=new)))["performance"].passed is passed

    @pytest.mark.parametrize(("usd", "passed"), [(0.0001, True), (0.0012, True), (0.0013, False)])
    def test_and_a_fifth_dearer(self, usd, passed):
        assert checks((measured(1), measured(1, usd=usd)))["cost"].passed is passed

    def test_a_new_one_through_which_nothing_comes_is_not_fast(self):
        found = checks((measured(1), measured(error="FAILED", seconds=0.01)))["performance"]
        assert not found.passed
        assert found.new == "nothing came through"


@pytest.mark.parametrize(("caught", "found"), [(True, ["C", "D"]), (False, ["D"])])
def test_tasks_that_handle_no_error_are_found_in_maps_too(caught, found):
    task = {"Type": "Task", "Retry": [{}], "Catch": [{}]}
    inner = {"StartAt": "C", "States": {"C": {"Type": "Task", "Retry": [{}]}}}
    states = {"A": task, "B": {"Type": "Map", "ItemProcessor": inner}, "D": {"Type": "Task", "Catch": [{}]}}
    assert list(migration._unhandled({"States": states}, caught=caught)) == found
