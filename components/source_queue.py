"""A queue that feeds a workflow, and the dead-letter queue for what it could not do."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.dead_letter_queue import LONG_POLL_SECONDS, DeadLetterQueue, DeadLetterQueueArgs
from components.policies import document, tls_only

LEAST_VISIBILITY_SECONDS = 120
# A message must not come back while its batch is still tried: AWS asks for six times the consumer's time-out
# (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
VISIBILITY_FACTOR = 6
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LONGEST_VISIBILITY_SECONDS = 43_200
RETENTION_SECONDS = 4 * 24 * 3600


@dataclass(frozen=True)
class SourceQueueArgs:
    """What ``SourceQueue`` is made of.

    Attributes:
        context: The stack.
        queue: The queue's name in the stack, such as ``frontier``; its dead-letter queue gets ``-dlq`` behind it.
        consumer_timeout_seconds: How long the consumer may take over a batch.
        max_receive_count: How often a message is tried before it goes to the dead-letter queue, 1 to 1,000.
        failure_rule: The name in the stack of a rule that reports executions to the dead-letter queue; None if none
            does.
    """

    context: StackContext
    queue: str
    consumer_timeout_seconds: int
    max_receive_count: int
    failure_rule: str | None = None


class SourceQueue(pulumi.ComponentResource):
    """A queue and its dead-letter queue, encrypted by SQS, for TLS only.

    Attributes:
        url: The queue's URL.
        arn: The queue's ARN.
        known_arn: The same, as it is known before the queue is there.
        dlq: The dead-letter queue.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    known_arn: str
    dlq: DeadLetterQueue

    def __init__(self, name: str, args: SourceQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:SourceQueue", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        dead = DeadLetterQueueArgs(context, f"{args.queue}-dlq", source=args.queue, failure_rule=args.failure_rule)
        self.dlq = DeadLetterQueue(f"{name}-dlq", dead, child)
        self.known_arn = context.arn("queue", args.queue)
        queue = aws.sqs.Queue(
            name,
            name=context.names.of("queue", args.queue),
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=visibility_timeout(args.consumer_timeout_seconds),
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_policy=self.dlq.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": args.max_receive_count})
            ),
            tags=context.tags("source-queue"),
            opts=child,
        )
        policy = document([tls_only("sqs:*", (self.known_arn,))])
        aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=policy, opts=child)
        self.url, self.arn = queue.url, queue.arn
        self.register_outputs({"url": self.url, "arn": self.arn, "dlqUrl": self.dlq.url, "dlqArn": self.dlq.arn})


def visibility_timeout(consumer_timeout_seconds: int) -> int:
    """How long a received message stays hidden.

    Args:
        consumer_timeout_seconds: How long the consumer may take over a batch.

    Returns:
        Seconds: six times the consumer's time-out, at least 120.

    Raises:
        ValueError: SQS takes no time that long.
    """
    seconds = max(LEAST_VISIBILITY_SECONDS, VISIBILITY_FACTOR * consumer_timeout_seconds)
    if seconds > LONGEST_VISIBILITY_SECONDS:
        raise ValueError(
            f"a consumer time-out of {consumer_timeout_seconds} s needs a visibility time-out of {seconds} s;"
            f" SQS takes at most {LONGEST_VISIBILITY_SECONDS}"
        )
    return seconds
