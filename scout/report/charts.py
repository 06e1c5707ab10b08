"""The charts of the page as plain geometry, which its template writes as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scout.report.data import Bar, Report, Spent

WIDTH = 960
_LABELS = 170
_ROW = 20
_TOP = 24
_CHART_WIDTH, _CHART_HEIGHT = 440, 150
_LEFT, _BOTTOM = 64, 22
_TICKS = 6
# What is thinner cannot be seen.
_THINNEST = 1.5


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, in pixels, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True)
class GanttBar:
    """A bar: where it begins and how wide it is, in pixels."""

    x: float
    width: float
    failed: bool
    title: str


@dataclass(frozen=True)
class GanttRow:
    """The bars of one state."""

    state: str
    y: float
    bars: Sequence[GanttBar]


@dataclass(frozen=True)
class Gantt:
    """When each state was at work."""

    height: float
    rows: Sequence[GanttRow]
    ticks: Sequence[Tick]

    width = WIDTH
    left = _LABELS
    row_height = _ROW


@dataclass(frozen=True)
class Curve:
    """How the spending of a budget grew.

    Attributes:
        group: Whose.
        path: The line, as the ``d`` of a path; empty where nothing is told.
        total: What was spent in all.
        told: How much of it the log tells.
        times: Marks of time.
        amounts: Marks of amount.
    """

    group: str
    path: str
    total: int
    told: int
    times: Sequence[Tick]
    amounts: Sequence[Tick]

    width = _CHART_WIDTH
    height = _CHART_HEIGHT
    left = _LEFT
    bottom = _CHART_HEIGHT - _BOTTOM


@dataclass(frozen=True)
class Step:
    """A step of the funnel: how many are left, and how wide that is in per cent of the widest."""

    name: str
    key: str
    count: int
    percent: float
    note: str


def funnel(report: Report) -> list[Step]:
    """From all that was seen to the places of the first rank."""
    counts = report.manifest.counts
    seen = counts.candidates + counts.rejected
    steps = (
        ("Seen", "seen", seen, "all that sources answered with"),
        ("Candidates", "candidates", counts.candidates, f"{counts.rejected:,} rejected"),
        ("Places", "places", counts.places, f"{counts.duplicates_merged:,} duplicates merged"),
        ("Primaries", "primaries", counts.primaries, f"{counts.secondaries:,} are secondaries"),
    )
    return [Step(name, key, count, 100 * count / seen if seen else 0, note) for name, key, count, note in steps]


def gantt(report: Report) -> Gantt:
    """When each state was at work, in the order in which they began."""
    span = max([report.seconds, *(bar.end for bar in report.bars)], default=1) or 1
    scale = (WIDTH - _LABELS - 10) / span
    order: dict[str, list[Bar]] = {}
    for bar in sorted(report.bars, key=lambda bar: bar.begin):
        order.setdefault(bar.state, []).append(bar)
    rows = [
        GanttRow(state, _TOP + place * _ROW, [_gantt_bar(bar, scale) for bar in bars])
        for place, (state, bars) in enumerate(order.items())
    ]
    ticks = [Tick(_LABELS + second * scale, _clock(second)) for second in _steps(span)]
    return Gantt(_TOP + len(rows) * _ROW + 4, rows, ticks)


def curves(report: Report) -> list[Curve]:
    """How each budget was spent, over the same time."""
    span = max([report.seconds, *(at for spent in report.spent for at, _ in spent.points)], default=1) or 1
    return [_curve(spent, span) for spent in report.spent]


def _gantt_bar(bar: Bar, scale: float) -> GanttBar:
    begin = max(0.0, bar.begin)
    title = f"{bar.state}: {bar.end - bar.begin:.2f} s, from {begin:.1f} s" + (", failed" if bar.failed else "")
    return GanttBar(_LABELS + begin * scale, max(_THINNEST, (bar.end - begin) * scale), bar.failed, title)


def _curve(spent: Spent, span: float) -> Curve:
    across, up = _CHART_WIDTH - _LEFT - 10, _CHART_HEIGHT - _BOTTOM - 10
    most = max(spent.told, spent.total, 1)

    def x(second: float) -> float:
        return _LEFT + across * max(0.0, second) / span

    def y(amount: float) -> float:
        return _CHART_HEIGHT - _BOTTOM - up * amount / most

    path = ""
    if spent.points:
        # A stair: between two batches of calls nothing is spent.
        path = f"M{x(0):.1f} {y(0):.1f}" + "".join(f"H{x(at):.1f}V{y(amount):.1f}" for at, amount in spent.points)
        path += f"H{x(span):.1f}"
    return Curve(
        group=spent.group,
        path=path,
        total=spent.total,
        told=spent.told,
        times=[Tick(x(second), _clock(second)) for second in _steps(span)],
        amounts=[
            Tick(y(amount), f"{amount:,.0f}") for amount in (0, most / 2, most) if most > 1 or amount == int(amount)
        ],
    )


def _steps(span: float) -> Iterator[float]:
    """Round numbers of seconds from 0 to the end of a span."""
    rough = span / _TICKS
    sizes = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
    step = next((size for size in sizes if size >= rough), math.ceil(rough / 3600) * 3600)
    second = 0
    while second <= span:
        yield second
        second += step


def _clock(second: float) -> str:
    minutes, seconds = divmod(round(second), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}" if minutes else f"{seconds} s"
