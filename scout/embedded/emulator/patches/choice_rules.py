"""A Choice looks at what is there, and knows every comparison.

AWS: a rule whose variable is missing ends the execution with `States.Runtime`; only `IsPresent` may ask for it, and it
is true of a field that is null. Values of another type than the operator's do not match
(https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html).

The emulator takes the Default when a variable is missing, a null for a missing field, true for a number, and ignores
half of the comparisons with a path.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

from scout.embedded.emulator.patches.strict_paths import MissingError, complete, failure, found
from scout.embedded.emulator.patches.support import Patch, Untyped, service

if TYPE_CHECKING:
    from collections.abc import Callable

_PATCH: Final = Patch(__name__)
_sfn: Final = service("services.stepfunctions")


def apply() -> None:
    """Replace the evaluation of rules."""
    _PATCH.expect(_sfn._execute_choice, "_evaluate_rule(choice, effective, ctx)", "States.NoChoiceMatched")
    _PATCH.around(_sfn, "_evaluate_rule", _evaluate_rule)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_timestamp(value: JsonValue) -> bool:
    return isinstance(value, str) and bool(_sfn._is_timestamp(value))


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


_TESTS: Final[dict[str, Callable[[JsonValue], bool]]] = {
    "IsPresent": lambda _value: True,
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": _is_timestamp,
}
# Name of a type in operators: whether a value is of it, and what is compared.
_TYPES: Final[dict[str, tuple[Callable[[JsonValue], bool], Callable[[Any], Any]]]] = {
    "String": (lambda value: isinstance(value, str), str),
    "Numeric": (_is_number, lambda value: value),
    "Boolean": (lambda value: isinstance(value, bool), bool),
    "Timestamp": (_is_timestamp, _moment),
}
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": lambda left, right: left == right,
    "LessThan": lambda left, right: left < right,
    "GreaterThan": lambda left, right: left > right,
    "LessThanEquals": lambda left, right: left <= right,
    "GreaterThanEquals": lambda left, right: left >= right,
}
_OPERATOR: Final = re.compile(r"(String|Numeric|Boolean|Timestamp)(Equals|(?:Less|Greater)Than(?:Equals)?)(Path)?")


def _evaluate_rule(_original: Untyped, rule: dict[str, Any], data: JsonValue, context: Untyped = None) -> bool:
    if "And" in rule:
        return all(_evaluate_rule(None, part, data, context) for part in rule["And"])
    if "Or" in rule:
        return any(_evaluate_rule(None, part, data, context) for part in rule["Or"])
    if "Not" in rule:
        return not _evaluate_rule(None, rule["Not"], data, context)
    operator, operand = next((key, value) for key, value in rule.items() if key not in {"Variable", "Next", "Comment"})
    try:
        value = _variable(rule["Variable"], data, context)
    except MissingError:
        if operator == "IsPresent":
            return operand is False
        cause = "The choice state's condition path references an invalid value."
        raise failure(f"Invalid path '{rule['Variable']}': {cause}") from None
    if operator in _TESTS:
        return _TESTS[operator](value) is operand
    return _compared(operator, value, operand, data, context)


def _compared(operator: str, value: JsonValue, operand: Untyped, data: JsonValue, context: Untyped) -> bool:
    if operator == "StringMatches":
        return isinstance(value, str) and re.fullmatch(_pattern(operand), value, re.DOTALL) is not None
    match = _OPERATOR.fullmatch(operator)
    if match is None:
        raise failure(f"unknown comparison {operator}")
    type_name, comparison, by_path = match.groups()
    if by_path:
        operand = _sfn._resolve_path_or_ctx(operand, data, context)
    is_of_type, comparable = _TYPES[type_name]
    if not (is_of_type(value) and is_of_type(operand)):
        return False
    return _COMPARISONS[comparison](comparable(value), comparable(operand))


def _variable(path: str, data: JsonValue, context: dict[str, Any] | None) -> JsonValue:
    if path.startswith("$$."):
        return found(path[1:], complete(context or {}))
    return data if path == "$" else found(path, data)


def _pattern(text: str) -> str:
    r"""Return the regular expression of a StringMatches pattern: `*` is any text, `\*` a star."""
    parts = re.split(r"(\\\\|\\\*|\*)", text)
    return "".join({"*": ".*", r"\*": r"\*", r"\\": r"\\"}.get(part, re.escape(part)) for part in parts)
