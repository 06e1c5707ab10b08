"""Where each box and arrow of a picture lies: layers by Sugiyama's method, scope by scope, from the innermost out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from grandalf.graphs import Edge, Vertex, graph_core
from grandalf.layouts import SugiyamaLayout, VertexViewer
from grandalf.routing import EdgeViewer, route_with_lines

from scout.diagrams.flow import END, START, Arrow, Box, Scope
from workflow.graph import reachable

# All in pixels.
CHARACTER: Final = 8.0
SMALL_CHARACTER: Final = 5.9
LINE: Final = 15
_PADDING: Final = 12
_ACROSS: Final = 26
_BETWEEN_LAYERS: Final = 44
_MARGIN: Final = 16
_HEADING: Final = 24
_DOT: Final = 18
_APART: Final = 8.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A box in its place: its upper left corner, its size, and the scopes that it holds."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    inner: tuple[Layout, ...] = ()


@dataclass(frozen=True)
class Routed:
    """An arrow, and the points through which it goes."""

    arrow: Arrow
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """A scope in its place: its boxes and arrows, all in the coordinates of the picture."""

    x: float
    y: float
    width: float
    height: float
    boxes: tuple[Placed, ...]
    arrows: tuple[Routed, ...]

    def moved(self, dx: float, dy: float) -> Layout:
        """The same elsewhere."""
        return Layout(
            self.x + dx,
            self.y + dy,
            self.width,
            self.height,
            tuple(
                replace(
                    placed,
                    x=placed.x + dx,
                    y=placed.y + dy,
                    inner=tuple(inner.moved(dx, dy) for inner in placed.inner),
                )
                for placed in self.boxes
            ),
            tuple(replace(routed, points=tuple((x + dx, y + dy) for x, y in routed.points)) for routed in self.arrows),
        )


def lines(box: Box) -> list[str]:
    """What stands in a box below its name."""
    return [line for line in (box.detail, box.retry) if line]


def laid_out(scope: Scope) -> Layout:
    """Find a place for everything in a scope, whose upper left corner is then at 0, 0."""
    inner = {name: _side_by_side([laid_out(held) for held in box.inner]) for name, box in scope.boxes.items()}
    vertices = {name: _vertex(box, inner[name]) for name, box in scope.boxes.items()}
    # A loop to the same state is drawn beside it, and has no part in the layers; nor has a second arrow between two.
    between = {(arrow.source, arrow.target): None for arrow in scope.arrows if arrow.source != arrow.target}
    edges = {pair: Edge(vertices[pair[0]], vertices[pair[1]]) for pair in between}
    # What nothing leads to is laid out as if the start did.
    tied = [Edge(vertices[START], vertices[name]) for name in _unreachable(list(vertices), list(edges))]
    for edge in [*edges.values(), *tied]:
        edge.view = EdgeViewer()
    # In the order of the definition, so that the same definition gives the same picture.
    _layers(graph_core(list(vertices.values()), [*edges.values(), *tied]), vertices[START])
    return _placed(scope, vertices, edges, inner)


def _unreachable(names: Sequence[str], between: Sequence[tuple[str, str]]) -> list[str]:
    """States to which nothing leads, and from which, with the start, all others can be reached."""
    after: dict[str, set[str]] = {name: set() for name in names}
    for source, target in between:
        after[source].add(target)
    reached, apart = reachable(after, {START}), []
    for name in names:
        if name not in reached:
            apart.append(name)
            reached |= reachable(after, {name})
    return apart


def _layers(core: Any, start: Any) -> None:  # noqa: ANN401 - the library has no types
    sugiyama = SugiyamaLayout(core)
    sugiyama.xspace, sugiyama.yspace = _ACROSS, _BETWEEN_LAYERS
    sugiyama.route_edge = route_with_lines
    sugiyama.init_all(roots=[start], inverted_edges=_backward(start))
    sugiyama.draw(8)


def _backward(start: Any) -> list[Any]:  # noqa: ANN401
    """The arrows that close loops: those that lead, in a search from the start, to a state that is still open."""
    found: list[Any] = []
    done: set[int] = set()
    path = [(start, iter(start.e_out()))]
    opened = {id(start)}
    while path:
        vertex, leading = path[-1]
        edge = next(leading, None)
        if edge is None:
            opened.discard(id(vertex))
            done.add(id(vertex))
            path.pop()
        elif id(edge.v[1]) in opened:
            found.append(edge)
        elif id(edge.v[1]) not in done:
            opened.add(id(edge.v[1]))
            path.append((edge.v[1], iter(edge.v[1].e_out())))
    return found


def _vertex(box: Box, inner: Sequence[Layout]) -> Any:  # noqa: ANN401
    vertex = Vertex(box.name)
    if box.name in {START, END}:
        vertex.view = VertexViewer(_DOT, _DOT)
        return vertex
    texts = [len(box.name) * CHARACTER, *(len(line) * SMALL_CHARACTER for line in lines(box))]
    width, height = float(max(texts) + 2 * _PADDING), float(_HEADING + LINE * len(lines(box)) + 6)
    if inner:
        width = max(width, inner[-1].x + inner[-1].width + _PADDING)
        height = max(height + 6, *(held.y + held.height + _PADDING for held in inner))
    elif box.type == "Choice":
        # The corners of its shape take room from the text.
        width += 2 * _PADDING
    vertex.view = VertexViewer(width, height)
    return vertex


def _side_by_side(held: Sequence[Layout]) -> list[Layout]:
    """The scopes that a box holds, from its upper left corner on."""
    placed, x = [], float(_PADDING)
    for layout in held:
        placed.append(layout.moved(x, _HEADING + 2 * LINE + 4))
        x += layout.width + _PADDING
    return placed


def _placed(
    scope: Scope,
    vertices: Mapping[str, Any],
    edges: Mapping[tuple[str, str], Any],
    inner: Mapping[str, Sequence[Layout]],
) -> Layout:
    boxes = []
    for name, box in scope.boxes.items():
        view = vertices[name].view
        x, y = view.xy[0] - view.w / 2, view.xy[1] - view.h / 2
        boxes.append(Placed(box, x, y, view.w, view.h, tuple(held.moved(x, y) for held in inner[name])))
    by_name = {placed.box.name: placed for placed in boxes}
    # Arrows between the same two boxes would hide each other.
    between = Counter[tuple[str, str]]()
    arrows = []
    for arrow in scope.arrows:
        beside = _APART * between[arrow.source, arrow.target]
        between[arrow.source, arrow.target] += 1
        arrows.append(Routed(arrow, _route(arrow, edges, by_name, beside)))
    xs = [x for placed in boxes for x in (placed.x, placed.x + placed.width)]
    ys = [y for placed in boxes for y in (placed.y, placed.y + placed.height)]
    xs += [x for routed in arrows for x, _ in routed.points]
    ys += [y for routed in arrows for _, y in routed.points]
    layout = Layout(
        min(xs) - _MARGIN,
        min(ys) - _MARGIN,
        max(xs) - min(xs) + 2 * _MARGIN,
        max(ys) - min(ys) + 2 * _MARGIN,
        tuple(boxes),
        tuple(arrows),
    )
    return layout.moved(-layout.x, -layout.y)


def _route(
    arrow: Arrow, edges: Mapping[tuple[str, str], Any], boxes: Mapping[str, Placed], beside: float
) -> tuple[Point, ...]:
    if arrow.source == arrow.target:
        box = boxes[arrow.source]
        right, middle = box.x + box.width, box.y + box.height / 2
        return ((right, middle - 6), (right + 16, middle - 6), (right + 16, middle + 6), (right, middle + 6))
    edge = edges[arrow.source, arrow.target]
    points = [(float(x), float(y)) for x, y in edge.view._pts]
    # An arrow that was turned round for the layers is told backwards.
    start = boxes[arrow.source]
    away = [
        abs(x - start.x - start.width / 2) + abs(y - start.y - start.height / 2) for x, y in (points[0], points[-1])
    ]
    if away[0] > away[1]:
        points.reverse()
    return tuple((x + beside, y) for x, y in points)
