"""A part of Overpass QL: unions of nodes, ways and relations by tags, box, circle, polygon, area and id, and ``out``.

After https://wiki.openstreetmap.org/wiki/Overpass_API/Overpass_QL. What is not in this part is refused, never passed
over: a query that this world understood half would be answered wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from lambdas.places.geo import Point
from scout.standin.overpass_query import (
    DEFAULT_SET,
    Around,
    Box,
    Ids,
    InArea,
    Out,
    Polygon,
    Query,
    QueryError,
    Select,
    TagFilter,
    Union,
)

_TOKEN: Final = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/"""
    r"""|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<number>-?\d+(?:\.\d+)?)"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign>->|!=|!~|[\[\](){};:,.=~!-])""",
    re.DOTALL,
)
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "node": frozenset({"node"}),
    "way": frozenset({"way"}),
    "rel": frozenset({"relation"}),
    "relation": frozenset({"relation"}),
    "nw": frozenset({"node", "way"}),
    "nr": frozenset({"node", "relation"}),
    "wr": frozenset({"way", "relation"}),
    "nwr": frozenset({"node", "way", "relation"}),
    "area": frozenset({"area"}),
}
_VERBOSITY: Final = frozenset({"ids", "skel", "body", "tags", "meta", "count"})
_GEOMETRY: Final = frozenset({"center", "geom", "bb"})


def parse(text: str) -> Query:
    """Read a query.

    Args:
        text: Overpass QL.

    Returns:
        It, with a global bounding box set in where a statement names no place.

    Raises:
        QueryError: It is wrong, or uses what this part does not have.
    """
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError(f"line {_line(text, at)}: parse error: Unknown symbol {text[at]!r}")
            if found.lastgroup:
                self._tokens.append((found.lastgroup, found[0], _line(text, at)))
            at = found.end()
        self._next = 0
        self._box: Box | None = None

    def query(self) -> Query:
        settings = self._settings()
        statements: list[Select | Union | Out] = []
        while self._peek() is not None:
            statements.append(self._statement())
            self._take(";")
        if not any(isinstance(statement, Out) for statement in statements):
            # Overpass answers such a query with nothing at all.
            raise QueryError("line 1: static error: The query has no out statement")
        return Query(tuple(statements), settings)

    def _settings(self) -> dict[str, str]:
        settings: dict[str, str] = {}
        given = self._sign() == "["
        while self._accept("["):
            name = self._word()
            self._take(":")
            if name == "bbox":
                self._box = Box(*self._numbers(4))
            elif name in ("out", "timeout", "maxsize"):
                settings[name] = self._any()
            else:
                self._fail(f"Unknown setting {name!r}")
            self._take("]")
        if given:
            self._take(";")
        if settings.get("out") != "json":
            self._fail("This world answers in JSON only: [out:json] is needed")
        return settings

    def _statement(self) -> Select | Union | Out:
        if self._sign() == "(":
            return self._union()
        if self._sign() == "." or self._peek() == "out":
            return self._out()
        return self._select()

    def _union(self) -> Union:
        self._take("(")
        parts: list[Select | Union] = []
        while not self._accept(")"):
            parts.append(self._union() if self._sign() == "(" else self._select())
            self._take(";")
        return Union(tuple(parts), self._into())

    def _out(self) -> Out:
        source = DEFAULT_SET
        if self._accept("."):
            source = self._word()
        if self._word() != "out":
            self._fail("Only out may follow a set")
        verbosity, geometry, limit = "body", "", None
        while self._sign() != ";":
            word = self._any()
            if word in _VERBOSITY:
                verbosity = word
            elif word in _GEOMETRY:
                geometry = word
            elif word.isdecimal():
                limit = int(word)
            elif word not in ("asc", "qt"):
                self._fail(f"Unknown word {word!r} after out")
        return Out(source, verbosity, geometry, limit)

    def _select(self) -> Select:
        word = self._word()
        if word not in _KINDS:
            self._fail(f"Unknown query clause {word!r}")
        tags: list[TagFilter] = []
        places: list[Box | Around | Polygon | InArea | Ids] = []
        inputs: list[str] = []
        while True:
            if self._accept("["):
                tags.append(self._tag())
            elif self._accept("("):
                places.append(self._place())
            elif self._accept("."):
                inputs.append(self._word())
            else:
                break
        area = word == "area"
        if self._box is not None and not places and not inputs and not area:
            places.append(self._box)
        if not places and not inputs and not (area and tags):
            self._fail("A query needs a bounding box, a circle, a polygon, an area or ids: this world is no planet")
        return Select(_KINDS[word], tuple(tags), tuple(places), tuple(inputs), self._into())

    def _tag(self) -> TagFilter:
        if self._accept("!"):
            found = TagFilter(self._text(), "lacks")
        elif self._accept("~"):
            key = self._pattern()
            self._take("~")
            found = TagFilter(key, "~", self._pattern(), self._any_case(), key_pattern=True)
        else:
            key = self._text()
            match self._sign():
                case "]":
                    found = TagFilter(key, "has")
                case "=" | "!=" as operator:
                    self._take(operator)
                    found = TagFilter(key, operator, self._text())
                case "~" | "!~" as operator:
                    self._take(operator)
                    found = TagFilter(key, operator, self._pattern(), self._any_case())
                case _:
                    self._fail("A tag filter is [key], [!key], [key=value], [key!=value], [key~value] or [key!~value]")
        self._take("]")
        return found

    def _any_case(self) -> bool:
        if not self._accept(","):
            return False
        if self._word() != "i":
            self._fail("Only i may follow a comma in a tag filter")
        return True

    def _place(self) -> Box | Around | Polygon | InArea | Ids:
        kind = self._peek()
        makers: dict[str, Callable[[], Around | Polygon | InArea]] = {
            "around": self._around,
            "poly": self._poly,
            "area": self._area,
        }
        if kind in makers:
            self._next += 1
            return makers[kind]()
        numbers = self._until_closed()
        if all(number.isdecimal() for number in numbers) and len(numbers) != 4:
            return Ids(frozenset(map(int, numbers)))
        if len(numbers) != 4:
            self._fail("A bounding box has four numbers: south, west, north, east")
        south, west, north, east = map(float, numbers)
        if not (-90 <= south <= north <= 90 and -180 <= west <= 180 and -180 <= east <= 180):
            self._fail("The bounding box is none: south, west, north, east")
        return Box(south, west, north, east)

    def _around(self) -> Around:
        self._take(":")
        radius, *rest = (float(number) for number in self._until_closed())
        if not rest or len(rest) % 2:
            self._fail("around needs a radius, and pairs of latitude and longitude")
        return Around(radius, _points(rest))

    def _poly(self) -> Polygon:
        self._take(":")
        try:
            numbers = [float(number) for number in self._text().split()]
        except ValueError:
            self._fail("poly holds something that is no number")
        self._take(")")
        if len(numbers) < 6 or len(numbers) % 2:
            self._fail("poly needs three pairs of latitude and longitude at least")
        return Polygon(_points(numbers))

    def _area(self) -> InArea:
        if self._accept("."):
            name = self._word()
            self._take(")")
            return InArea(name=name)
        if self._accept(":"):
            (ref,) = self._until_closed()
            return InArea(ref=int(ref))
        self._take(")")
        return InArea(name=DEFAULT_SET)

    def _until_closed(self) -> list[str]:
        found: list[str] = []
        while True:
            kind, text, _ = self._current()
            if kind != "number":
                self._fail(f"A number is expected in place of {text!r}")
            found.append(text)
            self._next += 1
            if self._accept(")"):
                return found
            self._take(",")

    def _numbers(self, count: int) -> list[float]:
        found = []
        for number in range(count):
            if number:
                self._take(",")
            kind, text, _ = self._current()
            if kind != "number":
                self._fail(f"A number is expected in place of {text!r}")
            found.append(float(text))
            self._next += 1
        return found

    def _into(self) -> str:
        if not self._accept("->"):
            return DEFAULT_SET
        self._take(".")
        return self._word()

    def _pattern(self) -> str:
        text = self._text()
        try:
            re.compile(text)
        except re.error as error:
            self._fail(f"Invalid regular expression {text!r}: {error}")
        return text

    def _text(self) -> str:
        kind, text, _ = self._current()
        self._next += 1
        if kind == "text":
            return re.sub(
                r"\\(.)",
                lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]) if found[1] in "nt\"'\\" else found[0],
                text[1:-1],
            )
        if kind == "word":
            # Keys without quotes may hold colons: [addr:city].
            while self._sign() == ":":
                self._next += 1
                text += ":" + self._word()
            return text
        if kind == "number":
            return text
        return self._fail(f"A text is expected in place of {text!r}")

    def _word(self) -> str:
        kind, text, _ = self._current()
        if kind != "word":
            self._fail(f"A word is expected in place of {text!r}")
        self._next += 1
        return text

    def _any(self) -> str:
        kind, text, _ = self._current()
        if kind not in ("word", "number"):
            self._fail(f"A word is expected in place of {text!r}")
        self._next += 1
        return text

    def _peek(self) -> str | None:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def _sign(self) -> str | None:
        if self._next >= len(self._tokens):
            return None
        kind, text, _ = self._tokens[self._next]
        return text if kind == "sign" else None

    def _accept(self, sign: str) -> bool:
        if self._sign() != sign:
            return False
        self._next += 1
        return True

    def _take(self, sign: str) -> None:
        if not self._accept(sign):
            self._fail(f"{sign!r} is expected in place of {self._peek()!r}")

    def _current(self) -> tuple[str, str, int]:
        if self._next >= len(self._tokens):
            self._fail("The query ends too early")
        return self._tokens[self._next]

    def _fail(self, what: str) -> str:
        line = self._tokens[min(self._next, len(self._tokens) - 1)][2] if self._tokens else 1
        raise QueryError(f"line {line}: parse error: {what}")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _points(numbers: list[float]) -> tuple[Point, ...]:
    return tuple(Point(lat, lng) for lat, lng in zip(numbers[::2], numbers[1::2], strict=True))
