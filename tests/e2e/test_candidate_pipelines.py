"""The example pipelines, from a queue message to the last output, the batch one through a real Spark job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.runtime import envelope, keys
from scout.deployment import Deployment
from scout.pipelines.failures import Failure
from scout.pipelines.following import Sent, StageDone, send
from scout.pipelines.messages import Pipeline
from tests.e2e.support import EXAMPLES, depth, eventually, read

FIVE = ["ETLStage", "FilterStage", "ScoreStage", "StoreStage", "ReactiveStage"]
# Spark takes its time to start, and the first job of a machine installs it.
SECONDS = 900


class Silent:
    def sent(self, pipeline: Pipeline, message_id: str) -> None:
        pass

    def stage_done(self, stage: StageDone) -> None:
        pass

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        pass


def through(stack: Deployment, pipeline: str, message: dict[str, Any]) -> Sent:
    return send(stack, stack.pipelines[pipeline], json.dumps(message), view=Silent(), timeout=SECONDS)


def example(program: str, *, own_customers: bool = True) -> dict[str, Any]:
    """The example under a program of its own, and with customers that no other test has: who was asked once is not
    asked again for a while, by no program.
    """
    document = json.loads((EXAMPLES / "candidates.json").read_text(encoding="utf-8"))
    if own_customers:
        for record in document["records"]:
            record["customerId"] = f"{program}-{record.get('customerId', '')}"
    return {**document, "programId": program}


def output(stack: Deployment, sent: Sent, stage: str) -> Any:
    return json.loads(read(stack, keys.stage_output(sent.execution_id, stage)))[envelope.DATA]


def stored(stack: Deployment, program: str) -> list[dict[str, Any]]:
    table = stack.session.resource("dynamodb").Table("data-scout-mock-candidates")
    found = table.query(
        KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": f"PROGRAM#{program}#DE"}
    )  # fmt: skip
    return list(found["Items"])


@pytest.fixture(scope="module")
def notifications(deployed) -> tuple[Any, str]:
    """A queue that gets what the topic of notifications sends."""
    stack = deployed("mock")
    sqs, sns = stack.session.client("sqs"), stack.session.client("sns")
    topics = [item["TopicArn"] for item in sns.list_topics()["Topics"]]
    # Another stack of the same account has one, too.
    (topic,) = [arn for arn in topics if ":data-scout-mock-" in arn]
    url = sqs.create_queue(QueueName="notifications")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return sqs, url


def notified(notifications: tuple[Any, str], program: str, count: int) -> list[dict[str, Any]]:
    sqs, url = notifications
    found: list[dict[str, Any]] = []

    def receive() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            body = json.loads(message["Body"])
            if body["programId"] == program:
                found.append(body)
        return len(found) >= count

    eventually(receive)
    return found


def test_realtime_extracts_filters_scores_stores_and_notifies(mock_stack, notifications):
    sent = through(mock_stack, "candidate-realtime", example("realtime"))
    assert [done.stage for done in sent.stages] == FIVE
    scored = output(mock_stack, sent, "ScoreStage")["candidates"]
    assert all(0 <= candidate["score"] <= 1 for candidate in scored)
    items = stored(mock_stack, "realtime")
    assert {item["candidateId"] for item in items} == {candidate["candidateId"] for candidate in scored}
    due = [candidate for candidate in scored if candidate["score"] >= 0.6]
    assert sent.data["notified"] == len(due) > 0
    told = notified(notifications, "realtime", len(due))
    assert {item["candidateId"] for item in told} == {candidate["candidateId"] for candidate in due}
    pipeline = mock_stack.pipelines["candidate-realtime"]
    assert eventually(lambda: depth(mock_stack, pipeline.queue_url) == 0)
    assert depth(mock_stack, pipeline.dlq_url) == 0


def test_the_same_candidates_out_of_a_table_in_the_bucket(mock_stack):
    mock_stack.session.client("s3").put_object(
        Bucket=mock_stack.bucket, Key="incoming/candidates.csv", Body=(EXAMPLES / "candidates.csv").read_bytes()
    )
    message = json.loads(Path(EXAMPLES / "candidates-csv.json").read_text(encoding="utf-8"))
    from_table = through(mock_stack, "candidate-realtime", {**message, "programId": "table"})
    from_list = through(mock_stack, "candidate-realtime", example("list", own_customers=False))
    scores = [
        sorted(
            (candidate["customerId"], candidate["subjectId"], candidate["score"])
            for candidate in output(mock_stack, sent, "ScoreStage")["candidates"]
        )
        for sent in (from_table, from_list)
    ]
    assert scores[0] == scores[1] != []


def test_nobody_is_notified_twice_for_the_same_within_minutes(mock_stack, notifications):
    first = through(mock_stack, "candidate-realtime", example("twice"))
    assert first.data["notified"] > 0
    assert len(notified(notifications, "twice", first.data["notified"])) == first.data["notified"]
    second = through(mock_stack, "candidate-realtime", example("twice"))
    assert (second.data["notified"], second.data["suppressed"]) == (0, first.data["notified"])


@pytest.mark.xdist_group("spark")
class TestBatch:
    def test_a_spark_job_stands_between_filter_and_score(self, mock_stack):
        sent = through(mock_stack, "candidate-batch", example("batch"))
        assert [done.stage for done in sent.stages] == ["ETLStage", "FilterStage", "HeavyETLStage", *FIVE[2:]]
        enriched = output(mock_stack, sent, "HeavyETLStage")["candidates"]
        assert all(candidate["features"]["customerEventCount"] >= 1 for candidate in enriched)
        assert len(stored(mock_stack, "batch")) == sent.stages[2].records
        # With features the score rests on more.
        scored = output(mock_stack, sent, "ScoreStage")["candidates"]
        assert all("customerEventCount" not in candidate["scoreDetail"]["missing"] for candidate in scored)

    def test_its_features_are_those_of_all_candidates_together_and_nothing_of_a_record_is_lost(self, mock_stack):
        base = example("features")
        passes = base["records"][0]
        orders = [
            ("anna", "book", 100.0, "2026-02-20T08:00:00Z"),
            ("anna", "book", 300.0, "2026-02-22T08:00:00Z"),
            ("anna", "lamp", 200.0, "2026-02-21T08:00:00Z"),
            ("boris", "book", 400.0, "2026-02-23T08:00:00Z"),
        ]
        records = [
            {
                **passes, "customerId": customer, "subjectId": subject, "eventDate": moment,
                "note": f"{customer} {value}", "attributes": {**passes["attributes"], "orderValue": value},
            }
            for customer, subject, value, moment in orders
        ]  # fmt: skip
        sent = through(mock_stack, "candidate-batch", {**base, "records": records})
        found = {
            (candidate["customerId"], candidate["subjectId"]): candidate
            for candidate in output(mock_stack, sent, "HeavyETLStage")["candidates"]
        }
        # Extraction has kept the newest of Anna's two events about the book.
        assert {pair: candidate["note"] for pair, candidate in found.items()} == {
            ("anna", "book"): "anna 300.0",
            ("anna", "lamp"): "anna 200.0",
            ("boris", "book"): "boris 400.0",
        }
        assert found["anna", "book"]["features"] == {
            "customerEventCount": 2,
            "customerOrderValueMean": 250.0,
            "subjectPopularity": 1.0,
        }
        assert found["anna", "lamp"]["features"]["subjectPopularity"] == 0.5
        assert found["boris", "book"]["features"]["customerOrderValueMean"] == 400.0
