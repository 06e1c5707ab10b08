"""SourceQueue: a queue whose messages come back neither too early nor for ever."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.source_queue import SourceQueue, SourceQueueArgs, visibility_timeout
from tests.unit.pulumi_support import Graph, context_of, record

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:data-scout-mock-frontier"


def build(consumer_timeout_seconds: int = 300, **changes: object) -> Graph:
    context = context_of(changes)
    tries = context.settings.frontier.max_receive_count
    args = SourceQueueArgs(context, "frontier", consumer_timeout_seconds, tries, "city-failure")
    return record(lambda: SourceQueue("frontier", args))


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build()


def test_it_is_two_queues_each_with_a_policy(graph):
    assert graph.names("Queue") == {"data-scout-mock-frontier", "data-scout-mock-frontier-dlq"}
    assert len(graph.of_type("QueuePolicy")) == 2
    assert len(graph.resources) == 6
    assert graph.component_outputs["SourceQueue frontier"] == {
        "url": "https://sqs.us-east-1.amazonaws.com/123456789012/data-scout-mock-frontier",
        "arn": QUEUE_ARN,
        "dlqUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/data-scout-mock-frontier-dlq",
        "dlqArn": f"{QUEUE_ARN}-dlq",
    }


def test_after_five_tries_a_message_lies_in_the_dlq(graph):
    redrive = json.loads(graph.one("Queue", "frontier").inputs["redrivePolicy"])
    assert redrive == {"deadLetterTargetArn": f"{QUEUE_ARN}-dlq", "maxReceiveCount": 5}


def test_the_number_of_tries_comes_from_the_config():
    queue = build(frontier={"max_receive_count": 2}).one("Queue", "frontier")
    assert json.loads(queue.inputs["redrivePolicy"])["maxReceiveCount"] == 2


def test_only_the_frontier_may_use_the_dlq_which_keeps_for_14_days(graph):
    dlq = graph.one("Queue", "frontier-dlq").inputs
    assert json.loads(dlq["redriveAllowPolicy"]) == {"redrivePermission": "byQueue", "sourceQueueArns": [QUEUE_ARN]}
    assert dlq["messageRetentionSeconds"] == 1_209_600
    assert dlq["messageRetentionSeconds"] > graph.one("Queue", "frontier").inputs["messageRetentionSeconds"]


def test_both_poll_long_and_are_encrypted_and_tagged(graph):
    for queue in graph.of_type("Queue"):
        assert queue.inputs["receiveWaitTimeSeconds"] == 20
        assert queue.inputs["sqsManagedSseEnabled"] is True
        own = {"frontier": "source-queue", "frontier-dlq": "dead-letter-queue"}
        assert queue.inputs["tags"]["component"] == own[queue.name]


def test_both_refuse_what_does_not_come_over_tls(graph):
    for policy in graph.of_type("QueuePolicy"):
        statement = policy.document["Statement"][0]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == QUEUE_ARN + ("-dlq" if policy.name == "frontier-dlq" else "")


def test_only_the_rule_for_failed_runs_may_send_to_the_dlq_from_outside(graph):
    assert len(graph.one("QueuePolicy", "frontier").document["Statement"]) == 1
    _, allow = graph.one("QueuePolicy", "frontier-dlq").document["Statement"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert (allow["Action"], allow["Resource"]) == ("sqs:SendMessage", f"{QUEUE_ARN}-dlq")
    assert allow["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/data-scout-mock-city-failure"},
    }


@pytest.mark.parametrize(("consumer", "expected"), [(1, 120), (20, 120), (21, 126), (300, 1800), (7200, 43_200)])
def test_visibility_is_six_times_the_consumers_timeout_and_at_least_120_seconds(consumer, expected):
    assert visibility_timeout(consumer) == expected
    assert build(consumer).one("Queue", "frontier").inputs["visibilityTimeoutSeconds"] == expected


@given(st.integers(min_value=1, max_value=100_000))
def test_a_visibility_that_sqs_refuses_is_refused(consumer):
    if 6 * consumer > 43_200:
        with pytest.raises(ValueError, match="SQS takes at most 43200"):
            visibility_timeout(consumer)
    else:
        assert max(120, 6 * consumer) == visibility_timeout(consumer)
