"""Where candidates come from: lists in the message, and JSON, JSON lines or CSV in the workflow bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from json import JSONDecodeError
from typing import Annotated

from pydantic import StringConstraints

from lambdas.candidates.csv_records import csv_rows
from lambdas.contracts.base import Contract
from lambdas.runtime.documents import Json, from_json
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.storage import Storage

INCOMING = "incoming/"


class Format(StrEnum):
    """What a source holds: a list in JSON, or an object with the list ``records``; an object a line; a table."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class Source(Contract):
    """An object in the workflow bucket."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    format: Format

    @property
    def is_incoming(self) -> bool:
        """Whether it lies where sources lie. Nothing else in the bucket is read as one."""
        return self.key.startswith(INCOMING) and ".." not in self.key.split("/")


@dataclass(frozen=True)
class Raw:
    """A record as a source has it.

    Attributes:
        place: Where it stands: the source, and the line or the index.
        record: The record.
        problem: Why there is none, if so.
    """

    place: Mapping[str, str | int]
    record: Json = field(default=None, repr=False)
    problem: str = ""


def inline(records: list[Json]) -> Iterator[Raw]:
    """The records of a list in the message itself."""
    yield from _listed(records, "records")


def read(source: Source, storage: Storage) -> Iterator[Raw]:
    """The records of a source.

    Args:
        source: Which.
        storage: The workflow bucket.

    Raises:
        InvalidInput: It is not what its format says; the message names the source and, where there is one, the line.
        InputNotFound: There is no such object.
        AccessDenied: The role may not read it.
        TransientStorageError: S3 could not be used.
    """
    return _READERS[source.format](_text(storage.get(source.key), source.key), source.key)


def _text(body: bytes, key: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{key}, line {line}: it is not text in UTF-8.") from error


def _from_json(text: str, key: str) -> Iterator[Raw]:
    document = _parsed(text, key)
    records = document.get("records") if isinstance(document, dict) else document
    if not isinstance(records, list):
        raise InvalidInput(f'{key}, line 1: it is neither a list nor an object with a list "records".')
    yield from _listed(records, key)


def _from_lines(text: str, key: str) -> Iterator[Raw]:
    # Not splitlines: to JSON some of what it takes for the end of a line is text.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Raw({"source": key, "line": number}, _parsed(line, key, number))


def _from_csv(text: str, key: str) -> Iterator[Raw]:
    for line, record, problem in csv_rows(text, key):
        yield Raw({"source": key, "line": line}, record, problem)


def _listed(records: list[Json], name: str) -> Iterator[Raw]:
    for index, record in enumerate(records):
        yield Raw({"source": name, "index": index}, record)


def _parsed(text: str, key: str, line: int | None = None) -> Json:
    try:
        return from_json(text)
    except JSONDecodeError as error:
        raise InvalidInput(f"{key}, line {line or error.lineno}: it is not JSON: {error.msg}.") from error
    except ValueError as error:
        where = f"{key}, line {line}" if line is not None else key
        raise InvalidInput(f"{where}: {error}.") from error


_READERS: Mapping[Format, Callable[[str, str], Iterator[Raw]]] = {
    Format.JSON: _from_json,
    Format.JSONL: _from_lines,
    Format.CSV: _from_csv,
}
