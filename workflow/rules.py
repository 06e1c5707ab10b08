"""What AWS would refuse, or let run into a wall, found before any deploy.

Here are the rules of structure; those of sizes, times and types of machine are in ``workflow.limits``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic.alias_generators import to_pascal

from workflow import limits
from workflow.definition import MachineType, StateMachine
from workflow.graph import all_states, ends, reachable, scopes, successors, transitions
from workflow.limits import Finding
from workflow.paths import path_problem, reference_path_problem, template_problems, text_path_problem
from workflow.states import (
    ALL_ERRORS,
    And,
    Choice,
    Comparison,
    Condition,
    Map,
    Not,
    Or,
    Parallel,
    Pass,
    State,
    Task,
)

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_NAME_LENGTH = 80

_PATH_FIELDS: dict[str, Callable[[str], str | None]] = {
    "input_path": path_problem,
    "output_path": path_problem,
    "result_path": reference_path_problem,
    "items_path": path_problem,
    "seconds_path": reference_path_problem,
    "error_path": text_path_problem,
    "cause_path": text_path_problem,
}
_LOOKS_EVALUATED = re.compile(r'"(\$\$?\.|States\.\w+\()')


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a definition, and what to do about it.

    Attributes:
        machine: The machine's name.
        state: The state's name; None if the machine as a whole is concerned.
        message: What is wrong, and what to do.
    """

    machine: str
    state: str | None
    message: str

    def __str__(self) -> str:
        where = f"state {self.state!r}" if self.state else "the machine"
        return f"{self.machine}: {where}: {self.message}"


class DefinitionError(ValueError):
    """A definition breaks rules. ``problems`` holds all of them, and the message has one line for each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def check(definition: StateMachine, machine_type: MachineType, function_timeouts: Mapping[str, int]) -> list[Problem]:
    """Find everything that is wrong with a definition.

    Args:
        definition: The state machine. Its ARNs may be placeholders.
        machine_type: What it is to be deployed as.
        function_timeouts: The time-out in seconds of each Lambda function, by the name or ARN that the definition uses.

    Returns:
        The problems, in the order of the rules; empty if there are none.
    """
    findings = [
        *limits.size(definition),
        *limits.machine_timeout(definition, machine_type),
        *_names(definition),
        *_flow(definition),
        *_paths(definition),
        *_error_handling(definition),
        *limits.task_timeouts(definition, function_timeouts),
        *(limits.express(definition) if machine_type is MachineType.EXPRESS else limits.history(definition)),
    ]
    return [Problem(definition.name, state, message) for state, message in findings]


def require_valid(definition: StateMachine, machine_type: MachineType, function_timeouts: Mapping[str, int]) -> None:
    """Refuse a definition that breaks a rule.

    Args:
        definition: See ``check``.
        machine_type: See ``check``.
        function_timeouts: See ``check``.

    Raises:
        DefinitionError: The definition breaks rules; all are listed.
    """
    if problems := check(definition, machine_type, function_timeouts):
        raise DefinitionError(problems)


def _names(definition: StateMachine) -> Iterator[Finding]:
    """A state's name has at most 80 characters and is unique in the whole machine, nested states included."""
    uses = Counter(name for name, _ in all_states(definition))
    for name, count in uses.items():
        if count > 1:
            yield name, f"{count} states have this name; names must be unique, also inside of Map and Parallel"
        if len(name) > MAX_NAME_LENGTH:
            yield name, f"the name has {len(name)} characters, {MAX_NAME_LENGTH} are allowed; shorten it"


def _flow(definition: StateMachine) -> Iterator[Finding]:
    """Every target exists, every state can be reached from the start, and from every state an end can be reached."""
    for owner, scope in scopes(definition):
        here = ", ".join(scope.states)
        # May have been the way to anything: such a state is not blamed for what cannot be reached from it.
        mistaken = set()
        for name, state in scope.states.items():
            for field, target in transitions(state):
                if target not in scope.states:
                    mistaken.add(name)
                    yield name, f"{field} is {target!r}, which is not a state here; choose one of {here}"
        if scope.start_at not in scope.states:
            yield owner, f"StartAt is {scope.start_at!r}, which is not a state there; choose one of {here}"
            continue
        edges = successors(scope)
        found = reachable(edges, {scope.start_at})
        for name in scope.states:
            if name not in found:
                yield name, f"cannot be reached from {scope.start_at!r}; let a state lead to it, or remove it"
        backwards = {name: {other for other in edges if name in edges[other]} for name in edges}
        last = mistaken | {name for name, state in scope.states.items() if ends(state)}
        if trapped := [name for name in scope.states if name in found - reachable(backwards, last)]:
            names = ", ".join(trapped)
            yield trapped[0], f"no end can be reached from {names}; let one of them end, or lead to a state that does"


def _paths(definition: StateMachine) -> Iterator[Finding]:
    """Paths, reference paths, context paths, intrinsics and payload templates are well-formed."""
    for name, state in all_states(definition):
        for field, problem in _path_problems(state):
            yield name, f"{field}: {problem}"


def _path_problems(state: State) -> Iterator[tuple[str, str]]:
    for field, problem_of in _PATH_FIELDS.items():
        value = getattr(state, field, None)
        if isinstance(value, str) and (problem := problem_of(value)):
            yield to_pascal(field), problem
    for field in ("parameters", "result_selector", "item_selector"):
        yield from template_problems(getattr(state, field, None), to_pascal(field))
    if isinstance(state, Pass) and _LOOKS_EVALUATED.search(json.dumps(state.result)):
        yield "Result", "is never evaluated; use Parameters for paths and intrinsics"
    if isinstance(state, Choice):
        for variable in (variable for rule in state.choices for variable in _variables(rule.when)):
            if problem := path_problem(variable):
                yield "Variable", problem
    for catcher in getattr(state, "catch", None) or ():
        if isinstance(catcher.result_path, str) and (problem := reference_path_problem(catcher.result_path)):
            yield "Catch.ResultPath", problem


def _variables(condition: Condition) -> Iterator[str]:
    match condition:
        case Comparison():
            yield condition.variable
        case Not():
            yield from _variables(condition.rule)
        case And() | Or():
            for rule in condition.rules:
                yield from _variables(rule)


def _error_handling(definition: StateMachine) -> Iterator[Finding]:
    """Every Task has a Catch, unless its error is to end the execution. ``States.ALL`` stands alone and last, in Retry
    as in Catch.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    may_fail = set(definition.states) if definition.ends_where_it_fails else set()
    for name, state in all_states(definition):
        if not isinstance(state, Task | Map | Parallel):
            continue
        if isinstance(state, Task) and not state.catch and name not in may_fail:
            yield name, "has no Catch; say where an error goes when no retry is left"
        handlers = {
            "Retry": [retrier.error_equals for retrier in state.retry or ()],
            "Catch": [catcher.error_equals for catcher in state.catch or ()],
        }
        for field, errors in handlers.items():
            together = ALL_ERRORS in errors[-1] and len(errors[-1]) > 1 if errors else False
            if together or any(ALL_ERRORS in earlier for earlier in errors[:-1]):
                yield name, f"{field}: {ALL_ERRORS} must stand alone, in the last element; move it there"
