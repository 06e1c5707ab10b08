"""What the mock states share: the world of a run, calls to it in batches, and candidates from its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lambdas.contracts.candidate import Candidate, Source
from lambdas.contracts.connectors import Connector, Split
from lambdas.contracts.frontier import FrontierMessage, parse_message
from lambdas.mock.records import Origin, to_candidate
from lambdas.mock.world import World
from lambdas.places.geo import Disc
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import BATCH, Run

Answer = Mapping[str, Any]

SOURCES: Mapping[Connector, Source] = {
    Connector.GOOGLE_TEXT: Source.GOOGLE,
    Connector.GOOGLE_NEARBY: Source.GOOGLE,
    Connector.OVERPASS: Source.OSM,
    Connector.OTM: Source.OTM,
    Connector.WIKI: Source.WIKIDATA,
}


def area_of(run: Run) -> Disc:
    """The disc that a run searches."""
    center = run.job.seed.center
    return Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)


def origin_of(run: Run, world: World) -> Origin:
    """What every candidate of a run carries."""
    record = run.record
    return Origin(
        at=record.started_at,
        city=run.job.city,
        country=world.city.naming.country,
        correlation_id=record.correlation_id,
        version=record.versions.get("program", "unknown"),
    )


def answered(request: Request, body: Answer) -> Reply:
    """The reply of a service that charges by the call."""
    return Reply(request, dict(body), units=1, items=len(body.get("results", ())))


def in_batches(
    run: Run, connector: Connector, requests: Sequence[Request], fetch: Callable[[Request], Reply], split: Split
) -> Iterator[list[Reply]]:
    """Call a service batch by batch, so that what a batch found counts before the next one begins.

    Ends early, with what came back, where a gate, a budget or a kill switch gives no more.
    """
    for start in range(0, len(requests), BATCH):
        batch = requests[start : start + BATCH]
        replies = run.call(connector, batch, fetch, split)
        if replies:
            yield replies
        if len(replies) < len(batch):
            # The rest is asked for all the same, so that the runtime counts it as left out.
            rest = run.call(connector, requests[start + BATCH :], fetch, split)
            if rest:
                yield rest
            return


def candidates_of(
    connector: Connector, replies: Sequence[Reply], origin: Origin, area: Disc
) -> tuple[list[Candidate], int]:
    """The candidates inside the area in some replies, each record once, and how many lay outside."""
    source = SOURCES[connector]
    records = {record["id"]: record for reply in replies for record in results_of(reply)}
    inside = [record for record in records.values() if area.contains((record["lat"], record["lng"]))]
    return [to_candidate(source, record, origin) for record in inside], len(records) - len(inside)


def results_of(reply: Reply) -> Sequence[Answer]:
    """The ``results`` of an answer."""
    body: Any = reply.body
    results: Sequence[Answer] = body["results"]
    return results


def message_of(given: StageInput) -> FrontierMessage:
    """The frontier message that the first state of a page is given.

    Raises:
        InvalidInput: It is not valid.
    """
    try:
        return parse_message(json.dumps(given.read()))
    except ValueError as error:
        raise InvalidInput(f"The frontier message is not valid: {error}") from error
