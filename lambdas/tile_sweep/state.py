"""TileSweep on an OpenStreetMap extract: the adaptive H3 sweep, within the run's budget.

One read of a cell of the extract is one call of the group ``open_data``, with an answer of at most :data:`CAP` objects,
so that the state spends, stops and reports as it would with a map service in place of the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from lambdas.connectors.osm_candidate import LICENCE, to_candidate
from lambdas.connectors.osm_extract import Extract, open_extract
from lambdas.connectors.osm_reader import OsmObject
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, distance_m
from lambdas.places.sweep import Sweep, Tile
from lambdas.runtime.aws import AWS
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import Json, StageOutput
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.run import Run
from lambdas.runtime.stage import StageInput

# Objects in one answer. Map services allow 20 to 500; a smaller cap means more calls for the same city.
CAP = 200
# Cells between two looks at the gates; also the most requests that one call of the runtime takes.
BATCH = 25


class Read(NamedTuple):
    """One read: a tile, and how many of its nearest objects earlier reads of it returned."""

    tile: Tile
    offset: int = 0


class Survey:
    """What to read next, and what the reads brought: each object inside the area once.

    It is the adaptive sweep, and one thing more: a cell of the finest resolution that is still saturated, as a tower
    full of shops at one position, is read on from where its answer ended.

    Args:
        area: The disc to know completely.
        cap: The largest number of objects in one answer.
    """

    def __init__(self, area: Disc, cap: int) -> None:
        self.area = area
        self.cap = cap
        self.reads = 0
        self.saturated = 0
        self.objects = 0
        self._sweep = Sweep(area, cap=cap, distance_ranked=True)
        self._pages: deque[Read] = deque()
        self._open: set[Read] = set()
        self._known: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return self._sweep.done and not self._pages and not self._open

    @property
    def cells(self) -> int:
        """How many cells were read."""
        return self._sweep.answered

    @property
    def unresolved(self) -> int:
        """How many cells of the finest resolution hold more than was read of them."""
        return len(self._pages) + sum(read.offset > 0 for read in self._open)

    def take(self, size: int) -> list[Read]:
        """The next reads, at most ``size``; none when there is nothing left to read."""
        pages = [self._pages.popleft() for _ in range(min(size, len(self._pages)))]
        reads = [*pages, *(Read(tile) for tile in self._sweep.take(size - len(pages)))]
        self._open.update(reads)
        return reads

    def answer(self, read: Read, objects: Sequence[OsmObject]) -> list[OsmObject]:
        """Take in the answer to a read, and plan what follows from it.

        Args:
            read: A read that was taken and not answered yet.
            objects: The nearest objects of its disc, behind the read's offset.

        Returns:
            Those inside the area that no earlier read brought.
        """
        self._open.remove(read)
        self.reads += 1
        saturated = len(objects) >= self.cap
        if read.offset == 0:
            self.saturated += saturated
            unresolved = len(self._sweep.unresolved)
            last = objects[-1] if objects else None
            farthest = distance_m(read.tile.disc.center, (last.lat, last.lng)) if last else None
            self._sweep.answer(read.tile, [item.key for item in objects], farthest)
            saturated = len(self._sweep.unresolved) > unresolved
        if saturated:
            self._pages.append(Read(read.tile, read.offset + self.cap))
        fresh = [item for item in objects if item.key not in self._known and self.area.contains((item.lat, item.lng))]
        self._known.update(item.key for item in fresh)
        self.objects += len(fresh)
        return fresh


class _CellReader:
    """Turns reads into requests, and answers them from the extract, which is opened at first need."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def extract(self) -> Extract:
        return open_extract(self.uri, AWS.s3)

    def request(self, read: Read, version: str | None) -> Request:
        """The request for a read. ``version`` is the extract's digest, so that a new extract meets no old answer."""
        disc = read.tile.disc
        params: dict[str, Json] = {
            "extract": version,
            "cell": read.tile.cell,
            "lat": disc.center.lat,
            "lng": disc.center.lng,
            "radius_m": disc.radius_m,
            "cap": CAP,
            "offset": read.offset,
        }
        return Request(params, estimate=1)

    def fetch(self, request: Request) -> Reply:
        params = request.params
        disc = Disc.of(params["lat"], params["lng"], params["radius_m"])
        objects = self.extract.within(disc, params["cap"], params["offset"])
        body = {
            "source": self.uri,
            "licence": LICENCE.id,
            "attribution": LICENCE.attribution,
            "objects": [item.document() for item in objects],
        }
        return Reply(request, body, units=1, items=len(objects))


def tile_sweep(_: StageInput, run: Run) -> StageOutput:
    """Find every named object of the extract inside the job's disc.

    Args:
        _: Not read: the disc and the extract are in the run input.
        run: The run.

    Returns:
        Counters, and which version of which extract was read. The candidates lie in S3, each object in one of them.
        With a gate closed or ``open_data`` killed, what was found until then is kept, and ``complete`` is false.

    Raises:
        InvalidInput: The run input names no extract, or one that is not in S3 or too large.
        ExtractNotFound: The extract does not exist.
        ExtractCorrupt: It is cut off, or no extract.
        AccessDenied: The function may not read it.
        TransientStorageError: S3 could not answer.
    """
    reader = _CellReader(_extract_uri(run))
    center = run.job.seed.center
    survey = Survey(Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000), CAP)
    # An extract that may not be read is not opened either. The runtime then refuses the requests, and counts them.
    refused = run.record.killed(Connector.OVERPASS.group) or run.gate() is not None
    version = None if refused else reader.extract.sha256
    lineage = Lineage(
        created_at=run.record.started_at,
        pipeline_version=run.record.versions["program"],
        correlation_id=run.correlation_id,
    )
    while reads := survey.take(BATCH):
        requests = [reader.request(read, version) for read in reads]
        replies = run.call(Connector.OVERPASS, requests, reader.fetch, Split.SECONDARIES)
        # By what they ask, since a reply can be missing in front of one that the cache had.
        answers = {(reply.request.params["cell"], reply.request.params["offset"]): reply for reply in replies}
        fresh: list[Candidate] = []
        for read in reads:
            reply = answers.get((read.tile.cell, read.offset))
            if reply is not None:
                fresh.extend(to_candidate(item, lineage) for item in survey.answer(read, _objects(reply)))
        if replies:
            run.found(fresh, calls=len(replies))
        if len(replies) < len(reads) or run.gate() is not None:
            break
    return _output(survey, None if refused else reader.extract)


def _objects(reply: Reply) -> list[OsmObject]:
    body: Json = reply.body
    return [OsmObject.from_document(document) for document in body["objects"]]


def _extract_uri(run: Run) -> str:
    if run.job.sources is None:
        raise InvalidInput(
            "sources.osm_extract is missing in the run input: TileSweep is real in this stack and reads a map extract. "
            'Add "sources": {"osm_extract": "s3://bucket/key.osm.pbf"}, or set states: TileSweep to mock'
        )
    return run.job.sources.osm_extract


def _output(survey: Survey, extract: Extract | None) -> StageOutput:
    counters = {
        "cells": survey.cells,
        "calls": survey.reads,
        "saturated": survey.saturated,
        "unresolved": survey.unresolved,
        "objects": survey.objects,
    }
    data: dict[str, Json] = {**counters, "complete": survey.complete, "cap": survey.cap, "extract": None}
    metrics: dict[str, int | float] = {**counters, "complete": int(survey.complete)}
    if extract is not None:
        data["extract"] = {
            "uri": extract.uri,
            "sha256": extract.sha256,
            "bytes": extract.size,
            "digest_verified": extract.verified,
            "objects": len(extract),
            "rejected": extract.rejected,
        }
        metrics |= {
            "extract_bytes": extract.size,
            "extract_objects": len(extract),
            "extract_rejected": sum(extract.rejected.values()),
        }
    return StageOutput(data, records=survey.objects, metrics=metrics)
