"""Places as a GeoParquet file (version 1.1.0, https://geoparquet.org), one row for each."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import IO, Any

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import write_parquet

from lambdas.contracts.candidate import Place

_ROWS = 10_000
_TEXT, _NUMBER, _TEXTS = DataType.string(), DataType.float64(), DataType.list(Field("item", DataType.string()))


def _point(place: Place) -> bytes | None:
    """A point as well-known binary, longitude first."""
    return None if place.lat is None or place.lng is None else struct.pack("<BIdd", 1, 1, place.lng, place.lat)


_COLUMNS: Mapping[str, tuple[DataType, Callable[[Place], Any]]] = {
    "place_id": (_TEXT, lambda place: place.place_id),
    "name": (_TEXT, lambda place: place.name),
    "category": (_TEXT, lambda place: place.category),
    "lat": (_NUMBER, lambda place: place.lat),
    "lng": (_NUMBER, lambda place: place.lng),
    "geometry": (DataType.binary(), _point),
    "coordinates_confidence": (_NUMBER, lambda place: place.coordinates_confidence),
    "confidence": (_NUMBER, lambda place: place.confidences.overall),
    "tier": (_TEXT, lambda place: place.tier),
    "rank": (DataType.int32(), lambda place: place.rank),
    "score": (_NUMBER, lambda place: place.score),
    "sources": (_TEXTS, lambda place: [source.value for source in place.sources]),
    "members": (_TEXTS, lambda place: list(place.members)),
    "wikidata_id": (_TEXT, lambda place: place.external_refs.wikidata_id),
    "website": (_TEXT, lambda place: place.additional_content.website),
    "phone": (_TEXT, lambda place: place.additional_content.phone),
    "address": (_TEXT, lambda place: place.address.formatted_address if place.address else None),
    "source_url": (_TEXT, lambda place: place.source_url),
    "licences": (_TEXTS, lambda place: [licence.id for licence in place.licences]),
    "attribution": (_TEXTS, lambda place: [licence.attribution for licence in place.licences]),
    "share_alike": (DataType.bool(), lambda place: any(licence.share_alike for licence in place.licences)),
    # What has no column of its own, as JSON.
    "document": (_TEXT, lambda place: place.model_dump_json(exclude_none=True)),
}
_SCHEMA = Schema([Field(name, kind, nullable=True) for name, (kind, _) in _COLUMNS.items()])
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
}


def write_places(places: Iterable[Place], file: IO[bytes]) -> None:
    """Write places to a file, of which some thousands are in memory at a time.

    Args:
        places: In the order of the rows.
        file: Where.
    """
    write_parquet(
        RecordBatchReader.from_batches(_SCHEMA, _batches(iter(places))),
        file,
        compression="zstd(3)",
        key_value_metadata={"geo": json.dumps(_GEO, separators=(",", ":"))},
        created_by="data-scout",
        max_row_group_size=_ROWS,
    )


def _batches(places: Iterator[Place]) -> Iterator[RecordBatch]:
    while rows := list(islice(places, _ROWS)):
        columns = [_column([of(place) for place in rows], kind) for kind, of in _COLUMNS.values()]
        yield RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _column(values: Sequence[Any], kind: DataType) -> Array:
    if kind != _TEXTS:
        return Array(values, kind)
    ends = list(accumulate(map(len, values), initial=0))
    texts = Array([text for value in values for text in value], _TEXT)
    return Array(list_array(Array(ends, DataType.int32()), texts, type=_TEXTS))
