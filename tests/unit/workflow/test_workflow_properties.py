"""Rules and rendering on machines that nobody wrote: random graphs of states, whole and with one planted defect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workflow.definitions import CATCH, EXPRESS, FAILED, FUNCTION, STANDARD, machine, problems, task
from workflow.bounds import most_events, state_events
from workflow.definition import StateMachine, render
from workflow.graph import successors, total
from workflow.rules import check
from workflow.states import Choice, ChoiceRule, Comparison, ItemProcessor, Map, Parallel, Pass, Scope, State, Wait

_YES = Comparison(variable="$.yes", boolean_equals=True)


def _state(draw: st.DrawFn, targets: list[str], catch_to: str | None) -> State:
    """A state that leads to exactly these targets; with none it ends its scope."""
    if len(targets) > 1:
        *some, last = targets
        return Choice(choices=tuple(ChoiceRule(when=_YES, next=target) for target in some), default=last)
    following = targets[0] if targets else None
    kind = draw(st.sampled_from(["pass", "wait"] + (["task"] if catch_to else [])))
    if kind == "task":
        return task(next=following, catch=(CATCH.model_copy(update={"next": catch_to}),))
    return Pass(next=following) if kind == "pass" else Wait(seconds=1, next=following)


@st.composite
def _scopes(draw: st.DrawFn, prefix: str, most: int) -> dict[str, State]:
    """States without loops, each of which can be reached from the first: a random tree, and edges that go forward."""
    names = [f"{prefix}{place}" for place in range(draw(st.integers(1, most)))]
    targets: dict[str, list[str]] = {name: [] for name in names}
    for place, name in enumerate(names[1:], start=1):
        targets[names[draw(st.integers(0, place - 1))]].append(name)
    for place, name in enumerate(names[:-1]):
        if draw(st.booleans()) and targets[name]:
            targets[name].append(names[draw(st.integers(place + 1, len(names) - 1))])
    failed = f"{prefix}Failed"
    states = {name: _state(draw, targets[name], failed) for name in names}
    return {**states, failed: FAILED} if any(state.type == "Task" for state in states.values()) else states


@st.composite
def machines(draw: st.DrawFn) -> StateMachine:
    """A machine that keeps every rule, perhaps with a Map and a Parallel in it."""
    states = draw(_scopes("S", 8))
    first = next(iter(states))
    if draw(st.booleans()):
        each = draw(_scopes("Each", 4))
        processor = ItemProcessor(start_at=next(iter(each)), states=each)
        concurrency = draw(st.integers(1, 3))
        states = {"All": Map(item_processor=processor, max_items=2, max_concurrency=concurrency, next=first), **states}
        first = "All"
    if draw(st.booleans()):
        left, right = draw(_scopes("Left", 3)), draw(_scopes("Right", 3))
        branches = tuple(Scope(start_at=next(iter(branch)), states=branch) for branch in (left, right))
        states = {"Both": Parallel(branches=branches, next=first), **states}
    return machine(states, timeout_seconds=3600)


def _replaced(definition: StateMachine, name: str, **changes: Any) -> StateMachine:
    """The machine with one of its outermost states changed."""
    state = definition.states[name].model_copy(update=changes)
    return definition.model_copy(update={"states": {**definition.states, name: state}})


def _with(definition: StateMachine, **states: State) -> StateMachine:
    return definition.model_copy(update={"states": {**definition.states, **states}})


@given(machines())
def test_a_machine_that_keeps_the_rules_has_no_problem(definition: StateMachine):
    assert problems(definition, STANDARD) == []


@given(machines(), st.data())
def test_one_planted_defect_is_found_and_nothing_else(definition: StateMachine, data: st.DataObject):
    name = data.draw(st.sampled_from(list(definition.states)))
    tasks = [name for name, state in definition.states.items() if state.type == "Task"]
    # A way to the planted state that takes nothing away from the ways that are there.
    to_planted = Choice(choices=(ChoiceRule(when=_YES, next="Planted"),), default=definition.start_at)
    planted = definition.model_copy(update={"start_at": "Route"})
    defects: list[tuple[StateMachine, str, str]] = [
        (_with(definition, Planted=Pass(next=name)), "Planted", "cannot be reached"),
        (_with(planted, Route=to_planted), "Route", "Choices[0].Next is 'Planted', which is not a state here"),
        (
            _with(planted, Route=to_planted, Planted=Wait(seconds=60, next="Planted")),
            "Planted",
            "no end can be reached from Planted;",
        ),
        (
            _with(planted, Route=to_planted, Planted=Pass(parameters={"a.$": "$.a["})),
            "Planted",
            "Parameters.a.$: '$.a[' is not a JSONPath",
        ),
        (
            _with(planted, Route=to_planted, Planted=task(catch=None)),
            "Planted",
            "has no Catch",
        ),
        (
            _with(planted, Route=to_planted, Planted=task(timeout_seconds=29, catch=(CATCH,)), Failed=FAILED),
            "Planted",
            "TimeoutSeconds is 29, but its function may run 30 s",
        ),
    ]
    if tasks:
        defects += [
            (_replaced(definition, tasks[0], catch=None), tasks[0], "has no Catch"),
            (_replaced(definition, tasks[0], timeout_seconds=None), tasks[0], "has no TimeoutSeconds"),
        ]
    broken, state, message = data.draw(st.sampled_from(defects))
    found = problems(broken, STANDARD)
    if message == "has no Catch" and state != "Planted":
        # Nothing may lead to the Catch's target any more.
        found = [problem for problem in found if not problem[1].startswith("cannot be reached")]
    assert [name for name, _ in found] == [state], found
    assert found[0][1].startswith(message)


@given(machines(), st.sampled_from([".sync", ".sync:2", ".waitForTaskToken"]))
def test_an_integration_that_waits_is_found_in_an_express_machine_only(definition: StateMachine, suffix: str):
    waits = task(resource=f"arn:aws:states:::batch:submitJob{suffix}", next=definition.start_at)
    broken = _with(definition, Waits=waits, Failed=FAILED).model_copy(update={"start_at": "Waits"})
    assert problems(broken, STANDARD) == []
    assert any(
        state == "Waits" and "an Express machine cannot use" in text for state, text in problems(broken, EXPRESS)
    )


@given(machines())
def test_rendering_is_json_and_every_name_in_it_resolves(definition: StateMachine):
    document = json.loads(render(definition))
    assert document == definition.to_asl()
    assert set(document) == {"StartAt", "TimeoutSeconds", "States"}
    for scope in _rendered_scopes(document):
        assert scope["StartAt"] in scope["States"]
        for state in scope["States"].values():
            assert ("Next" in state) + ("End" in state) == (state["Type"] not in {"Choice", "Succeed", "Fail"})
            for target in _rendered_targets(state):
                assert target in scope["States"]


def _rendered_scopes(scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield scope
    for state in scope["States"].values():
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from _rendered_scopes(inner)


def _rendered_targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (handler["Next"] for handler in [*state.get("Catch", []), *state.get("Choices", [])])


@given(_scopes("S", 7))
def test_the_bound_of_events_is_that_of_the_worst_of_all_ways(states: dict[str, State]):
    scope = Scope(start_at="S0", states=states)
    edges = successors(scope)

    def worst(name: str) -> float:
        return state_events(states[name], 60) + max((worst(following) for following in edges[name]), default=0)

    assert total(most_events(scope, 60)) == worst("S0")


@given(machines(), st.integers(1, 20))
def test_more_items_never_mean_fewer_events(definition: StateMachine, items: int):
    def events(max_items: int) -> float:
        each = ItemProcessor(start_at=definition.start_at, states=definition.states)
        return state_events(Map(item_processor=each, max_items=max_items), 60)

    assert events(items) < events(items + 1)


@given(machines(), st.integers(1, 900), st.integers(1, 900))
def test_a_function_may_run_as_long_as_its_task_and_no_longer(definition: StateMachine, runs: int, task_seconds: int):
    added = _with(definition, Added=task(timeout_seconds=task_seconds, next=definition.start_at), Failed=FAILED)
    added = added.model_copy(update={"start_at": "Added"})
    found = [problem for problem in check(added, STANDARD, {FUNCTION: runs}) if problem.state == "Added"]
    assert bool(found) == (runs > task_seconds)
