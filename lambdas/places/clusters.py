"""Guarded union-find: matches are joined best first, and a join that would contradict known facts is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lambdas.contracts.candidate import Source
from lambdas.places.matching import REGISTERS, Match, Record

MAX_SPAN_M = 600.0
"""No place is larger: two members of a cluster lie at most this far apart."""


@dataclass(slots=True)
class Cluster:
    """Records that are one place: their positions in the list, and the joins that brought them together."""

    members: list[int]
    joins: list[Match]


def cluster(records: Sequence[Record], found: Iterable[Match]) -> list[Cluster]:
    """Join records into places.

    Args:
        records: The sightings.
        found: The matches between them.

    Returns:
        One cluster per place, records without a match alone, in the order of their first members. A join is refused if
        the cluster would then hold two different Wikidata ids or phone numbers, two records of one register that do not
        match each other (branches of a chain), or two members more than :data:`MAX_SPAN_M` apart.
    """
    ordered = sorted(found, key=lambda match: (-match.score, match.first, match.second, match.reason))
    twins = {(min(match[1:3]), max(match[1:3])) for match in ordered if match.twins}
    clusters = {index: Cluster([index], []) for index in range(len(records))}
    for match in ordered:
        one, other = clusters[match.first], clusters[match.second]
        if one is other or not _agree(records, one, other, twins):
            continue
        if len(one.members) < len(other.members):
            one, other = other, one
        one.members.extend(other.members)
        one.joins.extend((*other.joins, match))
        for member in other.members:
            clusters[member] = one
    unique = {id(found): found for found in clusters.values()}
    for found_cluster in unique.values():
        found_cluster.members.sort()
    return sorted(unique.values(), key=lambda found_cluster: found_cluster.members[0])


def _agree(records: Sequence[Record], one: Cluster, other: Cluster, twins: set[tuple[int, int]]) -> bool:
    together = [records[index] for index in (*one.members, *other.members)]
    if len({record.refs["wikidata"] for record in together if "wikidata" in record.refs}) > 1:
        return False
    if len({record.phone for record in together if record.phone}) > 1:
        return False
    return all(_fit(records, a, b, twins) for a in one.members for b in other.members)


def _fit(records: Sequence[Record], a: int, b: int, twins: set[tuple[int, int]]) -> bool:
    mine, theirs = records[a], records[b]
    source: Source = mine.candidate.source
    if source == theirs.candidate.source and source in REGISTERS and (min(a, b), max(a, b)) not in twins:
        return False
    return mine.at is None or theirs.at is None or math.dist(mine.at, theirs.at) <= MAX_SPAN_M
