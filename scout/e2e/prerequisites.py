"""What must hold of a deployed stack before anything is started on it. Each function returns what it saw."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scout.e2e.checks import CheckFailed

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue

# SQS counts a queue's messages approximately, and is right a minute after the last change at the latest
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html).
# So the deepest of a few looks counts.
_LOOKS, _BETWEEN_LOOKS = 3, 1.0
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def credentials(deployment: Deployment) -> str:
    """The credentials are accepted."""
    caller = deployment.session.client("sts").get_caller_identity()
    return f"{caller['Arn']} in {deployment.session.region_name}"


def machines(deployment: Deployment, wanted: Mapping[str, str]) -> str:
    """State machines are there, active and of their type.

    Args:
        deployment: The stack.
        wanted: ``STANDARD`` or ``EXPRESS`` for each ARN.

    Raises:
        CheckFailed: One is not.
    """
    states, seen = deployment.session.client("stepfunctions"), []
    for arn, kind in wanted.items():
        machine = states.describe_state_machine(stateMachineArn=arn)
        status = machine.get("status", "unknown")
        if (status, machine["type"]) != ("ACTIVE", kind):
            raise CheckFailed(f"{machine['name']} is {status} and {machine['type']}; expected is ACTIVE and {kind}")
        seen.append(machine["name"])
    return f"{', '.join(seen)}: ACTIVE"


def pipe(deployment: Deployment, name: str) -> str:
    """A pipe runs.

    Raises:
        CheckFailed: It does not; what is sent would wait in its queue.
    """
    held = deployment.session.client("pipes").describe_pipe(Name=name)
    if held["CurrentState"] != "RUNNING":
        because = f" ({held['StateReason']})" if held.get("StateReason") else ""
        raise CheckFailed(f"{name} is {held['CurrentState']}{because}: nothing leaves its queue until it is RUNNING")
    return f"{name} is RUNNING"


def queues(deployment: Deployment, dead_letter_queues: Sequence[DeadLetterQueue]) -> str:
    """What fails in a queue goes to its dead-letter queue, and all dead-letter queues are empty.

    Raises:
        CheckFailed: It goes elsewhere or nowhere, or dead letters lie there already.
    """
    for queue in dead_letter_queues:
        if queue.target_url:
            _redriven(deployment, queue.target_url, queue.url)
    sources = [queue.target_url for queue in dead_letter_queues if queue.target_url]
    waiting = ", ".join(f"{url.rpartition('/')[2]} holds {depth(deployment, url)}" for url in sources)
    return f"{waiting}; {no_dead_letters(deployment, dead_letter_queues)}"


def _redriven(deployment: Deployment, queue_url: str, dlq_url: str) -> None:
    sqs = deployment.session.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    dlq = sqs.get_queue_attributes(QueueUrl=dlq_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    target = json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
    if target != dlq:
        name = queue_url.rpartition("/")[2]
        raise CheckFailed(f"messages of {name} that fail go to {target or 'no queue'}; expected is {dlq}")


def no_dead_letters(deployment: Deployment, dead_letter_queues: Sequence[DeadLetterQueue]) -> str:
    """Dead-letter queues are empty, at the deepest of a few looks.

    Raises:
        CheckFailed: One is not.
    """
    deepest = {queue.name: 0 for queue in dead_letter_queues}
    for look in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS if look else 0)
        for queue in dead_letter_queues:
            deepest[queue.name] = max(deepest[queue.name], depth(deployment, queue.url))
    if full := [queue for queue in dead_letter_queues if deepest[queue.name]]:
        said = ", ".join(f"{queue.physical_name} holds {deepest[queue.name]}" for queue in full)
        commands = ", ".join(f"`scout dlq analyze {queue.name}`" for queue in full)
        raise CheckFailed(f"{said}; see what failed for good, and what to do with it: {commands}")
    return f"{', '.join(queue.physical_name for queue in dead_letter_queues)}: empty"


def bucket(deployment: Deployment) -> str:
    """The workflow bucket is there and may be used."""
    deployment.session.client("s3").head_bucket(Bucket=deployment.bucket)
    return f"s3://{deployment.bucket} is there"


def ledger(deployment: Deployment) -> str:
    """The table of the run ledger is active.

    Raises:
        CheckFailed: It is not.
    """
    table = deployment.session.client("dynamodb").describe_table(TableName=deployment.ledger_table)["Table"]
    if table["TableStatus"] != "ACTIVE":
        raise CheckFailed(f"{deployment.ledger_table} is {table['TableStatus']}; expected is ACTIVE")
    return f"{deployment.ledger_table} is ACTIVE"


def depth(deployment: Deployment, queue_url: str) -> int:
    """How many messages a queue holds: those that can be received, are being worked on, or are delayed."""
    held = deployment.session.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return sum(int(number) for name, number in held["Attributes"].items() if name in _COUNTS)
