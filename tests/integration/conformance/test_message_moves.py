"""Messages that are moved back from a dead-letter queue."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.account import wait_until

if TYPE_CHECKING:
    from tests.integration.account import Account


def with_dead_letters(account: Account, name: str, dead: str, *bodies: str) -> str:
    """Make a queue whose messages are all in a dead-letter queue by now; return its URL."""
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    url, _ = account.queue(name, RedrivePolicy=redrive)
    dead_url = account.sqs.get_queue_url(QueueName=dead.rsplit(":", 1)[-1])["QueueUrl"]
    before = waiting(account, dead_url)
    for body in bodies:
        attributes = {"kind": {"DataType": "String", "StringValue": f"kind of {body}"}}
        account.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)  # type: ignore[arg-type]

    def swept() -> bool:
        account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return waiting(account, dead_url) == before + len(bodies)

    wait_until(swept)
    return url


def waiting(account: Account, url: str) -> int:
    attributes = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def start(account: Account, source: str, **arguments: Any) -> str:
    return account.sqs.start_message_move_task(SourceArn=source, **arguments)["TaskHandle"]


def task(account: Account, source: str) -> Any:
    """The last task of a queue."""
    return account.sqs.list_message_move_tasks(SourceArn=source)["Results"][0]


def ended(account: Account, source: str) -> Any:
    return wait_until(lambda: (found := task(account, source))["Status"] not in ("RUNNING", "CANCELLING") and found)


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_messages_go_back_to_the_queues_that_they_came_from(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    first = with_dead_letters(account, "first", dead, "a", "b")
    second = with_dead_letters(account, "second", dead, "c")
    sources = account.sqs.list_dead_letter_source_queues(QueueUrl=dead_url)["queueUrls"]
    assert sorted(sources) == sorted([first, second])
    peek = account.sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    ids = {message["MessageId"] for message in peek}

    handle = start(account, dead)

    assert json.loads(base64.b64decode(handle))["sourceArn"] == dead
    done = ended(account, dead)
    assert (done["Status"], done["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)
    assert done["ApproximateNumberOfMessagesToMove"] == 3
    assert {"TaskHandle", "DestinationArn", "FailureReason"}.isdisjoint(done)
    back = account.drain(first, 2) + account.drain(second, 1)
    assert {message["Body"]: message["MessageAttributes"]["kind"]["StringValue"] for message in back} == {
        body: f"kind of {body}" for body in "abc"
    }
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in back} == {"1"}  # by this test
    assert not ids & {message["MessageId"] for message in back}
    assert waiting(account, dead_url) == 0


def test_messages_go_to_another_queue_at_a_rate_until_that_is_cancelled(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    with_dead_letters(account, "source", dead, *"abcdefgh")
    target_url, target = account.queue("target")
    handle = start(account, dead, DestinationArn=target, MaxNumberOfMessagesPerSecond=1)
    running = task(account, dead)
    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", handle)
    assert (running["DestinationArn"], running["MaxNumberOfMessagesPerSecond"]) == (target, 1)
    assert refusal(account.sqs.start_message_move_task, SourceArn=dead) == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
    wait_until(lambda: waiting(account, target_url) >= 2)

    account.sqs.cancel_message_move_task(TaskHandle=handle)

    assert ended(account, dead)["Status"] == "CANCELLED"
    moved = task(account, dead)["ApproximateNumberOfMessagesMoved"]
    assert 2 <= moved < 8
    assert (waiting(account, target_url), waiting(account, dead_url)) == (moved, 8 - moved)
    assert (
        refusal(account.sqs.cancel_message_move_task, TaskHandle=handle)[0]
        == "AWS.SimpleQueueService.UnsupportedOperation"
    )

    start(account, dead, DestinationArn=target)
    assert ended(account, dead)["ApproximateNumberOfMessagesMoved"] == 8 - moved
    statuses = account.sqs.list_message_move_tasks(SourceArn=dead, MaxResults=10)["Results"]
    assert [found["Status"] for found in statuses] == ["COMPLETED", "CANCELLED"]


def test_a_message_without_an_origin_needs_a_destination(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    with_dead_letters(account, "source", dead)
    account.sqs.send_message(QueueUrl=dead_url, MessageBody="direct")
    start(account, dead)
    failed = ended(account, dead)
    assert (failed["Status"], failed["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert waiting(account, dead_url) == 1

    target_url, target = account.queue("target")
    start(account, dead, DestinationArn=target)
    assert ended(account, dead)["Status"] == "COMPLETED"
    assert account.drain(target_url, 1)[0]["Body"] == "direct"


def test_a_move_fails_when_its_destination_is_gone(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    with_dead_letters(account, "source", dead, "a", "b", "c", "d")
    target_url, target = account.queue("target")
    start(account, dead, DestinationArn=target, MaxNumberOfMessagesPerSecond=1)
    account.sqs.delete_queue(QueueUrl=target_url)
    failed = ended(account, dead)
    assert (failed["Status"], failed["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert waiting(account, dead_url) == 4 - failed["ApproximateNumberOfMessagesMoved"]


def test_what_cannot_be_moved_is_refused(account: Account) -> None:
    _, dead = account.queue("dead")
    _, plain = account.queue("plain")
    move, cancel = account.sqs.start_message_move_task, account.sqs.cancel_message_move_task
    assert refusal(move, SourceArn=plain) == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )
    with_dead_letters(account, "source", dead)
    gone = "The resource that you specified for the {} parameter doesn't exist."
    not_found = "ResourceNotFoundException"
    assert refusal(move, SourceArn=f"{dead}-2") == (not_found, gone.format("SourceArn"))
    assert refusal(move, SourceArn=dead, DestinationArn=f"{dead}-2") == (not_found, gone.format("DestinationArn"))
    assert refusal(move, SourceArn=dead, MaxNumberOfMessagesPerSecond=501)[0] == "InvalidParameterValue"
    fifo = account.sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    ordered = account.sqs.get_queue_attributes(QueueUrl=fifo, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": ordered, "maxReceiveCount": 1})
    account.sqs.create_queue(QueueName="source.fifo", Attributes={"FifoQueue": "true", "RedrivePolicy": redrive})
    assert "does not move messages of FIFO queues" in refusal(move, SourceArn=ordered)[1]
    assert refusal(cancel, TaskHandle="foobared") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )
    unknown = base64.b64encode(json.dumps({"taskId": "1", "sourceArn": dead}).encode()).decode()
    assert refusal(cancel, TaskHandle=unknown) == (not_found, "Task does not exist.")


MOVER = """
import boto3
def handler(event, context):
    return boto3.client("sqs").start_message_move_task(**event)["TaskHandle"]
"""
SOURCE_ACTIONS = ["sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


@pytest.mark.parametrize("missing", [None, *SOURCE_ACTIONS, "sqs:SendMessage"])
def test_a_move_needs_the_permissions_of_all_that_it_does(account: Account, missing: str | None) -> None:
    _, dead = account.queue("dead")
    url = with_dead_letters(account, "source", dead, "a")
    source = dead.replace(":dead", ":source")
    allowed = [(action, dead) for action in SOURCE_ACTIONS] + [("sqs:SendMessage", source)]
    role = account.role("lambda", *[(action, on) for action, on in allowed if action != missing])
    account.function("f", MOVER, role=role)

    kind, answer = account.invoke("f", {"SourceArn": dead})

    if missing is None:
        assert kind is None, answer
        assert account.drain(url, 1)[0]["Body"] == "a"
    else:
        assert f"is not authorized to perform: {missing} " in answer["errorMessage"]
        assert account.sqs.list_message_move_tasks(SourceArn=dead).get("Results", []) == []


def test_no_message_is_lost_or_doubled_while_others_use_the_queues(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    target_url, target = account.queue("target")
    with_dead_letters(account, "source", dead)
    count = 600

    def fill(first: int) -> None:
        entries = [{"Id": str(n), "MessageBody": str(first + n)} for n in range(10)]
        account.sqs.send_message_batch(QueueUrl=dead_url, Entries=entries)  # type: ignore[arg-type]

    def take(url: str) -> list[str]:
        bodies: list[str] = []
        while messages := account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            account.sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
            bodies += [message["Body"] for message in messages]
        return bodies

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(0, count, 10)))
        start(account, dead, DestinationArn=target)
        late = pool.map(fill, range(count, 2 * count, 10))
        taken = pool.map(take, [dead_url, target_url, dead_url])
        list(late)
        bodies = [body for part in taken for body in part]
    assert ended(account, dead)["Status"] == "COMPLETED"
    bodies += take(target_url) + take(dead_url)
    assert sorted(map(int, bodies)) == list(range(2 * count))
