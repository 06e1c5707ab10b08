"""The geometry of the charts, and what may be a link."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scout.report import charts, page
from scout.report.data import Bar, Spent


def report(**changes: Any) -> Any:
    """As much of a report as a chart reads."""
    counts = SimpleNamespace(candidates=80, rejected=20, places=50, primaries=10, secondaries=40, duplicates_merged=30)
    valid = {"seconds": 100.0, "bars": [], "spent": [], "manifest": SimpleNamespace(counts=counts)}
    return SimpleNamespace(**(valid | changes))


def test_the_funnel_narrows_from_all_that_was_seen() -> None:
    steps = charts.funnel(report())
    assert [(step.key, step.count, step.percent) for step in steps] == [
        ("seen", 100, 100),
        ("candidates", 80, 80),
        ("places", 50, 50),
        ("primaries", 10, 10),
    ]
    nothing = SimpleNamespace(candidates=0, rejected=0, places=0, primaries=0, secondaries=0, duplicates_merged=0)
    assert [step.percent for step in charts.funnel(report(manifest=SimpleNamespace(counts=nothing)))] == [0, 0, 0, 0]


def test_bars_lie_in_the_rows_of_their_states_in_the_order_of_their_beginning() -> None:
    bars = [Bar("B", 50, 100, failed=True), Bar("A", 0, 50), Bar("A", 60, 60.001)]
    chart = charts.gantt(report(bars=bars))
    assert [row.state for row in chart.rows] == ["A", "B"]
    first, second = chart.rows[0].bars
    assert first.x == chart.left
    assert first.width == pytest.approx((chart.width - chart.left - 10) / 2)
    assert second.width == 1.5, "what is thinner could not be seen"
    assert chart.rows[1].bars[0].failed
    assert chart.rows[1].y - chart.rows[0].y == chart.row_height
    assert [tick.text for tick in chart.ticks] == ["0 s", "20 s", "40 s", "1:00", "1:20", "1:40"]


def test_a_curve_climbs_to_what_was_spent() -> None:
    spent = Spent("google", ((10, 5), (40, 25)), 25)
    [curve] = charts.curves(report(spent=[spent]))
    assert (curve.total, curve.told) == (25, 25)
    assert curve.path.startswith(f"M{curve.left:.1f} {curve.bottom:.1f}")
    assert "V10.0" in curve.path, "the highest point is at the top"
    [nothing] = charts.curves(report(spent=[Spent("web", (), 7)]))
    assert (nothing.path, nothing.told, nothing.total) == ("", 0, 7)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org/a", True),
        ("HTTP://example.org", True),
        (" https://example.org", True),
        ("javascript:alert(1)", False),
        (" JavaScript:alert(1)//https://", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_only_addresses_of_the_web_are_links(address: object, expected: bool) -> None:
    assert (page.link(address) is not None) is expected
