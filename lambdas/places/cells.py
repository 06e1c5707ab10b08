"""H3 cells, typed: the one door to the ``h3`` package, which carries no type annotations."""

from __future__ import annotations

import math

import h3  # type: ignore[import-untyped,unused-ignore]
import h3.api.basic_int as numbered  # type: ignore[import-untyped,unused-ignore]

from lambdas.places.geo import Disc, Point, distance_m

# The descendants of a cell stick out of it: each level's centres lie up to sqrt(3) * R / sqrt(7)^level from the last,
# which sums to sqrt(3) / (sqrt(7) - 1) = 1.0524 times the cell's own circumradius R.
_DESCENDANTS_REACH = 1.053


def cell_at(point: tuple[float, float], resolution: int) -> str:
    """The cell that holds a point (latitude, longitude in degrees)."""
    return str(h3.latlng_to_cell(point[0], point[1], resolution))


def cell_number(point: tuple[float, float], resolution: int) -> int:
    """The same cell as a number of 64 bits."""
    return int(numbered.latlng_to_cell(point[0], point[1], resolution))


def center_of(cell: str) -> Point:
    """The centre of a cell."""
    lat, lng = h3.cell_to_latlng(cell)
    return Point(lat, lng)


def disc_of(cell: str) -> Disc:
    """A disc that holds a cell and all its descendants.

    The disc through the outermost vertex is not enough: H3 cells are not the exact union of their children, and a point
    between the two would belong to no disc once the cell is split and its neighbour is not.
    """
    center = center_of(cell)
    circumradius = max(distance_m(center, vertex) for vertex in h3.cell_to_boundary(cell))
    return Disc(center, circumradius * _DESCENDANTS_REACH)


def resolution_of(cell: str) -> int:
    """The resolution of a cell, 0 (coarsest) to 15."""
    return int(h3.get_resolution(cell))


def children_of(cell: str) -> list[str]:
    """The cells of the next finer resolution that a cell is split into: seven, or six for a pentagon."""
    return [str(child) for child in h3.cell_to_children(cell)]


def parent_of(cell: str, resolution: int) -> str:
    """The ancestor of a cell at a coarser resolution."""
    return str(h3.cell_to_parent(cell, resolution))


def around(cell: str, rings: int = 1) -> list[str]:
    """A cell and its neighbours, up to that many rings away."""
    return [str(neighbour) for neighbour in h3.grid_disk(cell, rings)]


def numbers_around(cell: int) -> list[int]:
    """A cell and its neighbours, as numbers."""
    return list(numbered.grid_disk(cell, 1))


def inside(disc: Disc, resolution: int) -> list[str]:
    """The cells whose centres lie in a disc, in the order of their names."""
    # The centres of two neighbours are 1.73 edges apart; where cells are smallest, 1.3 of the average edge.
    rings = math.ceil(disc.radius_m / (1.2 * edge_m(resolution))) + 1
    found = around(cell_at(disc.center, resolution), rings)
    return sorted(cell for cell in found if disc.contains(center_of(cell)))


def edge_m(resolution: int) -> float:
    """The average length of a cell's edge at a resolution, in metres."""
    return float(h3.average_hexagon_edge_length(resolution, unit="m"))
