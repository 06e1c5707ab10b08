"""Is a ``.osm.pbf`` file whole? Reads the frames around its blocks, not the blocks.

A PBF file is a row of frames: four bytes with the length of a header, the header (which names the kind and the length
of the block), the block. Nothing at the end says that it is the end. libosmium therefore reads a file that lost its
tail at the border of a frame, or up to three bytes behind one, as a shorter file without an error; and it ignores what
follows the last frame. This module finds the second and the third case; ``lambdas.connectors.osm_reader`` looks for
the first.

Format and limits: https://wiki.openstreetmap.org/wiki/PBF_Format
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

MAX_HEADER_BYTES = 64 * 1024
MAX_BLOCK_BYTES = 32 * 1024 * 1024
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class FrameError(ValueError):
    """The file is cut off, or is no ``.osm.pbf`` file."""


def count_data_blocks(path: Path) -> int:
    """Walk over all frames of a file.

    Args:
        path: The file.

    Returns:
        The number of blocks that hold map data.

    Raises:
        FrameError: The file ends inside of a frame, does not start with a header block, or is in another format.
    """
    size = path.stat().st_size
    blocks = 0
    with path.open("rb") as file:
        kind = _skip_frame(file, size)
        if kind != "OSMHeader":
            raise FrameError(f"it starts with a block of the kind {kind!r} instead of 'OSMHeader'")
        while file.tell() < size:
            kind = _skip_frame(file, size)
            # Readers skip kinds that they do not know, says the format.
            blocks += kind == "OSMData"
    return blocks


def _skip_frame(file: BinaryIO, size: int) -> str:
    """Move behind the next frame, and return the kind of its block."""
    start = file.tell()
    (header_length,) = struct.unpack(">I", _read(file, 4, start, size))
    if not 0 < header_length <= MAX_HEADER_BYTES:
        raise FrameError(f"it is no .osm.pbf file at byte {start}")
    kind, block_length = _parse_header(_read(file, header_length, start, size), start)
    if not 0 <= block_length <= MAX_BLOCK_BYTES:
        raise FrameError(f"it is no .osm.pbf file at byte {start}")
    missing = file.tell() + block_length - size
    if missing > 0:
        raise FrameError(f"it is cut off: the block that starts at byte {start} lacks its last {missing} bytes")
    file.seek(block_length, os.SEEK_CUR)
    return kind


def _read(file: BinaryIO, length: int, start: int, size: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise FrameError(f"it is cut off: it ends at byte {size}, inside of the frame that starts at byte {start}")
    return data


def _parse_header(header: bytes, start: int) -> tuple[str, int]:
    """The kind (field 1) and the length (field 3) that a ``BlobHeader`` message names."""
    kind, length, position = "", -1, 0
    try:
        while position < len(header):
            tag, position = _varint(header, position)
            field, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, position = _varint(header, position)
                if field == 3:
                    length = value
            elif wire == _BYTES:
                count, position = _varint(header, position)
                if field == 1:
                    kind = header[position : position + count].decode("ascii")
                position += count
            elif wire in (_FIXED64, _FIXED32):
                position += 8 if wire == _FIXED64 else 4
            else:
                raise FrameError(f"it is no .osm.pbf file at byte {start}")
    except (IndexError, UnicodeDecodeError) as error:
        raise FrameError(f"it is no .osm.pbf file at byte {start}") from error
    return kind, length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
