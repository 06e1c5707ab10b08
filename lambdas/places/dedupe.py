"""Deduplication: all sightings of a run become places, each listed once.

Five steps, each in its own module: sightings become columns (:mod:`~lambdas.places.columns`), pairs worth a comparison
are found (:mod:`~lambdas.places.blocking`) and weighed (:mod:`~lambdas.places.comparison`), the likely ones are joined
as far as no fact speaks against it (:mod:`~lambdas.places.clusters`), and one place is made of each cluster
(:mod:`~lambdas.places.fusion`). The same sightings give the same places, in whatever order they come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lambdas.contracts.candidate import Candidate, Place, Source
from lambdas.places.clusters import Cluster, Join, cluster
from lambdas.places.columns import Columns, ColumnsBuilder
from lambdas.places.counts import counts
from lambdas.places.edges import Nodes, edges
from lambdas.places.fusion import fuse, lead_of, place_id_of


class Store(Protocol):
    """Where sightings are kept while only their columns are worked on."""

    def append(self, candidate: Candidate) -> None:
        """Keep one more."""

    def __getitem__(self, place: int) -> Candidate:
        """The sighting that was appended as the ``place``-th, from 0."""


@dataclass(frozen=True)
class Deduplicated:
    """The places, in the order of their ids, and how many different sightings they were made of."""

    places: tuple[Place, ...]
    sightings: int

    @property
    def merged(self) -> int:
        """How many sightings were folded into another."""
        return self.sightings - len(self.places)


def dedupe(
    candidates: Iterable[Candidate], *, city: str, merged_at: str, known_ids: Mapping[str, str] | None = None
) -> Deduplicated:
    """Merge the sightings of the same place.

    Args:
        candidates: The sightings; the same ``record_id`` may come more than once, the richest of them counts.
        city: The city's name, which tells nothing in a place's name.
        merged_at: The time to note in each merge (ISO 8601). Not the clock's: the same run writes the same bytes.
        known_ids: As for :meth:`Deduplication.places`.

    Returns:
        One place per cluster of sightings.
    """
    work = Deduplication(city, [])
    for candidate in candidates:
        work.add(candidate)
    places = tuple(work.places(merged_at, known_ids or {}))
    return Deduplicated(places, work.sightings)


class Deduplication:
    """Takes sightings one by one, and then gives the places one by one, so that neither need fit into memory.

    Args:
        city: The city's name, which tells nothing in a place's name.
        store: Keeps the sightings.
    """

    def __init__(self, city: str, store: Store | list[Candidate]) -> None:
        self._builder = ColumnsBuilder(city)
        self._store = store
        self._row: dict[str, int] = {}
        self._sources: list[Source] = []

    @property
    def sightings(self) -> int:
        """How many different sightings were taken."""
        return len(self._row)

    def add(self, candidate: Candidate) -> None:
        """Take a sighting; of those with the same record id the richest counts."""
        known = self._row.get(candidate.record_id)
        if known is not None and richness(self._store[known]) >= richness(candidate):
            return
        self._row[candidate.record_id] = len(self._sources)
        self._sources.append(candidate.source)
        self._builder.add(candidate)
        self._store.append(candidate)

    def places(self, merged_at: str, known_ids: Mapping[str, str]) -> Iterator[Place]:
        """The places, in the order of their ids.

        Args:
            merged_at: The time to note in each merge (ISO 8601).
            known_ids: What places the record ids had before. A place keeps the id that most of its members had.
        """
        rows = np.array([self._row[record] for record in sorted(self._row)], np.int64)
        columns = self._builder.build().take(rows)
        sources = [self._sources[row] for row in rows.tolist()]
        for place_id, found in name(with_singles(group(columns), len(columns)), columns.ids, sources, known_ids):
            sightings = [self._store[int(rows[member])] for member in found.members]
            yield fuse(sightings, reasons(columns.ids, found.joins), merged_at, place_id)


def group(columns: Columns) -> list[Cluster]:
    """The records that are one place.

    Args:
        columns: The records, in the order of their ids.

    Returns:
        The clusters of more than one record, in the order of their first members.
    """
    return cluster(Nodes.of(columns), edges(columns, counts(columns)))


def with_singles(clusters: Sequence[Cluster], count: int) -> list[Cluster]:
    """The clusters, and one for each record in none of them."""
    alone = np.ones(count, np.bool_)
    alone[[member for found in clusters for member in found.members]] = False
    return [*clusters, *(Cluster([record], []) for record in np.flatnonzero(alone).tolist())]


def name(
    clusters: Sequence[Cluster], ids: Sequence[str], sources: Sequence[Source], known_ids: Mapping[str, str]
) -> list[tuple[str, Cluster]]:
    """The clusters with the ids of their places, in the order of these.

    Args:
        clusters: The members of each place.
        ids: The record ids.
        sources: Their sources.
        known_ids: As for :func:`place_ids`.
    """
    made = place_ids([[(sources[member], ids[member]) for member in found.members] for found in clusters], known_ids)
    return sorted(zip(made, clusters, strict=True), key=lambda one: one[0])


def reasons(ids: Sequence[str], joins: Iterable[Join]) -> dict[str, str]:
    """For each record id of a cluster why it was joined."""
    found: dict[str, str] = {}
    for join in joins:
        for index in (join.second, join.first):
            found.setdefault(ids[index], join.reason)
    return found


def place_ids(clusters: Sequence[Sequence[tuple[Source, str]]], known_ids: Mapping[str, str]) -> list[str]:
    """An id for each place: the one that it had before, or one made of the record that it is named after.

    Args:
        clusters: The sources and record ids of the members of each place.
        known_ids: What places the record ids had before.

    Returns:
        The ids, in the order of the clusters. Where a place fell apart, the part with the most of its members keeps the
        id; where two became one, the id with the most members stays.
    """
    leads = [lead_of(members) for members in clusters]
    claims = [
        (-votes, leads[number], known, number)
        for number, members in enumerate(clusters)
        for known, votes in Counter(known_ids[record] for _, record in members if record in known_ids).items()
    ]
    given: dict[int, str] = {}
    taken: set[str] = set()
    for _, _, known, number in sorted(claims):
        if number not in given and known not in taken:
            given[number] = known
            taken.add(known)
    for lead, number in sorted((lead, number) for number, lead in enumerate(leads) if number not in given):
        attempt = 0
        while (made := place_id_of(lead, attempt)) in taken:
            attempt += 1
        given[number] = made
        taken.add(made)
    return [given[number] for number in range(len(clusters))]


def richness(candidate: Candidate) -> tuple[int, str]:
    """A key by which the fuller of two forms of a record comes last."""
    return fullness(candidate.model_dump_json(exclude_none=True))


def fullness(text: str) -> tuple[int, str]:
    """The same of the JSON text of a record, as the models write it without nulls."""
    return len(text), text
