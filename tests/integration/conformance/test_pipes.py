"""EventBridge Pipes from an SQS queue to a state machine."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.account import wait_until

if TYPE_CHECKING:
    from tests.integration.account import Account

ECHO_FAILURES = "def handler(event, context):\n    return event\n"


def pipe(account: Account, source: str, target: str, *, role: str | None = None, **arguments: Any) -> dict[str, Any]:
    role = role or account.role(
        "pipes",
        (["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], source),
        (["states:StartExecution", "states:StartSyncExecution"], target),
    )
    account.pipes.create_pipe(Name="pipe", Source=source, Target=target, RoleArn=role, **arguments)
    return described(account)


def described(account: Account) -> dict[str, Any]:
    return dict(account.pipes.describe_pipe(Name="pipe"))


def fire_and_forget(**more: Any) -> dict[str, Any]:
    return {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}, **more}


def pass_to_queue(url: str) -> dict[str, Any]:
    """A definition that sends its whole input to a queue."""
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody.$": "$"},
        "End": True,
    }
    return {"StartAt": "Send", "States": {"Send": send}}


def answering(failures: Any) -> dict[str, Any]:
    """A definition whose output names failed messages."""
    return {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"batchItemFailures": failures}, "End": True}}}


def waiting(account: Account, url: str) -> int:
    """How many messages are in a queue, visible or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes: dict[str, str] = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]  # type: ignore[assignment]
    return sum(int(attributes[name]) for name in names)


def in_flight(account: Account, url: str) -> int:
    """How many messages have been received and not deleted."""
    name = "ApproximateNumberOfMessagesNotVisible"
    return int(account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])  # type: ignore[list-item,index]


def test_a_batch_reaches_the_state_machine_in_the_shape_of_aws(account: Account) -> None:
    source_url, source = account.queue("source")
    result_url, _ = account.queue("result")
    machine = account.machine("m", pass_to_queue(result_url))
    account.sqs.send_message(
        QueueUrl=source_url,
        MessageBody='{"city": "Edinburgh"}',
        MessageAttributes={"correlation_id": {"DataType": "String", "StringValue": "c-1"}},
    )
    assert pipe(account, source, machine, TargetParameters=fire_and_forget())["CurrentState"] == "RUNNING"

    (record,) = json.loads(account.drain(result_url, 1)[0]["Body"])
    assert record["body"] == '{"city": "Edinburgh"}'
    assert record["messageAttributes"] == {
        "correlation_id": {
            "stringValue": "c-1",
            "dataType": "String",
            "stringListValues": [],
            "binaryListValues": [],
        }
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(record["attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == source
    assert record["awsRegion"] == account.region
    assert {"messageId", "receiptHandle", "md5OfBody"} <= record.keys()
    wait_until(lambda: waiting(account, source_url) == 0)


def test_batches_are_of_the_size_that_was_asked_for(account: Account) -> None:
    source_url, source = account.queue("source")
    result_url, _ = account.queue("result")
    machine = account.machine("m", pass_to_queue(result_url))
    for number in range(7):
        account.sqs.send_message(QueueUrl=source_url, MessageBody=str(number))
    parameters = {"SqsQueueParameters": {"BatchSize": 3}}
    pipe(account, source, machine, SourceParameters=parameters, TargetParameters=fire_and_forget())

    batches = [json.loads(message["Body"]) for message in account.drain(result_url, 3)]
    assert max(len(batch) for batch in batches) <= 3
    assert sorted(int(record["body"]) for batch in batches for record in batch) == list(range(7))
    assert described(account)["SourceParameters"] == parameters
    assert described(account)["TargetParameters"] == fire_and_forget()


def test_only_the_named_messages_come_back_and_end_in_the_dead_letter_queue(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    # Longer than a batch takes: what comes back while it is still in work would be received once too often.
    source_url, source = account.queue("source", VisibilityTimeout="5", RedrivePolicy=redrive)
    good = account.sqs.send_message(QueueUrl=source_url, MessageBody="good")["MessageId"]
    bad = account.sqs.send_message(
        QueueUrl=source_url,
        MessageBody="bad",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}},
    )["MessageId"]
    code = (
        "def handler(records, context):\n"
        "    failed = [r['messageId'] for r in records if r['body'] == 'bad']\n"
        "    return {'batchItemFailures': [{'itemIdentifier': i} for i in failed]}\n"
    )
    task = {"Type": "Task", "Resource": account.function("f", code), "End": True}
    account.invoke("f", [])
    machine = account.machine("m", {"StartAt": "T", "States": {"T": task}}, express=True)
    pipe(account, source, machine)

    (message,) = account.drain(dead_url, 1)
    assert message["MessageId"] == bad != good
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"  # two by the pipe, one by this test
    assert message["MessageAttributes"]["kind"]["StringValue"] == "x"
    assert waiting(account, source_url) == 0
    assert waiting(account, dead_url) == 0


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param([{"itemIdentifier": ""}], id="empty identifier"),
        pytest.param([{"itemIdentifier": None}], id="null identifier"),
        pytest.param([{"identifier": "x"}], id="bad key"),
        pytest.param("all", id="not a list"),
    ],
)
def test_an_answer_that_cannot_be_understood_fails_the_whole_batch(account: Account, failures: Any) -> None:
    dead_url, dead = account.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source_url, source = account.queue("source", VisibilityTimeout="1", RedrivePolicy=redrive)
    for number in range(2):
        account.sqs.send_message(QueueUrl=source_url, MessageBody=str(number))
    pipe(account, source, account.machine("m", answering(failures), express=True))
    assert {message["Body"] for message in account.drain(dead_url, 2)} == {"0", "1"}


@pytest.mark.parametrize("failures", [pytest.param([], id="empty list"), pytest.param(None, id="null")])
def test_no_failures_named_is_success(account: Account, failures: Any) -> None:
    source_url, source = account.queue("source")
    account.sqs.send_message(QueueUrl=source_url, MessageBody="x")
    pipe(account, source, account.machine("m", answering(failures), express=True))
    wait_until(lambda: waiting(account, source_url) == 0)


def test_a_failed_execution_deletes_nothing(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source_url, source = account.queue("source", VisibilityTimeout="1", RedrivePolicy=redrive)
    account.sqs.send_message(QueueUrl=source_url, MessageBody="x")
    fail = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}}
    pipe(account, source, account.machine("m", fail, express=True))
    assert account.drain(dead_url, 1)[0]["Body"] == "x"


def test_several_batches_are_in_flight(account: Account) -> None:
    source_url, source = account.queue("source")
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "End": True}}}
    machine = account.machine("m", wait, express=True)
    for number in range(4):
        account.sqs.send_message(QueueUrl=source_url, MessageBody=str(number))
    pipe(account, source, machine, SourceParameters={"SqsQueueParameters": {"BatchSize": 1}})
    wait_until(lambda: in_flight(account, source_url) == 4)
    wait_until(lambda: waiting(account, source_url) == 0)


def test_a_stopped_pipe_delivers_nothing_until_it_is_started(account: Account) -> None:
    source_url, source = account.queue("source")
    account.sqs.send_message(QueueUrl=source_url, MessageBody="x")
    machine = account.machine("m", answering([]), express=True)
    assert pipe(account, source, machine, DesiredState="STOPPED")["CurrentState"] == "STOPPED"
    time.sleep(0.5)
    assert waiting(account, source_url) == 1

    account.pipes.start_pipe(Name="pipe")
    wait_until(lambda: waiting(account, source_url) == 0)

    account.pipes.stop_pipe(Name="pipe")
    account.sqs.send_message(QueueUrl=source_url, MessageBody="y")
    time.sleep(0.5)
    assert waiting(account, source_url) == 1

    account.pipes.start_pipe(Name="pipe")
    account.pipes.delete_pipe(Name="pipe")
    with pytest.raises(account.pipes.exceptions.NotFoundException):
        described(account)


def test_an_input_template_is_filled_in_for_each_message(account: Account) -> None:
    source_url, source = account.queue("source")
    result_url, _ = account.queue("result")
    machine = account.machine("m", pass_to_queue(result_url))
    account.sqs.send_message(QueueUrl=source_url, MessageBody='{"n": 1, "name": "a \\"b\\""}')
    template = '{"n": <$.body.n>, "text": "city <$.body.name>", "id": <$.messageId>, "none": <$.body.no>}'
    pipe(account, source, machine, TargetParameters=fire_and_forget(InputTemplate=template))
    ((item,),) = [json.loads(message["Body"]) for message in account.drain(result_url, 1)]
    assert item.pop("id")
    assert item == {"n": 1, "text": 'city a "b"', "none": None}


BODIES = [
    pytest.param('{"city": "Oslo", "n": [1]}', {"city": "Oslo", "n": [1]}, "Oslo", id="object"),
    pytest.param("[1, 2]", [1, 2], None, id="list"),
    pytest.param('"quoted"', "quoted", None, id="JSON string"),
    pytest.param("7", 7, None, id="number"),
    pytest.param('say "hi"', 'say "hi"', None, id="text"),
    pytest.param("NaN", "NaN", None, id="not JSON"),
]


@pytest.mark.parametrize(("body", "value", "city"), BODIES)
def test_a_body_that_is_json_is_parsed_and_any_other_is_text(
    account: Account, body: str, value: Any, city: str | None
) -> None:
    source_url, source = account.queue("source")
    result_url, _ = account.queue("result")
    account.sqs.send_message(QueueUrl=source_url, MessageBody=body)
    template = '{"data": <$.body>, "text": "<$.body>", "city": <$.body.city>, "sender": <$.attributes.SenderId>}'
    machine = account.machine("m", pass_to_queue(result_url))
    pipe(account, source, machine, TargetParameters=fire_and_forget(InputTemplate=template))
    ((item,),) = [json.loads(message["Body"]) for message in account.drain(result_url, 1)]
    assert item == {"data": value, "text": body, "city": city, "sender": account.id}


def test_a_json_body_alone_is_no_template(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source_url, source = account.queue("source", VisibilityTimeout="1", RedrivePolicy=redrive)
    account.sqs.send_message(QueueUrl=source_url, MessageBody='{"city": "Oslo"}')
    machine = account.machine("m", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    pipe(account, source, machine, TargetParameters=fire_and_forget(InputTemplate="<$.body>"))
    assert account.drain(dead_url, 1)[0]["Body"] == '{"city": "Oslo"}'
    assert account.states.list_executions(stateMachineArn=machine)["executions"] == []


def test_request_response_to_a_standard_workflow_is_refused(account: Account) -> None:
    _, source = account.queue("source")
    machine = account.machine("m", answering([]))
    with pytest.raises(account.pipes.exceptions.ValidationException, match="not supported for Standard"):
        pipe(account, source, machine)


def test_what_is_not_supported_is_refused_and_not_ignored(account: Account) -> None:
    _, source = account.queue("source")
    machine = account.machine("m", answering([]), express=True)
    filters = {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}
    with pytest.raises(account.pipes.exceptions.ValidationException, match="FilterCriteria"):
        pipe(account, source, machine, SourceParameters=filters)


def test_a_pipe_without_permission_on_its_source_is_not_created(account: Account) -> None:
    _, source = account.queue("source")
    machine = account.machine("m", answering([]), express=True)
    role = account.role("pipes", (["sqs:ReceiveMessage", "sqs:GetQueueAttributes"], source), ("states:*", machine))
    state = pipe(account, source, machine, role=role)
    assert state["CurrentState"] == "CREATE_FAILED"
    assert "does not have permissions to call DeleteMessage on SQS" in state["StateReason"]


def test_a_role_that_pipes_may_not_assume_is_refused(account: Account) -> None:
    _, source = account.queue("source")
    machine = account.machine("m", answering([]), express=True)
    state = pipe(account, source, machine, role=account.role("lambda", ("*", "*")))
    assert state["CurrentState"] == "CREATE_FAILED"
    assert "cannot be assumed by principal 'pipes.amazonaws.com'" in state["StateReason"]


def test_a_pipe_without_permission_on_its_target_delivers_nothing(account: Account) -> None:
    dead_url, dead = account.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    source_url, source = account.queue("source", VisibilityTimeout="1", RedrivePolicy=redrive)
    account.sqs.send_message(QueueUrl=source_url, MessageBody="x")
    machine = account.machine("m", answering([]), express=True)
    pipe(account, source, machine, role=account.role("pipes", ("sqs:*", source)))
    assert account.drain(dead_url, 1)[0]["Body"] == "x"
    assert "states:StartSyncExecution" in described(account)["StateReason"]
