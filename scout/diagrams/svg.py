"""A laid out definition as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree as ET

from scout.diagrams.flow import END, START, Kind, Scope
from scout.diagrams.layout import LINE, SMALL_CHARACTER, Layout, Placed, Point, Routed, laid_out, lines

_STYLE: Final = """
svg { font-family: ui-sans-serif, system-ui, sans-serif; font-size: 13px; background: #ffffff; }
.box { fill: #eef4ff; stroke: #5b7fb8; stroke-width: 1.2; }
.Choice { fill: #fff7e0; stroke: #b58a1b; }
.Wait, .Pass { fill: #f3f4f6; stroke: #7b8794; }
.Succeed { fill: #e7f6ec; stroke: #2f8f4e; }
.Fail { fill: #fdeaea; stroke: #c03a3a; }
.Map, .Parallel { fill: #fafbfd; stroke: #5b7fb8; stroke-dasharray: 6 3; }
.START, .END { fill: #1f2937; stroke: #1f2937; }
.name { font-weight: 600; fill: #1f2937; }
.small, .label { font-size: 11px; fill: #4b5563; }
.label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.arrow { fill: none; stroke: #4b5563; stroke-width: 1.2; }
.catch { stroke: #c03a3a; stroke-dasharray: 5 4; }
.label-catch { fill: #a12d2d; }
"""
_RADIUS: Final = 8.0
_LONGEST_LABEL: Final = 48
_HEADING: Final = 40
# How far from the beginning of an arrow its label is tried, in pixels.
_DISTANCES: Final = (20, 32, 46, 62, 80, 100, 130, 170)

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Label:
    """The text of an arrow, and where it begins."""

    routed: Routed
    text: str
    x: float
    y: float

    @property
    def rectangle(self) -> Rectangle:
        """What it covers: left, top, right, bottom."""
        return self.x, self.y - 10, self.x + len(self.text) * SMALL_CHARACTER, self.y + 3


def text(scope: Scope, title: str) -> str:
    """The picture of a definition.

    Args:
        scope: The definition.
        title: What readers of the screen are told that it shows.
    """
    layout = laid_out(scope)
    width, height = (round(length) for length in (layout.width, layout.height))
    # Labels at the edges may stand out.
    left = min([0, *(round(begin) - 8 for begin, _ in _ends(layout))])
    width = max([width, *(round(end) + 8 for _, end in _ends(layout))]) - left
    svg = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"{left} 0 {width} {height}",
        width=str(width),
        height=str(height),
        role="img",
    )
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "style").text = _STYLE
    defs = ET.SubElement(svg, "defs")
    for name, color in (("head", "#4b5563"), ("head-catch", "#c03a3a")):
        marker = ET.SubElement(
            defs, "marker", id=name, viewBox="0 0 8 8", refX="7", refY="4", markerWidth="8", markerHeight="8",
            orient="auto",
        )  # fmt: skip
        ET.SubElement(marker, "path", d="M0 0 8 4 0 8z", fill=color)
    _draw(svg, layout)
    ET.indent(svg, " ")
    return ET.tostring(svg, encoding="unicode") + "\n"


def _draw(parent: ET.Element, layout: Layout) -> None:
    for placed in layout.boxes:
        _box(parent, placed)
    for routed in layout.arrows:
        _arrow(parent, routed)
    # On top of every arrow.
    for label in _labels(layout):
        caught = label.routed.arrow.kind is Kind.CATCH
        place = {"x": _n(label.x), "y": _n(label.y)}
        classes = "label label-catch" if caught else "label"
        ET.SubElement(parent, "text", {"class": classes, **place}).text = label.text


def _box(parent: ET.Element, placed: Placed) -> None:
    box, x, y, width, height = placed.box, placed.x, placed.y, placed.width, placed.height
    group = ET.SubElement(parent, "g")
    if box.notes:
        ET.SubElement(group, "title").text = "\n".join((box.name, *box.notes))
    if box.name in {START, END}:
        radius = width / 2
        center = {"cx": _n(x + radius), "cy": _n(y + radius)}
        ET.SubElement(group, "circle", {"class": box.type, **center, "r": _n(radius - 3)})
        if box.name == END:
            ET.SubElement(group, "circle", {"class": "arrow", **center, "r": _n(radius)})
        return
    classes = {"class": f"box {box.type}"}
    if box.type == "Choice":
        corner = 12
        points = [
            (x + corner, y), (x + width - corner, y), (x + width, y + height / 2), (x + width - corner, y + height),
            (x + corner, y + height), (x, y + height / 2),
        ]  # fmt: skip
        ET.SubElement(group, "polygon", {**classes, "points": " ".join(f"{_n(px)},{_n(py)}" for px, py in points)})
    else:
        round_by = height / 2 if box.type in {"Wait", "Succeed"} else 5
        place = {"x": _n(x), "y": _n(y), "width": _n(width), "height": _n(height), "rx": _n(min(round_by, 18))}
        ET.SubElement(group, "rect", {**classes, **place})
    middle = {"x": _n(x + width / 2), "text-anchor": "middle"}
    ET.SubElement(group, "text", {"class": "name", **middle, "y": _n(y + 18)}).text = box.name
    for number, line in enumerate(lines(box)):
        ET.SubElement(group, "text", {"class": "small", **middle, "y": _n(y + 34 + number * LINE)}).text = line
    for inner in placed.inner:
        _draw(group, inner)


def _arrow(parent: ET.Element, routed: Routed) -> None:
    caught = routed.arrow.kind is Kind.CATCH
    attributes = {
        "class": "arrow catch" if caught else "arrow",
        "d": _path(routed.points),
        "marker-end": "url(#head-catch)" if caught else "url(#head)",
    }
    path = ET.SubElement(parent, "path", attributes)
    label = f": {routed.arrow.label}" if routed.arrow.label else ""
    ET.SubElement(path, "title").text = f"{routed.arrow.source} → {routed.arrow.target}{label}"


def _labels(layout: Layout) -> list[_Label]:
    """A place for each label, near the beginning of its arrow and over no box and no other label, if there is one."""
    taken = [(box.x, box.y, box.x + box.width, box.y + (_HEADING if box.inner else box.height)) for box in layout.boxes]
    labels = []
    for routed in layout.arrows:
        shown = _shown(routed)
        if not shown:
            continue
        tries = [_Label(routed, shown, x, y) for x, y in _beside(routed.points, len(shown) * SMALL_CHARACTER)]
        label = next((one for one in tries if not any(_overlap(one.rectangle, other) for other in taken)), tries[0])
        taken.append(label.rectangle)
        labels.append(label)
    return labels


def _shown(routed: Routed) -> str:
    label = routed.arrow.label
    # Nearly every state catches any error: a dashed line says it, and not a label at each.
    if routed.arrow.kind is Kind.CATCH and label == "any error":
        return ""
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"


def _beside(points: Sequence[Point], width: float) -> Iterator[Point]:
    """Where the text of a label could begin: right and left of its arrow, from its beginning on."""
    for distance in _DISTANCES:
        x, y = _along(points, distance)
        yield x + 5, y + 4
        yield x - 5 - width, y + 4


def _along(points: Sequence[Point], distance: float) -> Point:
    """The point so far from the beginning of a line, or its end."""
    for (x, y), (nx, ny) in pairwise(points):
        length = ((nx - x) ** 2 + (ny - y) ** 2) ** 0.5
        if length > distance:
            share = distance / length
            return x + (nx - x) * share, y + (ny - y) * share
        distance -= length
    return points[-1]


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _ends(layout: Layout) -> Iterator[tuple[float, float]]:
    """How far labels reach to the left and to the right."""
    for label in _labels(layout):
        yield label.rectangle[0], label.rectangle[2]
    for placed in layout.boxes:
        for held in placed.inner:
            yield from _ends(held)


def _path(points: Sequence[Point]) -> str:
    """A line through the points, with its corners rounded."""
    path = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into, out = _towards(corner, before), _towards(corner, after)
        path += f"L{_n(into[0])} {_n(into[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(out[0])} {_n(out[1])}"
    return path + f"L{_n(points[-1][0])} {_n(points[-1][1])}"


def _towards(point: Point, other: Point) -> Point:
    dx, dy = other[0] - point[0], other[1] - point[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(_RADIUS, length / 2) / length if length else 0
    return point[0] + dx * share, point[1] + dy * share


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
