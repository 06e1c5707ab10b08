"""Pictures of state machines: everything of a definition is in them, and nothing lies on anything else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scout.diagrams import drawing, flow, mermaid, svg
from scout.diagrams.drawing import Format
from scout.diagrams.flow import END, START, Kind
from scout.diagrams.layout import Layout, Placed, laid_out
from scout.errors import InputRefused, ScoutError

SVG = "{http://www.w3.org/2000/svg}"
EVERYTHING: dict[str, Any] = {
    "StartAt": "Fetch",
    "States": {
        "Fetch": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSeconds": 30,
            "Retry": [
                {"ErrorEquals": ["Throttled"], "MaxAttempts": 4, "IntervalSeconds": 2, "MaxDelaySeconds": 20},
                {"ErrorEquals": ["States.ALL"]},
            ],
            "Catch": [
                {"ErrorEquals": ["InputNotFound"], "Next": "Done"},
                {"ErrorEquals": ["States.ALL"], "Next": "Broken"},
            ],
            "Next": "Many",
        },
        "Many": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 5,
            "ItemProcessor": {
                "StartAt": "Both",
                "States": {
                    "Both": {
                        "Type": "Parallel",
                        "Branches": [
                            {"StartAt": "L", "States": {"L": {"Type": "Pass", "End": True}}},
                            {"StartAt": "R", "States": {"R": {"Type": "Wait", "Seconds": 3, "End": True}}},
                        ],
                        "End": True,
                    }
                },
            },
            "Next": "Choose",
        },
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.n", "NumericGreaterThanEquals": 3, "Next": "Fetch"},
                {
                    "And": [
                        {"Variable": "$.ready", "BooleanEquals": True},
                        {"Not": {"Variable": "$.x", "IsPresent": True}},
                    ],
                    "Next": "Done",
                },
            ],
            "Default": "Broken",
        },
        "Done": {"Type": "Succeed"},
        "Broken": {"Type": "Fail", "Error": "Broken"},
    },
}


def test_every_state_and_every_way_is_read() -> None:
    scope = flow.read(EVERYTHING)
    assert set(scope.boxes) == {START, END, *EVERYTHING["States"]}
    ways = {(arrow.source, arrow.target, arrow.kind): arrow.label for arrow in scope.arrows}
    assert ways == {
        (START, "Fetch", Kind.NEXT): "",
        ("Fetch", "Many", Kind.NEXT): "",
        ("Fetch", "Done", Kind.CATCH): "InputNotFound",
        ("Fetch", "Broken", Kind.CATCH): "any error",
        ("Many", "Choose", Kind.NEXT): "",
        ("Choose", "Fetch", Kind.RULE): "n ≥ 3",
        ("Choose", "Done", Kind.RULE): "ready and not (x is present)",
        ("Choose", "Broken", Kind.DEFAULT): "otherwise",
        ("Done", END, Kind.NEXT): "",
    }
    fetch, many = scope.boxes["Fetch"], scope.boxes["Many"]
    assert (fetch.detail, fetch.retry) == ("lambda:invoke", "retry up to 7 times")
    assert fetch.notes[:2] == (
        "TimeoutSeconds 30",
        "Retry Throttled: 4 times, after 2 s and each time 2 times as long, at most 20 s",
    )
    assert many.detail == "map over $.items, 5 at a time"
    assert [set(branch.boxes) for branch in many.inner[0].boxes["Both"].inner] == [{START, "L", END}, {START, "R", END}]


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - the picture is our own


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parsed(picture).iter(f"{SVG}text")]


def test_a_picture_is_svg_with_every_name_and_dashed_arrows_for_errors() -> None:
    picture = drawing.drawn(EVERYTHING, "everything", Format.SVG)
    shown = texts(picture)
    for name in (*EVERYTHING["States"], "Both", "L", "R", "retry up to 7 times", "wait 3 s", "n ≥ 3"):
        assert name in shown
    arrows = list(parsed(picture).iter(f"{SVG}path"))
    dashed = [arrow for arrow in arrows if arrow.get("class") == "arrow catch"]
    assert len(dashed) == 2
    assert drawing.drawn(EVERYTHING, "everything", Format.SVG) == picture, "the same definition gives the same picture"


def test_a_picture_is_mermaid_with_nested_graphs() -> None:
    picture = drawing.drawn(EVERYTHING, "everything", Format.MERMAID)
    lines = [line.strip() for line in picture.splitlines()]
    assert lines[0] == "flowchart TD"
    assert sum(line.startswith("subgraph") for line in lines) == 2 == lines.count("end")
    assert 's1 -.->|"any error"| s5' in lines
    assert 's3 -->|"n ≥ 3"| s1' in lines


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ([], "no definition of a state machine"),
        ({"StartAt": "A", "States": {}}, "no States"),
        ({"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}, "StartAt: 'B' is none of its states"),
        ({"StartAt": "A", "States": {"A": {"Type": "Do"}}}, "A: its Type is none of Task"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}, "A: it leads to 'B'"),
        ({"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{}]}}}, "A: it is not written as"),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Map", "End": True, "ItemProcessor": {"States": {}}}}},
            "A. has no States",
        ),
        ({"StartAt": "A", "States": {"A": {"Type": "Map", "End": True}}}, "A: it is not written as"),
    ],
)
def test_what_is_no_definition_is_refused_and_named(definition: Any, message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        flow.read(definition)


def test_a_file_is_drawn_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "machine.asl.json"
    path.write_text(json.dumps(EVERYTHING))
    assert drawing.named(str(path), "mock") == EVERYTHING
    with pytest.raises(ScoutError, match="cannot be read"):
        drawing.named(str(tmp_path / "other.json"), "mock")
    path.write_text("{")
    with pytest.raises(InputRefused, match="not JSON"):
        drawing.named(str(path), "mock")


def test_names_are_text() -> None:
    name = '<script>"&#'
    definition = {"StartAt": name, "States": {name: {"Type": "Succeed"}}}
    assert name in texts(drawing.drawn(definition, name, Format.SVG))
    assert "#lt;script#gt;#quot;&#35;" in drawing.drawn(definition, name, Format.MERMAID)


# Layout


def leaves(layout: Layout) -> Iterator[Placed]:
    for placed in layout.boxes:
        yield placed
        for inner in placed.inner:
            yield from leaves(inner)


def apart(one: Placed, other: Placed) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def check(layout: Layout) -> None:
    """No two boxes of a scope overlap, all lie inside, and what a box holds lies in it."""
    for one, other in itertools.combinations(layout.boxes, 2):
        assert apart(one, other), (one.box.name, other.box.name)
    for placed in layout.boxes:
        assert layout.x <= placed.x
        assert layout.y <= placed.y
        assert placed.x + placed.width <= layout.x + layout.width + 0.01
        assert placed.y + placed.height <= layout.y + layout.height + 0.01
        for inner in placed.inner:
            assert placed.x <= inner.x
            assert inner.x + inner.width <= placed.x + placed.width
            assert placed.y + 40 <= inner.y
            assert inner.y + inner.height <= placed.y + placed.height
            check(inner)
    boxes = {placed.box.name: placed for placed in layout.boxes}
    for routed in layout.arrows:
        for (x, y), name in ((routed.points[0], routed.arrow.source), (routed.points[-1], routed.arrow.target)):
            box = boxes[name]
            assert box.x - 20 <= x <= box.x + box.width + 20, routed
            assert box.y - 20 <= y <= box.y + box.height + 20, routed


def test_nothing_lies_on_anything_else() -> None:
    layout = laid_out(flow.read(EVERYTHING))
    check(layout)
    assert {placed.box.name for placed in leaves(layout)} >= {"L", "R", "Both", "Broken"}


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    """Any states, with any ways between them, to themselves too."""
    names = [f"State{number}" for number in range(draw(st.integers(1, 9)))]
    states: dict[str, Any] = {}
    for name in names:
        target = st.sampled_from(names)
        kind = draw(st.sampled_from(["Pass", "Choice", "Succeed", "Task"]))
        states[name] = {"Type": kind}
        if kind == "Choice":
            rules = draw(st.lists(target, min_size=1, max_size=3))
            choices = [{"Variable": "$.a", "IsNull": True, "Next": rule} for rule in rules]
            states[name] |= {"Choices": choices, "Default": draw(target)}
        elif kind != "Succeed":
            states[name] |= draw(st.one_of(st.just({"End": True}), target.map(lambda following: {"Next": following})))
        if kind == "Task":
            caught = draw(st.lists(target, max_size=2))
            states[name] |= {
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": following} for following in caught],
            }
    return {"StartAt": names[0], "States": states}


@settings(max_examples=60)
@given(machines())
def test_any_machine_is_drawn(definition: dict[str, Any]) -> None:
    scope = flow.read(definition)
    check(laid_out(scope))
    picture = svg.text(scope, "any")
    assert len(list(parsed(picture).iter(f"{SVG}polygon"))) == sum(
        state["Type"] == "Choice" for state in definition["States"].values()
    )
    assert mermaid.text(scope).count("-->") + mermaid.text(scope).count("-.->") == len(scope.arrows)
