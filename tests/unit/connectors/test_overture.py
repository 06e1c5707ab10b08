"""The connector of Overture Maps, on the stand-in world's files in a bucket that everybody may read."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lambdas.connectors import overture
from lambdas.connectors.overture import Box, Overture
from lambdas.connectors.overture_candidate import LEAST_CONFIDENCE, document_of, to_candidate
from lambdas.connectors.overture_categories import category
from lambdas.contracts.candidate import Candidate, Source
from lambdas.places.categories import AMENITIES, SIGHTS
from lambdas.places.geo import Disc, Point, distance_m, offset
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, Throttled
from scout.standin import overture as world_overture
from scout.standin.overture import RELEASE
from tests.unit.connectors.outside import LINEAGE, Outside
from tests.unit.connectors.public_bucket import PublicBucket
from tests.unit.standin.client import EDINBURGH, TOKYO, new_world

Make = Callable[..., Outside]


def sought(
    run: Outside, bucket: PublicBucket, area: Disc | None = None, **said: Any
) -> tuple[Overture, list[Candidate]]:
    source = Overture(run.run, {"endpoint_url": bucket.url, **said})
    found = [place for part in source.places(area or run.area, LINEAGE) for place in part.candidates]
    return source, found


def listed(area: Disc) -> dict[str, Any]:
    """What is to be found: what is in the disc, open, and believed."""
    place = new_world().places["edinburgh"]
    rows = (row for row in world_overture.places(place) if row["confidence"] >= LEAST_CONFIDENCE)
    at = {world_overture.feature_id(place, sighting): sighting.at for sighting in place.overture.sightings}
    return {
        row["id"]: row
        for row in rows
        if area.contains(at[row["id"]]) and category([row["taxonomy"]["primary"], row["basic_category"]])
    }


def test_a_city_is_cut_out_of_the_world(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    source, found = sought(run, bucket, release=RELEASE)
    truth = listed(run.area)
    assert len(truth) > 300
    assert {place.record_id for place in found} == {f"overture:{ref}" for ref in truth}
    assert len(found) == len(truth)
    assert source.release == RELEASE
    assert source.left_out.keys() == {"closed", "no_place", "unsure"}
    assert run.spent() == 1


def test_nobody_signs(outside: Make, bucket: PublicBucket):
    sought(outside(state="TileSweep"), bucket)
    assert bucket.asked
    assert bucket.signed == 0


def test_a_place_has_what_its_feature_says(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    _, found = sought(run, bucket, release=RELEASE)
    row_of = listed(run.area)
    place = next(
        one for one in found if one.additional_content.phone and one.additional_content.website and one.address
    )
    row = row_of[place.record_id.partition(":")[2]]
    assert (place.source, place.name) == (Source.OVERTURE, row["names"]["primary"])
    assert place.additional_content.phone == row["phones"][0]
    assert place.additional_content.website == row["websites"][0]
    assert place.address is not None
    assert place.address.city == "Edinburgh"
    assert place.address.street_name
    assert place.category in SIGHTS | AMENITIES
    [licence] = place.licences
    assert (licence.id, licence.share_alike) == (row["sources"][0]["license"], False)
    assert RELEASE in licence.attribution
    assert row["sources"][0]["dataset"] in licence.attribution


def test_names_in_other_languages_are_kept(outside: Make, bucket: PublicBucket):
    _, found = sought(outside(TOKYO, state="TileSweep"), bucket)
    assert sum("en" in place.names and not place.name.isascii() for place in found) > 100


def test_a_full_box_is_read_in_four(outside: Make, bucket: PublicBucket, monkeypatch: pytest.MonkeyPatch):
    run = outside(state="TileSweep")
    _, whole = sought(run, bucket, release=RELEASE)
    monkeypatch.setattr(overture, "MOST_ROWS", 60)
    again = outside(state="TileSweep")
    source, parts = sought(again, bucket, release=RELEASE)
    assert {place.record_id for place in parts} == {place.record_id for place in whole}
    assert len(parts) == len(whole), "each once"
    assert again.spent() > 20
    assert source.unresolved == 0


def test_what_is_too_dense_to_the_end_is_said(outside: Make, bucket: PublicBucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overture, "MOST_ROWS", 60)
    monkeypatch.setattr(overture, "_MOST_SPLITS", 1)
    source, found = sought(outside(state="TileSweep"), bucket)
    assert source.unresolved == 4
    assert 0 < len(found) <= 240


def test_a_disc_is_cut_at_its_rim(outside: Make, bucket: PublicBucket):
    center = EDINBURGH.area.center
    area = Disc(center, 300.0)
    _, found = sought(outside(state="TileSweep"), bucket, area)
    assert found
    assert all(distance_m(center, (place.lat or 0, place.lng or 0)) <= 300 for place in found)
    assert {place.record_id for place in found} == {f"overture:{ref}" for ref in listed(area)}


def test_other_columns_and_far_row_groups_are_not_read(outside: Make, bucket: PublicBucket, tmp_path: Path):
    """A world of a million bytes, of which a small box needs a part."""
    [key] = [key for key in bucket.files if "type=place/" in key and "edinburgh" in str(bucket.files[key])]
    wide = tmp_path / "wide.parquet"
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE (bbox), {{'xmin': (bbox.xmin + n)::FLOAT, 'xmax': (bbox.xmax + n)::FLOAT, "  # noqa: S608
        f"'ymin': bbox.ymin, 'ymax': bbox.ymax}} AS bbox, repeat(md5(id || n), 40) AS other "
        f"FROM '{bucket.files[key]}', range(30) t(n) ORDER BY n) TO '{wide}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
    )
    bucket.files = {key: wide}
    _, found = sought(outside(state="TileSweep"), bucket)
    assert len(found) > 300
    assert wide.stat().st_size > 1_000_000
    assert bucket.sent < 0.25 * wide.stat().st_size


def test_the_latest_release_is_chosen_once_in_a_run(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    old = {key.replace(RELEASE, "2026-10-21.0"): path for key, path in bucket.files.items()}
    bucket.files |= old
    source, found = sought(run, bucket, release="latest")
    assert source.release == RELEASE
    assert found
    newer = {key.replace(RELEASE, "2026-12-16.10"): path for key, path in bucket.files.items()}
    bucket.files |= newer
    run.run = run.another_run()
    assert sought(run, bucket)[0].release == RELEASE, "a second attempt reads the same"
    assert sought(outside(state="TileSweep"), bucket)[0].release == "2026-12-16.10"


def test_a_release_that_is_gone_is_refused_by_name(outside: Make, bucket: PublicBucket):
    with pytest.raises(ServiceRefused, match=r"no places of release 2020-01-01\.0; releases are kept"):
        sought(outside(state="TileSweep"), bucket, release="2020-01-01.0")


@pytest.mark.parametrize("only", ["listings", "objects"])
@pytest.mark.parametrize(
    ("status", "kind"), [(403, ServiceRefused), (429, Throttled), (500, ServiceUnavailable)], ids=str
)
def test_a_bucket_that_does_not_answer_has_an_error_of_its_own(
    outside: Make, bucket: PublicBucket, status: int, kind: type[Exception], only: str
):
    bucket.status, bucket.only = status, only
    with pytest.raises(kind):
        sought(outside(state="TileSweep"), bucket, release=RELEASE)


def test_what_cannot_be_reached_is_unavailable(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    with pytest.raises(ServiceUnavailable, match="could not be asked"):
        list(Overture(run.run, {"endpoint_url": "http://127.0.0.1:9", "release": RELEASE}).places(run.area, LINEAGE))


def test_a_slow_bucket_ends_with_the_deadline(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    source = Overture(run.run, {"endpoint_url": bucket.url, "release": RELEASE})
    bucket.delay = 1.5
    run.run.deadline = Deadline(overture._SETTLING_SECONDS + 1.0)
    run.run._outside.deadline = run.run.deadline
    with pytest.raises(ServiceUnavailable):
        list(source.places(run.area, LINEAGE))


def test_what_is_no_places_is_refused(outside: Make, bucket: PublicBucket, tmp_path: Path):
    [key] = [key for key in bucket.files if "type=place/" in key and "edinburgh" in str(bucket.files[key])]
    odd = tmp_path / "odd.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS id) TO '{odd}' (FORMAT parquet)")
    bucket.files = {key: odd}
    with pytest.raises(ServiceRefused, match="without bbox, confidence"):
        sought(outside(state="TileSweep"), bucket, release=RELEASE)
    odd.write_bytes(b"not parquet at all" * 10)
    with pytest.raises(ServiceRefused, match="no GeoParquet"):
        sought(outside(state="TileSweep"), bucket, release=RELEASE)


def test_older_releases_have_fewer_columns(outside: Make, bucket: PublicBucket, tmp_path: Path):
    [key] = [key for key in bucket.files if "type=place/" in key and "edinburgh" in str(bucket.files[key])]
    old = tmp_path / "old.parquet"
    duckdb.execute(
        f"COPY (SELECT * EXCLUDE (taxonomy, basic_category, operating_status) FROM '{bucket.files[key]}') "  # noqa: S608
        f"TO '{old}' (FORMAT parquet)"
    )
    bucket.files = {key: old}
    source, found = sought(outside(state="TileSweep"), bucket, release=RELEASE)
    assert len(found) > 300
    assert "closed" not in source.left_out, "such a place has no confidence either"


def test_without_leave_to_ask_nothing_is_asked(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep", changes={"kill_switches": {"open_data": True}})
    assert sought(run, bucket)[1] == []
    assert not bucket.asked


ROW: dict[str, Any] = {
    "id": "08f1",
    "geometry": b"\x01\x01\x00\x00\x00" + b"\x00" * 16,
    "names": {"primary": "Alder House", "common": None},
    "taxonomy": {"primary": "pub", "hierarchy": ["food_and_drink", "bar", "pub"]},
    "confidence": 0.9,
    "operating_status": "open",
    "sources": [{"dataset": "meta", "license": "CDLA-Permissive-2.0"}],
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"names": None}, "incomplete"),
        ({"names": {"primary": " "}}, "incomplete"),
        ({"geometry": b"\x01\x03\x00\x00\x00" + b"\x00" * 16}, "incomplete"),
        ({"geometry": None}, "incomplete"),
        ({"operating_status": "permanently_closed"}, "closed"),
        ({"confidence": 0.59}, "unsure"),
        ({"confidence": None}, "unsure"),
        ({"confidence": float("nan")}, "unsure"),
        ({"taxonomy": {"primary": "plumbing", "hierarchy": ["home_service", "plumbing"]}}, "no_place"),
        ({"sources": []}, "unlicensed"),
        ({"sources": [{"dataset": "someone"}]}, "unlicensed"),
        ({"sources": [{"dataset": "meta", "license": "All rights reserved"}]}, "unlicensed"),
    ],
)
def test_what_is_left_out_has_a_reason(change: dict[str, Any], reason: str):
    assert isinstance(document_of(ROW), dict)
    assert document_of({**ROW, **change}) == reason


def test_terms_follow_from_the_sources():
    sources = [{"dataset": "OpenStreetMap"}, {"dataset": "Foursquare", "license": None}, {"dataset": "OpenStreetMap"}]
    document = document_of({**ROW, "sources": sources})
    assert isinstance(document, dict)
    place = to_candidate(document, "2026-11-18.0", LINEAGE)
    assert [(licence.id, licence.share_alike) for licence in place.licences] == [
        ("Apache-2.0", False),
        ("ODbL-1.0", True),
    ]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["italian_restaurant"], "restaurant"),
        (["beer_garden"], "bar"),
        (["juice_bar"], "cafe"),
        (["amusement_park"], "attraction"),
        (["national_museum"], "museum"),
        ([None, "unheard_of", "shopping"], "shop"),
        (["law_firm", "professional_services"], None),
        ([], None),
    ],
)
def test_categories_go_by_the_longest_known_end(names: list[str | None], kind: str | None):
    assert category(names) == kind


def test_a_box_across_the_meridian_of_the_date_is_two():
    boxes = Box.around(Disc(Point(-16.8, 179.99), 20_000))
    assert len(boxes) == 2
    for lng in (179.95, -179.95, 180.0, -180.0):
        assert sum(box.west <= lng < box.east for box in boxes) == 1


def test_a_box_holds_its_disc():
    area = Disc(Point(64.1, -21.9), 15_000)
    [box] = Box.around(area)
    for degrees in range(0, 360, 5):
        angle = math.radians(degrees)
        at = offset(area.center, 15_000 * math.sin(angle), 15_000 * math.cos(angle))
        assert box.south < at.lat < box.north
        assert box.west < at.lng < box.east
