"""DynamoDB's condition expressions, as far as the stages use them: exact, or refused."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(attribute_not_exists|AND|OR|<=|<>|=|\(|\)|#\w+|:\w+)")
_COMPARATORS: Mapping[str, Callable[[Any, Any], bool]] = {"<=": operator.le, "<>": operator.ne, "=": operator.eq}


def holds(expression: str, names: Mapping[str, str], values: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether a condition holds for an item; an absent item is empty. What DynamoDB would refuse is an error."""
    parser = _Parser(_tokens(expression), names, values, item)
    result = parser.either()
    assert not parser.tokens, f"{parser.tokens} is left of {expression}"
    assert parser.used == names.keys() | values.keys(), "every name and value must be used"
    return result


def _tokens(expression: str) -> list[str]:
    tokens, at = [], 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        assert found, f"not understood: {expression[at:]}"
        tokens.append(found[1])
        at = found.end()
    return tokens


class _Parser:
    def __init__(
        self, tokens: list[str], names: Mapping[str, str], values: Mapping[str, Any], item: Mapping[str, Any]
    ) -> None:
        self.tokens = tokens
        self.used: set[str] = set()
        self._names = names
        self._values = values
        self._item = item

    def either(self) -> bool:
        result = self._both()
        while self._accept("OR"):
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._accept("AND"):
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._accept("("):
            result = self.either()
            self._expect(")")
            return result
        if self._accept("attribute_not_exists"):
            self._expect("(")
            name = self._name()
            self._expect(")")
            return name not in self._item
        return self._comparison()

    def _comparison(self) -> bool:
        name, comparator, placeholder = self._name(), self.tokens.pop(0), self.tokens.pop(0)
        self.used.add(placeholder)
        value = self._values[placeholder]
        if name not in self._item:
            # False by the rules of DynamoDB, but for <>, on which no stage is to rely.
            assert comparator != "<>" or not self._item
            return False
        standing = self._item[name]
        # Values of different types are unequal, and in no order.
        return type(standing) is type(value) and _COMPARATORS[comparator](standing, value)

    def _name(self) -> str:
        placeholder = self.tokens.pop(0)
        self.used.add(placeholder)
        return self._names[placeholder]

    def _accept(self, token: str) -> bool:
        if not self.tokens or self.tokens[0] != token:
            return False
        self.tokens.pop(0)
        return True

    def _expect(self, token: str) -> None:
        assert self._accept(token), f"{token} expected before {self.tokens}"
