"""Queues that several services work on, and who may send to them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account


def test_no_message_is_lost_while_others_are_deleted(account: Account) -> None:
    """State machines send from threads; requests change the queue at the same time."""
    url, _ = account.queue("q")
    old, new = 1_000, 300

    def fill(first: int) -> None:
        entries = [{"Id": str(n), "MessageBody": f"old {first + n}"} for n in range(10)]
        account.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(0, old, 10)))
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "States.Format('new {}', $)"},
        "End": True,
    }
    one_by_one = {"StartAt": "S", "States": {"S": send}}
    item = {"Type": "Map", "ItemProcessor": one_by_one, "End": True}
    machine = account.machine("m", {"StartAt": "M", "States": {"M": item}})

    execution = account.states.start_execution(stateMachineArn=machine, input=json.dumps(list(range(new))))
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(lambda _: _taken(account, url), range(2)))
    assert account.ended(execution["executionArn"])["status"] == "SUCCEEDED"
    bodies = [body for half in halves for body in half] + _taken(account, url)
    assert len(bodies) == len(set(bodies)) == old + new


def _taken(account: Account, url: str) -> list[str]:
    """Receive and delete until the queue is empty."""
    bodies: list[str] = []
    while messages := account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        account.sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
        bodies += [message["Body"] for message in messages]
    return bodies


def send_to(account: Account, target: str, *statements: dict[str, Any]) -> None:
    """Send one event through a rule to a queue with these statements in its policy."""
    url = account.sqs.get_queue_url(QueueName=target.rsplit(":", 1)[-1])["QueueUrl"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    events = account.session.client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["ours"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": target}])
    events.put_events(Entries=[{"Source": "ours", "DetailType": "t", "Detail": "{}"}])


def allow(account: Account, queue: str, rule: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{account.region}:{account.id}:rule/{rule}"}},
    }


def test_a_rule_needs_the_permission_of_the_queue(account: Account) -> None:
    url, queue = account.queue("q")
    send_to(account, queue)
    send_to(account, queue, allow(account, queue, "another"))
    time.sleep(0.3)
    assert "Messages" not in account.sqs.receive_message(QueueUrl=url)

    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    send_to(account, queue, allow(account, queue, "r"), tls_only)
    assert json.loads(account.drain(url, 1)[0]["Body"])["source"] == "ours"


@pytest.mark.parametrize(("allowed", "error"), [("sqs:SendMessage", None), ("sqs:ReceiveMessage", "Unhandled")])
def test_permission_to_send_covers_batches(account: Account, allowed: str, error: str | None) -> None:
    url, queue = account.queue("q")
    code = (
        "import boto3\n"
        "def handler(url, context):\n"
        "    entries = [{'Id': '0', 'MessageBody': 'x'}]\n"
        "    return boto3.client('sqs').send_message_batch(QueueUrl=url, Entries=entries)['Successful'][0]['Id']\n"
    )
    account.function("f", code, role=account.role("lambda", (allowed, queue)))
    kind, answer = account.invoke("f", url)
    assert kind == error, answer


def test_a_message_of_a_batch_keeps_its_trace_header(account: Account) -> None:
    url, _ = account.queue("q")
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    entries: Any = [
        {"Id": "0", "MessageBody": "with", "MessageSystemAttributes": header},
        {"Id": "1", "MessageBody": "without"},
    ]
    account.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    found = {message["Body"]: message["Attributes"].get("AWSTraceHeader") for message in account.drain(url, 2)}
    assert found == {"with": header["AWSTraceHeader"]["StringValue"], "without": None}
