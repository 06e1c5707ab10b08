"""The rules of sizes, times and types of machine.

Limits are those of https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, what an Express machine
cannot do is from https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isinf
from typing import TypeAlias

from workflow.bounds import most_events, most_seconds, turns
from workflow.definition import MachineType, StateMachine, render
from workflow.graph import Step, all_states, loops, scopes, successors, total
from workflow.states import Map, Scope, Task, Wait

MAX_DEFINITION_BYTES = 1_048_576
MAX_EVENTS = 25_000
MAX_EXPRESS_SECONDS = 300
MAX_STANDARD_SECONDS = 365 * 24 * 3600

# The state (None: the machine as a whole), and what is wrong with it.
Finding: TypeAlias = tuple[str | None, str]


def size(definition: StateMachine) -> Iterator[Finding]:
    """A definition has at most 1 MB."""
    found = len(render(definition).encode())
    if found > MAX_DEFINITION_BYTES:
        yield None, f"has {found} bytes, {MAX_DEFINITION_BYTES} are allowed; move states into a second machine"


def machine_timeout(definition: StateMachine, machine_type: MachineType) -> Iterator[Finding]:
    """Without TimeoutSeconds a Standard execution can hang for a year. An Express execution ends after 5 minutes."""
    given = definition.timeout_seconds
    if given is None:
        yield None, "has no TimeoutSeconds; set it, so that no execution can hang"
    elif machine_type is MachineType.EXPRESS and given > MAX_EXPRESS_SECONDS:
        yield None, f"TimeoutSeconds is {given}, an Express machine takes at most {MAX_EXPRESS_SECONDS}; lower it"


def task_timeouts(definition: StateMachine, function_timeouts: Mapping[str, int]) -> Iterator[Finding]:
    """Every Task has a time-out, longer than its heartbeat and at least that of its function.

    A function that outlives its Task goes on having effects while a retry of the Task does the same work.
    """
    for name, state in all_states(definition):
        if not isinstance(state, Task):
            continue
        given, beat, function = state.timeout_seconds, state.heartbeat_seconds, state.function
        if given is None:
            yield name, "has no TimeoutSeconds; set it, so that it cannot hang for as long as its execution lives"
            continue
        if beat is not None and beat >= given:
            yield name, f"HeartbeatSeconds is {beat}, which must be less than TimeoutSeconds, {given}"
        if function is not None and function not in function_timeouts:
            yield name, f"the time-out of function {function} is not known; hand it over in function_timeouts"
        elif function is not None and (needed := function_timeouts[function]) > given:
            yield name, f"TimeoutSeconds is {given}, but its function may run {needed} s; raise it, or lower that"


def express(definition: StateMachine) -> Iterator[Finding]:
    """An Express machine waits for no job, callback or activity and holds no Distributed Map.

    It also must end in time if every Task takes its whole time-out (see ``workflow.bounds.most_seconds``): an execution
    that times out returns its whole batch to the queue, for the sake of one slow message.
    """
    unbounded = list(_unknown_items(definition))
    for name, state in all_states(definition):
        match state:
            case Task():
                for pattern in (".sync", ".waitForTaskToken", ":activity:"):
                    if pattern in state.resource:
                        yield name, f"an Express machine cannot use {pattern.strip(':')}; use a Standard machine"
            case Map() if state.distributed:
                yield name, "an Express machine cannot hold a Distributed Map; use an inline Map or a Standard machine"
            case Wait() if state.seconds is None:
                unbounded.append((name, "how long it waits is not known; set seconds, or use a Standard machine"))
    for _, loop in _loops(definition):
        unbounded.append((loop[0], f"nothing bounds the time in the loop of {', '.join(loop)}; use a Standard machine"))
    yield from unbounded
    if unbounded or not _startable(definition):
        return
    limit = min(definition.timeout_seconds or MAX_EXPRESS_SECONDS, MAX_EXPRESS_SECONDS)
    way = most_seconds(definition)
    if total(way) > limit:
        advice = "lower time-outs or retries, or let a Map handle more items at the same time"
        yield _heaviest(way), f"the longest way takes up to {_sum(way)} seconds, {limit} are allowed; {advice}"


def history(definition: StateMachine) -> Iterator[Finding]:
    """A Standard execution fails when it writes more than 25,000 events (see ``workflow.bounds.most_events``)."""
    lifetime = definition.timeout_seconds or MAX_STANDARD_SECONDS
    unbounded = list(_unknown_items(definition))
    for scope, loop in _loops(definition):
        if isinf(turns(scope, frozenset(loop), lifetime)):
            advice = "let it pass a Wait with seconds or mean_seconds"
            unbounded.append((loop[0], f"nothing bounds the events of the loop of {', '.join(loop)}; {advice}"))
    yield from unbounded
    if unbounded or not _startable(definition):
        return
    way = [Step(("start and end",), 2), *most_events(definition, lifetime)]
    if total(way) > MAX_EVENTS:
        advice = "lower max_items or use a Distributed Map, and wait longer in loops"
        yield _heaviest(way), f"an execution can write {_sum(way)} events, {MAX_EVENTS:,} are allowed; {advice}"


def _unknown_items(definition: StateMachine) -> Iterator[Finding]:
    for name, state in all_states(definition):
        if isinstance(state, Map) and not state.distributed and state.max_items is None:
            yield name, "the number of its items is not known; set max_items, or use a Distributed Map"


def _loops(definition: StateMachine) -> Iterator[tuple[Scope, list[str]]]:
    for _, scope in scopes(definition):
        for loop in loops(successors(scope)):
            yield scope, [name for name in scope.states if name in loop]


def _startable(definition: StateMachine) -> bool:
    return all(scope.start_at in scope.states for _, scope in scopes(definition))


def _heaviest(way: list[Step]) -> str:
    return max(way, key=lambda step: step.weight).names[0]


def _sum(way: list[Step]) -> str:
    """The total of a way, and the five steps that add most to it."""
    top = sorted(way, key=lambda step: step.weight, reverse=True)[:5]
    return f"{total(way):,.0f} ({'; '.join(str(step) for step in way if step in top and step.weight)})"
