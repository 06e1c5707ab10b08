"""Whether a point lies inside of a city's border."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from lambdas.places.geo import EARTH_RADIUS_M, Point

BORDER_MARGIN_M = 300.0
"""How far beyond a city's border a place may lie: borders are simplified, and a pier or a viewpoint may lie beyond."""

_Ring = Sequence[Sequence[float]]
_METRES_PER_DEGREE = math.radians(1) * EARTH_RADIUS_M


class Border:
    """The border of a city: polygons, each with its holes.

    It is seen as flat around each point that is looked at: over a few hundred metres that is right to the centimetre. A
    border across the 180th meridian, which GeoJSON cuts in two there (RFC 7946, section 3.1.9), is right, too.

    Args:
        geometry: A GeoJSON ``Polygon`` or ``MultiPolygon``.
    """

    def __init__(self, geometry: Mapping[str, Any]) -> None:
        shapes = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        self._rings: list[_Ring] = [ring for shape in shapes for ring in shape]

    @classmethod
    def around(cls, center: Point, geometry: Mapping[str, Any] | None) -> Self | None:
        """The border of the city around a point; ``None`` where it is not known, or is another town's."""
        border = cls(geometry) if geometry else None
        return border if border is not None and border.contains(center, BORDER_MARGIN_M) else None

    def contains(self, point: tuple[float, float], margin_m: float = 0.0) -> bool:
        """Whether a point lies inside, or at most ``margin_m`` metres outside.

        Args:
            point: Latitude and longitude in degrees.
            margin_m: In metres.
        """
        lat, lng = point
        # By the even-odd rule a hole is outside, and what lies in a hole's hole is inside again.
        inside = sum(_crosses(edge, lat, lng) for ring in self._rings for edge in _edges(ring)) % 2 == 1
        if inside or margin_m <= 0:
            return inside
        return any(_distance_m(edge, lat, lng) <= margin_m for ring in self._rings for edge in _edges(ring))


def _edges(ring: _Ring) -> Iterator[tuple[Sequence[float], Sequence[float]]]:
    """The edges of a ring, whose positions are longitude and latitude."""
    return zip(ring, [*ring[1:], ring[0]], strict=True)


def _crosses(edge: tuple[Sequence[float], Sequence[float]], lat: float, lng: float) -> bool:
    """Whether the line from a point to the east crosses an edge. An end counts to the edge above it alone."""
    (x1, y1, *_), (x2, y2, *_) = edge
    return (y1 > lat) != (y2 > lat) and lng < (x2 - x1) * (lat - y1) / (y2 - y1) + x1


def _distance_m(edge: tuple[Sequence[float], Sequence[float]], lat: float, lng: float) -> float:
    """From a point to an edge, in metres."""
    east = _METRES_PER_DEGREE * math.cos(math.radians(lat))
    (x1, y1), (x2, y2) = (((at[0] - lng) * east, (at[1] - lat) * _METRES_PER_DEGREE) for at in edge)
    along = (x2 - x1) ** 2 + (y2 - y1) ** 2
    share = 0.0 if along == 0 else max(0.0, min(1.0, -(x1 * (x2 - x1) + y1 * (y2 - y1)) / along))
    return math.hypot(x1 + share * (x2 - x1), y1 + share * (y2 - y1))
