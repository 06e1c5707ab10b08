"""Deduplication where no machine holds all sightings: each part finds its pairs among the records that it needs.

::

    columns of each block of records          Columns.of
    how common their names and keys are       Mentions.of, of_part, joined, counts; Counts.joined
    which part needs which records            shares
    the pairs of each part                    Share.joined, Share.edges
    all pairs, each once                      Edges.joined

What follows (``clusters.cluster``, ``dedupe.name``) needs pairs and a few numbers of each record, in one process. The
places and their ids are those that :func:`~lambdas.places.dedupe.dedupe` gives, with any number of blocks and parts: it
does the same in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lambdas.places.blocking import needed
from lambdas.places.columns import Columns, Numbers
from lambdas.places.counts import Counts
from lambdas.places.edges import Edges, edges
from lambdas.places.parts import Part


@dataclass(frozen=True)
class Share:
    """Some of all records.

    Attributes:
        rows: Their positions among all, in the order of record ids; ascending.
        columns: What is compared of them.
    """

    rows: Numbers
    columns: Columns

    @classmethod
    def joined(cls, pieces: Sequence[Share]) -> Share:
        """The records of several blocks, in the order of their positions."""
        rows = np.concatenate([piece.rows for piece in pieces])
        order = np.argsort(rows)
        return cls(rows[order], Columns.joined([piece.columns for piece in pieces]).take(order))

    def edges(self, counted: Counts, part: Part) -> Edges:
        """The pairs of a part that are one place, by their positions among all records.

        Args:
            counted: How common names and keys are among all records.
            part: The part whose records these are.
        """
        return edges(self.columns, counted, part=part).among(self.rows)


def shares(columns: Columns, first: int, counted: Counts, parts: int) -> Iterator[tuple[int, Share]]:
    """What each part needs of a block of records.

    Args:
        columns: The block: records that follow each other in the order of their ids.
        first: The position of the first one among all.
        counted: How common names and keys are among all records.
        parts: How many parts there are.

    Returns:
        The numbers of the parts that need any of it, and what they need.
    """
    for number, rows in needed(columns, counted, parts):
        yield number, Share(rows + first, columns.take(rows))
