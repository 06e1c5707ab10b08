"""What differs between two sets of inputs, and how it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scout.embedded.deploy.diff import PropertyChange, property_changes
from scout.embedded.resources import UNKNOWN, JsonObject
from scout.embedded.resources.differences import changed_inputs

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=3), items, max_size=3),
    max_leaves=8,
)
INPUTS = st.dictionaries(st.text(min_size=1, max_size=3), VALUES, max_size=4)


def _told(old: JsonObject, new: JsonObject) -> list[tuple[str, str, str]]:
    return [(change.path, change.old, change.new) for change in property_changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": 1}, {"a": 2}, [("a", "1", "2")]),
        ({"a": "x"}, {}, [("a", "x", "")]),
        ({}, {"a": True}, [("a", "", "true")]),
        ({"e": {"v": {"L": "INFO", "M": "1"}}}, {"e": {"v": {"L": "DEBUG", "M": "1"}}}, [("e.v.L", "INFO", "DEBUG")]),
        ({"l": ["a", "b"]}, {"l": ["a", "c", "d"]}, [("l[1]", "b", "c"), ("l[2]", "", "d")]),
        ({"a": {"b": 1}}, {"a": 5}, [("a", '{"b": 1}', "5")]),
        ({"a": {}}, {"a": {"b": []}}, [("a.b", "", "[]")]),
        ({"arn": "x"}, {"arn": UNKNOWN}, [("arn", "x", "[known after deployment]")]),
        ({"t": "x" * 100}, {"t": "y"}, [("t", "x" * 59 + "…", "y")]),
        ({"s": [{"a": 1}]}, {"s": [{"a": 1}, {"a": 2, "b": 3}]}, [("s[1]", "", '{"a": 2, "b": 3}')]),
        ({"a": '{"b": 1}'}, {"a": {"b": 1}}, [("a", '{"b": 1}', '{"b": 1}')]),
        ({"n": 1}, {"n": 1}, []),
    ],
)
def test_each_value_that_differs_is_told_with_its_path(
    old: JsonObject, new: JsonObject, told: list[tuple[str, str, str]]
) -> None:
    assert _told(old, new) == told


def test_json_text_is_told_by_what_differs_in_it() -> None:
    old, new = ({"definition": json.dumps({"States": {"Wait": {"Seconds": seconds}}})} for seconds in (5, 10))
    assert _told(old, new) == [("definition.States.Wait.Seconds", "5", "10")]


def test_text_that_only_begins_like_json_is_told_as_it_is() -> None:
    assert _told({"a": "{x"}, {"a": "{y"}) == [("a", "{x", "{y")]


def test_a_file_is_its_contents() -> None:
    old = {"code": {"path": "/old/a.zip", "sha256": "1" * 64}}
    assert changed_inputs(old, {"code": {"path": "/new/a.zip", "sha256": "1" * 64}}) == []
    other = {"code": {"path": "/old/a.zip", "sha256": "2" * 64}}
    assert _told(old, other) == [("code", "file 111111111111", "file 222222222222")]


def test_secret_values_are_not_told() -> None:
    changes = property_changes({"key": "abc", "n": 1}, {"key": "def", "n": 2}, frozenset({"key"}))
    assert changes == (PropertyChange("key", "[secret]", "[secret]"), PropertyChange("n", "1", "2"))


def test_true_is_not_one() -> None:
    assert _told({"a": 1}, {"a": True}) == [("a", "1", "true")]


@given(INPUTS, INPUTS)
def test_each_input_that_differs_is_told_and_no_other(old: JsonObject, new: JsonObject) -> None:
    differing = {
        key
        for key in old.keys() | new.keys()
        if (key in old) != (key in new) or json.dumps(old[key], sort_keys=True) != json.dumps(new[key], sort_keys=True)
    }
    assert changed_inputs(old, new) == sorted(differing)
    # A path begins with its input; what follows is `.name` or `[index]`.
    told = [change.path for change in property_changes(old, new)]
    assert {key for key in differing if any(path.startswith(key) for path in told)} == differing
    assert all(any(path.startswith(key) for key in differing) for path in told)
    assert changed_inputs(old, old) == []
