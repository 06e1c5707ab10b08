"""What two records have in common, as numbers, and how likely they are one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from lambdas.places.columns import WIKIDATA, Columns, Flags, Floats, Hashes, Numbers
from lambdas.places.counts import Counts

FEATURES = (
    "constant",
    "name",
    "name_close",
    "name_exact",
    "name_unknown",
    "part",
    "kind_differs",
    "part_word",
    "part_of_it",
    "digits_differ",
    "digits_beyond",
    "common_name",
    "near",
    "far",
    "farther",
    "position_unknown",
    "common_far",
    "same_category",
    "same_sort",
    "other_sort",
    "same_phone",
    "other_phone",
    "same_ref",
    "other_wikidata",
    "same_page",
    "other_host",
    "same_address",
    "same_house",
    "other_house",
    "twins",
    "unlike",
    "unlike_at_address",
)
"""What the model weighs, in the order of its weights."""

ALIKE = 0.5
"""Names less alike than this, or in different scripts, are not weighed but where something else speaks for the pair."""

_HALF_ALIKE = 0.75
_Feature: TypeAlias = Floats | Flags
# Hashes of 64 bits or codes of 8, 0 for "not known".
_Codes: TypeAlias = NDArray[np.unsignedinteger[Any]]
# Of the pairs of letters of the shorter name so many must be in the other, in quarters.
_SHARED_QUARTERS = 1
_BESIDE_M = 40.0


@dataclass(frozen=True)
class Model:
    """A logistic model: a pair is one place with probability 1 / (1 + exp(-weights · features)).

    ``threshold``: the probability from which a pair is taken for one place.
    """

    weights: Floats
    threshold: float


@cache
def model() -> Model:
    """The trained model that is part of this package; ``tools/dedupe/train.py`` writes it.

    Raises:
        ValueError: It was trained for other features.
    """
    document = json.loads(files("lambdas.places").joinpath("weights.json").read_bytes())
    weights = document["weights"]
    if tuple(weights) != FEATURES:
        raise ValueError("weights.json was trained for other features; run python -m tools.dedupe.train")
    return Model(np.array(list(weights.values())), document["threshold"])


@dataclass(frozen=True)
class Compared:
    """Pairs of records and what they have in common.

    Attributes:
        first: Positions of the first records; ``second``: of the second.
        features: A row for each pair, a column for each of :data:`FEATURES`.
        alike: How alike the names are, 0 to 1; NaN where they cannot be compared.
        distance: Metres, NaN where a position is not known.
        ref: Whether they share an id in a register.
        twins: Whether they are of one register.
    """

    first: Numbers
    second: Numbers
    features: Floats
    alike: Floats
    distance: Floats
    ref: Flags
    twins: Flags


def compare(columns: Columns, first: Numbers, second: Numbers, counted: Counts) -> Compared:
    """Compare pairs of records.

    Args:
        columns: The records.
        first: Positions of the first records of the pairs.
        second: Positions of the second.
        counted: How common names are.

    Returns:
        The pairs that something speaks for, and what that is.
    """
    evidence, address = _evidence(columns, first, second), _same_address(columns, first, second)
    worth = evidence | address | _share_letters(columns, first, second)
    first, second, evidence, address = first[worth], second[worth], evidence[worth], address[worth]
    names = _names(columns, first, second)
    # Under one address there may be two places; their names, if they can be compared, have to say that they are one.
    evidence |= address & np.isnan(names.alike)
    worth = evidence | (names.alike >= ALIKE) | _shortened(columns, first, second, names)
    return _compared(columns, first[worth], second[worth], names.only(worth), counted)


def probabilities(compared: Compared, using: Model) -> Floats:
    """How likely each pair is one place."""
    # Summed in the order of the features: a matrix product would add up in another order for each size of chunk.
    total = np.zeros(len(compared.first))
    for column, weight in zip(compared.features.T, using.weights, strict=True):
        total += weight * column
    return 1 / (1 + np.exp(-np.clip(total, -50, 50)))


def _same(column: _Codes, first: Numbers, second: Numbers) -> Flags:
    one: _Codes = column[first]
    same: Flags = (one == column[second]) & (one != 0)
    return same


def _differ(column: _Codes, first: Numbers, second: Numbers) -> Flags:
    one: _Codes = column[first]
    other: _Codes = column[second]
    differ: Flags = (one != other) & (one != 0) & (other != 0)
    return differ


def _same_ref(columns: Columns, first: Numbers, second: Numbers) -> Flags:
    one: Hashes = columns.refs[first]
    same: Flags = ((one == columns.refs[second]) & (one != 0)).any(axis=1)
    return same


def _evidence(columns: Columns, first: Numbers, second: Numbers) -> Flags:
    """Pairs that something other than their names and positions speaks for."""
    phone, page = _same(columns.phone, first, second), _same(columns.page, first, second)
    return _same_ref(columns, first, second) | phone | page


def _same_address(columns: Columns, first: Numbers, second: Numbers) -> Flags:
    return _same(columns.street, first, second) & _same(columns.house, first, second)


def _share_letters(columns: Columns, first: Numbers, second: Numbers) -> Flags:
    one, other = columns.letters[first], columns.letters[second]
    both = np.bitwise_count(one & other).astype(np.int64)
    least = np.minimum(np.bitwise_count(one), np.bitwise_count(other)).astype(np.int64)
    shared: Flags = ((4 * both >= _SHARED_QUARTERS * least) & (both > 0)).any(axis=1)
    return shared


def _shortened(columns: Columns, first: Numbers, second: Numbers, names: _Names) -> Flags:
    """Pairs at one spot of which one has a much shorter name, all of which stands in the other's."""
    apart = columns.at[first] - columns.at[second]
    beside = np.einsum("ij,ij->i", apart, apart) <= _BESIDE_M * _BESIDE_M
    unlike = np.flatnonzero(beside & (names.alike < ALIKE))
    found = np.zeros(len(first), np.bool_)
    found[unlike] = _contained(columns, names.one[unlike], names.other[unlike]) > 0
    return found


@dataclass(frozen=True)
class _Names:
    """The best pair of names of each pair of records: the positions of the two forms, and how alike they are."""

    alike: Floats
    one: Numbers
    other: Numbers

    def only(self, chosen: Flags) -> _Names:
        return _Names(self.alike[chosen], self.one[chosen], self.other[chosen])


def _names(columns: Columns, first: Numbers, second: Numbers) -> _Names:
    """Compare each name of one record with each of the other in the same script, and keep the best."""
    begins, ends = columns.first_form[:-1], columns.first_form[1:]
    mine, theirs = ends[first] - begins[first], ends[second] - begins[second]
    combinations = mine * theirs
    pair = np.repeat(np.arange(len(first)), combinations)
    step = np.arange(len(pair)) - np.repeat(np.cumsum(combinations) - combinations, combinations)
    one = begins[first][pair] + step // np.maximum(theirs[pair], 1)
    other = begins[second][pair] + step % np.maximum(theirs[pair], 1)
    comparable = columns.form_latin[one] == columns.form_latin[other]
    pair, one, other = pair[comparable], one[comparable], other[comparable]
    alike = np.ones(len(pair))
    unequal = np.flatnonzero(columns.form[one] != columns.form[other])
    alike[unequal] = _ratios(columns, one[unequal], other[unequal], fuzz.ratio)
    best = np.full(len(first), np.nan)
    best_one, best_other = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    # Of equally good pairs of names the first counts, so the best are written last.
    order = np.lexsort((-np.arange(len(pair)), alike))
    best[pair[order]], best_one[pair[order]], best_other[pair[order]] = alike[order], one[order], other[order]
    return _Names(best, best_one, best_other)


def _ratios(columns: Columns, one: Numbers, other: Numbers, scorer: Callable[..., float]) -> Floats:
    if not len(one):
        return np.empty(0)
    forms = columns.forms
    found = process.cpdist(
        [forms[form] for form in one.tolist()],
        [forms[form] for form in other.tolist()],
        scorer=scorer,
        dtype=np.float32,
    )
    return found.astype(np.float64) / 100


def _compared(columns: Columns, first: Numbers, second: Numbers, names: _Names, counted: Counts) -> Compared:
    apart = columns.at[first] - columns.at[second]
    distance = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    twins = (columns.source[first] == columns.source[second]) & columns.register[first]
    ref = _same_ref(columns, first, second)
    common = np.log2(np.maximum(counted.of_names(columns.form[names.one]), counted.of_names(columns.form[names.other])))
    features = {
        "constant": np.ones(len(first)),
        "same_ref": ref,
        "twins": twins,
        **_about_names(columns, names),
        **_about_positions(distance, np.where(np.isnan(names.alike), 0.0, common)),
        **_about_categories(columns, first, second),
        **_about_contacts(columns, first, second, names),
    }
    rows = np.column_stack([features[name] for name in FEATURES])
    return Compared(first, second, rows.astype(np.float64), names.alike, distance, ref, twins)


def _about_names(columns: Columns, names: _Names) -> dict[str, _Feature]:
    known = ~np.isnan(names.alike)
    alike = np.where(known, names.alike, 0.0)
    inside = np.zeros(len(alike))
    partly = np.flatnonzero(known & (alike < 1))
    inside[partly] = _contained(columns, names.one[partly], names.other[partly])
    kinds, parts, digits = columns.form_kinds, columns.form_parts, columns.form_digits
    one_kinds, other_kinds = kinds[names.one] & ~kinds[names.other], kinds[names.other] & ~kinds[names.one]
    one_digits, other_digits = digits[names.one], digits[names.other]
    differ = known & (one_digits != other_digits)
    both = (one_digits != 0) & (other_digits != 0)
    of_part = parts[names.one] != parts[names.other]
    return {
        "name": np.clip((alike - 0.5) / 0.5, 0, 1),
        "name_close": np.clip((alike - 0.85) / 0.15, 0, 1),
        "name_exact": alike >= 1,
        "name_unknown": ~known,
        "part": inside,
        "kind_differs": known & (one_kinds != 0) & (other_kinds != 0),
        "part_word": known & of_part,
        "part_of_it": inside * of_part,
        "digits_differ": differ & both,
        "digits_beyond": differ & ~both,
    }


def _about_positions(distance: Floats, common: Floats) -> dict[str, _Feature]:
    """``common``: how common the names are, as a logarithm; a common name says the less, the farther apart it is."""
    located = ~np.isnan(distance)
    metres = np.where(located, distance, 0.0)
    far, farther = np.clip(metres - 50, 0, 150) / 100, np.clip(metres - 200, 0, 1800) / 600
    return {
        "common_name": common,
        "near": np.clip(metres, 0, 50) / 50,
        "far": far,
        "farther": farther,
        "position_unknown": ~located,
        "common_far": common * np.where(located, far + farther, 1.0),
    }


def _about_categories(columns: Columns, first: Numbers, second: Numbers) -> dict[str, _Feature]:
    same, differ = _same(columns.category, first, second), _differ(columns.category, first, second)
    return {
        "same_category": same,
        "same_sort": differ & _same(columns.sight, first, second),
        "other_sort": differ & _differ(columns.sight, first, second),
    }


def _about_contacts(columns: Columns, first: Numbers, second: Numbers, names: _Names) -> dict[str, _Feature]:
    known = ~np.isnan(names.alike)
    unlike = known & (np.where(known, names.alike, 0.0) < _HALF_ALIKE)
    same_street, same_house = _same(columns.street, first, second), _same(columns.house, first, second)
    return {
        "same_phone": _same(columns.phone, first, second),
        "other_phone": _differ(columns.phone, first, second),
        "other_wikidata": _differ(columns.refs[:, WIKIDATA], first, second),
        "same_page": _same(columns.page, first, second),
        "other_host": _differ(columns.host, first, second),
        "same_address": same_street & same_house,
        "same_house": same_house & ~same_street,
        "other_house": _differ(columns.house, first, second),
        "unlike": unlike,
        "unlike_at_address": unlike & same_street & same_house,
    }


def _contained(columns: Columns, one: Numbers, other: Numbers) -> Floats:
    """Whether all words of one name stand in the other; in a script without spaces, all of its text."""
    if not len(one):
        return np.empty(0)
    latin = columns.form_latin[one]
    result = np.zeros(len(one))
    for chosen, scorer in ((np.flatnonzero(latin), fuzz.token_set_ratio), (np.flatnonzero(~latin), fuzz.partial_ratio)):
        result[chosen] = _ratios(columns, one[chosen], other[chosen], scorer) >= 1
    return result


def chunks(columns: Columns, found: Iterator[tuple[Numbers, Numbers]], counted: Counts) -> Iterator[Compared]:
    """Compare all pairs that blocking found."""
    for first, second in found:
        if len(first):
            yield compare(columns, first, second, counted)
