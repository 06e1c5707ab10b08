"""Overture Maps as GeoParquet, read with DuckDB as its connector reads it.

https://docs.overturemaps.org/schema/reference/places/place, .../divisions/division_area; https://geoparquet.org.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import duckdb
import pytest

from lambdas.places.geo import Disc
from scout.standin import overture
from scout.standin.towns import Town
from scout.standin.world import World
from tests.unit.standin.client import EDINBURGH, TOKYO, new_world


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("overture")
    world = new_world()
    return {**overture.write(world.places["edinburgh"], folder), **overture.write(world.places["tokyo"], folder)}


def places_of(written: dict[str, Path]) -> list[str]:
    return [str(path) for key, path in written.items() if "type=place/" in key]


def test_the_keys_are_those_of_the_real_bucket(written: dict[str, Path]):
    for key in written:
        release, theme, kind, name = key.removeprefix("release/").split("/")
        assert release == overture.RELEASE
        assert (theme, kind) in {
            ("theme=places", "type=place"),
            ("theme=divisions", "type=division"),
            ("theme=divisions", "type=division_area"),
        }
        assert name.endswith(".zstd.parquet")


def test_a_box_cuts_a_town_out_of_the_whole(written: dict[str, Path]):
    south, west, north, east = 35.60, 139.60, 35.75, 139.72
    rows = duckdb.execute(
        """SELECT id, names.primary, names.common['en'], categories.primary, basic_category, taxonomy.hierarchy,
               confidence, operating_status, addresses[1].country, sources[1].license, bbox.xmin, bbox.ymin
           FROM read_parquet($files) WHERE bbox.xmin BETWEEN $west AND $east AND bbox.ymin BETWEEN $south AND $north""",
        {"files": places_of(written), "south": south, "west": west, "north": north, "east": east},
    ).fetchall()
    world = new_world()
    assert {row[0] for row in rows} == {
        overture.feature_id(world.places["tokyo"], sighting)
        for sighting in world.places["tokyo"].overture.sightings
        if west <= sighting.at.lng <= east and south <= sighting.at.lat <= north
    }
    assert all(row[8] == "JP" for row in rows)
    assert sum(not row[1].isascii() for row in rows) > 0.9 * len(rows)
    assert sum(bool(row[2]) for row in rows) > 0.5 * len(rows)
    assert {row[9] for row in rows} == {"CDLA-Permissive-2.0", "Apache-2.0"}
    assert all(row[5][-1] and row[4] for row in rows)


def test_what_is_closed_for_good_has_no_confidence(written: dict[str, Path]):
    rows = duckdb.execute(
        "SELECT operating_status, min(confidence), max(confidence) FROM read_parquet($1) GROUP BY ALL",
        [places_of(written)],
    ).fetchall()
    by_status = {status: (low, high) for status, low, high in rows}
    assert by_status["permanently_closed"] == (0, 0)
    assert by_status["open"][0] > 0.3


def test_the_files_are_geoparquet(written: dict[str, Path]):
    for key, path in written.items():
        ((value,),) = duckdb.execute(
            "SELECT decode(value) FROM parquet_kv_metadata($1) WHERE decode(key) = 'geo'", [str(path)]
        ).fetchall()
        geo = json.loads(value)
        assert geo["version"] == "1.1.0"
        assert geo["columns"][geo["primary_column"]]["encoding"] == "WKB"
        ((geometry,),) = duckdb.execute("SELECT geometry FROM read_parquet($1) LIMIT 1", [str(path)]).fetchall()
        order, kind = struct.unpack_from("<BI", bytes(geometry))
        assert order == 1
        assert kind == (1 if "division_area" not in key else kind)
        assert kind in (1, 3, 6)


def test_a_town_has_its_area_and_its_item(written: dict[str, Path]):
    areas = [str(path) for key, path in written.items() if "type=division_area/" in key]
    divisions = [str(path) for key, path in written.items() if "type=division/" in key]
    rows = duckdb.execute(
        """SELECT a.names.primary, a.subtype, a.class, a.country, d.wikidata FROM read_parquet($areas) a
           JOIN read_parquet($divisions) d ON a.division_id = d.id ORDER BY 1""",
        {"areas": areas, "divisions": divisions},
    ).fetchall()
    assert rows == [
        ("Edinburgh", "locality", "land", "GB", EDINBURGH.item),
        ("Tokyo", "locality", "land", "JP", TOKYO.item),
    ]


def test_the_same_town_gives_the_same_bytes(tmp_path: Path):
    town = Town("Edinburgh", Disc.of(55.9533, -3.1883, 600))
    folders = [tmp_path / "a", tmp_path / "b"]
    digests = []
    for folder in folders:
        folder.mkdir()
        files = overture.write(World([town]).places["edinburgh"], folder)
        digests.append({key: path.read_bytes() for key, path in files.items()})
    assert digests[0] == digests[1]
