"""What a stage says where its input is missing depends on whether its role may list the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.account import wait_until
from tests.integration.pipelines.stack import Stack

pytestmark = pytest.mark.xdist_group("pipelines")


@pytest.fixture
def role(stack: Stack) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The role of the probe: its name, and its policy, which is put back."""
    iam, name = stack.account.iam, "data-scout-test-probe-role"
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document: Any = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    yield name, policy, document
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def second_without_first(stack: Stack) -> tuple[str, str]:
    """Invoke a stage whose input nobody has written; the error's name and what it says."""
    event = {
        "executionId": "nobody",
        "currentStage": "Second",
        "previousStage": "First",
        "workflowBucket": stack.deployment.bucket,
    }
    kind, answer = stack.account.invoke("data-scout-test-probe", event)
    assert kind == "Unhandled", answer
    return answer["errorType"], answer["errorMessage"]


@pytest.mark.property(40)
def test_with_the_right_to_list_a_missing_input_is_told_as_missing(stack):
    kind, message = second_without_first(stack)
    assert kind == "InputNotFound"
    assert message == (
        "Input data not found in S3. Previous stage 'First' may have failed or not written output. "
        f"Path: s3://{stack.deployment.bucket}/executions/nobody/First/output.json"
    )


@pytest.mark.property(42)
def test_without_it_s3_denies_and_so_does_the_stage(stack, role):
    name, policy, document = role
    statements = [item for item in document["Statement"] if item["Action"] != "s3:ListBucket"]
    assert len(statements) < len(document["Statement"])
    less = json.dumps({**document, "Statement": statements})
    stack.account.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=less)
    wait_until(lambda: second_without_first(stack)[0] != "InputNotFound")
    kind, message = second_without_first(stack)
    assert kind == "AccessDenied"
    assert "Check" in message
