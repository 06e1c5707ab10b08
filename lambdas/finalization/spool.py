"""Records on disk, one JSON text a line, while no more than what is compared of them is in memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import IO, TypeVar, overload

from lambdas.contracts.base import Contract
from lambdas.runtime.storage import spool

RecordT = TypeVar("RecordT", bound=Contract)


class Spooled(Sequence[RecordT]):
    """A list of records in a temporary file: a city's fit into memory, a country's do not.

    Each access reads a record anew, in some 50 microseconds.

    Args:
        kind: The model of the records.
        file: Records that there are already, one a line from the file's beginning; by default none.
    """

    def __init__(self, kind: type[RecordT], file: IO[bytes] | None = None) -> None:
        self._kind = kind
        self._file = spool() if file is None else file
        self._ends = array("Q", [0])
        self._file.seek(0)
        for line in self._file:
            self._ends.append(self._ends[-1] + len(line))

    def append(self, record: RecordT) -> None:
        """Keep one more."""
        self._file.seek(self._ends[-1])
        self._ends.append(self._ends[-1] + self._file.write(line_of(record)))

    @overload
    def __getitem__(self, place: int) -> RecordT: ...
    @overload
    def __getitem__(self, place: slice) -> list[RecordT]: ...
    def __getitem__(self, place: int | slice) -> RecordT | list[RecordT]:
        """The record that was appended as the ``place``-th, from 0.

        Raises:
            IndexError: There are not so many.
            ValueError: ``pydantic.ValidationError``: the line is no such record.
        """
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        start, end = self._ends[number : number + 2]
        self._file.seek(start)
        return self._kind.model_validate_json(self._file.read(end - start))

    def __len__(self) -> int:
        return len(self._ends) - 1


def line_of(record: Contract) -> bytes:
    """A record as a line of JSON, without what it does not know."""
    return record.model_dump_json(exclude_none=True).encode() + b"\n"
