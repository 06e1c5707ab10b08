"""The identity of a place while a run is on: who has seen it first.

Full deduplication compares all records and runs once, at the end. To know *during* the run how much of what comes in is
new, each sighting is reduced to one short key in one cell. The key is coarse: two sources that see the same place
mostly give the same key, and the rate of new keys then falls as the city becomes known. It is a progress measure, and
no record is merged or dropped by it.
"""

from __future__ import annotations

import hashlib

from lambdas.contracts.candidate import Candidate, Source
from lambdas.places.cells import cell_at, parent_of
from lambdas.places.names import normalise

# Cells 6 km wide hold the index: few updates for a batch of calls, and, with some thousand keys in a dense centre, an
# item of some ten KB, far below DynamoDB's 400 KB.
INDEX_RESOLUTION = 6
# Cells 1 km wide are part of the key: branches of a chain in two quarters count as two, and the few metres by which
# two sources disagree seldom cross a border.
_KEY_RESOLUTION = 8
_NOWHERE = "-"


def identity(candidate: Candidate, city: str = "") -> tuple[str, str]:
    """Where a sighting is counted, and as what.

    Args:
        candidate: The sighting.
        city: The city's name, which is ignored in a place's name.

    Returns:
        The H3 cell of the index (``"-"`` for a sighting without a position), and a key of 10 characters.
    """
    name = candidate.names.get("en") or candidate.name
    words = " ".join(sorted(normalise(name, frozenset(normalise(city).split())).split()))
    if candidate.lat is None or candidate.lng is None:
        return _NOWHERE, _key(_NOWHERE, words)
    cell = cell_at((candidate.lat, candidate.lng), _KEY_RESOLUTION)
    return parent_of(cell, INDEX_RESOLUTION), _key(cell, words)


def mention_id(url: str, name: str, source: Source = Source.WEB) -> str:
    """The record id of a place that a page mentions, or that a file of data lists.

    Args:
        url: The address of the page or the file.
        name: The place, as it is called there.
        source: Which of both it is.
    """
    return f"{source}:" + hashlib.sha256(f"{url}|{name}".encode()).hexdigest()[:20]


def _key(cell: str, words: str) -> str:
    return hashlib.sha256(f"{cell}|{words}".encode()).hexdigest()[:10]
