"""Paths, reference paths, the context object, intrinsics and payload templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from workflow.paths import (
    intrinsic_problem,
    path_problem,
    reference_path_problem,
    template_problems,
    text_path_problem,
)

_NAMES = st.from_regex(r"[a-zA-Z_äあ][a-zA-Z0-9_]{0,8}", fullmatch=True)
_REFERENCE_STEPS = st.one_of(
    _NAMES.map(lambda name: f".{name}"),
    _NAMES.map(lambda name: f"['{name}']"),
    st.integers(0, 99).map(lambda index: f"[{index}]"),
)
_OTHER_STEPS = st.sampled_from([".*", "[*]", "[1:3]", "[-1]", "[0,2]", "..deep", "['a','b']", "[?(@.price < 10)]"])
_REFERENCE_PATHS = st.lists(_REFERENCE_STEPS, max_size=5).map(lambda steps: "$" + "".join(steps))
_PATHS = st.lists(st.one_of(_REFERENCE_STEPS, _OTHER_STEPS), max_size=5).map(lambda steps: "$" + "".join(steps))
_CONTEXT_PATHS = st.sampled_from(
    [
        "$$",
        "$$.Execution.Name",
        "$$.Execution.Input.city",
        "$$.State.EnteredTime",
        "$$.StateMachine.Id",
        "$$.Map.Item.Value[0]",
        "$$.Task.Token",
    ]
)
_CONSTANTS = st.sampled_from(["1", "-2.5", "true", "false", "null", "'text'", r"'it\'s (odd), \{\}'", "''"])


def _calls(arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str, count: int) -> st.SearchStrategy[str]:
        return st.lists(arguments, min_size=count, max_size=count).map(
            lambda given: f"States.{name}({', '.join(given)})"
        )

    return st.one_of(call("UUID", 0), call("JsonToString", 1), call("ArrayGetItem", 2), call("JsonMerge", 3))


# Three levels below the outermost call: well within the ten that are allowed.
_INTRINSICS = _calls(st.recursive(st.one_of(_CONSTANTS, _PATHS, _CONTEXT_PATHS), _calls, max_leaves=3))


@given(_PATHS)
def test_every_path_of_the_grammar_is_accepted(path: str):
    assert path_problem(path) is None


@given(_REFERENCE_PATHS)
def test_every_reference_path_is_accepted_and_is_a_path(path: str):
    assert reference_path_problem(path) is None
    assert path_problem(path) is None


@given(_REFERENCE_PATHS, _OTHER_STEPS.filter(lambda step: step != "[-1]"))
def test_a_step_that_can_lead_to_many_places_makes_no_reference_path(path: str, step: str):
    assert "reference path" in (reference_path_problem(path + step) or "")


@given(_CONTEXT_PATHS)
def test_the_context_object_is_known(path: str):
    assert path_problem(path) is None
    assert reference_path_problem(path) is not None


@given(_INTRINSICS)
def test_every_intrinsic_of_the_grammar_is_accepted(text: str):
    assert intrinsic_problem(text) is None


@given(_INTRINSICS, st.data())
def test_an_intrinsic_that_is_cut_off_is_refused(text: str, data: st.DataObject):
    end = data.draw(st.integers(len("States."), len(text) - 1))
    assert intrinsic_problem(text[:end]) is not None


@pytest.mark.parametrize(
    "text", ["", "a", "$a", "$.", "$.a.", "$[", "$['a", "$.1a", "$.a b", "$.a()", "$name.city", "$.a[0", "$.a]", "$$$"]
)
def test_what_is_no_path_is_refused(text: str):
    assert path_problem(text) is not None


@pytest.mark.parametrize(
    "text", ["$$.Execution.Nme", "$$.execution.Name", "$$.State.Name.x", "$$.Map.Item.Name", "$$Execution", "$$.Result"]
)
def test_what_the_context_object_does_not_hold_is_refused(text: str):
    assert path_problem(text) == f"{text!r} names nothing in the context object"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("$.a", "an intrinsic was expected"),
        ("States.Nothing($.a)", "there is no such intrinsic"),
        ("States.UUID($.a)", "States.UUID takes 0 arguments, not 1"),
        ("States.MathAdd(1)", "States.MathAdd takes 2 arguments, not 1"),
        ("States.MathRandom(1)", "States.MathRandom takes 2 to 3 arguments, not 1"),
        ("States.Format('{} and {}', $.a)", "States.Format has 2 places for 1 values"),
        (r"States.Format('\{\} {}', $.a, $.b)", "States.Format has 1 places for 2 values"),
        ("States.JsonToString($.a) and more", "text is left after the call"),
        ("States.JsonToString($.a $.b)", "',' or ')' was expected"),
        ("States.JsonToString(text)", "is not an argument"),
        ("States.JsonToString('open)", "is not an argument"),
        ("States.JsonToString(" * 11 + "1" + ")" * 11, "nested 10 deep"),
    ],
)
def test_what_is_no_intrinsic_is_refused_with_the_reason(text: str, problem: str):
    assert problem in (intrinsic_problem(text) or "")


def test_ten_levels_of_intrinsics_are_allowed():
    assert intrinsic_problem("States.JsonToString(" * 10 + "1" + ")" * 10) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("$.Error", None),
        ("$$.Execution.Name", None),
        ("States.Format('{}', $.a)", None),
        ("$.a[*]", "reference path"),
        ("States.MathAdd(1, 2)", "States.MathAdd is not allowed here"),
        ("States.Format('{}')", "1 places for 0 values"),
        ("$$.Nothing", "context object"),
    ],
)
def test_error_and_cause_paths_take_paths_and_some_intrinsics(text: str, problem: str | None):
    found = text_path_problem(text)
    assert found is None if problem is None else problem in (found or "")


def test_templates_are_checked_at_every_depth():
    template: dict[str, JsonValue] = {
        "fine.$": "$.a",
        "also.$": "States.UUID()",
        "price": "$5",
        "where": {"list": [{"here.$": "$.["}, "$.text"]},
        "number.$": 5,
        "twice": 1,
        "twice.$": "$.a",
        "run": "$$.Execution.Id",
        "call": "States.UUID()",
    }
    assert [where for where, _ in template_problems(template, "Parameters")] == [
        "Parameters.where.list[0].here.$",
        "Parameters.where.list[1]",
        "Parameters.number.$",
        "Parameters.twice.$",
        "Parameters.run",
        "Parameters.call",
    ]
