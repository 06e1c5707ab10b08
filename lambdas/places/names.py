"""Names of places: one normal form, and how alike two sets of names are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii
from rapidfuzz import fuzz

_LETTERS = str.maketrans({"æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"})
_LATIN_MARKS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_NO_WORD = re.compile(r"[\W_]+")
_WORDS = {
    "rd": "road",
    "ave": "avenue",
    "sq": "square",
    "mt": "mount",
    "ctr": "centre",
    "center": "centre",
    "theater": "theatre",
    "natl": "national",
    "intl": "international",
    "n": "and",
}
_DROPPED = frozenset({"the", "ltd", "inc", "llc"})


@dataclass(frozen=True, slots=True)
class Names:
    """What a record is called, in every language it has, in normal form.

    Words stand in alphabetical order, so that two orders of the same words are equal. Latin and other scripts are kept
    apart, since a comparison across scripts says nothing.
    """

    latin: tuple[str, ...]
    other: tuple[str, ...]
    exact: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str], city: str = "") -> Names:
        """The normal forms of a record's names.

        Args:
            names: The names as written.
            city: The city; its own name in a place's name tells nothing and is left out.
        """
        own = frozenset(normalise(city).split()) if city else frozenset()
        words = [normalise(name, own).split() for name in dict.fromkeys(_in_latin_too(names))]
        forms = sorted({" ".join(sorted(name)) for name in words if name})
        numbers = frozenset(word for name in words for word in name if word.isdigit())
        return cls(
            latin=tuple(form for form in forms if form.isascii()),
            other=tuple(form for form in forms if not form.isascii()),
            exact=frozenset(forms),
            numbers=numbers,
        )


def _in_latin_too(names: Iterable[str]) -> Iterator[str]:
    """The names, and those in a script that is written letter by letter also in Latin letters.

    Chinese characters are left out: what they sound like depends on the language, which is not known.
    """
    for name in names:
        yield name
        if not name.isascii() and not _HAN.search(name):
            yield anyascii(name)


@lru_cache(maxsize=32_768)
def normalise(name: str, ignore: frozenset[str] = frozenset()) -> str:
    """A name without case, Latin accents, punctuation, common abbreviations and articles.

    Args:
        name: The name as written, in any script. Scripts other than Latin keep their marks: they change the sound.
        ignore: Words to leave out if others remain.

    Returns:
        Words in their order, separated by single spaces; ``""`` if the name has no letter and no digit.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFC", _LATIN_MARKS.sub("", unicodedata.normalize("NFKD", text)))
        text = text.translate(_LETTERS)
    text = _APOSTROPHES.sub("", text).replace("&", " and ").replace("+", " and ")
    words = [_WORDS.get(word, word) for word in _NO_WORD.sub(" ", text).split()]
    if "st" in words:
        last = len(words) - 1
        words = [("street" if i == last and i else "saint") if word == "st" else word for i, word in enumerate(words)]
    kept = [word for word in words if word not in _DROPPED]
    without = [word for word in kept if word not in ignore]
    return " ".join(without or kept or words)


def similarity(a: Names, b: Names, at_least: float = 0.0) -> float:
    """How alike two records' names are: their best pair in the same script.

    Args:
        a: The names of one record.
        b: The names of the other.
        at_least: Below this the exact value does not matter, and 0 may be returned.

    Returns:
        0 (nothing in common) to 1 (equal after normalisation): the normalised edit similarity, words in any order.
    """
    if not a.exact.isdisjoint(b.exact):
        return 1.0
    cutoff = at_least * 100
    best = 0.0
    for mine, theirs in ((a.latin, b.latin), (a.other, b.other)):
        for name in mine:
            for candidate in theirs:
                best = max(best, fuzz.ratio(name, candidate, score_cutoff=max(cutoff, best)))
    return best / 100
