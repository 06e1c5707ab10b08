"""Records in CSV: a header with dotted names for what is nested, and cells turned into what the model says they are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput

Row: TypeAlias = tuple[int, Json, str]

REQUIRED = ("customerId", "subjectType", "subjectId", "eventType", "eventDate")
_FLAGS = frozenset(
    {"channels.email", "channels.push", "channels.sms", "attributes.fraudSuspected", "attributes.hasMedia"}
)
# All others are text. So is a column that the model does not know: nothing says that its 007 is a number.
_NUMBERS = frozenset(
    {
        "attributes.trustScore",
        "attributes.qualityScore",
        "attributes.confidence",
        "attributes.orderValue",
        "features.customerEventCount",
        "features.subjectPopularity",
        "features.customerOrderValueMean",
        "score",
    }
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FLAG_TEXTS = {"true": True, "1": True, "false": False, "0": False}


def csv_rows(text: str, key: str) -> Iterator[Row]:
    """The records of a table, each with its line, and with what is wrong with it, if so.

    Args:
        text: The table; its first line is the header. An empty cell is no field.
        key: Its name, for messages.

    Raises:
        InvalidInput: It is no table: the header is wrong, or a quote does not end.
    """
    # Strict: a quote that is never closed would otherwise swallow all records after it.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not columns:
                columns = _header(cells, key)
            elif cells:
                yield line, *_record(columns, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{key}, line {line}: it is not CSV: {error}.") from error
    if not columns:
        raise InvalidInput(f"{key}, line 1: it has no header.")


def _header(cells: Sequence[str], key: str) -> list[str]:
    columns = [cell.strip() for cell in cells]
    wrong = [f"the column {name!r} is missing" for name in REQUIRED if name not in columns]
    for position, name in enumerate(columns):
        if not all(name.split(".")):
            wrong.append(f"{name!r} is no name for column {position + 1}")
        elif name in columns[:position]:
            wrong.append(f"the column {name!r} is there twice")
        elif any(other.startswith(f"{name}.") for other in columns):
            wrong.append(f"the column {name!r} is both a value and a part of others")
    if wrong:
        raise InvalidInput(f"{key}, line 1: {'; '.join(wrong)}.")
    return columns


def _record(columns: Sequence[str], cells: Sequence[str]) -> tuple[Json, str]:
    if len(cells) != len(columns):
        return None, f"it has {len(cells)} cells, the header has {len(columns)}"
    record: dict[str, Json] = {}
    for column, cell in zip(columns, cells, strict=True):
        if not cell.strip():
            continue
        *path, name = column.split(".")
        target = record
        for part in path:
            target = target.setdefault(part, {})
        try:
            target[name] = _value(column, cell)
        except ValueError as error:
            return None, f"{column}: {error}"
    return record, ""


def _value(column: str, cell: str) -> str | float | bool:
    text = cell.strip()
    if column in _FLAGS:
        if text.lower() not in _FLAG_TEXTS:
            raise ValueError(f"{text!r} is neither true nor false")
        return _FLAG_TEXTS[text.lower()]
    if column in _NUMBERS:
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is not a number")
        return float(text)
    return cell
