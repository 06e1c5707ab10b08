"""A definition, read from the language's own JSON, as a picture needs it: boxes, arrows, boxes that hold boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from scout.errors import InputRefused

START: Final = "(start)"
END: Final = "(end)"

_COMPARISONS: Final = {
    "Equals": "=",
    "LessThan": "<",
    "LessThanEquals": "≤",
    "GreaterThan": ">",
    "GreaterThanEquals": "≥",
    "Matches": "~",
}
_KINDS: Final = ("String", "Numeric", "Boolean", "Timestamp")
_TYPES: Final = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Map", "Parallel")


class Kind(StrEnum):
    """Why one state follows another: as the usual next, by a rule, since no rule held, or by a caught error."""

    NEXT = "next"
    RULE = "rule"
    DEFAULT = "default"
    CATCH = "catch"


@dataclass(frozen=True)
class Arrow:
    """From one box of a scope to another."""

    source: str
    target: str
    kind: Kind
    label: str = ""


@dataclass(frozen=True)
class Box:
    """One state.

    Attributes:
        name: Its name.
        type: Its type in the language; for the two ends of a scope ``START`` and ``END``.
        detail: What it does, in a few words.
        retry: How it is tried again, in a few words; empty if it is not.
        notes: The same at length, a line each.
        inner: The scopes that it holds: one for a Map, one for each branch of a Parallel.
    """

    name: str
    type: str
    detail: str = ""
    retry: str = ""
    notes: tuple[str, ...] = ()
    inner: tuple[Scope, ...] = ()


@dataclass(frozen=True)
class Scope:
    """States that refer to each other by name: the whole machine, what a Map repeats, or a branch of a Parallel."""

    boxes: Mapping[str, Box]
    arrows: Sequence[Arrow]


def read(definition: object, name: str = "the definition") -> Scope:
    """Read a definition.

    Args:
        definition: The language's JSON, parsed.
        name: What messages call it.

    Returns:
        Its boxes and arrows; two more boxes stand for its start and its end.

    Raises:
        InputRefused: It is no definition, or an arrow leads to no state.
    """
    problems = list(_problems(definition))
    if problems:
        raise InputRefused(name, problems)
    assert isinstance(definition, dict), "it has no problems"  # noqa: S101
    return _scope(definition)


def _problems(scope: object, where: str = "") -> Iterator[str]:
    """What keeps a scope from being drawn."""
    if not isinstance(scope, dict) or not isinstance(scope.get("States"), dict) or not scope["States"]:
        yield f"{where or 'it'} has no States: it is no definition of a state machine"
        return
    states = scope["States"]
    if scope.get("StartAt") not in states:
        yield f"{where}StartAt: {scope.get('StartAt')!r} is none of its states"
    for name, state in states.items():
        if not isinstance(state, dict) or state.get("Type") not in _TYPES:
            yield f"{where}{name}: its Type is none of {', '.join(_TYPES)}"
            continue
        try:
            ways = list(_ways(name, state))
            inner = list(_inner(state))
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            yield f"{where}{name}: it is not written as the language has it ({error!r})"
            continue
        for arrow in ways:
            if arrow.target not in states and arrow.target != END:
                yield f"{where}{name}: it leads to {arrow.target!r}, which is none of the states"
        for held in inner:
            yield from _problems(held, f"{where}{name}.")


def _scope(scope: Mapping[str, Any]) -> Scope:
    states: Mapping[str, Any] = scope["States"]
    boxes = {START: Box(START, "START")}
    boxes |= {name: _box(name, state) for name, state in states.items()}
    arrows = [Arrow(START, scope["StartAt"], Kind.NEXT)]
    arrows += [arrow for name, state in states.items() for arrow in _ways(name, state)]
    if any(arrow.target == END for arrow in arrows):
        boxes[END] = Box(END, "END")
    return Scope(boxes, _merged(arrows))


def _ways(name: str, state: Mapping[str, Any]) -> Iterator[Arrow]:
    """Where a state can lead."""
    for rule in state.get("Choices", ()):
        yield Arrow(name, rule["Next"], Kind.RULE, _condition(rule))
    if "Default" in state:
        yield Arrow(name, state["Default"], Kind.DEFAULT, "otherwise")
    if "Next" in state:
        yield Arrow(name, state["Next"], Kind.NEXT)
    elif state["Type"] not in {"Choice", "Fail"}:
        yield Arrow(name, END, Kind.NEXT)
    for catcher in state.get("Catch", ()):
        yield Arrow(name, catcher["Next"], Kind.CATCH, _errors(catcher["ErrorEquals"]))


def _merged(arrows: Sequence[Arrow]) -> list[Arrow]:
    """Arrows of one kind between the same two boxes as one, with all labels."""
    merged: dict[tuple[str, str, Kind], list[str]] = {}
    for arrow in arrows:
        merged.setdefault((arrow.source, arrow.target, arrow.kind), []).append(arrow.label)
    return [
        Arrow(source, target, kind, " or ".join(dict.fromkeys(filter(None, labels))))
        for (source, target, kind), labels in merged.items()
    ]


def _box(name: str, state: Mapping[str, Any]) -> Box:
    retries = state.get("Retry", ())
    most = sum(int(retrier.get("MaxAttempts", 3)) for retrier in retries)
    notes = [f"Retry {_errors(retrier['ErrorEquals'])}: {_retry(retrier)}" for retrier in retries]
    notes += [f"Catch {_errors(catcher['ErrorEquals'])}: {catcher['Next']}" for catcher in state.get("Catch", ())]
    if "TimeoutSeconds" in state:
        notes.insert(0, f"TimeoutSeconds {state['TimeoutSeconds']}")
    return Box(
        name=name,
        type=state["Type"],
        detail=_detail(state),
        retry=f"retry up to {most} times" if most else "",
        notes=tuple(notes),
        inner=tuple(_scope(held) for held in _inner(state)),
    )


def _inner(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if state["Type"] == "Map":
        # Older definitions call it Iterator.
        yield state["ItemProcessor"] if "ItemProcessor" in state else state["Iterator"]
    if state["Type"] == "Parallel":
        yield from state["Branches"]


def _detail(state: Mapping[str, Any]) -> str:
    match state["Type"]:
        case "Task":
            return _task(str(state["Resource"]))
        case "Wait":
            seconds = state.get("Seconds", state.get("SecondsPath", ""))
            return (
                f"wait {seconds} s" if seconds else f"wait until {state.get('Timestamp', state.get('TimestampPath'))}"
            )
        case "Map":
            processor = state.get("ItemProcessor", {}).get("ProcessorConfig", {})
            most = state.get("MaxConcurrency")
            kind = "distributed map" if processor.get("Mode") == "DISTRIBUTED" else "map"
            return f"{kind} over {state.get('ItemsPath', '$')}" + (f", {most} at a time" if most else "")
        case "Fail":
            return str(state.get("Error", ""))
        case _:
            return ""


def _task(resource: str) -> str:
    """What a Task calls: ``arn:aws:states:::sqs:sendMessage`` becomes ``sqs:sendMessage``."""
    parts = resource.split(":")
    if ":states:::" in resource:
        return resource.partition(":states:::")[2]
    return f"{parts[2]} {parts[-1]}" if len(parts) > 5 else resource


def _retry(retrier: Mapping[str, Any]) -> str:
    most, first = retrier.get("MaxAttempts", 3), retrier.get("IntervalSeconds", 1)
    if not most:
        return "never"
    longest = f", at most {retrier['MaxDelaySeconds']} s" if "MaxDelaySeconds" in retrier else ""
    return f"{most} times, after {first} s and each time {retrier.get('BackoffRate', 2)} times as long{longest}"


def _errors(names: Sequence[str]) -> str:
    return "any error" if "States.ALL" in names else ", ".join(names)


def _condition(rule: Mapping[str, Any]) -> str:
    for word, joint in (("And", " and "), ("Or", " or ")):
        if word in rule:
            return joint.join(_condition(part) for part in rule[word])
    if "Not" in rule:
        return f"not ({_condition(rule['Not'])})"
    if "Condition" in rule:
        return str(rule["Condition"])
    variable = str(rule["Variable"]).removeprefix("$.")
    operator, value = next((key, value) for key, value in rule.items() if key not in {"Variable", "Next", "Comment"})
    if operator.startswith("Is"):
        return f"{variable} is {'' if value else 'not '}{operator[2:].lower()}"
    plain = operator.removesuffix("Path")
    kind = next((kind for kind in _KINDS if plain.startswith(kind)), "")
    sign = _COMPARISONS.get(plain.removeprefix(kind), plain)
    if kind == "Boolean" and sign == "=" and operator == plain:
        return variable if value else f"not {variable}"
    return f"{variable} {sign} {value}"
