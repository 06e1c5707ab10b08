"""Which two sightings may be one place: the pairs worth comparing, and a score for each."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from lambdas.contracts.candidate import Candidate, Source
from lambdas.places.categories import AMENITIES, SIGHTS
from lambdas.places.cells import around, cell_at
from lambdas.places.geo import earth_fixed
from lambdas.places.names import Names, is_part, similarity

# A cell of this resolution and its neighbours hold everything within 114 m of any point of the cell.
BLOCK_RESOLUTION = 10
NEAR_M = 110.0
# A rare name may be farther off: parks have no one position, and web pages give rough ones.
WIDE_M = 450.0
REGISTER_M = 1_000.0
REGISTER_TWIN_M = 150.0
ACCEPTED = 0.80
"""The score from which two sightings are taken for one place."""

_LEAST_SIMILAR = 0.72
_TWIN_SIMILAR, _TWIN_M = 0.93, 30.0
_PART_SIMILAR, _PART_M = 0.88, 40.0
_NAMES_PER_CHAIN = 2

# Sources that list a place once, as opposed to pages that mention the same place again and again.
REGISTERS = frozenset({Source.GOOGLE, Source.OSM, Source.OTM, Source.WIKIDATA, Source.OPEN_DATA})


@dataclass(slots=True)
class Record:
    """A sighting, made ready for comparison. ``refs`` are its ids in registers, ``at`` its position in space."""

    candidate: Candidate
    names: Names
    at: tuple[float, float, float] | None
    refs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, candidate: Candidate, city: str) -> Record:
        """Prepare a candidate; ``city`` is left out of its names."""
        known = candidate.lat is not None and candidate.lng is not None
        return cls(
            candidate=candidate,
            names=Names.of((candidate.name, *candidate.names.values()), city),
            at=earth_fixed((candidate.lat or 0.0, candidate.lng or 0.0)) if known else None,
            refs=_refs(candidate),
        )

    @property
    def phone(self) -> str | None:
        """The last nine digits of the phone number, which no country code or leading zero changes."""
        phone = self.candidate.additional_content.phone
        digits = "".join(filter(str.isdigit, phone)) if phone else ""
        return digits[-9:] or None


class Match(NamedTuple):
    """Two records, by their positions in the list, that may be one place; ``twins`` are of the same source."""

    score: float
    first: int
    second: int
    reason: str
    twins: bool


def matches(records: Sequence[Record]) -> Iterator[Match]:
    """All pairs of records that may be one place, with scores from :data:`ACCEPTED` upwards, in no order."""
    yield from _by_register(records)
    yield from _by_name(records)
    for first, second in _near(records):
        match = compare(records, first, second)
        if match:
            yield match


def compare(records: Sequence[Record], first: int, second: int) -> Match | None:
    """Score two records with positions: alike names count, distance and conflicting facts count against.

    Returns:
        The match, or ``None`` below :data:`ACCEPTED`.
    """
    a, b = records[first], records[second]
    if a.at is None or b.at is None or a.names.numbers != b.names.numbers:
        return None
    alike = similarity(a.names, b.names, _LEAST_SIMILAR)
    distance = math.dist(a.at, b.at)
    kinds = _kinds(a.candidate.category, b.candidate.category)
    twins = a.candidate.source == b.candidate.source and a.candidate.source in REGISTERS
    if twins:
        if alike < _TWIN_SIMILAR or distance > _TWIN_M or kinds < 0:
            return None
    elif alike < _PART_SIMILAR and distance <= _PART_M and kinds > 0 and is_part(a.names, b.names):
        alike = _PART_SIMILAR
    if alike < _LEAST_SIMILAR:
        return None
    score = alike - 0.12 * distance / NEAR_M + kinds + _phones(a, b)
    if score < ACCEPTED:
        return None
    return Match(min(score, 0.99), first, second, f"names {alike:.2f} alike, {distance:.0f} m apart", twins)


def _kinds(a: str | None, b: str | None) -> float:
    if a is None or b is None:
        return 0.0
    if a == b:
        return 0.04
    same_kind = any(a in kind and b in kind for kind in (SIGHTS, AMENITIES))
    return -0.05 if same_kind else -0.12


def _phones(a: Record, b: Record) -> float:
    mine, theirs = a.phone, b.phone
    if mine is None or theirs is None:
        return 0.0
    return 0.15 if mine == theirs else -0.20


def _refs(candidate: Candidate) -> dict[str, str]:
    refs = candidate.external_refs
    named = {
        "google": refs.google_place_id,
        "osm": f"{refs.osm_type}/{refs.osm_id}" if refs.osm_type and refs.osm_id else None,
        "otm": refs.otm_id,
        "wikidata": refs.wikidata_id,
        "wikipedia": refs.wikipedia_url,
    }
    return {register: value for register, value in named.items() if value}


def _by_register(records: Sequence[Record]) -> Iterator[Match]:
    """Records with the same id in a register. Of one source, only alike ones: parts of a site carry the site's id."""
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        for ref in record.refs.items():
            groups[ref].append(index)
    for (register, value), group in groups.items():
        for first, second in combinations(group, 2):
            a, b = records[first], records[second]
            twins = a.candidate.source == b.candidate.source and a.candidate.source in REGISTERS
            if a.at and b.at and math.dist(a.at, b.at) > (REGISTER_TWIN_M if twins else REGISTER_M):
                continue
            if not twins or similarity(a.names, b.names) >= _TWIN_SIMILAR:
                yield Match(1.0, first, second, f"same {register} id {value}", twins)


def _by_name(records: Sequence[Record]) -> Iterator[Match]:
    """Records of different sources with the same rare name, in the wider neighbourhood or without a position.

    A name that one source lists more than once is a chain's or a common one, and does not count as rare.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        for name in record.names.exact:
            groups[name].append(index)
    for name, group in groups.items():
        if len(group) < 2 or _is_common(records[index].candidate.source for index in group):
            continue
        for first, second in combinations(group, 2):
            a, b = records[first], records[second]
            if a.candidate.source == b.candidate.source and a.candidate.source in REGISTERS:
                continue
            distance = math.dist(a.at, b.at) if a.at and b.at else 0.0
            kinds = _kinds(a.candidate.category, b.candidate.category)
            if distance <= WIDE_M and kinds > -0.1:
                score = 0.95 - 0.1 * distance / WIDE_M + kinds
                yield Match(score, first, second, f"same rare name {name!r}, {distance:.0f} m apart", False)


def _is_common(sources: Iterable[Source]) -> bool:
    seen: defaultdict[Source, int] = defaultdict(int)
    for source in sources:
        seen[source] += source in REGISTERS
    return any(count >= _NAMES_PER_CHAIN for count in seen.values())


def _near(records: Sequence[Record]) -> Iterator[tuple[int, int]]:
    """Each pair at most :data:`NEAR_M` apart, once."""
    blocks: defaultdict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        candidate = record.candidate
        if candidate.lat is not None and candidate.lng is not None:
            blocks[cell_at((candidate.lat, candidate.lng), BLOCK_RESOLUTION)].append(index)
    for cell, block in blocks.items():
        others = [index for other in around(cell) if other > cell for index in blocks.get(other, ())]
        for position, first in enumerate(block):
            here = records[first].at
            for second in (*block[position + 1 :], *others):
                there = records[second].at
                if here and there and math.dist(here, there) <= NEAR_M:
                    yield first, second
