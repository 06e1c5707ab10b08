"""What a state machine may do is what its role allows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account


def one_task(resource: str, **state: Any) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **state}}}


ECHO = "def handler(event, context):\n    return event\n"


@pytest.mark.parametrize("integration", ["direct", "optimized"])
def test_a_function_is_called_only_if_the_role_allows_it(account: Account, integration: str) -> None:
    arn = account.function("f", ECHO)
    definition = (
        one_task(arn)
        if integration == "direct"
        else one_task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": arn, "Payload.$": "$"})
    )
    denied = account.machine("denied", definition, role=account.role("states", ("lambda:InvokeFunction", f"{arn}-2")))
    ended = account.run(denied, {"a": 1})
    assert ended["error"] == "Lambda.AWSLambdaException"
    assert f"not authorized to perform: lambda:InvokeFunction on resource: {arn}" in ended["cause"]

    allowed = account.machine("allowed", definition, role=account.role("states", ("lambda:InvokeFunction", arn)))
    assert account.run(allowed, {"a": 1})["status"] == "SUCCEEDED"


def test_a_message_is_sent_only_if_the_role_allows_it(account: Account) -> None:
    url, arn = account.queue("q")
    definition = one_task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": url, "MessageBody": "x"})
    ended = account.run(account.machine("denied", definition, role=account.role("states")))
    assert ended["status"] == "FAILED"
    assert "sqs:SendMessage" in ended["cause"]
    assert "Messages" not in account.sqs.receive_message(QueueUrl=url)

    role = account.role("states", ("sqs:SendMessage", arn))
    assert account.run(account.machine("allowed", definition, role=role))["status"] == "SUCCEEDED"
    assert account.drain(url, 1)[0]["Body"] == "x"


def test_states_inside_of_a_map_use_the_role_too(account: Account) -> None:
    inner = one_task(account.function("f", ECHO))
    item = {"Type": "Map", "ItemProcessor": inner, "End": True}
    machine = account.machine("m", {"StartAt": "M", "States": {"M": item}}, role=account.role("states"))
    assert account.run(machine, [1])["error"] == "Lambda.AWSLambdaException"


def test_an_explicit_deny_wins(account: Account) -> None:
    arn = account.function("f", ECHO)
    role = account.role("states", ("*", "*"), name="states-denied")
    deny = {"Effect": "Deny", "Action": "lambda:*", "Resource": "*"}
    account.iam.put_role_policy(
        RoleName="states-denied",
        PolicyName="deny",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    assert "explicit deny" in account.run(account.machine("m", one_task(arn), role=role))["cause"]


def test_a_role_that_step_functions_may_not_assume_is_refused(account: Account) -> None:
    with pytest.raises(account.states.exceptions.ClientError, match=r"states\.amazonaws\.com"):
        account.machine("m", one_task("arn:aws:states:::sqs:sendMessage"), role=account.role("lambda", ("*", "*")))


def test_a_role_that_lambda_may_not_assume_is_refused(account: Account) -> None:
    role = account.role("states")
    with pytest.raises(account.lambda_.exceptions.InvalidParameterValueException, match="cannot be assumed by Lambda"):
        account.function("f", ECHO, role=role)


@pytest.mark.parametrize(("machine", "accepted"), [("mine", True), ("other", False)])
def test_the_trust_policy_may_name_the_state_machine(account: Account, machine: str, accepted: bool) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "states.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:states:{account.region}:{account.id}:stateMachine:mine"},
        },
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = account.iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    definition = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}
    if accepted:
        assert account.machine(machine, definition, role=role).endswith(":mine")
    else:
        with pytest.raises(account.states.exceptions.ClientError, match="AccessDeniedException"):
            account.machine(machine, definition, role=role)


def test_a_function_has_the_permissions_of_its_role_and_no_more(account: Account) -> None:
    s3 = account.session.client("s3")
    s3.create_bucket(Bucket=f"b-{account.id}")
    code = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('s3').put_object(Bucket=event['bucket'], Key=event['key'], Body=b'x')\n"
    )
    account.function("f", code, role=account.role("lambda", ("s3:PutObject", f"arn:aws:s3:::b-{account.id}/mine/*")))
    assert account.invoke("f", {"bucket": f"b-{account.id}", "key": "mine/a"}) == (None, None)
    kind, error = account.invoke("f", {"bucket": f"b-{account.id}", "key": "other/a"})
    assert kind == "Unhandled"
    assert "AccessDenied" in error["errorMessage"]


def test_a_policy_that_wants_tls_does_not_deny_the_loopback_interface(account: Account) -> None:
    bucket = f"b-{account.id}"
    s3 = account.session.client("s3")
    s3.create_bucket(Bucket=bucket)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    code = (
        f"import boto3\ndef handler(e, c):\n    boto3.client('s3').put_object(Bucket='{bucket}', Key='a', Body=b'x')\n"
    )
    account.function("f", code, role=account.role("lambda", ("s3:PutObject", f"arn:aws:s3:::{bucket}/*")))
    assert account.invoke("f") == (None, None)
