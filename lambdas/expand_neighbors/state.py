"""ExpandNeighbors: search the map around the primaries, and once more around what that found.

Both rings are asked for here, some dozen points in one query: the free map service forbids to spread queries over many
workers, so that nothing is left to the frontier.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeVar

from lambdas.connectors import overpass
from lambdas.connectors.osm_candidate import to_candidate
from lambdas.connectors.osm_object import OsmObject
from lambdas.connectors.overpass import Overpass
from lambdas.connectors.service import Configuration, Service
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.contracts.connectors import Connector, Split
from lambdas.contracts.frontier import MapsMessage, parse_message
from lambdas.places.cells import disc_of
from lambdas.places.geo import Disc, distance_m
from lambdas.places.neighbours import Anchor, anchors_of, second_ring
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

# Points in one query. With more, the answer of a dense city could outgrow what the service gives a query.
GROUP = 20
# Edges of one primary: its nearest neighbours.
MAX_NEAR = 40
# What nobody comes for is no neighbour of a sight, and a chain is the same everywhere.
_NOT_VISITED = frozenset({"education", "government", "health", "service", "structure", "transport"})

Edge = tuple[str, str, float]
_T = TypeVar("_T")


def expand_neighbors(given: StageInput, run: Run) -> StageOutput:
    """Search the map around the primaries, and in the cells beside them.

    Returns:
        ``near``: the NEAR edges, each a primary's ``place_id``, a neighbour's ``record_id`` and the metres between;
        ``ring``: the H3 cells of the second ring that were searched.

    Raises:
        Throttled: The service asks to be left alone.
        ServiceUnavailable: It failed, or this invocation has no time left.
        ServiceRefused: It does not take what it is asked.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    search = _Search(run)
    # A budget or a kill switch may have skipped SeedPrimaries: then there is nothing to search around.
    seeds = given.read_optional() or {"primaries": []}
    anchors = anchors_of(seeds["primaries"])
    neighbours: list[Candidate] = []
    edges: list[Edge] = []
    searched = 0
    for group, found in search.around(anchors, [anchor.disc for anchor in anchors]):
        neighbours += found
        searched += len(group)
        edges += [edge for anchor in group for edge in _edges(anchor, found)]
    # Without the first ring there is nothing to say where the second one is worth while.
    cells = second_ring(anchors, neighbours, search.area) if searched == len(anchors) else []
    ring: list[str] = []
    for beside, found in search.around(cells, [disc_of(cell) for cell in cells]):
        neighbours += found
        ring += beside
    return StageOutput(
        data={"near": edges, "ring": ring},
        records=len(neighbours),
        metrics={
            "anchors": len(anchors),
            "searched": searched,
            "edges": len(edges),
            "ring": len(ring),
            "rejected": search.outside,
        },
    )


def search_maps(given: StageInput, run: Run) -> StageOutput:
    """Make the search of a frontier message.

    Returns:
        ``candidates`` for GeocodeValidate, and how many ``calls`` brought them.

    Raises:
        InvalidInput: The message is no search of the map, or one of another service.
        Throttled: The turn at the service is later: the message returns.
        ServiceUnavailable: The service failed: the message returns.
        ServiceRefused: It does not take what it is asked.
        LedgerUnavailable: The ledger could not be used.
    """
    try:
        message = parse_message(json.dumps(given.read()))
    except ValueError as error:
        raise InvalidInput(f"The frontier message is not valid: {error}") from error
    if not isinstance(message, MapsMessage) or message.budget_token is not Connector.OVERPASS:
        raise InvalidInput(f"A {message.type} message for {message.budget_token} is no search of Overpass.")
    search = _Search(run)
    answers = search.answers([[Disc.of(message.lat, message.lng, message.radius)]], Split.FRONTIER)
    # Whether it lies inside the city is GeocodeValidate's to say.
    found = [to_candidate(item, search.lineage) for objects in answers for item in objects]
    return StageOutput(
        data={"candidates": [candidate.document() for candidate in found], "calls": len(answers)},
        records=len(found),
    )


class _Search:
    """Searches of the map for a run.

    Attributes:
        area: The job's disc.
        lineage: What every candidate carries.
        outside: How many objects lay outside of the disc.
    """

    def __init__(self, run: Run) -> None:
        center, record = run.job.seed.center, run.record
        self.area = Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
        self.lineage = Lineage(
            created_at=record.started_at,
            pipeline_version=record.versions["program"],
            correlation_id=run.correlation_id,
        )
        self.outside = 0
        self._run = run
        self._config = Configuration.of(run)

    def around(self, subjects: Sequence[_T], discs: Sequence[Disc]) -> Iterator[tuple[Sequence[_T], list[Candidate]]]:
        """Search around some subjects, group by group, and report what was found.

        Args:
            subjects: What is searched around.
            discs: Where, in the same order.

        Yields:
            A group of subjects, and the candidates inside the job's disc that the search around them found. It ends
            early where the run may ask no more.
        """
        for start in range(0, len(subjects), GROUP):
            answers = self.answers([discs[start : start + GROUP]], Split.SECONDARIES)
            if not answers:
                return
            objects = [item for answer in answers for item in answer]
            inside = [item for item in objects if self.area.contains((item.lat, item.lng))]
            self.outside += len(objects) - len(inside)
            found = [to_candidate(item, self.lineage) for item in inside]
            self._run.found(found, calls=len(answers))
            yield subjects[start : start + GROUP], found

    def answers(self, groups: Sequence[Sequence[Disc]], split: Split) -> list[list[OsmObject]]:
        """What the map has in some groups of discs; nothing where the stack has turned the service off."""
        if not self._config.enabled(overpass.INFO.name):
            return []
        return Overpass(Service(overpass.INFO, self._run, self._config)).around(groups, split)


def _edges(anchor: Anchor, found: Sequence[Candidate]) -> list[Edge]:
    """The edges from a primary to its nearest neighbours."""
    near = [
        (round(distance, 1), place.record_id)
        for place in found
        if place.category not in _NOT_VISITED
        and "brand" not in place.additional_content.tags
        and (distance := distance_m(anchor.at, (place.lat or 0.0, place.lng or 0.0))) <= anchor.radius_m
    ]
    return [(anchor.place_id, record, distance) for distance, record in sorted(near)[:MAX_NEAR]]
