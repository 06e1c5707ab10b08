"""The reader on the real extract of central Helsinki, and on extracts that are not whole."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import osmium
import pytest

from lambdas.connectors.osm_object import PLACE_KEYS, OsmObject
from lambdas.connectors.osm_reader import ExtractDamaged, read_extract
from tests.unit.connectors.extracts import (
    HELSINKI_BOX,
    HELSINKI_OBJECTS,
    block_borders,
    helsinki,
    node,
    objects_by_hand,
    relation,
    way,
    write_extract,
)


@pytest.fixture(scope="module")
def objects() -> dict[str, OsmObject]:
    contents = read_extract(helsinki())
    assert contents.rejected == {}
    return {item.key: item for item in contents.objects}


def test_every_named_object_is_read_once(objects):
    by_hand = objects_by_hand(helsinki(), PLACE_KEYS)
    assert len(by_hand) == HELSINKI_OBJECTS
    assert {key: item.tags for key, item in objects.items()} == by_hand
    kinds = Counter(item.osm_type for item in objects.values())
    assert kinds == {"node": 1179, "way": 52, "relation": 9}
    assert len(read_extract(helsinki()).objects) == HELSINKI_OBJECTS


def test_positions_lie_in_the_box_of_the_extract(objects):
    south, west, north, east = HELSINKI_BOX
    outside = [item.key for item in objects.values() if not (south <= item.lat <= north and west <= item.lng <= east)]
    assert outside == []


def test_a_node_is_where_it_is_and_a_way_in_its_middle(objects):
    by_id: dict[int, Any] = {}
    ways: dict[int, list[int]] = {}
    item: Any
    for item in osmium.FileProcessor(str(helsinki()), osmium.osm.NODE | osmium.osm.WAY):
        if item.is_node():
            by_id[item.id] = item.location
        else:
            ways[item.id] = [corner.ref for corner in item.nodes]
    for item in objects.values():
        if item.osm_type == "node":
            assert (item.lat, item.lng) == (by_id[item.osm_id].lat, by_id[item.osm_id].lon)
    complete = [item for item in objects.values() if item.osm_type == "way" and item.complete]
    assert len(complete) == 45
    for item in complete:
        corners = [by_id[ref] for ref in ways[item.osm_id]]
        assert min(c.lat for c in corners) <= item.lat <= max(c.lat for c in corners)
        assert item.lng == pytest.approx((min(c.lon for c in corners) + max(c.lon for c in corners)) / 2, abs=1e-7)


def test_ways_cut_at_the_border_stay(objects):
    cut = {item.tags["name"] for item in objects.values() if item.osm_type == "way" and not item.complete}
    assert cut == {
        "Helsingin kaupungintalo",
        "Musiikkitalo",
        "Tokoinranta",
        "Töölönlahti",
        "Tähtitornin vuori",
        "Töölönlahden puisto",
        "Hakaniemen kauppahallin väistötila",
    }
    # A relation that the extract holds whole, one with members beyond the border, and one for a bus line.
    assert objects["relation/6627217"].complete
    assert not objects["relation/2919185"].complete
    assert not objects["relation/1947939"].complete


def test_way_and_relation_positions_by_hand(tmp_path):
    path = write_extract(
        tmp_path / "small.osm.pbf",
        [
            node(1, 60.0, 24.0),
            node(2, 60.0, 24.2),
            node(3, 60.1, 24.2),
            node(4, 60.4, 24.8, name="Tower", man_made="tower"),
            way(10, [1, 2, 3, 1], name="Hall", amenity="theatre"),
            way(11, [3, 99], name="Cut", leisure="park"),
            way(12, [98, 99], name="Beyond", leisure="park"),
            way(13, [1, 2]),
            relation(20, [("w", 13, "outer"), ("n", 4, "label")], name="Site", tourism="attraction"),
            relation(21, [("r", 20, ""), ("r", 22, "")], name="Collection", historic="yes"),
            relation(22, [("r", 21, ""), ("n", 1, "")], type="site"),
            relation(23, [("w", 77, ""), ("r", 78, ""), ("n", 79, "")], name="Lost", shop="mall"),
            relation(24, [("n", 1, "")], name="A street"),
        ],
    )
    contents = read_extract(path)
    found = {item.key: (item.lat, item.lng, item.complete) for item in contents.objects}
    assert found == {
        "node/4": (60.4, 24.8, True),
        "way/10": (60.05, 24.1, True),
        "way/11": (60.1, 24.2, False),
        "relation/20": (60.2, 24.4, True),
        "relation/21": (60.2, 24.4, True),
    }
    assert contents.rejected == {"no_position": 2}


def test_a_blank_name_is_rejected_and_counted(tmp_path):
    path = write_extract(tmp_path / "blank.osm.pbf", [node(1, 60.0, 24.0, name="  ", shop="books")])
    contents = read_extract(path)
    assert (contents.objects, contents.rejected) == ([], {"blank_name": 1})


def test_documents_give_the_object_back(objects):
    for item in objects.values():
        assert OsmObject.from_document(json.loads(json.dumps(item.document()))) == item


@pytest.fixture(scope="module")
def data() -> bytes:
    return helsinki().read_bytes()


class TestDamage:
    """Each loss of data is an error, never a shorter list."""

    def cuts(self, data: bytes) -> list[int]:
        borders = block_borders(data)
        around = {border + step for border in borders for step in range(-3, 24) if border + step > 0}
        near_end = {len(data) - step for step in (1, 2, 3, 4, 10, 1000)}
        spread = {len(data) * part // 40 for part in range(40)}
        random_cuts = random.Random(20260101)  # noqa: S311 - picks cuts, no secrets
        return sorted(around | near_end | spread | {random_cuts.randrange(len(data)) for _ in range(40)})

    def test_no_cut_passes(self, data, tmp_path):
        path = tmp_path / "cut.osm.pbf"
        cuts = self.cuts(data)
        assert len(cuts) > 180
        passed = []
        for cut in cuts:
            path.write_bytes(data[:cut])
            try:
                passed.append((cut, len(read_extract(path).objects)))
            except ExtractDamaged:
                continue
        assert passed == []

    def test_libosmium_alone_would_take_a_cut_between_blocks(self, data, tmp_path):
        # The reason for lambdas.connectors.pbf_frames; without it this cut would be a shorter list.
        path = tmp_path / "cut.osm.pbf"
        border = block_borders(data)[2]
        path.write_bytes(data[: border + 3])
        assert sum(1 for _ in osmium.FileProcessor(str(path))) == 8000
        with pytest.raises(ExtractDamaged, match="cut off"):
            read_extract(path)

    @pytest.mark.parametrize(
        ("index", "message"),
        [(1, "no data behind its header"), (2, "no ways"), (3, "no ways"), (4, "no ways")],
    )
    def test_a_cut_between_two_blocks_names_what_is_missing(self, data, tmp_path, index, message):
        path = tmp_path / "cut.osm.pbf"
        path.write_bytes(data[: block_borders(data)[index]])
        with pytest.raises(ExtractDamaged, match=message):
            read_extract(path)

    def test_a_cut_before_the_relations(self, tmp_path):
        nodes = [node(ref, 60 + ref / 1e5, 24 + ref % 97 / 1e3, note=f"{ref:x}") for ref in range(1, 12_000)]
        ways = [way(ref, [ref, ref + 1]) for ref in range(1, 6_000)]
        path = write_extract(tmp_path / "cut.osm.pbf", [*nodes, *ways])
        with pytest.raises(ExtractDamaged, match="no relations"):
            read_extract(path)

    def test_ways_without_their_nodes(self, tmp_path):
        ways = [way(ref, [ref, ref + 1], name=f"Park {ref}", leisure="park") for ref in range(1, 20)]
        path = write_extract(tmp_path / "rootless.osm.pbf", [node(500, 60.0, 24.0), *ways])
        with pytest.raises(ExtractDamaged, match="19 of 19 ways have none of their nodes"):
            read_extract(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "cut off"),
            (b"<html><body>404 Not Found</body></html>" * 20, "no .osm.pbf file"),
            (bytes(100), "no .osm.pbf file"),
            (b"PK\x03\x04" + bytes(range(256)) * 4, "no .osm.pbf file"),
        ],
    )
    def test_another_kind_of_file(self, tmp_path, content, message):
        path = tmp_path / "other.osm.pbf"
        path.write_bytes(content)
        with pytest.raises(ExtractDamaged, match=message):
            read_extract(path)

    def test_changed_bytes_inside_of_a_block(self, data, tmp_path):
        path = tmp_path / "changed.osm.pbf"
        for position in (200, 100_000, 300_000, 600_000):
            path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
            with pytest.raises(ExtractDamaged, match="cannot be decoded"):
                read_extract(path)

    def test_bytes_behind_the_end(self, data, tmp_path):
        path = tmp_path / "longer.osm.pbf"
        path.write_bytes(data + b"\n\n")
        with pytest.raises(ExtractDamaged, match="cut off"):
            read_extract(path)

    def test_a_history_file(self, tmp_path):
        path = tmp_path / "history.osm.pbf"
        history = osmium.io.File(str(path), "osm.pbf,history=true")
        with osmium.SimpleWriter(history, overwrite=True) as writer:
            writer.add(node(1, 60.0, 24.0, name="A", shop="books"))
        with pytest.raises(ExtractDamaged, match="history"):
            read_extract(path)
