"""Which pairs of records are worth a comparison: those that lie near, and those that share something rare.

All of it is done on columns, in chunks of bounded size, so that memory grows with the records and not with the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lambdas.places.cells import numbers_around
from lambdas.places.columns import Columns, Hashes, Numbers
from lambdas.places.counts import Counts, rare_keys
from lambdas.places.parts import WHOLE, Part, part_of, tiles

NEAR_M = 112.0
"""How far apart two records may lie to be compared for nothing but that: what a cell and its neighbours always hold."""
# More records than any quarter has in a cell of 130 m: a geocoder's answer to all that it does not know. Comparing all
# of them with each other would take the square of their number, so each is compared with those of similar names.
_CROWD = 1500
_WINDOW = 40
_CHUNK = 1 << 20

_EMPTY = np.empty(0, np.int64)


def pairs(columns: Columns, counted: Counts, part: Part = WHOLE) -> Iterator[tuple[Numbers, Numbers]]:
    """All pairs that are worth a comparison, in chunks; a pair may come more than once.

    Args:
        columns: The records; of a part, at least those that :func:`needed` sends there, in the same order.
        counted: How common names and keys are among all records.
        part: Which of the pairs: those that lie near each other in one of its tiles, or share one of its keys.

    Returns:
        Positions of the first and the second records, the first always the smaller.
    """
    yield from near(columns, part)
    yield from keyed(columns, counted, part)


def near(columns: Columns, part: Part = WHOLE) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs at most :data:`NEAR_M` apart."""
    order = np.argsort(columns.cell, kind="stable")
    order = order[columns.cell[order] != 0]
    cells, starts, sizes = np.unique(columns.cell[order], return_index=True, return_counts=True)
    owned = np.flatnonzero(part.owns(tiles(cells)))
    for rows, partners in _chunked(*_blocks(cells, starts, sizes, owned)):
        first, second = order[rows], order[partners]
        apart = columns.at[first] - columns.at[second]
        close = np.einsum("ij,ij->i", apart, apart) <= NEAR_M * NEAR_M
        yield _in_order(first[close], second[close])
    crowded = owned[sizes[owned] > _CROWD]
    for start, size in zip(starts[crowded], sizes[crowded], strict=True):
        yield from _by_similar_names(columns, order[start : start + size])


def keyed(columns: Columns, counted: Counts, part: Part = WHOLE) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs that share an id, a phone number, a website, an address or a rare name, wherever they lie."""
    for keys, owners in rare_keys(columns, counted):
        mine = part.owns(keys)
        yield _sharing(keys[mine], owners[mine])


def needed(columns: Columns, counted: Counts, parts: int) -> Iterator[tuple[int, Numbers]]:
    """Which parts must know which records.

    Args:
        columns: Some of all records.
        counted: How common names and keys are among all records.
        parts: How many parts there are.

    Returns:
        The numbers of parts, and the positions of the records in ascending order. A tile is known with the cells around
        it, and a key with all that share it.
    """
    cells, cell = np.unique(columns.cell, return_inverse=True)
    around = _around(cells)[cell]
    # Two cells beside each other are the work of the part that has the smaller one.
    smaller = (around != 0) & (around <= columns.cell[:, None])
    chosen = [part_of(tiles(around[smaller]), parts) * len(columns) + np.nonzero(smaller)[0]]
    for keys, owners in rare_keys(columns, counted):
        chosen.append(part_of(keys, parts) * len(columns) + owners)
    numbers, rows = divmod(np.unique(np.concatenate(chosen)), max(len(columns), 1))
    wanted, begins = np.unique(numbers, return_index=True)
    yield from zip(wanted.tolist(), np.split(rows, begins[1:]), strict=False)


def _around(cells: Hashes) -> Hashes:
    """A row for each cell: the cell and its neighbours, and zeros where it has fewer than six, or is none."""
    found = [
        (*around, *[0] * (7 - len(around)))
        for around in (numbers_around(cell) if cell else () for cell in cells.tolist())
    ]
    return np.array(found, np.uint64).reshape(len(cells), 7)


def _blocks(
    cells: Hashes, starts: Numbers, sizes: Numbers, owned: Numbers
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Each owned cell beside itself and each neighbour with a greater number; crowded cells not beside themselves."""
    around = _around(cells[owned])
    at = np.minimum(np.searchsorted(cells, around), max(len(cells) - 1, 0))
    here = np.repeat(owned, 7).reshape(len(owned), 7)
    there = (cells[at] == around) & (at >= here) if len(cells) else np.zeros((0, 7), np.bool_)
    one, other = here[there], at[there]
    few = (sizes[one] <= _CROWD) & (sizes[other] <= _CROWD)
    one, other = one[few], other[few]
    return starts[one], sizes[one], starts[other], sizes[other]


def _chunked(
    starts: Numbers, sizes: Numbers, others: Numbers, other_sizes: Numbers
) -> Iterator[tuple[Numbers, Numbers]]:
    """The positions of all pairs of the blocks; of a block beside itself each pair once."""
    products = sizes * other_sizes
    begin = 0
    ends = np.cumsum(products)
    while begin < len(products):
        done = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), begin + 1)
        here = slice(begin, end)
        block = np.repeat(np.arange(begin, end), products[here])
        step = np.arange(len(block)) - np.repeat(np.r_[0, np.cumsum(products[here])[:-1]], products[here])
        rows = starts[block] + step // other_sizes[block]
        partners = others[block] + step % other_sizes[block]
        once = rows < partners
        yield rows[once], partners[once]
        begin = end


def _by_similar_names(columns: Columns, crowd: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Of records in one cell: each with the next few in the order of their names."""
    owners = columns.owner
    inside = np.zeros(len(columns), np.bool_)
    inside[crowd] = True
    forms = np.flatnonzero(inside[owners])
    by_name = forms[np.argsort(np.array([columns.forms[form] for form in forms.tolist()]), kind="stable")]
    owner = owners[by_name]
    for step in range(1, min(_WINDOW, len(owner))):
        different = owner[step:] != owner[:-step]
        yield _in_order(owner[:-step][different], owner[step:][different])


def _sharing(keys: Hashes, owners: Numbers) -> tuple[Numbers, Numbers]:
    """Pairs of records with the same key."""
    order = np.argsort(keys, kind="stable")
    values = keys[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else _EMPTY
    sizes = np.diff(np.r_[starts, len(values)])
    chunks = list(_chunked(starts, sizes, starts, sizes))
    first = owners[order[np.concatenate([chunk[0] for chunk in chunks] or [_EMPTY])]]
    second = owners[order[np.concatenate([chunk[1] for chunk in chunks] or [_EMPTY])]]
    different = first != second
    return _in_order(first[different], second[different])


def _in_order(one: Numbers, other: Numbers) -> tuple[Numbers, Numbers]:
    return np.minimum(one, other), np.maximum(one, other)
