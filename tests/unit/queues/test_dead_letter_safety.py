"""What a dead letter is, whether moving it back does any good, and the command that is advised."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import WebMessage
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import GateClosed, StoppedBy
from lambdas.runtime.messages import MessageState
from lambdas.runtime.record import RunRecord, timestamp
from scout.pipelines.messages import Pipeline
from scout.queues.analyzing import Field, Letter, grouped
from scout.queues.contents import Content, Kind, read
from scout.queues.facts import Known
from scout.queues.judging import Judgement, Safety, advice, judge
from scout.queues.message import Message
from scout.queues.named import DeadLetterQueue

NOW = 1_767_225_600.0
UUID = "01234567-89ab-cdef-0123-456789abcdef"
JOB = RunInput.model_validate_json((Path(__file__).parents[3] / "examples" / "input.london.json").read_text())
FRONTIER = DeadLetterQueue("frontier", "https://sqs/1/frontier-dlq", "https://sqs/1/frontier")
OUTPUTS = {
    "arn": "arn:aws:states:us-east-1:1:stateMachine:batch",
    "type": "STANDARD",
    "migrationMode": "S3",
    "batchSize": 1,
    "stages": ["First"],
    "legacyStages": [],
    "pipeName": "pipe",
    "queueUrl": "https://sqs/1/batch",
    "dlqUrl": "https://sqs/1/batch-dlq",
    "failureQueueUrl": "https://sqs/1/batch-failures",
}
BATCH = Pipeline.of("batch", OUTPUTS)
FAILURES = DeadLetterQueue("batch-failures", "https://sqs/1/batch-failures", None, BATCH)
BATCH_DLQ = DeadLetterQueue("batch", BATCH.dlq_url, BATCH.queue_url, BATCH)
OPEN = RunRecord(
    run_id="london-1",
    job=JOB.model_copy(update={"kill_switches": JOB.kill_switches.model_copy(update={"web": False})}),
    correlation_id=UUID,
    execution_arn=None,
    started_at=timestamp(NOW - 600),
    deadline=timestamp(NOW + 600),
    modes={},
    settings=RunDefaults(),
    versions={},
    overrides={},
    gate=None,
    closed_at=None,
    stopped_by=None,
)


def message(body: str, age: float = 60, message_id: str = "m", **attributes: str) -> Message:
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    system = {"SentTimestamp": str(int((NOW - age) * 1000)), "ApproximateReceiveCount": "6"}
    return Message(message_id, body, typed, system)


def page(**changes: Any) -> dict[str, Any]:
    found = WebMessage(
        city="London",
        run_id="london-1",
        correlation_id=UUID,
        budget_token=Connector.WEB_FETCH,
        source_url="https://example.org/",
        source_name="page",
        source_type="html",
        crawl_depth=0,
    ).document()
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


def web(error: str | None = None, **attributes: str) -> Content:
    attributes = {"correlation_id": UUID, **attributes}
    found = read(FRONTIER, message(json.dumps(page()), 60, "m", **attributes), "bucket")
    return replace(found, error=error)


class TestContents:
    def test_a_page(self) -> None:
        found = web()
        assert (found.type, found.city, found.run, found.group, found.traceable) == (
            Kind.WEB,
            "london",
            "london-1",
            BudgetGroup.WEB,
            True,
        )
        assert found.key == WebMessage.parse(page()).key

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("no JSON", "it is not JSON"),
            ("[" * 100_000, "it is not JSON"),
            ("[]", "the document: Input should be an object"),
            (json.dumps({"type": "car"}), "type"),
            (json.dumps(page(correlation_id=None)), "correlation_id: Field required"),
            (json.dumps(page(crawl_depth=6)), "crawl_depth"),
            (json.dumps(page(colour="red")), "colour"),
        ],
    )
    def test_what_the_contract_of_the_frontier_refuses(self, body: str, said: str) -> None:
        found = read(FRONTIER, message(body), "bucket")
        assert (found.type, found.state, found.error) == (Kind.INVALID, "AdmitBatch", "InvalidInput")
        assert found.detail is not None
        assert said in found.detail

    def test_a_run_that_reported_itself(self) -> None:
        errors = {
            "TileSweep": {"Error": "ExtractNotFound", "Cause": "gone"},
            "Finalize": {"Error": "States.Timeout", "Cause": ""},
        }
        body = {"type": "run", "city": "london", "run_id": "london-1", "errors": errors}
        found = read(FRONTIER, message(json.dumps(body)), "bucket")
        assert (found.type, found.run, found.state, found.error) == (Kind.RUN, "london-1", "Finalize", "States.Timeout")

    @pytest.mark.parametrize("errors", [None, [], {"TileSweep": "gone"}])
    def test_a_run_that_does_not_say_why(self, errors: Any) -> None:
        found = read(FRONTIER, message(json.dumps({"type": "run", "errors": errors})), "bucket")
        assert (found.type, found.run, found.state, found.error) == (Kind.RUN, None, None, None)

    @pytest.mark.parametrize("queue", [FRONTIER, FAILURES])
    def test_an_event_of_an_execution(self, queue: DeadLetterQueue) -> None:
        detail = {"name": "x-1", "status": "ABORTED", "cause": "asked to", "input": json.dumps({"city": "New York"})}
        body = json.dumps({"detail-type": "Step Functions Execution Status Change", "detail": detail})
        found = read(queue, message(body), "bucket")
        assert (found.type, found.run, found.city, found.error) == (Kind.EXECUTION, "x-1", "new-york", "ABORTED")

    def test_what_else_lies_among_reports(self) -> None:
        assert read(FAILURES, message(json.dumps(page())), "bucket").type is Kind.INVALID

    def test_messages_of_a_pipeline(self) -> None:
        assert read(BATCH_DLQ, message('{"programId": "p"}'), "bucket").type is Kind.MESSAGE
        found = read(BATCH_DLQ, message("no JSON"), "bucket")
        assert (found.type, found.error) == (Kind.INVALID, "InvalidInput")


class TestSafety:
    @pytest.mark.parametrize(
        "error", ["Throttled", "Lambda.TooManyRequestsException", "States.Timeout", "Sandbox.Timedout"]
    )
    def test_what_passes_by_itself_is_safe(self, error: str) -> None:
        assert judge(FRONTIER, web(error), Known(OPEN, MessageState.DEAD), NOW).safety is Safety.SAFE

    @pytest.mark.parametrize("error", ["AccessDenied", "InputNotFound", "KeyError", None])
    def test_what_stays_is_to_be_corrected_first(self, error: str | None) -> None:
        assert judge(FRONTIER, web(error), Known(OPEN, MessageState.DEAD), NOW).safety is Safety.FIX_FIRST

    @pytest.mark.parametrize(
        ("run", "state", "said"),
        [
            ({"closed_at": "T1"}, MessageState.DEAD, "takes no more work since T1"),
            ({"held_at": "T1"}, MessageState.DEAD, "stopped in an emergency at T1"),
            ({"deadline": timestamp(NOW - 1)}, MessageState.DEAD, "deadline was"),
            (
                {"gate": GateClosed(name=StoppedBy.BUDGET, at="T1", value=1, threshold=1, detail="")},
                MessageState.DEAD,
                "the gate budget of its run closed at T1",
            ),
            ({}, MessageState.DONE, "it is done already"),
            ({}, MessageState.DROPPED, "it is dropped already"),
            ({"overrides": {BudgetGroup.WEB: True}}, MessageState.DEAD, "the kill switch web of its run is on"),
        ],
    )
    def test_what_its_run_would_drop_has_no_effect(self, run: Any, state: MessageState, said: str) -> None:
        found = judge(FRONTIER, web("Throttled"), Known(replace(OPEN, **run), state), NOW)
        assert found.safety is Safety.NO_EFFECT
        assert said in found.reason
        assert not found.moves
        assert found.can_be_forced

    def test_what_nobody_knows_or_could_follow_never_moves(self) -> None:
        assert judge(FRONTIER, web("Throttled"), Known(), NOW).safety is Safety.NEVER
        known = Known(OPEN, MessageState.DEAD)
        other = judge(FRONTIER, web("Throttled", correlation_id=UUID.replace("0", "1")), known, NOW)
        assert (other.safety, "nobody could follow it" in other.reason) == (Safety.NEVER, True)

    def test_a_report_is_not_even_moved_by_force(self) -> None:
        found = judge(FRONTIER, Content(message("{}"), Kind.RUN, run="london-1"), Known(OPEN), NOW)
        assert (found.safety, found.moves, found.can_be_forced) == (Safety.REPORT, False, False)


class TestAdvice:
    def test_each_kind_has_its_command(self) -> None:
        fields = {"type": "web", "run": "a b", "older_than": "1h"}
        safe = advice(FRONTIER, Judgement(Safety.SAFE, ""), fields)
        assert shlex.split(safe)[3:] == [
            "frontier",
            "--type",
            "web",
            "--run",
            "a b",
            "--older-than",
            "1h",
            "--safety",
            "safe",
        ]
        assert advice(FRONTIER, Judgement(Safety.NEVER, ""), {}) == "scout dlq purge frontier --safety never"
        assert advice(FRONTIER, Judgement(Safety.NO_EFFECT, "", "scout kill"), {}) == "scout kill"
        report = Judgement(Safety.REPORT, "")
        assert advice(FRONTIER, report, {"run": "r"}) == "scout resume r"
        assert advice(FRONTIER, report, {}) == "scout dlq analyze frontier --by run"
        assert advice(FAILURES, report, {"run": "r"}) == "scout replay batch --execution r"
        assert advice(FAILURES, report, {}) == "scout replay batch --all"


def letter(age: float, safety: Safety = Safety.SAFE, message_id: str = "m", **content: Any) -> Letter:
    found = Content(message("{}", age, message_id), **{"type": Kind.WEB, "city": "london", **content})
    return Letter(found, Known(), Judgement(safety, f"reason of {message_id}"))


class TestGroups:
    def test_letters_are_grouped_by_what_is_asked_for_the_largest_group_first(self) -> None:
        letters = [
            letter(7200, message_id="1", run="a", error="Throttled"),
            letter(60, message_id="2", run="b"),
            letter(50, message_id="3", run="b"),
        ]
        by_run = grouped(FRONTIER, letters, {Field.RUN}, NOW)
        assert [(group.fields, len(group.messages)) for group in by_run] == [({"run": "b"}, 2), ({"run": "a"}, 1)]
        by_all = grouped(FRONTIER, letters, set(Field), NOW)
        assert by_all[1].document(NOW) == {
            "type": "web",
            "city": "london",
            "run": "a",
            "state": "unknown",
            "error": "Throttled",
            "age": "1 h to 1 d",
            "count": 1,
            "oldest_seconds": 7200,
            "newest_seconds": 7200,
            "safety": "safe",
            "reason": "reason of 1",
            "command": "scout dlq redrive frontier --type web --city london --run a --state unknown --error Throttled "
            "--older-than 1h --younger-than 1d --safety safe",
            "message_ids": ["1"],
        }

    def test_what_is_not_to_be_treated_alike_is_never_in_one_group(self) -> None:
        letters = [letter(60), letter(60, Safety.NO_EFFECT)]
        groups = grouped(FRONTIER, letters, {Field.TYPE}, NOW)
        assert [group.command for group in groups] == [
            "scout dlq redrive frontier --type web --safety safe",
            "scout dlq purge frontier --type web --safety no-effect",
        ]
