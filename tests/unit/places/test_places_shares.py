"""Deduplication in parts finds the pairs that it finds in one piece, whatever the parts and the blocks are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.contracts.candidate import Candidate
from lambdas.places.blocking import pairs
from lambdas.places.cells import cell_number
from lambdas.places.columns import BLOCK_RESOLUTION, Columns
from lambdas.places.counts import Counts, Mentions, counts
from lambdas.places.edges import Edges, Nodes, edges
from lambdas.places.geo import offset
from lambdas.places.parts import Part, tiles
from lambdas.places.shares import Share, shares
from tests.unit.places.sightings import CENTER, sighting
from tools.dedupe.synthetic import EDINBURGH, TOKYO, City, sightings

SEED, RECORDS = 42, 10_000


class Parted:
    """The work done in blocks of records and in parts."""

    def __init__(self, candidates: Iterable[Candidate], city: str, blocks: int, parts: int) -> None:
        ordered = sorted(candidates, key=lambda candidate: candidate.record_id)
        ends = np.linspace(0, len(ordered), blocks + 1).astype(int).tolist()
        self.parts, self.first = parts, ends[:-1]
        self.blocks = [Columns.of(ordered[ends[block] : ends[block + 1]], city) for block in range(blocks)]

    def counts(self) -> Counts:
        mentions = [Mentions.of(block) for block in self.blocks]
        numbers = [Part(number, self.parts) for number in range(self.parts)]
        return Counts.joined(
            [Mentions.joined([mentioned.of_part(part) for mentioned in mentions]).counts() for part in numbers]
        )

    def shares(self) -> dict[int, Share]:
        counted = self.counts()
        pieces: dict[int, list[Share]] = defaultdict(list)
        for first, block in zip(self.first, self.blocks, strict=True):
            for number, piece in shares(block, first, counted, self.parts):
                pieces[number].append(piece)
        return {number: Share.joined(found) for number, found in pieces.items()}

    def edges(self) -> Edges:
        counted = self.counts()
        return Edges.joined(share.edges(counted, Part(number, self.parts)) for number, share in self.shares().items())


def columns_of(candidates: Iterable[Candidate], city: str) -> Columns:
    return Columns.of(sorted(candidates, key=lambda candidate: candidate.record_id), city)


def assert_same(one: object, other: object) -> None:
    for name in one.__dataclass_fields__:  # type: ignore[attr-defined]
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture(scope="module", params=[EDINBURGH, TOKYO], ids=lambda city: city.name)
def town(request) -> tuple[City, list[Candidate]]:
    return request.param, [candidate for candidate, _ in sightings(request.param, RECORDS, SEED)]


@pytest.mark.parametrize(("blocks", "parts"), [(1, 1), (3, 2), (7, 5), (40, 64)])
def test_a_city_in_parts(town, blocks, parts):
    city, found = town
    columns, parted = columns_of(found, city.name), Parted(found, city.name, blocks, parts)
    assert_same(parted.counts(), counts(columns))
    expected = edges(columns, counts(columns))
    assert len(expected) > RECORDS / 10
    assert_same(parted.edges(), expected)
    assert_same(Nodes.joined([Nodes.of(block) for block in parted.blocks]), Nodes.of(columns))


def test_parts_share_the_work(town):
    city, found = town
    parted = Parted(found, city.name, 10, 8)
    sizes = [len(share.rows) for share in parted.shares().values()]
    # A tile's border is known on both sides of it, and so are records that share a key across tiles.
    assert sum(sizes) < 4 * len(found)
    counted = parted.counts()
    numbers = [
        sum(len(first) for first, _ in pairs(share.columns, counted, Part(number, 8)))
        for number, share in parted.shares().items()
    ]
    columns = columns_of(found, city.name)
    assert sum(numbers) == sum(len(first) for first, _ in pairs(columns, counts(columns)))
    assert len(numbers) == 8
    assert max(numbers) < sum(numbers) / 2


def test_what_too_many_share_brings_nobody_together_in_any_part():
    # Of each hundred that share a number or an id, a part that saw only some of them would compare these.
    found = [
        sighting(
            f"web:{n}",
            f"Place {'abcdefghij'[n % 10]} {n}",
            east=300 * n,
            phone="0131 555 0101",
            refs={"wikidata_id": "Q1"},
        )
        for n in range(100)
    ]
    columns = columns_of(found, "")
    assert len(edges(columns, counts(columns))) == 0
    assert_same(Parted(found, "", 9, 7).edges(), edges(columns, counts(columns)))


def test_records_without_a_position_and_a_geocoders_one_answer_to_all():
    crowd = [sighting(f"web:{n}", f"Place number {n // 2}") for n in range(4_000)]
    nowhere = [
        sighting(f"otm:{n}", f"Place number {n}", lat=None, lng=None, refs={"wikidata_id": f"Q{n}"}) for n in range(300)
    ]
    listed = [sighting(f"wikidata:Q{n}", f"Place {n}", east=50 * n, refs={"wikidata_id": f"Q{n}"}) for n in range(300)]
    found = [*crowd, *nowhere, *listed]
    columns = columns_of(found, "")
    expected = edges(columns, counts(columns))
    assert len(expected) > 2_000
    assert_same(Parted(found, "", 5, 6).edges(), expected)


def test_no_records_at_all():
    assert len(Parted([], "", 1, 3).edges()) == 0


def test_a_tile_is_some_kilometres_wide():
    cells = {cell_number(offset(CENTER, 50 * step, 0), BLOCK_RESOLUTION) for step in range(1_000)}
    assert 10 < len(np.unique(tiles(np.array(sorted(cells), np.uint64)))) < 40


WORDS = st.sampled_from(["Alder", "Birk", "Fox", "Museum", "Tavern", "桜橋", "美術館", "12", "Gate"])
RECORD = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["osm", "google", "web", "wikidata"]),
        "name": st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
        "at": st.tuples(st.integers(-2_000, 2_000), st.integers(-2_000, 2_000)),
        "phone": st.sampled_from([None, "0131 555 0101", "0131 555 0202"]),
        "wikidata": st.sampled_from([None, "Q1", "Q2"]),
        "located": st.booleans(),
    }
)


@settings(max_examples=60)
@given(st.lists(RECORD, max_size=30), st.integers(1, 5), st.integers(1, 9))
def test_any_records(records, blocks, parts):
    found = [
        sighting(
            f"{record['source']}:{number}",
            record["name"],
            east=record["at"][0] / 10,
            north=record["at"][1] / 10,
            phone=record["phone"],
            refs={"wikidata_id": record["wikidata"]} if record["wikidata"] else None,
            **({} if record["located"] else {"lat": None, "lng": None}),
        )
        for number, record in enumerate(records)
    ]
    columns = columns_of(found, "")
    assert_same(Parted(found, "", blocks, parts).edges(), edges(columns, counts(columns)))
