"""What a run goes by: the stack's settings and the run input, with what the environment of its operator overrides.

The lowest layer is the defaults; the stack's config lies over it, the run input over that, and the environment
variables in :data:`VARIABLES` over all. Whoever starts a run hands its variables over in the input's ``environment``,
so that the run keeps what it was started with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from lambdas.contracts.base import Contract
from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.job import RunInput


class Origin(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    STACK = "stack"
    INPUT = "input"
    ENVIRONMENT = "environment"


class Effective(Contract):
    """A value, and where it comes from."""

    value: float | int | bool
    source: Origin


class VariableError(ValueError):
    """Environment variables that name no setting, or whose values none can have. ``problems``: a line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def _integer(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text):
        raise ValueError("a whole number is expected")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", text):
        raise ValueError("a number is expected")
    return float(text)


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError("a duration is expected, such as 90s, 1m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _prefix(connector: Connector) -> str:
    return f"BUDGET_{connector.value.replace('.', '_').upper()}"


# What each variable sets, and how it is read. Those with MAX bound what the input says, and never raise it.
_BUCKETS = {
    f"{_prefix(connector)}_{suffix}": (f"token_buckets.{connector}.{field}", read)
    for connector in Connector
    for suffix, field, read in (
        ("CAPACITY", "capacity", _integer),
        ("REFILL", "refill", _integer),
        ("PERIOD", "period_seconds", _seconds),
    )
}
_BOUNDS: dict[str, tuple[tuple[str, ...], Callable[[str], int]]] = {
    "BUDGET_MAX_API_CALLS": (("budgets.google.max_tokens_total", "budgets.open_data.max_calls_total"), _integer),
    "BUDGET_MAX_WALL_CLOCK_HOURS": (("timeouts.wall_clock_seconds",), lambda text: _integer(text) * 3600),
}
_VALUES: dict[str, tuple[str, Callable[[str], float]]] = {
    **_BUCKETS,
    "BUDGET_SPLIT_RATIO": ("split_ratio", _number),
    "EARLY_STOP_MIN_NEW_UNIQUE_RATE": ("early_stop.min_new_unique_rate", _number),
    "EARLY_STOP_WINDOW": ("early_stop.window_calls", _integer),
}
VARIABLES: tuple[str, ...] = (*_VALUES, *_BOUNDS)
# A name like these that is not in VARIABLES is a mistake, and not a variable of another program.
_LIKE_OURS = re.compile(r"BUDGET_\w+_(CAPACITY|REFILL|PERIOD)|BUDGET_(SPLIT|MAX)_\w+|EARLY_STOP_\w+")
# Parts of the run input whose values a run goes by.
_OF_INPUT = ("budgets", "kill_switches", "early_stop", "timeouts")


def variables_in(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that override settings of a run.

    Args:
        environment: Of a process.

    Raises:
        VariableError: Some are named as ours are, but set nothing.
    """
    found = {name: text for name, text in environment.items() if name in VARIABLES or _LIKE_OURS.fullmatch(name)}
    unknown = sorted(set(found) - set(VARIABLES))
    if unknown:
        raise VariableError([f"{name}: no such variable; valid are {', '.join(VARIABLES)}" for name in unknown])
    return found


def resolved(job: RunInput, settings: RunDefaults) -> tuple[RunInput, RunDefaults]:
    """A run input and a stack's settings, with the overrides of the input's ``environment`` applied.

    Args:
        job: The run input.
        settings: The stack's.

    Returns:
        Both as the run goes by them. To resolve these again changes nothing.

    Raises:
        VariableError: A variable is unknown, or its value is one that its setting cannot have.
    """
    documents = {"job": job.document(), "settings": _complete(settings)}
    origins: dict[str, str] = {}
    problems = []
    for name, text in (job.environment or {}).items():
        try:
            for path, value in _changes(name, text, documents["job"]):
                origins[path] = name
                section = "job" if path.partition(".")[0] in _OF_INPUT else "settings"
                _put(documents[section], path, value)
        except ValueError as error:
            problems.append(f"{name}: {error}, not {text!r}")
    if problems:
        raise VariableError(problems)
    try:
        return RunInput.parse(documents["job"]), RunDefaults.parse(documents["settings"])
    except ValidationError as error:
        raise VariableError([_named(problem, origins) for problem in error.errors(include_url=False)]) from error


def effective(job: RunInput, settings: RunDefaults) -> dict[str, Effective]:
    """Every value that a run goes by, and where it comes from.

    Args:
        job: The run input.
        settings: The stack's.

    Returns:
        By dotted name. A value that a stack sets to what is the default anyway counts as default.

    Raises:
        VariableError: A variable of the input is wrong.
    """
    given = job
    job, settings = resolved(given, settings)
    overridden = {
        path for name, text in (given.environment or {}).items() for path, _ in _changes(name, text, given.document())
    }
    defaults = dict(_leaves(_complete(RunDefaults())))
    result: dict[str, Effective] = {}
    for path, value in _leaves({part: job.document()[part] for part in _OF_INPUT}):
        result[path] = Effective(value=value, source=Origin.ENVIRONMENT if path in overridden else Origin.INPUT)
    for path, value in _leaves(_complete(settings)):
        origin = Origin.DEFAULT if defaults.get(path) == value else Origin.STACK
        result[path] = Effective(value=value, source=Origin.ENVIRONMENT if path in overridden else origin)
    for group in BudgetGroup:
        bounded = any(path.startswith((f"budgets.{group}.", "timeouts.")) for path in overridden)
        origin = Origin.ENVIRONMENT if bounded else Origin.INPUT
        result[f"caps.{group}"] = Effective(value=job.cap(group), source=origin)
    return result


def _changes(name: str, text: str, job: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The settings that a variable changes, by their paths."""
    if name in _VALUES:
        path, read = _VALUES[name]
        yield path, read(text)
    elif name in _BOUNDS:
        paths, bound = _BOUNDS[name]
        for path in paths:
            if bound(text) <= dict(_leaves(job))[path]:
                yield path, bound(text)
    else:
        raise ValueError("is no variable that sets something")


def _complete(settings: RunDefaults) -> dict[str, Any]:
    """Settings as a document that names every connector."""
    buckets = {connector.value: settings.bucket(connector).document() for connector in Connector}
    return {**settings.document(), "token_buckets": buckets}


def _leaves(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _put(document: dict[str, Any], path: str, value: float) -> None:
    """Set a leaf; the names of connectors have dots in them."""
    for name, part in document.items():
        if path == name:
            document[name] = value
            return
        if isinstance(part, dict) and path.startswith(f"{name}."):
            _put(part, path.removeprefix(f"{name}."), value)
            return
    raise KeyError(path)


def _named(problem: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    return f"{origins.get(path, path)}: {problem['msg']}, not {problem['input']!r}"
