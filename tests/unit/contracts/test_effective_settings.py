"""Defaults, stack, run input, environment: each over the one before, and no wrong value is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.connectors import Connector
from lambdas.contracts.defaults import RunDefaults, TokenBucket
from lambdas.contracts.effective import VARIABLES, Origin, VariableError, effective, resolved, variables_in
from lambdas.contracts.job import MAX_WALL_CLOCK_SECONDS, RunInput
from workflow.city_discovery import SEARCH_SECONDS

EDINBURGH = json.loads((Path(__file__).parents[3] / "examples/input.edinburgh.json").read_text())


def job(**environment: str) -> RunInput:
    return RunInput.parse({**EDINBURGH, "environment": environment} if environment else EDINBURGH)


def value(of: RunInput, name: str, settings: RunDefaults | None = None) -> tuple[Any, Origin]:
    found = effective(of, settings or RunDefaults())[name]
    return found.value, found.source


def test_each_layer_lies_over_the_one_before():
    stack = RunDefaults(token_buckets={Connector.WIKI: TokenBucket(capacity=9, refill=1, period_seconds=60)})
    assert value(job(), "token_buckets.wiki.capacity") == (800, Origin.DEFAULT)
    assert value(job(), "token_buckets.wiki.capacity", stack) == (9, Origin.STACK)
    assert value(job(BUDGET_WIKI_CAPACITY="7"), "token_buckets.wiki.capacity", stack) == (7, Origin.ENVIRONMENT)
    assert value(job(), "early_stop.window_calls") == (200, Origin.INPUT)
    assert value(job(EARLY_STOP_WINDOW="25"), "early_stop.window_calls") == (25, Origin.ENVIRONMENT)


@pytest.mark.parametrize(
    ("variable", "text", "name", "expected"),
    [
        ("BUDGET_GOOGLE_TEXT_CAPACITY", "500", "token_buckets.google.text.capacity", 500),
        ("BUDGET_TAVILY_API_REFILL", "0", "token_buckets.tavily.api.refill", 0),
        ("BUDGET_LLM_TOKENS_PERIOD", "0s", "token_buckets.llm.tokens.period_seconds", 0),
        ("BUDGET_WEB_FETCH_PERIOD", "1m30s", "token_buckets.web.fetch.period_seconds", 90),
        ("BUDGET_SPLIT_RATIO", "0.5", "split_ratio", 0.5),
        ("EARLY_STOP_MIN_NEW_UNIQUE_RATE", ".2", "early_stop.min_new_unique_rate", 0.2),
        ("BUDGET_MAX_API_CALLS", "5000", "budgets.open_data.max_calls_total", 5000),
        ("BUDGET_MAX_API_CALLS", "5000", "caps.google", 5000),
        ("BUDGET_MAX_WALL_CLOCK_HOURS", "1", "timeouts.wall_clock_seconds", 3600),
    ],
)
def test_a_variable_sets_its_value(variable, text, name, expected):
    assert value(job(**{variable: text}), name) == (expected, Origin.ENVIRONMENT)


def test_a_maximum_never_raises_what_the_input_says():
    plenty = job(BUDGET_MAX_API_CALLS="1000000", BUDGET_MAX_WALL_CLOCK_HOURS="6")
    assert effective(plenty, RunDefaults()) == effective(job(), RunDefaults())


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("BUDGET_SPLIT_RATIO", "2", "less than or equal to 1"),
        ("BUDGET_SPLIT_RATIO", "half", "a number"),
        ("BUDGET_SPLIT_RATIO", "nan", "a number"),
        ("BUDGET_WIKI_CAPACITY", "0", "greater than or equal to 1"),
        ("BUDGET_WIKI_REFILL", "-1", "a whole number"),
        ("BUDGET_WIKI_REFILL", "1.5", "a whole number"),
        ("BUDGET_WIKI_PERIOD", "fast", "a duration"),
        ("BUDGET_WIKI_PERIOD", "", "a duration"),
        ("EARLY_STOP_WINDOW", "0", "greater than or equal to 1"),
        ("BUDGET_MAX_WALL_CLOCK_HOURS", "0", "greater than or equal to 1"),
        ("BUDGET_WIKI_SIZE", "1", "no variable"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(variable, text, said):
    with pytest.raises(VariableError, match=said) as refused:
        resolved(job(**{variable: text}), RunDefaults())
    assert refused.value.problems[0].startswith(f"{variable}: ")


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(VariableError) as refused:
        resolved(job(BUDGET_SPLIT_RATIO="x", EARLY_STOP_WINDOW="y"), RunDefaults())
    assert len(refused.value.problems) == 2


def test_only_our_variables_are_taken_and_a_mistyped_one_is_refused():
    assert variables_in({"PATH": "/bin", "BUDGET": "1", "EARLY_STOP_WINDOW": "9"}) == {"EARLY_STOP_WINDOW": "9"}
    with pytest.raises(VariableError, match="EARLY_STOP_WINDOWS: no such variable"):
        variables_in({"EARLY_STOP_WINDOWS": "9"})
    with pytest.raises(VariableError, match="BUDGET_GOGLE_TEXT_REFILL"):
        variables_in({"BUDGET_GOGLE_TEXT_REFILL": "9"})


@given(st.dictionaries(st.sampled_from([name for name in VARIABLES if "PERIOD" not in name]), st.just("1")))
def test_to_resolve_twice_changes_nothing(environment):
    once = resolved(job(**environment), RunDefaults())
    assert resolved(*once) == once
    assert effective(*once) == effective(job(**environment), RunDefaults())


def test_the_machine_outlives_the_longest_wall_clock():
    assert SEARCH_SECONDS >= MAX_WALL_CLOCK_SECONDS + 600
    with pytest.raises(ValueError, match="wall_clock_seconds"):
        RunInput.parse({**EDINBURGH, "timeouts": {"wall_clock_seconds": MAX_WALL_CLOCK_SECONDS + 1}})
