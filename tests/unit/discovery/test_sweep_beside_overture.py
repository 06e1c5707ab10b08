"""TileSweep with Overture Maps beside the map, and in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.contracts.candidate import Source
from lambdas.places.geo import offset
from lambdas.runtime.errors import InvalidInput
from lambdas.tile_sweep.state import tile_sweep
from scout.standin.overture import RELEASE
from tests.unit.connectors.outside import Outside
from tests.unit.connectors.public_bucket import PublicBucket

Make = Callable[..., Outside]


def sweeping(outside: Make, bucket: PublicBucket, **options: Any) -> Outside:
    run = outside(state="TileSweep", **options)
    run.configure(overture={"endpoint_url": bucket.url, "release": RELEASE})
    return run


def sources_of(run: Outside) -> Counter[Source]:
    return Counter(candidate.source for candidate in run.run.candidates())


def test_both_are_read(outside: Make, bucket: PublicBucket):
    run = sweeping(outside, bucket)
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    found = sources_of(run)
    assert found[Source.OSM] == output.data["objects"] > 100
    assert found[Source.OVERTURE] == output.data["sources"]["overture"] == output.metrics["from_overture"] > 100
    assert output.records == found.total()
    assert output.data["overture"]["release"] == RELEASE
    assert output.data["overture"]["left_out"]["unsure"] > 0
    assert output.metrics["failed_sources"] == 0
    assert run.spent() == output.data["calls"] + 1


def test_what_lies_beyond_the_border_of_the_city_is_left_out(outside: Make, bucket: PublicBucket):
    everywhere = sweeping(outside, bucket)
    everywhere.stage(tile_sweep, {}, before="ExpandNeighbors")
    run = sweeping(outside, bucket)
    center = run.area.center
    corners = [offset(center, east, north) for east, north in ((-500, -500), (500, -500), (500, 500), (-500, 500))]
    ring = [[at.lng, at.lat] for at in (*corners, corners[0])]
    run.stage(tile_sweep, {"boundary": {"geometry": {"type": "Polygon", "coordinates": [ring]}}})
    inside = [place for place in run.run.candidates() if place.source is Source.OVERTURE]
    assert 0 < len(inside) < sources_of(everywhere)[Source.OVERTURE]
    west, east = offset(center, -850, 0).lng, offset(center, 850, 0).lng
    assert all(west < (place.lng or 0) < east for place in inside)


def test_the_border_of_another_town_says_nothing(outside: Make, bucket: PublicBucket):
    run = sweeping(outside, bucket)
    ring = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.0]]
    run.stage(tile_sweep, {"boundary": {"geometry": {"type": "Polygon", "coordinates": [ring]}}})
    assert sources_of(run)[Source.OVERTURE] > 100


def test_turned_off_it_is_said_so_and_the_map_is_read(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    run.configure(overture={"enabled": False, "endpoint_url": bucket.url})
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert output.data["sources"] == {"overture": "disabled: by the stack"}
    assert output.data["overture"] is None
    assert sources_of(run).keys() == {Source.OSM}
    assert not bucket.asked


def test_without_overpass_it_stands_for_the_map(outside: Make, bucket: PublicBucket):
    run = outside(state="TileSweep")
    run.configure(overture={"endpoint_url": bucket.url}, overpass={"enabled": False})
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert sources_of(run).keys() == {Source.OVERTURE}
    assert output.data["complete"]
    assert output.data["objects"] == 0
    run.configure(overture={"enabled": False}, overpass={"enabled": False})
    with pytest.raises(InvalidInput, match="Overpass and Overture off"):
        run.stage(tile_sweep, None, before="ExpandNeighbors")


def test_where_it_fails_twice_the_run_goes_on_with_the_map(outside: Make, bucket: PublicBucket):
    run = sweeping(outside, bucket)
    bucket.status = 403
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert output.data["sources"]["overture"].startswith("failed after 0: ServiceRefused: overture at http://127")
    assert output.metrics["failed_sources"] == 1
    assert output.data["complete"], "of the map"
    assert sources_of(run).keys() == {Source.OSM}


def test_what_failed_once_is_asked_again_after_the_map(
    outside: Make, bucket: PublicBucket, monkeypatch: pytest.MonkeyPatch
):
    run = sweeping(outside, bucket)
    bucket.status = 403
    asked: Any = run.run.call

    def call(connector: Any, *rest: Any) -> Any:
        if connector == "overpass":
            bucket.status = None
        return asked(connector, *rest)

    monkeypatch.setattr(run.run, "call", call)
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert sources_of(run)[Source.OVERTURE] == output.data["sources"]["overture"] > 100
    assert output.metrics["failed_sources"] == 0


def test_killed_it_is_not_asked(outside: Make, bucket: PublicBucket):
    run = sweeping(outside, bucket, changes={"kill_switches": {"open_data": True}})
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert output.data["sources"] == {"overture": "not asked: a kill switch, a gate or a budget"}
    assert not bucket.asked


def test_a_second_attempt_finds_the_same_without_asking(outside: Make, bucket: PublicBucket):
    run = sweeping(outside, bucket)
    first = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    asked = bucket.asked.total()
    run.run = run.another_run()
    again = run.stage(tile_sweep, None, before="ExpandNeighbors")
    assert again.data == first.data
    assert bucket.asked.total() == asked
    assert sources_of(run)[Source.OVERTURE] == first.data["sources"]["overture"], "reported in the same words"
