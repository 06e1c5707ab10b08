"""The examples, through all five stages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.candidates import etl, reactive, score, store
from lambdas.candidates import filter as filtering
from lambdas.candidates.filters import Reason
from lambdas.runtime.handler import StageHandler
from lambdas.testing import LocalAws, run_stage
from tests.unit.candidates.standins import TABLE, TOPIC, Clock, MemoryTable, MemoryTopic

EXAMPLES = Path(__file__).parents[3] / "examples"
STAGES: dict[str, StageHandler] = {
    "ETLStage": etl.handler,
    "FilterStage": filtering.handler,
    "ScoreStage": score.handler,
    "StoreStage": store.handler,
    "ReactiveStage": reactive.handler,
}


def message(name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / name).read_text(encoding="utf-8")))


class World:
    def __init__(self) -> None:
        self.table, self.topic = MemoryTable(), MemoryTopic(Clock())

    def aws(self) -> LocalAws:
        aws = LocalAws(dynamodb=self.table, sns=self.topic)
        aws.bucket.objects["incoming/candidates.csv"] = (EXAMPLES / "candidates.csv").read_bytes()
        return aws

    def run(self, data: Any) -> dict[str, dict[str, Any]]:
        """The output of each stage."""
        outputs: dict[str, dict[str, Any]] = {}
        for name, handler in STAGES.items():
            before = next(reversed(outputs), None)
            data = run_stage(handler, data, stage=name, after=before, aws=self.aws()).data
            outputs[name] = data
        return outputs


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("CANDIDATES_TABLE", TABLE)
    monkeypatch.setenv("NOTIFICATIONS_TOPIC_ARN", TOPIC)


def test_the_example_shows_everything_that_can_become_of_a_record():
    world = World()
    outputs = world.run(message("candidates.json"))
    metrics = {name: output.get("metrics", output) for name, output in outputs.items()}
    assert metrics["ETLStage"] == {
        "processedCount": 41,
        "transformedCount": 32,
        "errorCount": 4,
        "outOfRangeCount": 2,
        "duplicateCount": 3,
    }
    assert metrics["FilterStage"]["rejectionReasons"].keys() == set(Reason)
    assert metrics["ScoreStage"] == {"inputCount": 17, "scoredCount": 17, "fallbackCount": 3, "errorCount": 0}
    assert metrics["StoreStage"]["storedCount"] == 17
    assert (metrics["ReactiveStage"]["notified"], metrics["ReactiveStage"]["belowThreshold"]) == (12, 5)
    assert sorted(world.topic.ids()) == sorted(outputs["ReactiveStage"]["candidates"])


def test_the_table_gives_the_same_as_the_message():
    inline, table = (World().run(message(name)) for name in ("candidates.json", "candidates-csv.json"))
    wrong = [[error.pop("reason") for error in outputs["ETLStage"].pop("errors")] for outputs in (inline, table)]
    assert inline == table
    assert wrong[0] == wrong[1]


def test_a_second_delivery_changes_nothing():
    world = World()
    world.run(message("candidates.json"))
    again = world.run(message("candidates.json"))
    assert again["StoreStage"]["metrics"]["unchangedCount"] == 17
    assert len(world.topic.delivered) == 12


@pytest.mark.parametrize("empty", [{}, []])
def test_an_empty_input_goes_through_all_stages(empty):
    outputs = World().run(empty)
    assert list(outputs.values()) == [empty] * 5


def test_a_range_without_records_goes_through_all_stages():
    outputs = World().run({**message("candidates.json"), "records": []})
    assert outputs["ReactiveStage"]["notified"] == 0


def test_a_test_goes_through_all_stages_and_touches_nothing():
    world = World()
    outputs = world.run({"test": True})
    assert outputs["ReactiveStage"]["message"] == "ReactiveStage stage completed in test mode"
    assert not world.table.items
    assert not world.topic.delivered
