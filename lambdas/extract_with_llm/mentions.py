"""A place as a page speaks of it, and the text that such words are compared in."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import product
from typing import Final, TypeAlias

from lambdas.contracts.candidate import Address

MAX_NAME = 200
_NO_WORD = re.compile(r"[\W_]+")
# An address, folded, and a position; each ``None`` where the page gives none.
_Marks: TypeAlias = tuple[str | None, tuple[float, float | None] | None]
# Marks, of which one or both may be any.
_Key: TypeAlias = tuple[object, ...]
_ANY: Final = object()


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
    found: defaultdict[str, _Branches] = defaultdict(_Branches)
    for mention in mentions:
        found[mention.name].take(mention)
    return [place for branches in found.values() for place in branches.places]


class _Branches:
    """The places of one name. A file may list thousands, so that each is found by its marks, and none is searched for.

    Attributes:
        places: They, in the order of the page.
    """

    def __init__(self) -> None:
        self.places: list[Mention] = []
        self._marks: list[_Marks] = []
        # By address and position, and by each alone: which places have them. What a place has no longer stays in a heap
        # until it comes to its top.
        self._having: defaultdict[_Key, list[int]] = defaultdict(list)

    def take(self, mention: Mention) -> None:
        """Add a place, unless it is one of them already."""
        own = _marks(mention)
        same = self._first(own)
        if same is None:
            self.places.append(mention)
            self._marks.append(own)
            self._enter(len(self.places) - 1)
        elif self._marks[same][1] is None and own[1] is not None:
            self.places[same], self._marks[same] = mention, own
            self._enter(same)

    def _first(self, own: _Marks) -> int | None:
        """The first place that neither an address nor a position tells from one with these marks."""
        wanted = [(_ANY,) if mark is None else (mark, None) for mark in own]
        found = [first for key in product(*wanted) if (first := self._top(key)) is not None]
        return min(found, default=None)

    def _top(self, key: _Key) -> int | None:
        heap = self._having.get(key, [])
        while heap and not all(mark in (_ANY, has) for mark, has in zip(key, self._marks[heap[0]], strict=True)):
            heappop(heap)
        return heap[0] if heap else None

    def _enter(self, place: int) -> None:
        for key in product(*((mark, _ANY) for mark in self._marks[place])):
            heappush(self._having[key], place)


def _marks(mention: Mention) -> _Marks:
    street = mention.address.formatted_address if mention.address else None
    return folded(street) if street else None, None if mention.lat is None else (mention.lat, mention.lng)
