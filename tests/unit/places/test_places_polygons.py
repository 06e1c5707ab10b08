"""Whether a point lies inside of a border."""

from __future__ import annotations

import pytest

from lambdas.places.geo import offset
from lambdas.places.polygons import Border

SQUARE = [[0.0, 50.0], [1.0, 50.0], [1.0, 51.0], [0.0, 51.0], [0.0, 50.0]]
HOLE = [[0.4, 50.4], [0.6, 50.4], [0.6, 50.6], [0.4, 50.6], [0.4, 50.4]]
ISLAND = [[2.0, 50.0], [2.1, 50.0], [2.1, 50.1], [2.0, 50.1], [2.0, 50.0]]
BORDER = Border({"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [ISLAND]]})


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((50.2, 0.2), True), ((50.5, 0.5), False), ((50.05, 2.05), True), ((50.05, 1.5), False), ((51.5, 0.5), False),
        ((49.9, 0.5), False), ((50.5, -0.1), False), ((50.4, 0.2), True), ((50.6, 0.8), True),
    ],
)  # fmt: skip
def test_inside_and_outside(point: tuple[float, float], inside: bool) -> None:
    assert BORDER.contains(point) is inside


@pytest.mark.parametrize(("east", "north"), [(-200, 0), (0, -200), (-140, -140)])
def test_a_margin_reaches_beyond_edges_and_corners(east: float, north: float) -> None:
    outside = offset((50.0, 0.0), east, north)
    assert not BORDER.contains(outside)
    assert not BORDER.contains(outside, 190)
    assert BORDER.contains(outside, 210)


def test_a_margin_reaches_into_a_hole() -> None:
    assert BORDER.contains(offset((50.4, 0.5), 0, 100), 110)


def test_a_border_of_one_point_holds_nothing() -> None:
    assert not Border({"type": "Polygon", "coordinates": [[[1.0, 1.0]] * 4]}).contains((1.0, 1.0))
