"""`scout choose`: a pipeline of a stack, or one in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scout.cli import app
from scout.errors import InputRefused, ScoutError
from scout.pipelines import choosing
from workflow.definition import MachineType

FILE = """
stages:
  - {name: FirstStage, function: arn:aws:lambda:us-east-1:123456789012:function:first, timeout_seconds: 20}
  - {name: SecondStage, function: mine}
retry: {lambda_interval_seconds: 1}
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "orders.yaml"
        path.write_text(text)
        return path

    return write


class TestFromAFile:
    def test_a_pipeline_by_the_files_name(self, written):
        name, config = choosing.from_file(written(FILE))
        assert name == "orders"
        assert [stage.name for stage in config.stages] == ["FirstStage", "SecondStage"]
        assert config.machine_type is MachineType.EXPRESS

    @pytest.mark.parametrize(
        ("text", "about"),
        [
            ("stages: [", "not YAML"),
            ("", "valid dictionary"),
            ("stages: []", "stages"),
            ("stages: [{name: OneStage, function: f}]\nbatches: 5", "batches"),
            ("type: EXPRESS\nstages: [{name: OneStage, job: heavy}]", "Express workflows only support Lambda stages"),
        ],
    )
    def test_what_is_none_is_refused(self, written, text, about):
        with pytest.raises(InputRefused, match=about):
            choosing.from_file(written(text))

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ScoutError, match=r"none\.yaml cannot be read: No such file"):
            choosing.from_file(tmp_path / "none.yaml")


class TestFromAStack:
    def test_the_examples(self):
        assert choosing.from_stack("mock", "candidate-realtime")[1].machine_type is MachineType.EXPRESS
        assert choosing.from_stack("mock", "candidate-batch")[1].machine_type is MachineType.STANDARD

    def test_an_unknown_pipeline_is_told_those_there_are(self):
        with pytest.raises(ScoutError, match="no pipeline 'orders'; it has: candidate-realtime, candidate-batch"):
            choosing.from_stack("mock", "orders")


class TestCommand:
    def test_the_matrix_says_which_and_why_and_what_both_cost(self):
        shown = CliRunner().invoke(app, ["choose", "candidate-batch", "--messages", "1000"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert "Standard (chosen)" in shown.output
        assert "candidate-batch: STANDARD, since" in shown.output
        assert "Not EXPRESS: Express workflows only support Lambda stages." in shown.output
        assert "State transitions" in shown.output

    def test_for_machines(self, written):
        shown = CliRunner().invoke(app, ["choose", "--config", str(written(FILE)), "--json", "--messages", "2000000"])
        document = json.loads(shown.stdout)
        assert document["pipeline"] == "orders"
        assert document["chosen"] == "EXPRESS"
        assert document["express"]["fits"] is document["standard"]["fits"] is True
        assert document["express"]["items"][0] == {
            "what": "Requests", "units": 2_000_000, "unit": "requests", "usd": 2.0,
        }  # fmt: skip
        assert document["standard"]["usd"] > document["express"]["usd"]

    @pytest.mark.parametrize("words", [[], ["candidate-batch", "--config", "orders.yaml"]])
    def test_one_of_the_two_must_be_given(self, words):
        shown = CliRunner().invoke(app, ["choose", *words])
        assert shown.exit_code == 2
        assert "give either a pipeline of the stack, or --config" in shown.output
