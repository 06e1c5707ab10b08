"""How common names are among all records, and all else that two of them may share; and which of it is rare enough.

Records may be counted in parts: what is a part's to count does not depend on where the records lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lambdas.places.columns import REFS, Columns, Hashes, Numbers, hashed
from lambdas.places.parts import Part

KEY_LIMIT = 40
"""A phone number, website, address or name that more records have says nothing of any two of them."""
NAME_LIMIT = 1
"""A name that one register lists more often is a chain's or a common one, and brings no distant records together."""

# Ways to share something, so that no key of one is a key of another.
_WAYS = np.array([hashed(f"{way}") for way in (*REFS, "phone", "page", "address", "name")], np.uint64)
_BY_NAME = len(_WAYS) - 1
_EMPTY = np.empty(0, np.int64)


@dataclass(frozen=True)
class Counts:
    """How common names and keys are among all records, as sorted hashes beside their numbers.

    Only those that occur more than once are in it. ``names``: the most often that one register lists the name.
    ``keys``: how many records share an id, a phone number, a website, an address or a name.
    """

    names: Hashes
    name_counts: Numbers
    keys: Hashes
    key_counts: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Counts]) -> Counts:
        """The counts of all parts; no name and no key is in two of them."""
        names, name_counts = _sorted([(part.names, part.name_counts) for part in parts])
        keys, key_counts = _sorted([(part.keys, part.key_counts) for part in parts])
        return cls(names, name_counts, keys, key_counts)

    def of_names(self, hashes: Hashes) -> Numbers:
        """How common each name is, from 1."""
        return _looked_up(self.names, self.name_counts, hashes)

    def of_keys(self, hashes: Hashes) -> Numbers:
        """How many records have each key, from 1."""
        return _looked_up(self.keys, self.key_counts, hashes)


@dataclass(frozen=True)
class Mentions:
    """What is counted of some records.

    Attributes:
        keys: All that they may share with others.
        names: The names that registers list. ``sources``: the registers.
    """

    keys: Hashes
    names: Hashes
    sources: NDArray[np.uint8]

    @classmethod
    def of(cls, columns: Columns) -> Mentions:
        """Those of all records."""
        listed = columns.register[columns.owner]
        keys = np.concatenate([keys[keys != 0] for keys, _ in _keys(columns)])
        return cls(keys, columns.form[listed], columns.source[columns.owner][listed])

    @classmethod
    def joined(cls, parts: Sequence[Mentions]) -> Mentions:
        """Those of several sets of records."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__})

    def of_part(self, part: Part) -> Mentions:
        """What this part is to count."""
        keys, names = part.owns(self.keys), part.owns(self.names)
        return Mentions(self.keys[keys], self.names[names], self.sources[names])

    def counts(self) -> Counts:
        """Count them."""
        names, tallies = _tallied(self.names, self.sources)
        keys, key_tallies = np.unique(self.keys, return_counts=True)
        many = key_tallies > 1
        return Counts(names, tallies, keys[many], key_tallies[many])


def counts(columns: Columns) -> Counts:
    """Count the names and keys of all records."""
    return Mentions.of(columns).counts()


def _keys(columns: Columns) -> Iterator[tuple[Hashes, Numbers]]:
    """For each way to share something the keys, 0 for none, and the records that have them."""
    everyone = np.arange(len(columns))
    # A street without a number is no address.
    address = np.where(
        (columns.street != 0) & (columns.house != 0), columns.street ^ (columns.house << np.uint64(1)), 0
    )
    of_records = (*columns.refs.T, columns.phone, columns.page, address)
    for keys, way in zip(of_records, _WAYS, strict=False):
        yield np.where(keys != 0, keys ^ way, 0), everyone
    yield columns.form ^ _WAYS[_BY_NAME], columns.owner


def rare_keys(columns: Columns, counted: Counts) -> Iterator[tuple[Hashes, Numbers]]:
    """The same, but for the keys that nobody else has, and those that say nothing since many have them."""
    for way, (keys, owners) in enumerate(_keys(columns)):
        count = counted.of_keys(keys)
        rare = (keys != 0) & (count > 1) & (count <= KEY_LIMIT)
        if way == _BY_NAME:
            rare &= counted.of_names(columns.form) <= NAME_LIMIT
        yield keys[rare], owners[rare]


def _tallied(hashes: Hashes, sources: NDArray[np.uint8]) -> tuple[Hashes, Numbers]:
    """For each hash the most often that one source has it, where that is more than once."""
    order = np.lexsort((sources, hashes))
    hashes, sources = hashes[order], sources[order]
    begins = (
        np.flatnonzero(np.r_[True, (hashes[1:] != hashes[:-1]) | (sources[1:] != sources[:-1])])
        if len(hashes)
        else _EMPTY
    )
    tallies = np.diff(np.r_[begins, len(hashes)])
    repeated = tallies > 1
    names, tallies = hashes[begins[repeated]], tallies[repeated]
    distinct, at = np.unique(names, return_index=True)
    return distinct, np.maximum.reduceat(tallies, at) if len(at) else _EMPTY


def _sorted(found: Sequence[tuple[Hashes, Numbers]]) -> tuple[Hashes, Numbers]:
    hashes, tallies = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(hashes)
    return hashes[order], tallies[order]


def _looked_up(known: Hashes, tallies: Numbers, hashes: Hashes) -> Numbers:
    if not len(known):
        return np.ones(len(hashes), np.int64)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[at] == hashes, tallies[at], 1)
