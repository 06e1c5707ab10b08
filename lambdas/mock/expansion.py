"""ExpandNeighbors, TileSweep and SearchMaps: what lies around the primaries, and everywhere else in the city."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lambdas.contracts.candidate import Candidate
from lambdas.contracts.connectors import Connector, Split
from lambdas.contracts.frontier import MapsMessage, MapsMetadata
from lambdas.mock.asking import SOURCES, answered, area_of, candidates_of, in_batches, message_of, origin_of, results_of
from lambdas.mock.world import OVERPASS_CAP, World
from lambdas.places.cells import center_of, edge_m, resolution_of
from lambdas.places.geo import Disc, distance_m
from lambdas.places.neighbours import Anchor, anchors_of, second_ring
from lambdas.places.sweep import Sweep, Tile
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import BATCH, Run

_LEAST_RADIUS_M = 50


def expand_neighbors(given: StageInput, run: Run) -> StageOutput:
    """Search around the primaries, and send the next ring of searches to the frontier.

    Google Nearby is asked, or OpenTripMap where Google is killed. The first ring is searched here; the second, around
    what the first one found, is left to the frontier.

    Returns:
        ``near``: the NEAR edges, each a primary's ``place_id``, a neighbour's ``record_id`` and the metres between;
        and the H3 cells of the second ring.
    """
    world, area = World.of(run.job), area_of(run)
    origin = origin_of(run, world)
    connector = Connector.OTM if run.record.killed(Connector.GOOGLE_NEARBY.group) else Connector.GOOGLE_NEARBY
    # A budget or a kill switch may have skipped SeedPrimaries: then there is nothing to search around.
    seeds = given.read_optional() or {"primaries": []}
    anchors = {anchor.place_id: anchor for anchor in anchors_of(seeds["primaries"])}
    requests = [_around(world, anchor.disc, anchor=anchor.place_id) for anchor in anchors.values()]
    edges: list[tuple[str, str, float]] = []
    neighbours: list[Candidate] = []
    outside = 0
    for replies in in_batches(run, connector, requests, _fetch(world, connector), Split.SECONDARIES):
        found, left_out = candidates_of(connector, replies, origin, area)
        run.found(found, calls=len(replies))
        neighbours += found
        outside += left_out
        edges += [
            edge for reply in replies for edge in _edges(anchors[reply.request.params["anchor"]], reply, connector)
        ]
    ring = second_ring(anchors.values(), neighbours, area)
    new = run.send([_message(run, connector, cell, anchors.values()) for cell in ring])
    return StageOutput(
        data={"near": edges, "ring": ring},
        records=len(neighbours),
        metrics={"anchors": len(anchors), "edges": len(edges), "ring": len(ring), "enqueued": new, "rejected": outside},
    )


def search_maps(given: StageInput, run: Run) -> StageOutput:
    """Make the search of a frontier message.

    Returns:
        ``candidates`` for GeocodeValidate, and how many ``calls`` brought them.

    Raises:
        InvalidInput: The message is no maps message, or names a service that cannot be searched by position.
    """
    message = message_of(given)
    connector = message.budget_token
    if not isinstance(message, MapsMessage) or connector not in SOURCES:
        raise InvalidInput(f"A {message.type} message for {connector} is no search on a map.")
    world = World.of(run.job)
    disc = Disc.of(message.lat, message.lng, message.radius)
    replies = run.call(connector, [_around(world, disc)], _fetch(world, connector), Split.FRONTIER)
    # The whole answer: whether it lies inside the city is GeocodeValidate's to say.
    everywhere = Disc(disc.center, 2.1e7)
    found, _ = candidates_of(connector, replies, origin_of(run, world), everywhere)
    return StageOutput(
        data={
            "candidates": [candidate.document() for candidate in found],
            "calls": len(replies),
        },
        records=len(found),
    )


def tile_sweep(_: StageInput, run: Run) -> StageOutput:
    """Sweep the whole disc through Overpass, at most 100 records a call.

    Returns:
        Counters; ``complete`` is false where a gate, a budget or a kill switch ended the sweep early.
    """
    world, area = World.of(run.job), area_of(run)
    origin = origin_of(run, world)
    sweep = Sweep(area, cap=OVERPASS_CAP, distance_ranked=True)
    records = outside = 0
    fetch = _fetch(world, Connector.OVERPASS)
    while tiles := sweep.take(BATCH):
        requests = [_around(world, tile.disc, cell=tile.cell) for tile in tiles]
        replies = run.call(Connector.OVERPASS, requests, fetch, Split.SECONDARIES)
        fresh = _take_in(sweep, tiles, replies)
        found, left_out = candidates_of(Connector.OVERPASS, replies, origin, area)
        found = [candidate for candidate in found if candidate.record_id.partition(":")[2] in fresh]
        if replies:
            run.found(found, calls=len(replies))
        records += len(found)
        outside += left_out
        if len(replies) < len(tiles):
            break
    counts = {"tiles": sweep.answered, "unresolved_saturation": len(sweep.unresolved), "records": records}
    return StageOutput(
        data={**counts, "complete": sweep.done, "pending": sweep.snapshot()["pending"]},
        records=records,
        metrics={**counts, "rejected": outside},
    )


def _take_in(sweep: Sweep, tiles: Sequence[Tile], replies: Sequence[Reply]) -> set[str]:
    """Feed a batch of answers to the sweep; the ids that no earlier answer held."""
    by_cell = {tile.cell: tile for tile in tiles}
    fresh: set[str] = set()
    for reply in replies:
        body: Any = reply.body
        ids = [record["id"] for record in body["results"]]
        fresh |= sweep.answer(by_cell[reply.request.params["cell"]], ids, body["farthest_m"])
    return fresh


def _around(world: World, disc: Disc, **more: str) -> Request:
    params = {"world": world.key, "lat": disc.center.lat, "lng": disc.center.lng, "radius": round(disc.radius_m, 3)}
    return Request({**params, **more})


def _fetch(world: World, connector: Connector) -> Callable[[Request], Reply]:
    def fetch(request: Request) -> Reply:
        params = request.params
        return answered(request, world.around(connector, Disc.of(params["lat"], params["lng"], params["radius"])))

    return fetch


def _edges(anchor: Anchor, reply: Reply, connector: Connector) -> list[tuple[str, str, float]]:
    return [
        (
            anchor.place_id,
            f"{SOURCES[connector]}:{record['id']}",
            round(distance_m(anchor.at, (record["lat"], record["lng"])), 1),
        )
        for record in results_of(reply)
    ]


def _message(run: Run, connector: Connector, cell: str, anchors: Iterable[Anchor]) -> MapsMessage:
    center = center_of(cell)
    nearest = min(anchors, key=lambda anchor: (distance_m(anchor.at, center), anchor.place_id))
    return MapsMessage(
        city=run.job.city,
        run_id=run.run_id,
        correlation_id=run.correlation_id,
        budget_token=connector,
        lat=round(center.lat, 6),
        lng=round(center.lng, 6),
        radius=max(_LEAST_RADIUS_M, round(edge_m(resolution_of(cell)))),
        search_type="nearby",
        metadata=MapsMetadata(anchor_place_id=nearest.place_id, search_depth=2, h3_cell=cell),
    )
