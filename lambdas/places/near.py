"""The NEAR edges of a run: which places lie beside which, by the searches around its primaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from lambdas.contracts.candidate import Place
from lambdas.places.fusion import place_id_of
from lambdas.places.geo import Point, distance_m

Near: TypeAlias = tuple[str, str, float]
"""As a search notes it: a primary's place id, a neighbour's record id, and the metres between them."""


class Edge(NamedTuple):
    """A NEAR edge between places of the result.

    Attributes:
        place_id: The place that was searched around.
        neighbour_id: The place beside it; ``None`` if no place was made of the record that was found.
        metres: Between their positions; as the search noted it where one of the two has none.
    """

    place_id: str
    neighbour_id: str | None
    metres: float


def edges(places: Iterable[Place], near: Sequence[Near]) -> list[Edge]:
    """What the edges that searches noted are between the places of the result.

    Those whose primary is no place of the result are left out, and those within one place.

    Args:
        places: All places of the run, of which one is in memory at a time.
        near: The edges, as noted.
    """
    if not near:
        return []
    primaries, records = {primary for primary, _, _ in near}, {record for _, record, _ in near}
    of_record: dict[str, str] = {}
    of_name: dict[str, str] = {}
    at: dict[str, Point | None] = {}
    for place in places:
        found = records.intersection(place.members)
        # A primary was named before the run's end, perhaps after another of its members.
        names = primaries.intersection(map(place_id_of, place.members))
        of_record |= dict.fromkeys(found, place.place_id)
        of_name |= dict.fromkeys(names, place.place_id)
        if found or names or place.place_id in primaries:
            at[place.place_id] = None if place.lat is None or place.lng is None else Point(place.lat, place.lng)
    made: list[Edge] = []
    for primary, record, metres in near:
        one, other = primary if primary in at else of_name.get(primary), of_record.get(record)
        if one is not None and one != other:
            made.append(Edge(one, other, _between(at[one], at[other] if other else None, metres)))
    return made


def _between(one: Point | None, other: Point | None, noted: float) -> float:
    return noted if one is None or other is None else round(distance_m(one, other), 1)
