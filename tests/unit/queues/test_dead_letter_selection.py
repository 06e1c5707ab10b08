"""Which dead letters a command is about."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from scout.queues.analyzing import Letter
from scout.queues.contents import Content, Kind
from scout.queues.facts import Known
from scout.queues.judging import Judgement, Safety
from scout.queues.message import Message
from scout.queues.selecting import AGES, Selection, age_of, duration


def letter(message_id: str = "m", age: float = 60, safety: Safety = Safety.SAFE, **content: Any) -> Letter:
    system = {"SentTimestamp": str(int((time.time() - age) * 1000)), "ApproximateReceiveCount": "6"}
    known = {"type": Kind.WEB, "city": "new-york", "run": "r1", "state": "WebFetch", "error": "Throttled", **content}
    return Letter(Content(Message(message_id, "{}", {}, system), **known), Known(), Judgement(safety, ""))


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        ({}, True),
        ({"message": ("m", "n")}, True),
        ({"message": ("n",)}, False),
        ({"type": ("maps", "web")}, True),
        ({"type": ("maps",)}, False),
        ({"city": ("New York",)}, True),
        ({"city": ("york",)}, False),
        ({"run": ("r1",), "error": ("Throttled",)}, True),
        ({"run": ("r1",), "error": ("AccessDenied",)}, False),
        ({"state": ("WebFetch",)}, True),
        ({"state": ("unknown",)}, False),
        ({"safety": ("safe",)}, True),
        ({"safety": ("never", "report")}, False),
        ({"older_than": 30.0}, True),
        ({"older_than": 90.0}, False),
        ({"younger_than": 90.0}, True),
        ({"younger_than": 30.0}, False),
        ({"older_than": 30.0, "younger_than": 90.0}, True),
    ],
)
def test_all_fields_must_agree_and_of_each_any_value(selection: dict[str, Any], taken: bool) -> None:
    assert Selection(**selection).takes(letter()) is taken


def test_what_is_not_known_is_chosen_as_unknown() -> None:
    assert Selection(error=("unknown",)).takes(letter(error=None))
    assert not Selection(error=("Throttled",)).takes(letter(error=None))


def test_the_same_question_is_the_same_document() -> None:
    one = Selection(error=("b", "a"), older_than=3600.0, count=5)
    assert json.loads(json.dumps(one.document())) == {"error": ["a", "b"], "older_than": 3600.0, "count": 5}
    assert one.document() == Selection(error=("a", "b"), older_than=3600.0, count=5).document()
    assert one.document() != Selection(error=("a", "b"), older_than=3600.0, count=5, force=True).document()


def test_force_alone_chooses_nothing() -> None:
    assert not Selection(force=True).chooses
    assert Selection(count=1).chooses


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "1 h", "1m1h", "-1h", "h", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90s"):
        duration(text)


@pytest.mark.parametrize("seconds", [0, 3599, 3600, 86_399, 86_400, 4 * 86_400 - 1, 4 * 86_400, 10**7])
def test_the_bounds_of_an_age_choose_what_has_it(seconds: int) -> None:
    age = age_of(seconds)
    bounds = {name: duration(text) for name, text in age.bounds.items()}
    assert bounds.get("older_than", 0) <= seconds < bounds.get("younger_than", float("inf"))
    assert age in AGES
