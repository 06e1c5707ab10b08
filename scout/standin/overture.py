"""Overture Maps on S3: places and divisions of the world's towns as GeoParquet, at the keys of the real bucket.

After https://docs.overturemaps.org/schema/reference/places/place and .../divisions/division_area. DuckDB writes the
files; it is what a connector reads them with.
"""

from __future__ import annotations

import json
import struct
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lambdas.mock.register import Sighting
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point
from scout.embedded.emulator.session import EmulatorSession, Untyped
from scout.standin import facts
from scout.standin.maps import web_address
from scout.standin.overture_schema import AREA_COLUMNS, DIVISION_COLUMNS, KINDS, PLACE_COLUMNS
from scout.standin.towns import boundary
from scout.standin.world import Place, World

BUCKET: Final = "overturemaps-us-west-2"
RELEASE: Final = "2026-11-18.0"
PLACES: Final = "theme=places/type=place"
AREAS: Final = "theme=divisions/type=division_area"
DIVISIONS: Final = "theme=divisions/type=division"
_SPACE: Final = uuid.UUID("6f6a5c52-6a9f-4d0b-9c0e-6d7d6f0c7a11")
_VERSION: Final = 1
_UPDATED: Final = "2026-10-01T00:00:00.000Z"


def feature_id(place: Place, sighting: Sighting) -> str:
    """The id of a feature, in the form of GERS."""
    return str(uuid.uuid5(_SPACE, f"{place.city.key}|{sighting.id}"))


def places(place: Place) -> Iterator[dict[str, Any]]:
    """The features of ``theme=places`` of a town, as rows."""
    for sighting in place.overture.sightings:
        yield _row(place, sighting)


def write(place: Place, folder: Path) -> dict[str, Path]:
    """Write the files of a town.

    Args:
        place: The town.
        folder: To write to.

    Returns:
        The files by the keys that they have in the bucket.
    """
    area, division = _division(place)
    written = {}
    for key, columns, rows, kinds in zip(
        _keys(place),
        (PLACE_COLUMNS, AREA_COLUMNS, DIVISION_COLUMNS),
        (list(places(place)), [area], [division]),
        (["Point"], ["Polygon", "MultiPolygon"], ["Point"]),
        strict=True,
    ):
        path = folder / f"{key.split('=')[2].partition('/')[0]}-{place.town.slug}.parquet"
        _write(path, columns, rows, kinds)
        written[key] = path
    return written


def _keys(place: Place) -> list[str]:
    """Where a town's files are in the bucket: its places, its area, its point."""
    name = f"part-00000-{uuid.uuid5(_SPACE, place.city.key)}-c000.zstd.parquet"
    return [f"release/{RELEASE}/{prefix}/{name}" for prefix in (PLACES, AREAS, DIVISIONS)]


def publish(world: World, endpoint_url: str, cities: Sequence[str] | None = None) -> list[str]:
    """Write all files to the bucket, which is made and may be read by everybody, as the real one.

    Args:
        world: Whose towns.
        endpoint_url: Of S3: the embedded AWS.
        cities: Only these towns, by the short forms of their names; all if ``None``.

    Returns:
        The keys of the objects that were written: those that are there already follow from the same truth.

    Raises:
        ValueError: A city is not in the world.
    """

    unknown = set(cities or ()) - world.places.keys()
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: not in this world")
    client = EmulatorSession(endpoint_url, _ACCOUNT, "us-west-2").client("s3")
    _make_bucket(client)
    known = {
        item["Key"]
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        for item in page.get("Contents", ())
    }
    keys: list[str] = []
    with tempfile.TemporaryDirectory(prefix="standin-overture-") as folder:
        for slug, place in world.places.items():
            if (cities is None or slug in cities) and not set(_keys(place)) <= known:
                for key, path in write(place, Path(folder)).items():
                    client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
                    keys.append(key)
    return keys


_ACCOUNT: Final = "000000000000"


def _make_bucket(client: Untyped) -> None:
    known = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    if BUCKET not in known:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    # A new bucket is closed to the public unless its owner says otherwise.
    client.delete_public_access_block(Bucket=BUCKET)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def _row(place: Place, sighting: Sighting) -> dict[str, Any]:
    entity = sighting.entity if sighting.has_facts else None
    stream = Stream(place.city.key, "overture", sighting.id)
    old, basic, path = KINDS.get(sighting.category, KINDS["attraction"])
    closed = sighting.entity is None and stream.chance(0.5)
    confidence = (
        0.0 if closed else round(stream.between(0.35, 0.6) if sighting.entity is None else stream.between(0.6, 0.99), 4)
    )
    country, address = place.town.country, place.town.address(sighting.street, sighting.house)
    common = {language: name for language, name in sighting.names.items() if language != "ja-Latn"}
    brand = facts.brand(sighting.names)
    dataset, licence = stream.pick(
        (("meta", "CDLA-Permissive-2.0"), ("Microsoft", "CDLA-Permissive-2.0"), ("Foursquare", "Apache-2.0"))
    )
    return {
        "id": feature_id(place, sighting),
        "geometry": _point(sighting.at),
        "bbox": _box([sighting.at]),
        "version": _VERSION,
        "sources": [_source(dataset, licence, sighting.id.removeprefix("mock-"), confidence)],
        "names": _named(sighting.name, common if len(common) > 1 else None),
        "categories": {"primary": old, "alternate": None},
        "basic_category": basic,
        "taxonomy": {"primary": path[-1], "hierarchy": list(path), "alternates": None},
        "confidence": confidence,
        "websites": [web_address(entity.website)] if entity and entity.website else None,
        "socials": None,
        "emails": [mail] if entity and (mail := facts.email(entity)) else None,
        "phones": [entity.phone.replace(" ", "")] if entity and entity.phone else None,
        "brand": {"wikidata": None, "names": _named(brand, None)} if brand else None,
        "addresses": [
            {
                "freeform": address.line or None,
                "locality": place.town.name,
                "postcode": address.postcode or None,
                "region": country.region_code,
                "country": country.code,
            }
        ],
        "operating_status": "permanently_closed" if closed else "open",
    }


def _division(place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """A town as a division: its area, and its point."""
    town, country = place.town, place.town.country
    rings = boundary(town)
    ref = str(uuid.uuid5(_SPACE, f"division|{town.slug}"))
    shared = {
        "country": country.code,
        "version": _VERSION,
        "sources": [_source("OpenStreetMap", "ODbL-1.0", f"r{town.relation}@1", None)],
        "subtype": "locality",
        "names": _named(town.name, {"en": town.name}),
        "region": country.region_code,
    }
    area = {
        **shared,
        "id": str(uuid.uuid5(_SPACE, f"area|{town.slug}")),
        "geometry": _polygons(rings),
        "bbox": _box([point for ring in rings for point in ring]),
        "class": "land",
        "is_land": True,
        "is_territorial": False,
        "division_id": ref,
    }
    center = town.area.center
    return area, {
        **shared,
        "id": ref,
        "geometry": _point(center),
        "bbox": _box([center]),
        "class": "city",
        "wikidata": town.item,
    }


def _source(dataset: str, licence: str, record: str, confidence: float | None) -> dict[str, Any]:
    return {
        "property": "",
        "dataset": dataset,
        "license": licence,
        "record_id": record,
        "update_time": _UPDATED,
        "confidence": confidence,
        "between": None,
    }


def _named(primary: str, common: dict[str, str] | None) -> dict[str, Any]:
    return {"primary": primary, "common": common, "rules": None}


def _box(points: Sequence[Point]) -> dict[str, float]:
    lats, lngs = [point.lat for point in points], [point.lng for point in points]
    return {"xmin": min(lngs), "xmax": max(lngs), "ymin": min(lats), "ymax": max(lats)}


def _point(at: Point) -> bytes:
    """Well-known binary, little endian, of a point."""
    return struct.pack("<BIdd", 1, 1, at.lng, at.lat)


def _polygons(rings: Sequence[Sequence[Point]]) -> bytes:
    """Well-known binary of a polygon, or of several where there are several rings."""
    shells = [
        struct.pack("<BIII", 1, 3, 1, len(ring)) + b"".join(struct.pack("<dd", point.lng, point.lat) for point in ring)
        for ring in rings
    ]
    return shells[0] if len(shells) == 1 else struct.pack("<BII", 1, 6, len(shells)) + b"".join(shells)


def _write(path: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], kinds: Sequence[str]) -> None:
    """A file of GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/), sorted by where its rows are."""
    import duckdb  # noqa: PLC0415 - big, and only this needs it

    types = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    fields = ", ".join(f'"{name}"' for name in columns)
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": list(kinds),
                "covering": {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}},
            }
        },
    }
    lines = path.with_suffix(".jsonl")
    lines.write_text("".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    read_as = {name: "VARCHAR" if kind == "BLOB" else kind for name, kind in columns.items()}
    chosen = ", ".join(
        f'unhex("{name}") AS "{name}"' if kind == "BLOB" else f'"{name}"' for name, kind in columns.items()
    )
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as database:
        database.execute(f"CREATE TABLE rows ({types})")
        database.execute(
            f"INSERT INTO rows ({fields}) SELECT {chosen} FROM read_json($1, format='newline_delimited', columns=$2)",  # noqa: S608 - columns of our own
            [str(lines), read_as],
        )
        database.execute(
            f"COPY (SELECT * FROM rows ORDER BY bbox.ymin, id) TO '{path}' "  # noqa: S608 - a path of our own
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048, KV_METADATA {{geo: '{json.dumps(geo)}'}})"
        )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
