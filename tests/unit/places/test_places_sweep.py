"""The sweep finds everything that a capped service holds, with as few calls as its order allows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdas.mock.stream import Stream
from lambdas.places.cells import resolution_of
from lambdas.places.geo import Disc, Point, distance_m, offset
from lambdas.places.sweep import MAX_RESOLUTION, Sweep, Tile, cover, start_resolution

Ask = Callable[[Tile], tuple[list[str], float | None]]


def clustered(area: Disc, count: int, seed: str) -> list[Point]:
    """Points inside a disc, in clusters of very different sizes and densities."""
    stream = Stream(seed)
    centers = [
        (
            offset(area.center, stream.gauss(area.radius_m / 3), stream.gauss(area.radius_m / 3)),
            stream.lognormal(area.radius_m / 40, 1.0),
        )
        for _ in range(12)
    ]
    points: list[Point] = []
    while len(points) < count:
        middle, spread = stream.pick(centers)
        point = offset(middle, stream.gauss(spread), stream.gauss(spread))
        if area.contains(point):
            points.append(point)
    return points


def service(points: Sequence[Point], cap: int) -> Ask:
    """A service that returns the nearest ``cap`` points of a disc, and how far the last one is."""

    def ask(tile: Tile) -> tuple[list[str], float | None]:
        found = sorted(
            (distance, str(index))
            for index, point in enumerate(points)
            if (distance := distance_m(point, tile.disc.center)) <= tile.disc.radius_m
        )[:cap]
        return [name for _, name in found], found[-1][0] if found else None

    return ask


def finish(sweep: Sweep, ask: Ask, batch: int = 25) -> set[str]:
    found: set[str] = set()
    while tiles := sweep.take(batch):
        for tile in tiles:
            found |= sweep.answer(tile, *ask(tile))
    return found


@settings(max_examples=25)
@given(
    area=st.builds(Disc.of, st.floats(-90, 90), st.floats(-180, 180), st.floats(60, 20_000)),
    cap=st.integers(5, 60),
    ranked=st.booleans(),
    seed=st.text(max_size=5),
)
@example(area=Disc.of(90.0, 0.0, 5_000.0), cap=10, ranked=True, seed="pole")
@example(area=Disc.of(-17.0, 180.0, 8_000.0), cap=10, ranked=True, seed="date line")
@example(area=Disc.of(55.9533, -3.1883, 10_000.0), cap=20, ranked=False, seed="edinburgh")
def test_sweep_finds_every_point_anywhere_on_the_globe(area: Disc, cap: int, ranked: bool, seed: str):
    points = clustered(area, 300, seed)
    sweep = Sweep(area, cap=cap, distance_ranked=ranked)
    found = finish(sweep, service(points, cap))
    assert sweep.done
    missing = {str(index) for index in range(len(points))} - found
    # What is not found lies in a cell that the sweep itself names as more than the service tells.
    unresolved = [Tile.of(cell).disc for cell in sweep.unresolved]
    assert all(any(disc.contains(points[int(name)]) for disc in unresolved) for name in missing)


def test_known_discs_save_calls_and_lose_nothing():
    area = Disc.of(55.9533, -3.1883, 5_000)
    points = clustered(area, 2_000, "calls")
    ask = service(points, 50)
    plain, ranked = Sweep(area, cap=50), Sweep(area, cap=50, distance_ranked=True)
    assert len(finish(plain, ask)) == len(finish(ranked, ask)) == len(points)
    assert ranked.answered < plain.answered


def test_an_empty_city_takes_one_call_a_tile():
    area = Disc.of(55.9533, -3.1883, 10_000)
    sweep = Sweep(area, cap=20)
    assert finish(sweep, service([], 20)) == set()
    assert sweep.answered == len(list(cover(area, start_resolution(area)))) < 100


def test_order_is_breadth_first():
    area = Disc.of(55.9533, -3.1883, 5_000)
    ask = service(clustered(area, 1_000, "order"), 20)
    sweep = Sweep(area, cap=20)
    asked: list[int] = []
    while tiles := sweep.take(1):
        asked.append(resolution_of(tiles[0].cell))
        sweep.answer(tiles[0], *ask(tiles[0]))
    assert asked == sorted(asked)
    assert asked[0] < asked[-1] <= MAX_RESOLUTION


def test_records_at_one_point_stay_unresolved_and_are_named():
    area = Disc.of(55.9533, -3.1883, 500)
    tower = offset(area.center, 3, 4)
    sweep = Sweep(area, cap=10, distance_ranked=True)
    found = finish(sweep, service([tower] * 30, 10))
    assert len(found) == 10
    assert sweep.unresolved
    assert {resolution_of(cell) for cell in sweep.unresolved} == {MAX_RESOLUTION}


def test_records_of_overlapping_tiles_are_fresh_once():
    area = Disc.of(55.9533, -3.1883, 2_000)
    sweep = Sweep(area, cap=10)
    first, second = sweep.take(2)
    assert sweep.answer(first, ["a", "b"]) == {"a", "b"}
    assert sweep.answer(second, ["b", "c"]) == {"c"}


def test_sweep_goes_on_where_it_stopped():
    area = Disc.of(55.9533, -3.1883, 4_000)
    points = clustered(area, 800, "resume")
    ask = service(points, 30)
    interrupted = Sweep(area, cap=30, distance_ranked=True)
    found: set[str] = set()
    for tile in interrupted.take(20):
        found |= interrupted.answer(tile, *ask(tile))
    left_open = interrupted.take(5)
    snapshot = json.loads(json.dumps(interrupted.snapshot()))
    resumed = Sweep(area, cap=30, distance_ranked=True, snapshot=snapshot)
    assert [tile.cell for tile in resumed.take(5)] == [tile.cell for tile in left_open]

    resumed = Sweep(area, cap=30, distance_ranked=True, snapshot=snapshot)
    found |= finish(resumed, ask)
    whole = Sweep(area, cap=30, distance_ranked=True)
    assert found == finish(whole, ask)
    assert interrupted.answered + resumed.answered == whole.answered


def test_an_answer_needs_a_question():
    area = Disc.of(55.9533, -3.1883, 1_000)
    sweep = Sweep(area, cap=10)
    (tile,) = sweep.take(1)
    sweep.answer(tile, [])
    with pytest.raises(KeyError):
        sweep.answer(tile, [])


def test_a_service_without_records_cannot_be_swept():
    with pytest.raises(ValueError, match="cap is 0"):
        Sweep(Disc.of(0, 0, 100), cap=0)
