"""What must hold before a test starts anything: each check passes where it holds, and fails where it does not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scout.e2e import prerequisites
from scout.e2e.checks import CheckFailed
from scout.queues.named import DeadLetterQueue
from tests.unit.e2e.account import Account, stack

CITY, PAGES = (
    {"name": "city", "status": "ACTIVE", "type": "STANDARD"},
    {"name": "p", "status": "ACTIVE", "type": "EXPRESS"},
)
DEAD = [DeadLetterQueue("frontier", "q/dlq", "q/main"), DeadLetterQueue("lane-failures", "q/failures", None)]
KINDS = ("", "NotVisible", "Delayed")
WANTED = {"arn:city": "STANDARD", "arn:pages": "EXPRESS"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def machines(**changed: Any) -> Account:
    held = {"arn:city": CITY, "arn:pages": PAGES | changed}
    return Account(describe_state_machine=lambda stateMachineArn: held[stateMachineArn])  # noqa: N803


def queues(target: str | None = "arn:q/dlq", **counts: list[int]) -> Account:
    """Queues that hold so many messages: to be received, being worked on, and delayed; at later looks fewer."""
    looks = Counter[str]()

    def attributes(QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        looks[QueueUrl] += AttributeNames == ["All"]
        numbers = counts.get(QueueUrl.removeprefix("q/"), [0]) if looks[QueueUrl] < 3 else [0]
        held = {f"ApproximateNumberOfMessages{name}": str(number) for name, number in zip(KINDS, numbers, strict=False)}
        held |= {"QueueArn": f"arn:{QueueUrl}", "MessageRetentionPeriod": "345600"}
        if target:
            held["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 5})
        return {"Attributes": held}

    return Account(get_queue_attributes=attributes)


def pipe(**held: str) -> Account:
    return Account(describe_pipe=lambda Name: held)  # noqa: N803


def table(status: str) -> Account:
    return Account(describe_table=lambda TableName: {"Table": {"TableStatus": status}})  # noqa: N803


def test_what_holds_is_said():
    caller = Account(get_caller_identity=lambda: {"Arn": "arn:me"})
    assert prerequisites.credentials(stack(caller)) == "arn:me in us-east-1"
    assert prerequisites.machines(stack(machines()), WANTED) == "city, p: ACTIVE"
    assert prerequisites.pipe(stack(pipe(CurrentState="RUNNING")), "pipe") == "pipe is RUNNING"
    seen = prerequisites.queues(stack(queues(main=[5, 2, 1])), DEAD)
    assert seen == "main holds 8; dlq, failures: empty"
    assert prerequisites.ledger(stack(table("ACTIVE"))) == "ledger is ACTIVE"
    assert prerequisites.bucket(stack(Account(head_bucket=lambda Bucket: {}))) == "s3://bucket is there"  # noqa: N803


@pytest.mark.parametrize("changed", [{"status": "DELETING"}, {"type": "STANDARD"}])
def test_a_machine_that_is_going_or_of_another_type(changed: dict[str, str]):
    with pytest.raises(CheckFailed, match=r"p is .*expected is ACTIVE and EXPRESS"):
        prerequisites.machines(stack(machines(**changed)), WANTED)


@pytest.mark.parametrize("state", ["STOPPED", "STOPPING", "CREATE_FAILED", "STARTING"])
def test_a_pipe_that_does_not_run(state: str):
    with pytest.raises(CheckFailed, match=rf"pipe is {state} \(no role\): nothing leaves its queue"):
        prerequisites.pipe(stack(pipe(CurrentState=state, StateReason="no role")), "pipe")


@pytest.mark.parametrize(("target", "said"), [(None, "no queue"), ("arn:q/elsewhere", "arn:q/elsewhere")])
def test_a_queue_whose_failures_go_elsewhere(target: str | None, said: str):
    with pytest.raises(CheckFailed, match=f"messages of main that fail go to {said}; expected is arn:q/dlq"):
        prerequisites.queues(stack(queues(target)), DEAD)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"dlq": [3]}, "dlq holds 3; .*: `scout dlq analyze frontier`$"),
        ({"dlq": [0, 1]}, "dlq holds 1; "),
        ({"failures": [0, 0, 2]}, "failures holds 2; .*: `scout dlq analyze lane-failures`$"),
        (
            {"dlq": [1], "failures": [1]},
            "dlq holds 1, failures holds 1; .*frontier`, `scout dlq analyze lane-failures`$",
        ),
    ],
)
def test_dead_letters_that_one_look_in_three_shows(held: dict[str, list[int]], said: str):
    with pytest.raises(CheckFailed, match=said):
        prerequisites.queues(stack(queues("arn:q/dlq", **held)), DEAD)


def test_a_table_that_is_not_active():
    with pytest.raises(CheckFailed, match="ledger is DELETING; expected is ACTIVE"):
        prerequisites.ledger(stack(table("DELETING")))


LOOKS = {
    "credentials": prerequisites.credentials,
    "bucket": prerequisites.bucket,
    "machines": lambda found: prerequisites.machines(found, WANTED),
    "pipe": lambda found: prerequisites.pipe(found, "pipe"),
    "queues": lambda found: prerequisites.queues(found, DEAD),
    "dead letters": lambda found: prerequisites.no_dead_letters(found, DEAD),
    "ledger": prerequisites.ledger,
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_aws_refuses_to_say_does_not_hold(name: str):
    with pytest.raises(ClientError, match="AccessDenied"):
        LOOKS[name](stack(Account()))
