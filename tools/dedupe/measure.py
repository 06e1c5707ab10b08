"""How good a deduplication is: precision, recall and F1 over pairs of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lambdas.contracts.candidate import Candidate
from lambdas.places.clusters import cluster
from lambdas.places.columns import Columns
from lambdas.places.comparison import Model
from lambdas.places.counts import counts
from lambdas.places.edges import Nodes, edges


@dataclass(frozen=True)
class Score:
    """Over all pairs of records: which part of those joined belongs together, and which part of those that do is."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)


def score(groups: Iterable[Sequence[str]], truth: Mapping[str, Hashable]) -> Score:
    """Compare groups of records with the truth.

    Args:
        groups: Record ids; a record alone need not be in them.
        truth: For each record the place that it is of.
    """
    joined = right = 0
    for group in groups:
        joined += _pairs(len(group))
        right += sum(map(_pairs, Counter(truth[record] for record in group).values()))
    wanted = sum(map(_pairs, Counter(truth.values()).values()))
    return Score(right / max(joined, 1), right / max(wanted, 1))


def truth_of(found: Iterable[tuple[Candidate, int]]) -> dict[str, int]:
    """The number of its place for each record id of synthetic sightings."""
    return {candidate.record_id: place for candidate, place in found}


def grouped(candidates: Iterable[Candidate], city: str, using: Model | None = None) -> list[list[str]]:
    """The record ids of each place of more than one record, by the algorithm of this project."""
    columns = Columns.of(sorted(candidates, key=lambda candidate: candidate.record_id), city)
    found = edges(columns, counts(columns), using=using)
    return [[columns.ids[member] for member in done.members] for done in cluster(Nodes.of(columns), found)]


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
