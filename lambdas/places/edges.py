"""Pairs of records that were found to be one place, and what is to be known of a record to join it with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lambdas.places.blocking import pairs
from lambdas.places.columns import WIKIDATA, Columns, Flags, Floats, Hashes, Numbers
from lambdas.places.comparison import FEATURES, Compared, Model, chunks, model, probabilities
from lambdas.places.counts import Counts
from lambdas.places.parts import WHOLE, Part

# Two computers, or the same pair in another chunk, may differ in the last bits of a sum.
_DIGITS = 9
_DIGITS_DIFFER = FEATURES.index("digits_differ")
# A register that lists a place twice calls it the same both times, and puts it at the same spot; more often two alike
# records of one register are two branches. Under one id of another register, they are a site's node and its outline.
_TWIN_ALIKE, _TWIN_M, _TWIN_WITH_ID_M = 0.93, 30.0, 150.0


@dataclass(frozen=True)
class Edges:
    """Pairs that may be one place, each once.

    Attributes:
        first: Positions of the first records; ``second``: of the second, always greater.
        probability: How likely each pair is one place.
        alike: How alike the names are, NaN where they cannot be compared.
        distance: Metres, NaN where a position is not known.
        ref: Whether they share an id in a register.
        twins: Whether they are of one register.
    """

    first: Numbers
    second: Numbers
    probability: Floats
    alike: Floats
    distance: Floats
    ref: Flags
    twins: Flags

    @classmethod
    def joined(cls, parts: Iterable[Edges]) -> Edges:
        """All pairs of several sets, each once, by their positions."""
        whole, real, flag = np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
        found = [cls(whole, whole, real, real, real, flag, flag), *parts]
        columns = {name: np.concatenate([getattr(part, name) for part in found]) for name in cls.__dataclass_fields__}
        order = np.lexsort((columns["second"], columns["first"]))
        first, second = columns["first"][order], columns["second"][order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        return cls(**{name: column[order][new] for name, column in columns.items()})

    def among(self, rows: Numbers) -> Edges:
        """The same pairs by their positions among all records; ``rows``: where those lie that they were found among."""
        return replace(self, first=rows[self.first], second=rows[self.second])

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Nodes:
    """What speaks against joining a record with others.

    Attributes:
        register: A code of the register that it is of, 0 for none.
        at: Metres from the centre of the earth, NaN where the position is not known.
        wikidata: Its id in Wikidata, hashed; 0 for none.
        phone: Its phone number; 0 for none.
    """

    register: NDArray[np.uint64]
    at: Floats
    wikidata: Hashes
    phone: Hashes

    @classmethod
    def of(cls, columns: Columns) -> Nodes:
        """Those of all records."""
        register = np.where(columns.register, columns.source.astype(np.uint64) + np.uint64(1), np.uint64(0))
        return cls(register, columns.at, columns.refs[:, WIKIDATA], columns.phone)

    @classmethod
    def joined(cls, parts: Sequence[Nodes]) -> Nodes:
        """Those of several sets of records, one after the other."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in cls.__annotations__})


def edges(columns: Columns, counted: Counts, using: Model | None = None, part: Part = WHOLE) -> Edges:
    """Find the pairs of records that are one place.

    Args:
        columns: The records, in the order of their ids.
        counted: How common names and keys are among all of them.
        using: The model; by default the one that is part of this package.
        part: As for :func:`~lambdas.places.blocking.pairs`.

    Returns:
        The pairs with a probability from the model's threshold upwards, and each pair of them once.
    """
    weighed = using or model()
    return Edges.joined(_likely(found, weighed) for found in chunks(columns, pairs(columns, counted, part), counted))


def _likely(compared: Compared, using: Model) -> Edges:
    probability = np.round(probabilities(compared, using), _DIGITS)
    # Hall 1 and Hall 2 are two places, however alike the rest of a long name makes them.
    numbered = (compared.features[:, _DIGITS_DIFFER] != 0) & ~compared.ref
    likely = (probability >= using.threshold) & ~numbered & (~compared.twins | _listed_twice(compared))
    return Edges(
        first=compared.first[likely],
        second=compared.second[likely],
        probability=probability[likely],
        alike=compared.alike[likely],
        distance=compared.distance[likely],
        ref=compared.ref[likely],
        twins=compared.twins[likely],
    )


def _listed_twice(compared: Compared) -> Flags:
    too_far = compared.distance > np.where(compared.ref, _TWIN_WITH_ID_M, _TWIN_M)
    return (compared.alike >= _TWIN_ALIKE) & ~too_far
