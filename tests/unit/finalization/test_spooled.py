"""Records on disk behave as a list of them."""

from __future__ import annotations

import io

import pytest

from lambdas.contracts.candidate import Candidate, Place
from lambdas.contracts.finalization import QualityBars
from lambdas.finalization.spool import Spooled, line_of
from lambdas.finalize import bars
from lambdas.places.dedupe import dedupe
from lambdas.places.geo import Disc
from lambdas.places.rank import rank
from tests.unit.places.sightings import AT, CENTER, sighting

RECORDS = [sighting(f"osm:node/{n}", f"Löwen {n}\u2028\r\n", category="museum", east=100.0 * n) for n in range(5)]
PLACES = dedupe(RECORDS, city="", merged_at=AT).places


def spooled(places: tuple[Place, ...] = PLACES) -> Spooled[Place]:
    return Spooled(Place, io.BytesIO(b"".join(map(line_of, places))))


def test_what_was_appended_is_there_in_any_order():
    records = Spooled(Candidate)
    assert list(records) == []
    for record in RECORDS:
        records.append(record)
        assert records[0] == RECORDS[0], "reading moves nothing that is written next"
    assert list(records) == RECORDS
    assert (records[-1], records[1:4:2], len(records)) == (RECORDS[-1], RECORDS[1:4:2], 5)


@pytest.mark.parametrize("place", [5, -6])
def test_what_is_not_there_is_an_index_error(place: int):
    with pytest.raises(IndexError):
        spooled()[place]


def test_a_line_that_is_no_record_is_refused():
    with pytest.raises(ValueError, match="Place"):
        list(Spooled(Place, io.BytesIO(b"{}\n")))


def test_places_on_disk_are_ranked_and_measured_as_those_in_memory():
    assert list(rank(spooled(), CENTER)) == list(rank(PLACES, CENTER))
    area = Disc(CENTER, 1000)
    assert bars.measure(spooled(), area, "", QualityBars()) == bars.measure(PLACES, area, "", QualityBars())


def test_duplicates_are_not_looked_for_among_too_many_places(monkeypatch):
    measured = bars.measure(PLACES, Disc(CENTER, 1000), "", QualityBars())
    monkeypatch.setattr(bars, "MOST_COMPARED", 4)
    beyond = bars.measure(PLACES, Disc(CENTER, 1000), "", QualityBars())
    assert (beyond.bars["duplicate_rate"].value, beyond.bars["duplicate_rate"].met) == (None, None)
    assert measured.bars["duplicate_rate"].value == 0
    assert {**beyond.bars, "duplicate_rate": None} == {**measured.bars, "duplicate_rate": None}
