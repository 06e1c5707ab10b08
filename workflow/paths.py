"""The small languages inside JSONPath mode: paths, reference paths, the context object, intrinsics, payload templates.

Each function returns what is wrong with a text, or None. The grammars:
https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

_NAME = r"[^\W\d][\w-]*"
_QUOTED = r"'[^']+'"
_REFERENCE_STEP = rf"(?:\.{_NAME}|\[{_QUOTED}\]|\[\d+\])"
_STEP = (
    rf"(?:\.\.?(?:{_NAME}|\*)"  # .name  ..name  .*
    rf"|\[{_QUOTED}(?:,\s*{_QUOTED})*\]"  # ['name']  ['a','b']
    r"|\[(?:-?\d+(?:,\s*-?\d+)*|\*|-?\d*:-?\d*(?::-?\d+)?)\]"  # [0]  [0,2]  [*]  [1:3]
    r"|\[\?\(.+?\)\])"  # [?(@.price < 10)]
)
_CONTEXT = (
    r"\$\$(?:"
    rf"\.Execution(?:\.(?:Id|Name|RoleArn|StartTime|RedriveCount|RedriveTime|Input{_STEP}*))?"
    r"|\.StateMachine(?:\.(?:Id|Name))?"
    r"|\.State(?:\.(?:Name|EnteredTime|RetryCount))?"
    r"|\.Task(?:\.Token)?"
    rf"|\.Map(?:\.Item(?:\.(?:Index|Key|Source|Value{_STEP}*))?)?"
    r")?(?![\w.\[-])"
)
_PATH = re.compile(rf"(?:{_CONTEXT}|\$(?!\$){_STEP}*)")
_REFERENCE_PATH = re.compile(rf"\${_REFERENCE_STEP}*")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_CONSTANT = re.compile(r"-?\d+(?:\.\d+)?|true|false|null")
_CALL = re.compile(r"States\.(\w+)\(")
_SPACE = re.compile(r"\s*")

# Least and most arguments of each intrinsic.
_ARGUMENTS = {
    "Array": (0, 1000),
    "ArrayContains": (2, 2),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayPartition": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayUnique": (1, 1),
    "Base64Decode": (1, 1),
    "Base64Encode": (1, 1),
    "Format": (1, 1000),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "JsonToString": (1, 1),
    "MathAdd": (2, 2),
    "MathRandom": (2, 3),
    "StringSplit": (2, 2),
    "StringToJson": (1, 1),
    "UUID": (0, 0),
}
_MAX_NESTING = 10
# The intrinsics that a Fail state takes in ErrorPath and CausePath:
# https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html
TEXT_INTRINSICS = frozenset({"Format", "JsonToString", "ArrayGetItem", "Base64Encode", "Base64Decode", "Hash", "UUID"})


def path_problem(text: str) -> str | None:
    """What is wrong with a path into the state's data (``$``) or the context object (``$$``)."""
    if _PATH.fullmatch(text):
        return None
    if text.startswith("$$"):
        return f"{text!r} names nothing in the context object"
    return f"{text!r} is not a JSONPath"


def reference_path_problem(text: str) -> str | None:
    """What is wrong with a path that must lead to one place: no wildcards, slices, filters or context object."""
    return None if _REFERENCE_PATH.fullmatch(text) else f"{text!r} is not a reference path, which leads to one place"


def text_path_problem(text: str) -> str | None:
    """What is wrong with the ErrorPath or CausePath of a Fail state."""
    if call := _CALL.match(text):
        if call[1] not in TEXT_INTRINSICS:
            return f"States.{call[1]} is not allowed here; allowed are {', '.join(sorted(TEXT_INTRINSICS))}"
        return intrinsic_problem(text)
    return path_problem(text) if text.startswith("$$") else reference_path_problem(text)


def intrinsic_problem(text: str) -> str | None:
    """What is wrong with a call of an intrinsic such as ``States.Format('{}', $.a)``."""
    try:
        end = _call(text, 0, depth=1)
    except ValueError as error:
        return f"{text!r}: {error}"
    return None if end == len(text) else f"{text!r}: text is left after the call: {text[end:]!r}"


def template_problems(template: JsonValue, where: str = "") -> Iterator[tuple[str, str]]:
    """What is wrong in a payload template (Parameters, ResultSelector, ItemSelector).

    Args:
        template: The template, or a part of it.
        where: The keys that lead to this part, joined by dots.

    Yields:
        The keys that lead to a value, and what is wrong with it.
    """
    if isinstance(template, list):
        for place, item in enumerate(template):
            yield from template_problems(item, f"{where}[{place}]")
    elif isinstance(template, dict):
        for key, value in template.items():
            here = f"{where}.{key}" if where else key
            if key.endswith(".$"):
                if problem := _dynamic_problem(value):
                    yield here, problem
                if key[:-2] in template:
                    yield here, f"the key {key[:-2]!r} is there as well"
            else:
                yield from template_problems(value, here)
    elif isinstance(template, str) and (template.startswith(("$.", "$$.")) or _CALL.match(template)):
        yield where, f"{template!r} would be taken as plain text; end the key with '.$' to have it evaluated"


def _dynamic_problem(value: JsonValue) -> str | None:
    if not isinstance(value, str):
        return "the key ends with '.$', so the value must be a path or an intrinsic"
    return path_problem(value) if value.startswith("$") else intrinsic_problem(value)


def _call(text: str, start: int, depth: int) -> int:
    """Parse one call and return where it ends."""
    call = _CALL.match(text, start)
    if not call or call[1] not in _ARGUMENTS:
        raise ValueError("there is no such intrinsic" if call else "a path or an intrinsic was expected")
    if depth > _MAX_NESTING:
        raise ValueError(f"intrinsics can be nested {_MAX_NESTING} deep")
    arguments, end = _arguments(text, call.end(), depth)
    least, most = _ARGUMENTS[call[1]]
    if not least <= len(arguments) <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        raise ValueError(f"States.{call[1]} takes {expected} arguments, not {len(arguments)}")
    if call[1] == "Format" and (template := _LITERAL.fullmatch(arguments[0])):
        holes = re.sub(r"\\.", "", template[1]).count("{}")
        if holes != len(arguments) - 1:
            raise ValueError(f"States.Format has {holes} places for {len(arguments) - 1} values")
    return end


def _arguments(text: str, start: int, depth: int) -> tuple[list[str], int]:
    """Parse arguments up to and including the closing parenthesis."""
    arguments: list[str] = []
    at = _skip(text, start)
    while text[at : at + 1] != ")":
        if arguments:
            if text[at : at + 1] != ",":
                raise ValueError(f"',' or ')' was expected at {text[at:]!r}")
            at = _skip(text, at + 1)
        end = _argument(text, at, depth)
        arguments.append(text[at:end])
        at = _skip(text, end)
    return arguments, at + 1


def _argument(text: str, at: int, depth: int) -> int:
    for grammar in (_LITERAL, _PATH, _CONSTANT):
        if match := grammar.match(text, at):
            return match.end()
    if not _CALL.match(text, at):
        raise ValueError(f"{text[at:]!r} is not an argument: use 'text', a number, a path or an intrinsic")
    return _call(text, at, depth + 1)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
