"""Real records with known truth: the restaurants of two printed guides, Fodor's and Zagat's, 112 of them in both.

The tables come with the source distribution of ``py-entitymatching``, which ``make install`` keeps beside the packages.
They have names, addresses and phone numbers, and no positions.
"""

from __future__ import annotations

import csv
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from lambdas.contracts.candidate import AdditionalContent, Address, Candidate, Confidences, Lineage, Source
from tests.unit.places.sightings import AT

SDIST = Path(sys.prefix) / "sdists" / "py-entitymatching-0.4.2.tar.gz"
FOLDER = "py-entitymatching-0.4.2/py_entitymatching/datasets/end-to-end/restaurants"
# Which guide is which source matters for nothing but that they are two.
GUIDES = {"fodors": Source.GOOGLE, "zagats": Source.OSM}


def restaurants(*, phones: bool) -> list[Candidate]:
    """All records of both guides.

    Args:
        phones: Whether they keep their phone numbers.
    """
    return [_candidate(guide, row, phones) for guide in GUIDES for row in _rows(guide)]


def truth() -> dict[str, str]:
    """The place of each record: one name for the two records of a restaurant that is in both guides."""
    own = {_record(guide, row["id"]): _record(guide, row["id"]) for guide in GUIDES for row in _rows(guide)}
    pairs = {_record("zagats", row["zagats_id"]): _record("fodors", row["fodors_id"]) for row in _rows("matches")}
    return own | pairs


def _rows(table: str) -> Iterator[dict[str, str]]:
    name = "matches_fodors_zagats" if table == "matches" else table
    with tarfile.open(SDIST) as archive:
        member = archive.extractfile(f"{FOLDER}/{name}.csv")
        assert member is not None
        yield from csv.DictReader(io.TextIOWrapper(member, "latin-1"))


def _record(guide: str, number: str) -> str:
    return f"{GUIDES[guide]}:{number}"


def _candidate(guide: str, row: dict[str, str], phones: bool) -> Candidate:
    return Candidate(
        record_id=_record(guide, row["id"]),
        name=row["name"],
        source=GUIDES[guide],
        category="restaurant",
        coordinates_confidence=0,
        confidences=Confidences(overall=0.8),
        lineage=Lineage(created_at=AT, pipeline_version="test"),
        additional_content=AdditionalContent(phone=row["phone"] if phones else None),
        address=Address(formatted_address=f"{row['addr']}, {row['city']}", city=row["city"]),
    )
