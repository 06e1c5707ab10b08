"""How many events and how much time an execution can take at most.

Both are the heaviest way through the definition, where every retry is used and every array is as long as it can be. A
weight of infinity means that the definition does not say enough: a Map without ``max_items``, a loop without a Wait.
"""

from __future__ import annotations

from math import ceil, inf

from workflow.graph import Step, heaviest_way, loops, successors, total
from workflow.retries import TIMEOUT_ERRORS
from workflow.states import ALL_ERRORS, Fail, Map, Parallel, Retrier, Scope, State, Task, Wait

# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
_INLINE_MAP_CONCURRENCY = 40


def most_events(scope: Scope, lifetime_seconds: float) -> list[Step]:
    """The way that writes the most history events, with their number.

    Args:
        scope: What is executed.
        lifetime_seconds: How long it can run, which bounds how often a loop with a Wait can turn.

    Returns:
        The steps of the way; ``graph.total`` adds them up.
    """

    def weight(names: frozenset[str]) -> float:
        events = sum(state_events(scope.states[name], lifetime_seconds) for name in names)
        return events * turns(scope, names, lifetime_seconds)

    return heaviest_way(scope, weight)


def state_events(state: State, lifetime_seconds: float) -> float:
    """The most history events of one visit to a state, with all retries.

    A state is entered and exited (2). Each try of a Task is scheduled, started, and succeeds or fails (3; one more
    where it is submitted to wait for a job or a callback). A Map or Parallel starts, and succeeds or fails (2), and so
    does each iteration of a Map. The events:
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    """
    match state:
        case Fail():
            return 1
        case Task():
            waits = ".sync" in state.resource or state.resource.endswith(".waitForTaskToken")
            return 2 + (4 if waits else 3) * (1 + state.retries)
        case Map() if state.distributed:
            return 2 + 4 * (1 + state.retries)
        case Map():
            items = inf if state.max_items is None else state.max_items
            iteration = 2 + total(most_events(state.item_processor, lifetime_seconds))
            return 2 + (2 + items * iteration) * (1 + state.retries)
        case Parallel():
            branches = sum(total(most_events(branch, lifetime_seconds)) for branch in state.branches)
            return 2 + (2 + branches) * (1 + state.retries)
        case _:
            return 2


def most_seconds(scope: Scope) -> list[Step]:
    """The way that takes the longest, with its seconds.

    Each Task takes its whole time-out once, and once more for each retry of a time-out. Other errors are taken to come
    at once, so that of their retries only the waits count.

    Args:
        scope: What is executed.

    Returns:
        The steps of the way; ``graph.total`` adds them up.
    """
    endless = loops(successors(scope))

    def weight(names: frozenset[str]) -> float:
        if names in endless:
            return inf
        return sum(state_seconds(scope.states[name]) for name in names)

    return heaviest_way(scope, weight)


def state_seconds(state: State) -> float:
    """The longest that one visit to a state can take, in seconds. A Task without a time-out counts as nothing."""
    match state:
        case Wait():
            return state.seconds or inf
        case Task():
            tries = 1 + max(_attempts(state.retry or (), error) for error in TIMEOUT_ERRORS)
            return (state.timeout_seconds or 0) * tries + _delays(state.retry)
        case Map():
            at_once = min(state.max_concurrency or _INLINE_MAP_CONCURRENCY, _INLINE_MAP_CONCURRENCY)
            rounds = inf if state.max_items is None else ceil(state.max_items / at_once)
            item = total(most_seconds(state.item_processor))
            return (rounds * item * (1 + state.retries) if item else 0) + _delays(state.retry)
        case Parallel():
            longest = max(total(most_seconds(branch)) for branch in state.branches)
            return longest * (1 + state.retries) + _delays(state.retry)
        case _:
            return 0


def _delays(retry: tuple[Retrier, ...] | None) -> float:
    return sum(retrier.total_delay for retrier in retry or ())


def _attempts(retry: tuple[Retrier, ...], error: str) -> int:
    """How often this error is retried: the first retrier that matches it decides."""
    for retrier in retry:
        if {error, ALL_ERRORS} & set(retrier.error_equals):
            return retrier.max_attempts
        if "States.TaskFailed" in retrier.error_equals and error != "States.Timeout":
            return retrier.max_attempts
    return 0


def turns(scope: Scope, names: frozenset[str], lifetime_seconds: float) -> float:
    """How often the states of a loop can be visited.

    Args:
        scope: Where they are.
        names: All states of a loop, or one state outside of loops.
        lifetime_seconds: How long the execution can run.

    Returns:
        1 outside of loops; infinity if the loop can be passed without a Wait, or with one of unknown length.
    """
    edges = {name: following & names for name, following in successors(scope).items() if name in names}
    if not loops(edges):
        return 1
    waits = {name: state for name in names if isinstance(state := scope.states[name], Wait)}
    without = {name: following - waits.keys() for name, following in edges.items() if name not in waits}
    if loops(without):
        return inf
    shortest = min(wait.seconds or wait.mean_seconds or 0 for wait in waits.values())
    last = max(wait.within_seconds or inf for wait in waits.values())
    return 1 + min(lifetime_seconds, last) / shortest if shortest else inf
