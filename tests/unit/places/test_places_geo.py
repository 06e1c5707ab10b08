from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.places.geo import Disc, Point, distance_m, earth_fixed, offset

POINTS = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def test_distance_is_the_known_one_between_two_cities():
    edinburgh, london = (55.9533, -3.1883), (51.5074, -0.1278)
    assert distance_m(edinburgh, london) == pytest.approx(534_000, rel=0.005)


def test_distance_crosses_the_date_line_and_the_pole():
    assert distance_m((0, 179.999), (0, -179.999)) == pytest.approx(222.4, rel=0.01)
    assert distance_m((89.999, 0), (89.999, 180)) == pytest.approx(222.4, rel=0.01)


@given(POINTS, st.floats(-20_000, 20_000), st.floats(-20_000, 20_000))
def test_offset_lies_as_far_as_asked_everywhere(origin: tuple[float, float], east: float, north: float):
    target = offset(origin, east, north)
    assert -90 <= target.lat <= 90
    assert -180 <= target.lng <= 180
    assert distance_m(origin, target) == pytest.approx(math.hypot(east, north), abs=0.05)


@given(POINTS, st.floats(-5_000, 5_000), st.floats(-5_000, 5_000))
def test_straight_lines_are_as_long_as_great_circles_where_it_matters(
    origin: tuple[float, float], east: float, north: float
):
    target = offset(origin, east, north)
    assert math.dist(earth_fixed(origin), earth_fixed(target)) == pytest.approx(distance_m(origin, target), abs=0.05)


def test_discs_contain_and_touch_what_lies_in_them():
    disc = Disc.of(55.95, -3.19, 1_000)
    inside, outside = offset(disc.center, 990, 0), offset(disc.center, 1_010, 0)
    assert disc.contains(inside)
    assert not disc.contains(outside)
    assert disc.contains(outside, margin_m=20)
    assert disc.contains_disc(Disc(disc.center, 1_000))
    assert not disc.contains_disc(Disc(inside, 20))
    assert disc.touches(Disc(outside, 20))
    assert not disc.touches(Disc(offset(disc.center, 0, 2_000), 900))
    assert disc.center == Point(55.95, -3.19)
