"""TileSweep: the adaptive H3 sweep of OpenStreetMap, and beside it Overture Maps, within the run's budget.

The map is an extract, where the run input names one, and Overpass otherwise. One read of a cell of the extract is one
call of the group ``open_data``, with an answer of at most :data:`CAP` objects, so that the state spends, stops and
reports as it does with a map service in place of the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from lambdas.connectors import overpass
from lambdas.connectors.osm_candidate import LICENCE, to_candidate
from lambdas.connectors.osm_extract import Extract, open_extract
from lambdas.connectors.osm_object import OsmObject
from lambdas.connectors.overpass import Overpass
from lambdas.connectors.service import Configuration, Service
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, distance_m
from lambdas.places.sweep import Snapshot, Sweep, Tile, cover, start_resolution
from lambdas.runtime.aws import AWS
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.tile_sweep.registers import Register

# Objects in one answer. Map services allow 20 to 500; a smaller cap means more calls for the same city.
CAP = 200
# Objects in one answer of Overpass, some 2 MB: it forbids many small queries, and a large one runs out of time.
OVERPASS_CAP = 4_000
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
        ranked: The nearest objects come first, and an answer can be read on from where it ended. Otherwise the first
            cells are wider, since what does not fit an answer is not lost on the way to the finer ones.
    """

    def __init__(self, area: Disc, cap: int, *, ranked: bool = True) -> None:
        self.area = area
        self.cap = cap
        self._ranked = ranked
        self.reads = 0
        self.saturated = 0
        self.objects = 0
        self._sweep = Sweep(area, cap=cap, distance_ranked=ranked, snapshot=None if ranked else _wide(area))
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
        if not self._ranked:
            return len(self._sweep.unresolved)
        return len(self._pages) + sum(read.offset > 0 for read in self._open)

    def take(self, size: int) -> list[Read]:
        """The next reads, at most ``size``; none when there is nothing left to read."""
        pages = [self._pages.popleft() for _ in range(min(size, len(self._pages)))]
        reads = [*pages, *(Read(tile) for tile in self._sweep.take(size - len(pages)))]
        self._open.update(reads)
        return reads

    def answer(
        self, read: Read, objects: Sequence[OsmObject], returned: Sequence[str] | None = None
    ) -> list[OsmObject]:
        """Take in the answer to a read, and plan what follows from it.

        Args:
            read: A read that was taken and not answered yet.
            objects: The nearest objects of its disc, behind the read's offset.
            returned: The keys of all that was returned, where not all of it is an object: whether something was left
                out is to be seen from them.

        Returns:
            Those inside the area that no earlier read brought.
        """
        self._open.remove(read)
        self.reads += 1
        keys = [item.key for item in objects] if returned is None else returned
        saturated = len(keys) >= self.cap
        if read.offset == 0:
            self.saturated += saturated
            unresolved = len(self._sweep.unresolved)
            last = objects[-1] if objects else None
            farthest = distance_m(read.tile.disc.center, (last.lat, last.lng)) if last else None
            self._sweep.answer(read.tile, keys, farthest)
            saturated = len(self._sweep.unresolved) > unresolved
        if saturated and self._ranked:
            self._pages.append(Read(read.tile, read.offset + self.cap))
        fresh = [item for item in objects if item.key not in self._known and self.area.contains((item.lat, item.lng))]
        self._known.update(item.key for item in fresh)
        self.objects += len(fresh)
        return fresh


def _wide(area: Disc) -> Snapshot:
    """A sweep at its start, in cells twice as wide as usual."""
    tiles = cover(area, start_resolution(Disc(area.center, 2 * area.radius_m)))
    return Snapshot(pending=[tile.cell for tile in tiles], unresolved=[], returned=[])


class _Map(Protocol):
    """Where the objects come from.

    Attributes:
        cap: Objects in one answer.
        ranked: The nearest of them come first.
        batch: Reads between two looks at the gates.
    """

    cap: int
    ranked: bool
    batch: int

    def request(self, read: Read) -> Request:
        """The request for a read."""

    def fetch(self, request: Request) -> Reply:
        """Make it."""

    def objects(self, reply: Reply) -> list[OsmObject]:
        """What it brought."""

    def returned(self, reply: Reply) -> list[str] | None:
        """The keys of all that it brought; ``None`` where that is what ``objects`` gives."""

    def about(self) -> Extract | None:
        """The extract, if it is one and was opened."""


class _OverpassMap:
    """Turns reads into queries of Overpass."""

    ranked = False
    # A query may take half a minute, and an invocation has five.
    batch = 5

    def __init__(self, run: Run, config: Configuration) -> None:
        self.cap = OVERPASS_CAP
        self._overpass = Overpass(Service(overpass.INFO, run, config))

    def request(self, read: Read) -> Request:
        return self._overpass.request([read.tile.disc], self.cap)

    def fetch(self, request: Request) -> Reply:
        return self._overpass.fetch(request)

    def objects(self, reply: Reply) -> list[OsmObject]:
        return self._overpass.objects(reply)

    def returned(self, reply: Reply) -> list[str] | None:
        return self._overpass.returned(reply)

    def about(self) -> Extract | None:
        return None


class _CellReader:
    """Turns reads into requests, and answers them from the extract, which is opened at first need.

    Args:
        uri: The extract.
        refused: Whether it may not be read: then it is not opened either. The runtime refuses the requests, and counts
            them.
    """

    ranked = True

    def __init__(self, uri: str, *, refused: bool) -> None:
        self.cap, self.batch = CAP, BATCH
        self.uri = uri
        self._refused = refused

    @cached_property
    def extract(self) -> Extract:
        return open_extract(self.uri, AWS.s3)

    def about(self) -> Extract | None:
        return None if self._refused else self.extract

    def objects(self, reply: Reply) -> list[OsmObject]:
        body: Json = reply.body
        return [OsmObject.from_document(document) for document in body["objects"]]

    def returned(self, reply: Reply) -> list[str] | None:
        return None

    def request(self, read: Read) -> Request:
        disc = read.tile.disc
        params: dict[str, Json] = {
            # So that a new extract meets no old answer.
            "extract": None if self._refused else self.extract.sha256,
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
    """Find every named object of the map inside the job's disc, and what Overture Maps knows there.

    Overture Maps comes first, a few calls for a whole city. Where it fails it is asked again after the map; should it
    fail once more, the run goes on with what the map knows, and the output and the metric ``failed_sources`` say so.

    Args:
        _: Not read: the disc and the extract are in the run input.
        run: The run.

    Returns:
        Counters; which version of which extract was read, if it was one; and of ``overture`` how many places it gave or
        why none, and the release. The candidates lie in S3, each object in one of them. With a gate closed
        or ``open_data`` killed, what was found until then is kept, and ``complete`` is false.

    Raises:
        InvalidInput: The run input names an extract that is not in S3 or too large; or none, and the stack has turned
            Overpass and Overture off.
        ExtractNotFound: The extract does not exist.
        ExtractCorrupt: It is cut off, or no extract.
        AccessDenied: The function may not read it.
        Throttled: The map, Overpass or in its place Overture, asks to be left alone.
        ServiceUnavailable: It failed, or this invocation has no time left.
        ServiceRefused: It does not take what it is asked.
        TransientStorageError: S3 could not answer.
    """
    refused = run.record.killed(Connector.OVERPASS.group) or run.gate() is not None
    config = Configuration.of(run)
    center = run.job.seed.center
    area = Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
    lineage = Lineage(
        created_at=run.record.started_at,
        pipeline_version=run.record.versions["program"],
        correlation_id=run.correlation_id,
    )
    register = Register(run, config, area, lineage)
    source = _map_of(run, config, register, refused=refused)
    register.read()
    survey = Survey(area, source.cap, ranked=source.ranked) if source else None
    if source and survey:
        _swept(survey, source, run, lineage)
    register.again()
    if survey is None and register.failure is not None:
        raise register.failure
    return _output(survey, source.about() if source else None, register)


def _swept(survey: Survey, source: _Map, run: Run, lineage: Lineage) -> None:
    """Read the map until all of it is read, or no more may be."""
    while reads := survey.take(source.batch):
        requests = {source.request(read).hash(Connector.OVERPASS): read for read in reads}
        asked = [source.request(read) for read in reads]
        replies = run.call(Connector.OVERPASS, asked, source.fetch, Split.SECONDARIES)
        # By what they ask, since a reply can be missing in front of one that the cache had.
        answers = {requests[reply.request.hash(Connector.OVERPASS)]: reply for reply in replies}
        fresh: list[Candidate] = []
        for read in reads:
            reply = answers.get(read)
            if reply is not None:
                found = survey.answer(read, source.objects(reply), source.returned(reply))
                fresh.extend(to_candidate(item, lineage) for item in found)
        if replies:
            run.found(fresh, calls=len(replies))
        if len(replies) < len(reads) or run.gate() is not None:
            break


def _map_of(run: Run, config: Configuration, register: Register, *, refused: bool) -> _Map | None:
    """The map; ``None`` where Overture Maps stands for it."""
    if run.job.sources is not None:
        return _CellReader(run.job.sources.osm_extract, refused=refused)
    if config.enabled(overpass.INFO.name):
        return _OverpassMap(run, config)
    if register.on:
        return None
    raise InvalidInput(
        "sources.osm_extract is missing in the run input, and this stack has turned Overpass and Overture off: there "
        'is no map for TileSweep. Add "sources": {"osm_extract": "s3://bucket/key.osm.pbf"}, or set states: TileSweep '
        "to mock"
    )


def _output(survey: Survey | None, extract: Extract | None, register: Register) -> StageOutput:
    counters = {
        "cells": survey.cells if survey else 0,
        "calls": survey.reads if survey else 0,
        "saturated": survey.saturated if survey else 0,
        "unresolved": survey.unresolved if survey else 0,
        "objects": survey.objects if survey else 0,
    }
    complete = survey.complete if survey else register.about() is not None and register.failure is None
    sources: dict[str, Json] = {"overture": register.said()}
    data: dict[str, Json] = {
        **counters,
        "complete": complete,
        "cap": survey.cap if survey else None,
        "extract": None,
        "sources": sources,
        "overture": register.about(),
    }
    metrics: dict[str, int | float] = {
        **counters,
        "complete": int(complete),
        "from_overture": register.count,
        "failed_sources": int(register.failure is not None),
    }
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
    return StageOutput(data, records=counters["objects"] + register.count, metrics=metrics)
