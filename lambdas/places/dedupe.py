"""Deduplication: all sightings of a run become places, each listed once.

Three steps, each in its own module: find pairs that may be one place (:mod:`~lambdas.places.matching`), join them as
far as no fact speaks against it (:mod:`~lambdas.places.clusters`), make one place of each cluster
(:mod:`~lambdas.places.fusion`). The same sightings give the same places, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.contracts.candidate import Candidate, Place
from lambdas.places.clusters import Cluster, cluster
from lambdas.places.fusion import fuse
from lambdas.places.matching import Record, matches


@dataclass(frozen=True)
class Deduplicated:
    """The places, in the order of their ids, and how many different sightings they were made of."""

    places: tuple[Place, ...]
    sightings: int

    @property
    def merged(self) -> int:
        """How many sightings were folded into another."""
        return self.sightings - len(self.places)


def dedupe(candidates: Iterable[Candidate], *, city: str, merged_at: str) -> Deduplicated:
    """Merge the sightings of the same place.

    Args:
        candidates: The sightings; the same ``record_id`` may come more than once, the richest of them counts.
        city: The city's name, which tells nothing in a place's name.
        merged_at: The time to note in each merge (ISO 8601). Not the clock's: the same run writes the same bytes.

    Returns:
        One place per cluster of sightings.
    """
    sightings = _distinct(candidates)
    records = [Record.of(sighting, city) for sighting in sightings]
    places = [_place(records, found, merged_at) for found in cluster(records, matches(records))]
    return Deduplicated(tuple(sorted(places, key=lambda place: place.place_id)), len(sightings))


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        known = best.setdefault(candidate.record_id, candidate)
        if known != candidate:
            best[candidate.record_id] = max(known, candidate, key=_richness)
    return [best[record_id] for record_id in sorted(best)]


def _richness(candidate: Candidate) -> tuple[int, str]:
    text = candidate.model_dump_json(exclude_none=True)
    return len(text), text


def _place(records: list[Record], found: Cluster, merged_at: str) -> Place:
    reasons: dict[str, str] = {}
    for join in found.joins:
        for index in (join.second, join.first):
            reasons.setdefault(records[index].candidate.record_id, join.reason)
    return fuse([records[index].candidate for index in found.members], reasons, merged_at)
