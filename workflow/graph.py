"""How the states of a definition follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

from workflow.states import Choice, Fail, Map, Parallel, Scope, State, Succeed, Task


def scopes(scope: Scope, owner: str | None = None) -> Iterator[tuple[str | None, Scope]]:
    """A scope and all scopes inside it, at any depth, each with the state that holds it (None for the outermost)."""
    yield owner, scope
    for name, state in scope.states.items():
        for inner in inner_scopes(state):
            yield from scopes(inner, name)


def all_states(scope: Scope) -> Iterator[tuple[str, State]]:
    """The states of a scope and of all scopes inside it, by name."""
    for _, inner in scopes(scope):
        yield from inner.states.items()


def inner_scopes(state: State) -> tuple[Scope, ...]:
    """The scopes of a Map or a Parallel; none for any other state."""
    match state:
        case Map():
            return (state.item_processor,)
        case Parallel():
            return state.branches
        case _:
            return ()


def transitions(state: State) -> list[tuple[str, str]]:
    """Where a state can lead, as (field, target); empty for a state that always ends its scope."""
    match state:
        case Succeed() | Fail():
            return []
        case Choice():
            rules = [(f"Choices[{place}].Next", rule.next) for place, rule in enumerate(state.choices)]
            return [*rules, ("Default", state.default)]
        case Task() | Map() | Parallel():
            caught = [(f"Catch[{place}].Next", catcher.next) for place, catcher in enumerate(state.catch or ())]
            return [*_next(state.next), *caught]
        case _:
            return _next(state.next)


def _next(target: str | None) -> list[tuple[str, str]]:
    return [] if target is None else [("Next", target)]


def ends(state: State) -> bool:
    """Whether the scope can end with this state."""
    match state:
        case Succeed() | Fail():
            return True
        case Choice():
            return False
        case _:
            return state.next is None


def successors(scope: Scope) -> dict[str, set[str]]:
    """For each state, the states of the scope that can directly follow it."""
    return {
        name: {target for _, target in transitions(state) if target in scope.states}
        for name, state in scope.states.items()
    }


def reachable(edges: dict[str, set[str]], start: set[str]) -> set[str]:
    """The given nodes and all that edges lead to from them."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(edges[node])
    return seen


def loops(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest groups of nodes of which each leads to each other one, or to itself."""
    after = {node: reachable(edges, following) for node, following in edges.items()}
    return {
        frozenset(other for other in following if node in after[other])
        for node, following in after.items()
        if node in following
    }


def success_way(scope: Scope) -> list[str]:
    """The states that are entered if nothing fails and no Choice takes another way than its default.

    Args:
        scope: Without loops on that way.

    Returns:
        The states of this scope, from its start on.
    """
    way = [scope.start_at]
    while following := _usual_next(scope.states[way[-1]]):
        way.append(following)
    return way


def _usual_next(state: State) -> str | None:
    if isinstance(state, Choice):
        return state.default
    return None if isinstance(state, Succeed | Fail) else state.next


@dataclass(frozen=True)
class Step:
    """Part of a way through a scope: one state, or all states of a loop, and what they weigh."""

    names: tuple[str, ...]
    weight: float

    def __str__(self) -> str:
        return f"{', '.join(self.names)} {self.weight:,.0f}"


def heaviest_way(scope: Scope, weight: Callable[[frozenset[str]], float]) -> list[Step]:
    """The way through a scope that weighs most.

    Args:
        scope: Must have its start state.
        weight: The weight of a state, or of a loop's states together.

    Returns:
        The steps from the start state on.
    """
    edges = successors(scope)
    group = {name: frozenset({name}) for name in edges} | {name: loop for loop in loops(edges) for name in loop}
    after = {one: {group[target] for name in one for target in edges[name]} - {one} for one in group.values()}
    best: dict[frozenset[str], list[Step]] = {}
    for one in TopologicalSorter(after).static_order():
        rest = max((best[following] for following in after[one]), key=total, default=[])
        best[one] = [Step(tuple(name for name in scope.states if name in one), weight(one)), *rest]
    return best[group[scope.start_at]]


def total(way: list[Step]) -> float:
    """What a way weighs."""
    return sum(step.weight for step in way)
