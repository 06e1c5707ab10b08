"""Places of sightings, made on Spark: the same places as ``lambdas.places.dedupe`` makes in one process.

Documents stay with the tasks. The driver holds of each sighting its id and what speaks against a join, and all likely
pairs, 150 bytes together; it joins them into places and names these, since a place may reach across any border. At its
peak that takes 1.1 KB of memory for each sighting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import boto3
import numpy as np
from numpy.typing import NDArray
from pyspark import RDD, Broadcast, SparkContext, StorageLevel

from glue_scripts.parts import Part as PartFile
from glue_scripts.parts import PartWriter
from lambdas.contracts.candidate import Candidate
from lambdas.finalization.memory import collector_paused
from lambdas.finalization.spool import line_of
from lambdas.places.clusters import Cluster, cluster
from lambdas.places.columns import SOURCES, Columns
from lambdas.places.counts import Counts, Mentions
from lambdas.places.dedupe import fullness, name, reasons, with_singles
from lambdas.places.edges import Edges, Nodes
from lambdas.places.fusion import fuse
from lambdas.places.parts import Part
from lambdas.places.shares import Share, shares
from lambdas.runtime.run import candidates_in
from lambdas.runtime.storage import Storage

# Objects differ in size, so there are more tasks than processors.
_TASKS_A_CORE = 4

_Text: TypeAlias = str
"""A candidate as JSON, as the models write it without nulls."""


@dataclass(frozen=True)
class Sizes:
    """How much a task takes on.

    Attributes:
        block: Sightings of which a task holds the documents: 2 KB each.
        part: Sightings among which a task looks for pairs: 400 bytes each, beside those of other parts that it needs.
    """

    block: int = 20_000
    part: int = 50_000


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        parts: Part files with the places, one per line, in the order of their ids.
        sightings: How many different sightings there were.
        places: How many places they became.
    """

    parts: Sequence[PartFile]
    sightings: int
    places: int


@dataclass(frozen=True)
class Work:
    """The places of a run, and where they are made.

    Attributes:
        context: The Spark context.
        bucket: The bucket with the sightings; part files are written there, too.
        folder: Below which key part files are written.
        city: The city's name, which tells nothing in a place's name.
        merged_at: The time to note in each merge (ISO 8601).
        sizes: How much a task takes on.
    """

    context: SparkContext
    bucket: str
    folder: str
    city: str
    merged_at: str
    sizes: Sizes = Sizes()

    def places(self, found: Sequence[str], known_ids: Mapping[str, str]) -> Made:
        """Make the places of all sightings.

        Args:
            found: The keys of the objects that hold the sightings.
            known_ids: What places the record ids had before.

        Raises:
            Exception: What a task raises, wrapped by Spark.
        """
        tasks = max(1, min(len(found), _TASKS_A_CORE * self.context.defaultParallelism))
        read = self.context.parallelize(found, tasks).mapPartitions(partial(_read, self.bucket))
        richest = read.reduceByKey(_richer).persist(StorageLevel.DISK_ONLY)
        sightings = richest.count()
        ordered = richest.sortByKey(numPartitions=max(1, ceil(sightings / self.sizes.block)))
        blocks = ordered.mapPartitions(_block).persist(StorageLevel.DISK_ONLY)
        named, ids = self._named(blocks, known_ids, max(1, ceil(sightings / self.sizes.part)))
        return Made(self._written(blocks, named, ids), sightings, len(named))

    @collector_paused()
    def _named(
        self, blocks: RDD[_Block], known_ids: Mapping[str, str], parts: int
    ) -> tuple[list[tuple[str, Cluster]], _Ids]:
        """The places, in the order of their ids, as positions of records; and the records' ids, block by block."""
        columns = blocks.map(partial(_columns, self.city)).persist(StorageLevel.DISK_ONLY)
        summaries = columns.map(_Summary.of).collect()
        ids = _Ids([summary.ids for summary in summaries])
        counted = self.context.broadcast(_counts(columns, parts))
        edges = Edges.joined(_edges(columns, ids.firsts, counted, parts))
        nodes = Nodes.joined([summary.nodes for summary in summaries])
        sources = [SOURCES[code] for summary in summaries for code in summary.source.tolist()]
        clusters = with_singles(cluster(nodes, edges), len(sources))
        return name(clusters, ids.all, sources, known_ids), ids

    def _written(self, blocks: RDD[_Block], named: Sequence[tuple[str, Cluster]], ids: _Ids) -> list[PartFile]:
        """Fuse the sightings of each place, and write the places."""
        orders = self.context.parallelize(_orders(named, ids), len(ids.blocks))
        count = max(1, ceil(len(named) / self.sizes.block))
        bounds = [named[len(named) * part // count][0] for part in range(1, count)]
        members = (
            blocks.zip(orders)
            .flatMap(_members)
            .repartitionAndSortWithinPartitions(count, lambda key: bisect_right(bounds, key[0]))
        )
        lines = members.mapPartitions(partial(_lines, self.merged_at))
        return sorted(lines.mapPartitionsWithIndex(PartWriter(self.bucket, self.folder)).collect())


class _Block(NamedTuple):
    """Sightings that follow each other in the order of their ids."""

    ids: list[str]
    texts: list[_Text]


class _Summary(NamedTuple):
    """What the driver needs of a block."""

    ids: Sequence[str]
    source: NDArray[np.uint8]
    nodes: Nodes

    @classmethod
    def of(cls, columns: Columns) -> _Summary:
        return cls(columns.ids, columns.source, Nodes.of(columns))


class _Ids:
    """The record ids of all blocks, and where each block begins among all records."""

    def __init__(self, blocks: Sequence[Sequence[str]]) -> None:
        self.blocks = blocks
        self.firsts = [0, *np.cumsum([len(ids) for ids in blocks]).tolist()]
        self.all = [record for ids in blocks for record in ids]


class _Order(NamedTuple):
    """What becomes of the sightings of a block.

    Attributes:
        first: The position of the first one among all.
        places: For each the id of its place.
        reasons: For each why it was joined with another, ``None`` where it was not.
    """

    first: int
    places: list[str]
    reasons: list[str | None]


def _read(bucket: str, keys: Iterable[str]) -> Iterator[tuple[str, _Text]]:
    for candidate in candidates_in(Storage(bucket, boto3.client("s3")), list(keys)):
        yield candidate.record_id, candidate.model_dump_json(exclude_none=True)


def _richer(one: _Text, other: _Text) -> _Text:
    return max(one, other, key=fullness)


def _block(records: Iterable[tuple[str, _Text]]) -> Iterator[_Block]:
    """Exactly one for each partition, also where that is empty."""
    kept = list(records)
    yield _Block([record for record, _ in kept], [text for _, text in kept])


def _columns(city: str, block: _Block) -> Columns:
    return Columns.of(map(Candidate.model_validate_json, block.texts), city)


def _counts(columns: RDD[Columns], parts: int) -> Counts:
    """How common names and keys are among all records: each part counts its own."""

    def mentions(block: Columns) -> Iterator[tuple[int, Mentions]]:
        mentioned = Mentions.of(block)
        for number in range(parts):
            yield number, mentioned.of_part(Part(number, parts))

    found = columns.flatMap(mentions).groupByKey(parts).values()
    return Counts.joined(found.map(lambda pieces: Mentions.joined(list(pieces)).counts()).collect())


def _edges(columns: RDD[Columns], firsts: Sequence[int], counted: Broadcast[Counts], parts: int) -> list[Edges]:
    """The likely pairs: each part looks among the records that it needs."""

    def needed(number: int, blocks: Iterable[Columns]) -> Iterator[tuple[int, Share]]:
        for block in blocks:
            yield from shares(block, firsts[number], counted.value, parts)

    def edges(part: tuple[int, Iterable[Share]]) -> Edges:
        number, pieces = part
        return Share.joined(list(pieces)).edges(counted.value, Part(number, parts))

    found: list[Edges] = columns.mapPartitionsWithIndex(needed).groupByKey(parts).map(edges).collect()
    return found


def _orders(named: Sequence[tuple[str, Cluster]], ids: _Ids) -> list[_Order]:
    places = [""] * len(ids.all)
    told: dict[str, str] = {}
    for place_id, found in named:
        for member in found.members:
            places[member] = place_id
        told |= reasons(ids.all, found.joins)
    return [
        _Order(first, places[first : first + len(block)], [told.get(record) for record in block])
        for first, block in zip(ids.firsts, ids.blocks, strict=False)
    ]


def _members(given: tuple[_Block, _Order]) -> Iterator[tuple[tuple[str, int], tuple[str, _Text, str | None]]]:
    """Each sighting under the id of its place and its position."""
    block, order = given
    for place, (record, text, place_id, reason) in enumerate(
        zip(block.ids, block.texts, order.places, order.reasons, strict=True), order.first
    ):
        yield (place_id, place), (record, text, reason)


def _lines(merged_at: str, members: Iterable[tuple[tuple[str, int], Any]]) -> Iterator[bytes]:
    """A line for each place; the members of one follow each other."""
    for place_id, group in groupby(((key[0], value) for key, value in members), key=itemgetter(0)):
        found = [value for _, value in group]
        sightings = [Candidate.model_validate_json(text) for _, text, _ in found]
        told = {record: reason for record, _, reason in found if reason is not None}
        yield line_of(fuse(sightings, told, merged_at, place_id))
