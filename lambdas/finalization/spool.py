"""Candidates on disk, while deduplication works on their columns."""

from __future__ import annotations

from typing import IO

from lambdas.contracts.candidate import Candidate
from lambdas.runtime.storage import spool


class SpooledCandidates:
    """A list of candidates in a temporary file: a city's fit into memory, a country's do not."""

    def __init__(self) -> None:
        self._file: IO[bytes] = spool()
        self._ends = [0]

    def append(self, candidate: Candidate) -> None:
        """Keep one more."""
        self._file.seek(self._ends[-1])
        self._ends.append(self._ends[-1] + self._file.write(candidate.model_dump_json(exclude_none=True).encode()))

    def __getitem__(self, place: int) -> Candidate:
        """The candidate that was appended as the ``place``-th, from 0."""
        start = self._ends[place]
        self._file.seek(start)
        return Candidate.model_validate_json(self._file.read(self._ends[place + 1] - start))

    def __len__(self) -> int:
        return len(self._ends) - 1
