"""What a run has cost, compared with what can be counted otherwise."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from scout import cli
from scout.cities import executions
from scout.costs import after
from scout.deployment import Deployment
from scout.errors import ScoutError
from scout.pipelines import following, messages
from scout.pipelines.failures import Failure
from scout.pipelines.following import StageDone
from scout.stacks import deployed
from tests.e2e.support import EXAMPLES, eventually, example, run
from workflow import prices
from workflow.prices import Basis, Item

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("report")]


class Quiet:
    """An observer of a message that says nothing."""

    def sent(self, pipeline: messages.Pipeline, message_id: str) -> None:
        pass

    def stage_done(self, stage: StageDone) -> None:
        pass

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        pass


def test_the_bill_of_a_run_counts_what_its_history_and_its_log_hold(
    mock_stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = run(mock_stack, example("early-stop-test"))[0].manifest
    monkeypatch.setattr(deployed, "deployment", lambda _=None: mock_stack)
    done = CliRunner().invoke(cli.app, ["cost", "--run", manifest.run_id, "--json"], catch_exceptions=False)
    bill = json.loads(done.stdout)
    lines = {line["what"]: line for line in bill["items"]}

    events = executions.history(mock_stack, executions.arn_of(mock_stack, manifest.run_id))
    entered = sum("stateEnteredEventDetails" in event for event in events)
    retried = sum(event["type"] == "TaskScheduled" for event in events) - sum(
        event["type"] == "TaskStateEntered" for event in events
    )
    assert lines["State transitions"]["units"] == entered + retried
    assert lines["State transitions"]["basis"] == "counted"
    # Each stage of the run and of its pages was at least one invocation, and each batch two of the control function.
    pages = manifest.frontier.done
    assert lines["Lambda invocations"]["units"] >= 9 + 2 * pages + 2 * lines["Express requests"]["units"]
    assert lines["Express requests"]["units"] >= pages / 10
    assert lines["Express duration"]["units"] > 0
    handlers = sum(state.seconds for state in manifest.states.values())
    # A mock has 1 GB: what Lambda bills is what its handlers took, and what lies around them.
    assert lines["Lambda duration, arm64"]["units"] > 0.8 * handlers
    assert lines["S3 writes"]["units"] > pages + sum(use.calls for use in manifest.budgets.values())
    assert bill["usd"] == pytest.approx(sum(line["usd"] for line in bill["items"]))
    assert "LLM tokens" not in lines, "a mock state asks no model"
    # Early stop may come before any page was read by the model.
    pretended = manifest.budgets["llm"].spent > 0
    assert any("mock states pretend to use" in note for note in bill["notes"]) is pretended
    shown = CliRunner().invoke(cli.app, ["cost", "--run", manifest.run_id], catch_exceptions=False).stdout
    assert "not a bill of AWS" in shown


def test_the_bill_of_a_message_of_an_express_pipeline(mock_stack: Deployment) -> None:
    pipeline = messages.named(mock_stack, "candidate-realtime")
    body = messages.read_message(EXAMPLES / "candidates.json", pipeline, mock_stack.bucket)
    sent = following.send(mock_stack, pipeline, body, view=Quiet(), timeout=120)

    def lines_of_bill() -> dict[str, Item]:
        bill = after.of_execution(mock_stack, pipeline, sent.execution_id)
        return {item.what: item for item in bill.items}

    # The log of the last invocation ends after its output stands.
    eventually(lambda: lines_of_bill()["Lambda invocations"].units >= len(pipeline.stages))
    lines = lines_of_bill()
    assert lines["Lambda invocations"].units == len(pipeline.stages)
    assert lines["S3 writes"].units == len(pipeline.outputs)
    assert lines["Express duration"].basis is Basis.MEASURED
    assert lines["Express requests"].price is prices.EXPRESS_REQUESTS
    with pytest.raises(ScoutError, match="nothing tells when it was at work"):
        after.of_execution(mock_stack, pipeline, "nobody-knows-it")
