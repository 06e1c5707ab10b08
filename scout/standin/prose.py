"""How pages of this world write about a place, and how its language model reads that again.

The two stand side by side, so that what is written can be read: a model of the real kind reads anything, this one only
what this world writes, whatever a cleaner has left around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lambdas.mock.lexicon import ADJECTIVES, THINGS
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point

FACTS: Final = " · "
_HEART: Final = "in the heart of the city"
_SENTENCES: Final = (
    "On {adj} mornings the {thing} sign outside is the first thing to catch the light.",
    "Regulars swear by the {adj} corner seat, and by the story of the {thing} above the door.",
    "Come early: by noon the queue reaches the {adj} {thing} across the street.",
    "A {adj} beam still shows that the house was once a workshop for {thing} makers.",
    "Ask for the {adj} room at the back, where an old {thing} hangs on the wall.",
    "Visitors with children will find the {thing} trail {adj} enough for a rainy day.",
)

# Marks that a cleaner or a prompt sets before a line: its number, list and heading signs.
_MARKS: Final = re.compile(r"^\s*(?:L?(?P<number>\d{1,6})\s*[|:.)]\s*)?(?:[#*\-•>]+\s*)?")
_STANDS: Final = re.compile(r"^(?P<name>\S.{1,110}?) stands (?:at (?P<line>[^.]{3,120})|in the heart of the city)\.")
_LISTED: Final = re.compile(
    r"^(?P<name>[^—(]{2,110}?)(?: \((?P<local>[^()]{1,80})\))? — (?P<category>[a-z ]{3,40})"
    r"(?:, (?P<line>[^()]{3,120}?))?(?: \((?P<lat>-?\d{1,2}\.\d{3,7}), (?P<lng>-?\d{1,3}\.\d{3,7})\))?\.?$"
)
_HEADED: Final = re.compile(r"^(?P<name>[^()]{2,110}?) \((?P<local>[^()]{1,80})\)$")
_POSITION: Final = re.compile(r"(-?\d{1,2}\.\d{3,7}), (-?\d{1,3}\.\d{3,7})")


def sentence(name: str, line: str) -> str:
    """The sentence that says where a place is."""
    return f"{name} stands at {line}." if line else f"{name} stands {_HEART}."


def facts_line(category: str, line: str, at: Point | None) -> str:
    """The line below a place's heading."""
    position = [f"{at.lat:.5f}, {at.lng:.5f}"] if at else []
    return FACTS.join([category.replace("_", " "), *([line] if line else []), *position])


def listed(name: str, local: str | None, category: str, line: str, at: Point | None) -> str:
    """A place as an item of a plain list."""
    title = f"{name} ({local})" if local else name
    where = f", {line}" if line else ""
    position = f" ({at.lat:.5f}, {at.lng:.5f})" if at else ""
    return f"{title} — {category.replace('_', ' ')}{where}{position}"


def chatter(stream: Stream, sentences: int) -> str:
    """Sentences that say nothing of where anything is."""
    chosen = (stream.pick(_SENTENCES) for _ in range(sentences))
    return " ".join(
        text.format(adj=stream.pick(ADJECTIVES).lower(), thing=stream.pick(THINGS).lower()) for text in chosen
    )


@dataclass(frozen=True)
class Read:
    """A place as it was read in a text.

    ``evidence`` stands in the text letter by letter, in the line ``line``: by the number that the line begins with, or
    counted from 0 where lines have none.
    """

    name: str
    local: str | None
    category: str | None
    street: str | None
    at: Point | None
    evidence: str
    line: int


def read(text: str) -> Iterator[Read]:
    """The places that a text speaks of, each where it says where it is."""
    numbered = text.split("\n")
    lines = [_MARKS.sub("", line).strip() for line in numbered]
    for index, line in enumerate(lines):
        mark = _MARKS.match(numbered[index])
        number = int(mark["number"]) if mark and mark["number"] else index
        if item := _LISTED.match(line):
            at = Point(float(item["lat"]), float(item["lng"])) if item["lat"] else None
            yield Read(item["name"], item["local"], item["category"], item["line"], at, line[:160], number)
        elif told := _STANDS.match(line):
            above = lines[max(0, index - 3) : index]
            local = next(
                (head["local"] for text in above if (head := _HEADED.match(text)) and head["name"] == told["name"]),
                None,
            )
            known = next((text for text in reversed(above) if FACTS.strip() in text), "")
            position = _POSITION.search(known)
            at = Point(float(position[1]), float(position[2])) if position else None
            category = known.partition(FACTS)[0] or None
            yield Read(told["name"], local, category, told["line"], at, told[0][:160], number)
