"""A place as a page speaks of it, and the text that such words are compared in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from lambdas.contracts.candidate import Address

MAX_NAME = 200
_NO_WORD = re.compile(r"[\W_]+")
# An address, folded, and a position; each ``None`` where the page gives none.
_Marks: TypeAlias = tuple[str | None, tuple[float, float | None] | None]


@dataclass(frozen=True)
class Mention:
    """A place as a page speaks of it.

    Attributes:
        name: As it is written.
        other_names: What else it is called there.
        category: One of ``lambdas.places.categories``, or ``None``.
        address: Its address.
        lat: Its latitude in degrees.
        lng: Its longitude in degrees.
        evidence: What the page says, where a model read it.
        phone: Its telephone number.
        website: Its own site.
        wikidata_id: Its item in Wikidata.
    """

    name: str
    other_names: tuple[str, ...] = ()
    category: str | None = None
    address: Address | None = None
    lat: float | None = None
    lng: float | None = None
    evidence: str | None = None
    phone: str | None = None
    website: str | None = None
    wikidata_id: str | None = None


def folded(text: str) -> str:
    """A text as its words alone, each between spaces: what is in one such text is in another word by word.

    Letters are those of compatibility form without case, so that two ways to write a word are one.
    """
    return f" {_NO_WORD.sub(' ', unicodedata.normalize('NFKC', text).casefold()).strip()} "


def position(lat: object, lng: object) -> tuple[float, float] | None:
    """A position as a page gives it, if it is one on the globe and not the missing one at 0, 0."""
    try:
        here = float(str(lat)), float(str(lng))
    except ValueError:
        return None
    return here if abs(here[0]) <= 90 and abs(here[1]) <= 180 and here != (0.0, 0.0) else None


def holds(text: str, words: str) -> bool:
    """Whether words stand in a text, both folded.

    Words of letters stand between others. Scripts that put no spaces between words are compared letter by letter.
    """
    bare = words.strip()
    return bool(bare) and (words if bare.isascii() else bare) in text


def distinct(mentions: Iterable[Mention]) -> list[Mention]:
    """Each place once, in the order of the page.

    Two mentions of one name are one place, unless they have other addresses or other positions: a page may list two
    branches of a chain. Of two for one place, the one with a position stays.
    """
    found: dict[str, list[Mention]] = {}
    # Beside each of them, by what it is told from others: a file may list thousands of one name.
    marks: dict[str, list[_Marks]] = {}
    for mention in mentions:
        known, known_marks = found.setdefault(mention.name, []), marks.setdefault(mention.name, [])
        street, here = own = _marks(mention)
        same = next(
            (
                at
                for at, (other, there) in enumerate(known_marks)
                if (street is None or other is None or street == other)
                and (here is None or there is None or here == there)
            ),
            None,
        )
        if same is None:
            known.append(mention)
            known_marks.append(own)
        elif known_marks[same][1] is None and here is not None:
            known[same], known_marks[same] = mention, own
    return [mention for known in found.values() for mention in known]


def _marks(mention: Mention) -> _Marks:
    street = mention.address.formatted_address if mention.address else None
    return folded(street) if street else None, None if mention.lat is None else (mention.lat, mention.lng)
