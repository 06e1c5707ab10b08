"""Reads the named objects of an OpenStreetMap extract, each with a position."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import osmium
from osmium.index import LocationTable
from osmium.osm import Node, Relation, TagList, Way

from lambdas.connectors.osm_object import PLACE_KEYS, OsmObject, OsmType
from lambdas.connectors.pbf_frames import FrameError, count_data_blocks

Point = tuple[float, float]

# Below this size an extract can be a whole one with a single block of data, so that missing kinds of objects prove
# nothing. Writers fill a block with 8,000 objects, and 8,000 nodes take more.
SMALL_EXTRACT_BYTES = 32 * 1024
# At how many ways of interest without a single located node an extract counts as one that lost its nodes.
MIN_ROOTLESS_WAYS = 10


class ExtractDamaged(ValueError):
    """The file is no extract, or not a whole one; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an extract holds: its named objects, and how many were left out for which reason."""

    objects: list[OsmObject]
    rejected: dict[str, int]


@dataclass(slots=True)
class _Box:
    """The box around some nodes, and how many of them the extract does not hold."""

    south: float = 90.0
    north: float = -90.0
    west: float = 180.0
    east: float = -180.0
    located: int = 0
    missing: int = 0

    def add(self, point: Point | None) -> None:
        if point is None:
            self.missing += 1
            return
        lat, lng = point
        self.south, self.north = min(self.south, lat), max(self.north, lat)
        self.west, self.east = min(self.west, lng), max(self.east, lng)
        self.located += 1

    def merge(self, other: _Box) -> None:
        self.south, self.north = min(self.south, other.south), max(self.north, other.north)
        self.west, self.east = min(self.west, other.west), max(self.east, other.east)
        self.located += other.located
        self.missing += other.missing

    def middle(self) -> Point | None:
        if not self.located:
            return None
        # OpenStreetMap keeps seven decimals.
        return round((self.south + self.north) / 2, 7), round((self.west + self.east) / 2, 7)


@dataclass(slots=True)
class _Relations:
    """The relations of interest: their tags, and the members of these and of the relations inside of them."""

    count: int = 0
    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    members: dict[int, list[tuple[str, int]]] = field(default_factory=dict)

    def member_ids(self, kind: str) -> set[int]:
        return {ref for members in self.members.values() for member, ref in members if member == kind}


class _MemberWays:
    """Gets the ways that are no place by themselves: counts them, and keeps the boxes of members of relations."""

    def __init__(self, wanted: set[int]) -> None:
        self.count = 0
        self.wanted = wanted
        self.boxes: dict[int, _Box] = {}

    def way(self, way: Way) -> None:
        """Called by osmium for each such way."""
        self.count += 1
        if way.id in self.wanted:
            self.boxes[way.id] = _way_box(way)


def read_extract(path: Path) -> Contents:
    """Read the objects with a ``name`` and one of ``PLACE_KEYS``.

    Args:
        path: A ``.osm.pbf`` file, for one moment in time (no history).

    Returns:
        The objects, each once, in the order node, way, relation. A way or relation of which the extract holds no node
        is counted as rejected for ``no_position``, an object whose name is blank for ``blank_name``.

    Raises:
        ExtractDamaged: The file is cut off, corrupt, or not an extract. What is cut off between two blocks of
            relations leaves no trace in the file; only a digest from elsewhere shows it.
    """
    try:
        blocks = count_data_blocks(path)
        if not blocks:
            raise ExtractDamaged("it holds no data behind its header")
        relations = _read_relations(str(path))
        return _read_objects(path, relations)
    except FrameError as error:
        raise ExtractDamaged(str(error)) from error
    except RuntimeError as error:
        # libosmium reports every fault of a file as std::runtime_error.
        raise ExtractDamaged(f"it cannot be decoded: {error}") from error


def _read_relations(path: str) -> _Relations:
    """Relations come last in a file, and their members before them: so they are read first, by themselves."""
    relations = _Relations()
    processor = osmium.FileProcessor(path, osmium.osm.RELATION)
    if processor.header.has_multiple_object_versions:
        raise ExtractDamaged("it is a history file, with more than one version of an object")
    for relation in processor:
        if not isinstance(relation, Relation):
            continue
        relations.count += 1
        if _is_place(relation.tags):
            relations.tags[relation.id] = _tags(relation.tags)
            relations.members[relation.id] = _members(relation)
    while inner := relations.member_ids("r") - relations.members.keys():
        # Those that the extract does not hold stay without members.
        relations.members.update({ref: [] for ref in inner})
        for relation in osmium.FileProcessor(path, osmium.osm.RELATION).with_filter(osmium.filter.IdFilter(inner)):
            if isinstance(relation, Relation):
                relations.members[relation.id] = _members(relation)
    return relations


def _read_objects(path: Path, relations: _Relations) -> Contents:
    others = _MemberWays(relations.member_ids("w"))
    locations = osmium.index.create_map("flex_mem")
    processor = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY)
    processor.with_locations(locations)  # type: ignore[arg-type] # takes a table too, says its documentation
    processor.with_filter(osmium.filter.KeyFilter("name")).with_filter(osmium.filter.KeyFilter(*PLACE_KEYS))
    nodes: dict[int, tuple[Point, dict[str, str]]] = {}
    ways: dict[int, tuple[_Box, dict[str, str]]] = {}
    for item in processor.handler_for_filtered(others):
        if isinstance(item, Node):
            nodes[item.id] = ((item.location.lat, item.location.lon), _tags(item.tags))
        elif isinstance(item, Way):
            ways[item.id] = (_way_box(item), _tags(item.tags))
    _check_kinds(path, ways=others.count + len(ways), relations=relations.count)

    boxes = others.boxes | {ref: box for ref, (box, _) in ways.items()}
    rootless = sum(not box.located for box in boxes.values())
    if rootless >= MIN_ROOTLESS_WAYS and rootless * 2 > len(boxes):
        raise ExtractDamaged(f"{rootless} of {len(boxes)} ways have none of their nodes in it")

    rejected: Counter[str] = Counter()
    found: list[OsmObject] = []

    def keep(osm_type: OsmType, ref: int, place: Point | None, tags: dict[str, str], complete: bool = True) -> None:
        if not tags["name"].strip():
            rejected["blank_name"] += 1
        elif place is None:
            rejected["no_position"] += 1
        else:
            found.append(OsmObject(osm_type, ref, *place, tags, complete))

    for ref, (place, tags) in nodes.items():
        keep("node", ref, place, tags)
    for ref, (box, tags) in ways.items():
        keep("way", ref, box.middle(), tags, not box.missing)
    for ref, tags in relations.tags.items():
        box = _relation_box(ref, relations, boxes, locations)
        keep("relation", ref, box.middle(), tags, not box.missing)
    return Contents(found, dict(rejected))


def _check_kinds(path: Path, *, ways: int, relations: int) -> None:
    """A file is written in the order nodes, ways, relations: what lost its tail lacks the last kinds."""
    if path.stat().st_size < SMALL_EXTRACT_BYTES:
        return
    for kind, count in (("ways", ways), ("relations", relations)):
        if not count:
            raise ExtractDamaged(f"it holds no {kind}, as every map of a city does: its end is missing")


def _relation_box(ref: int, relations: _Relations, ways: dict[int, _Box], locations: LocationTable) -> _Box:
    """The box around the nodes of all members, those of relations inside of relations too."""
    box = _Box()
    waiting, seen = [ref], {ref}
    while waiting:
        for kind, member in relations.members[waiting.pop()]:
            if kind == "n":
                box.add(_location(locations, member))
            elif kind == "w":
                box.merge(ways.get(member, _Box(missing=1)))
            elif member not in seen:
                seen.add(member)
                waiting.append(member)
                box.missing += not relations.members[member]
    return box


def _location(locations: LocationTable, ref: int) -> Point | None:
    try:
        location = locations.get(ref)
    except KeyError:
        return None
    return (location.lat, location.lon) if location.valid() else None


def _way_box(way: Way) -> _Box:
    box = _Box()
    for node in way.nodes:
        box.add((node.location.lat, node.location.lon) if node.location.valid() else None)
    return box


def _tags(tags: TagList) -> dict[str, str]:
    # In the order of their keys, as they come back from a kept answer: a retry then makes the same candidates.
    return dict(sorted((tag.k, tag.v) for tag in tags))


def _members(relation: Relation) -> list[tuple[str, int]]:
    return [(member.type, member.ref) for member in relation.members]


def _is_place(tags: TagList) -> bool:
    return "name" in tags and any(key in tags for key in PLACE_KEYS)
