"""Guarded union-find: pairs are joined best first, and a join that would contradict known facts is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from lambdas.places.columns import Flags
from lambdas.places.edges import Edges, Nodes

MAX_SPAN_M = 600.0
"""No place is larger: two members of a cluster lie at most this far apart, unless they share an id in a register."""
MAX_SPAN_WITH_ID_M = 1500.0
SURE = 0.95
"""Two phone numbers do not keep two records apart whose pair is as likely as this all the same."""


_Corner: TypeAlias = tuple[float, ...]


class Join(NamedTuple):
    """Two records, by their positions, that were joined directly, and why."""

    first: int
    second: int
    reason: str


@dataclass(slots=True)
class Cluster:
    """Records that are one place: their positions in ascending order, and the joins that brought them together."""

    members: list[int]
    joins: list[Join]


@dataclass(slots=True)
class _Growing:
    members: list[int]
    joins: list[int]
    wikidata: int
    phones: set[int]
    registers: bool
    low: _Corner | None
    high: _Corner | None


def cluster(nodes: Nodes, found: Edges) -> list[Cluster]:
    """Join records into places.

    Args:
        nodes: What is known of each record.
        found: The pairs that may be one place.

    Returns:
        The clusters of more than one record, in the order of their first members. A join is refused if the cluster
        would then hold two different Wikidata ids; two phone numbers that are not of a pair that is otherwise sure; two
        records of one register that do not match each other (branches of a chain); or two members more than
        :data:`MAX_SPAN_M` apart.
    """
    joining = _Joining(nodes, found)
    order = np.lexsort((found.second, found.first, -found.probability))
    first, second = found.first[order].tolist(), found.second[order].tolist()
    sure = (found.probability[order] >= SURE).tolist()
    same_id = found.ref[order].tolist()
    for place, one, other, is_sure, shares_id in zip(order.tolist(), first, second, sure, same_id, strict=True):
        joining.join(place, one, other, is_sure, shares_id)
    return joining.clusters()


class _Joining:
    def __init__(self, nodes: Nodes, found: Edges) -> None:
        self._found = found
        used = np.unique(np.concatenate([found.first, found.second]))
        numbers = used.tolist()
        self._register: Mapping[int, int] = dict(zip(numbers, nodes.register[used].tolist(), strict=True))
        self._at: Mapping[int, list[float]] = dict(zip(numbers, nodes.at[used].tolist(), strict=True))
        self._wikidata: Mapping[int, int] = dict(zip(numbers, nodes.wikidata[used].tolist(), strict=True))
        self._phone: Mapping[int, int] = dict(zip(numbers, nodes.phone[used].tolist(), strict=True))
        self._twins = _pairs(found, found.twins)
        self._of: dict[int, _Growing] = {}

    def join(self, place: int, first: int, second: int, is_sure: bool, shares_id: bool) -> None:
        one, other = self._cluster(first), self._cluster(second)
        if one is other or not self._agree(one, other, is_sure, shares_id):
            return
        if len(one.members) < len(other.members):
            one, other = other, one
        one.members += other.members
        one.joins += (*other.joins, place)
        one.wikidata = one.wikidata or other.wikidata
        one.phones |= other.phones
        one.registers = one.registers or other.registers
        one.low, one.high = _bound(min, one.low, other.low), _bound(max, one.high, other.high)
        for member in other.members:
            self._of[member] = one

    def clusters(self) -> list[Cluster]:
        unique = {id(growing): growing for growing in self._of.values() if len(growing.members) > 1}
        made = [
            Cluster(sorted(growing.members), [self._join(place) for place in sorted(growing.joins)])
            for growing in unique.values()
        ]
        return sorted(made, key=lambda done: done.members[0])

    def _cluster(self, record: int) -> _Growing:
        growing = self._of.get(record)
        if growing is None:
            at = tuple(self._at[record])
            known = None if math.isnan(at[0]) else at
            phone = self._phone[record]
            growing = self._of[record] = _Growing(
                [record],
                [],
                self._wikidata[record],
                {phone} if phone else set(),
                self._register[record] != 0,
                known,
                known,
            )
        return growing

    def _agree(self, one: _Growing, other: _Growing, is_sure: bool, shares_id: bool) -> bool:
        if one.wikidata and other.wikidata and one.wikidata != other.wikidata:
            return False
        if one.phones and other.phones and not is_sure and one.phones.isdisjoint(other.phones):
            return False
        if one.registers and other.registers and not self._one_of_each_register(one, other):
            return False
        return self._near(one, other, MAX_SPAN_WITH_ID_M if shares_id else MAX_SPAN_M)

    def _one_of_each_register(self, one: _Growing, other: _Growing) -> bool:
        register, twins = self._register, self._twins
        for mine in one.members:
            own = register[mine]
            if own:
                for theirs in other.members:
                    if register[theirs] == own and ((mine, theirs) if mine < theirs else (theirs, mine)) not in twins:
                        return False
        return True

    def _near(self, one: _Growing, other: _Growing, span: float) -> bool:
        if one.low is None or one.high is None or other.low is None or other.high is None:
            return True
        if math.dist(tuple(map(min, one.low, other.low)), tuple(map(max, one.high, other.high))) <= span:
            return True
        return all(
            not math.dist(self._at[mine], self._at[theirs]) > span for mine in one.members for theirs in other.members
        )

    def _join(self, place: int) -> Join:
        found = self._found
        return Join(int(found.first[place]), int(found.second[place]), reason(found, place))


def reason(found: Edges, place: int) -> str:
    """Why a pair was taken for one place, for people."""
    alike, distance = found.alike[place], found.distance[place]
    said = ["same id in a register"] if found.ref[place] else []
    said.append("names in different scripts" if np.isnan(alike) else f"names {alike:.2f} alike")
    said.append("no position" if np.isnan(distance) else f"{distance:.0f} m apart")
    return f"{', '.join(said)}: {found.probability[place]:.2f} likely"


def _pairs(found: Edges, chosen: Flags) -> set[tuple[int, int]]:
    return set(zip(found.first[chosen].tolist(), found.second[chosen].tolist(), strict=True))


def _bound(choose: Callable[[float, float], float], one: _Corner | None, other: _Corner | None) -> _Corner | None:
    """The corner of the box around two boxes; one of them may hold no position."""
    return tuple(map(choose, one, other)) if one and other else one or other
