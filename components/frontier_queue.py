"""The frontier: pages and map searches that wait to be processed, and what could not be."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.policies import Statement, document, on_behalf_of, tls_only

LEAST_VISIBILITY_SECONDS = 120
# A message must not come back while its batch is still tried: AWS asks for six times the consumer's time-out
# (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
VISIBILITY_FACTOR = 6
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LONGEST_VISIBILITY_SECONDS = 43_200
RETENTION_SECONDS = 4 * 24 * 3600
# The longest that SQS has: the age counts from the first sending, so a DLQ must keep longer than its source.
DLQ_RETENTION_SECONDS = 14 * 24 * 3600
DLQ_VISIBILITY_SECONDS = 60
LONG_POLL_SECONDS = 20


@dataclass(frozen=True)
class FrontierQueueArgs:
    """What ``FrontierQueue`` is made of.

    Attributes:
        context: The stack. Its settings say how often a message is tried.
        consumer_timeout_seconds: How long the consumer may take over a batch.
        failure_rule: The name in the stack of the rule that reports failed runs to the dead-letter queue.
    """

    context: StackContext
    consumer_timeout_seconds: int
    failure_rule: str


class FrontierQueue(pulumi.ComponentResource):
    """A queue and its dead-letter queue, encrypted by SQS, for TLS only.

    The dead-letter queue is the one place for all that could not be done: messages, and whole runs.

    Attributes:
        url: The queue's URL.
        arn: The queue's ARN.
        dlq_url: The dead-letter queue's URL.
        dlq_arn: The dead-letter queue's ARN.
        dlq_policy: The dead-letter queue's policy.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    dlq_url: pulumi.Output[str]
    dlq_arn: pulumi.Output[str]
    dlq_policy: aws.sqs.QueuePolicy

    def __init__(self, name: str, args: FrontierQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:FrontierQueue", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        most_receives = context.settings.frontier.max_receive_count
        queue_arn, dlq_arn = context.arn("queue", "frontier"), context.arn("queue", "frontier-dlq")
        dlq = aws.sqs.Queue(
            f"{name}-dlq",
            name=context.names.of("queue", "frontier-dlq"),
            message_retention_seconds=DLQ_RETENTION_SECONDS,
            visibility_timeout_seconds=DLQ_VISIBILITY_SECONDS,
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_allow_policy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]}),
            tags=context.tags("frontier-queue"),
            opts=child,
        )
        queue = aws.sqs.Queue(
            name,
            name=context.names.of("queue", "frontier"),
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=visibility_timeout(args.consumer_timeout_seconds),
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_policy=dlq.arn.apply(
                lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most_receives})
            ),
            tags=context.tags("frontier-queue"),
            opts=child,
        )
        aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=document([tls_only("sqs:*", (queue_arn,))]), opts=child)
        take_reports = Statement(
            "TakeReports",
            ("sqs:SendMessage",),
            (dlq_arn,),
            on_behalf_of(context.account, context.arn("rule", args.failure_rule)),
            principal={"Service": "events.amazonaws.com"},
        )
        self.dlq_policy = aws.sqs.QueuePolicy(
            f"{name}-dlq",
            queue_url=dlq.url,
            policy=document([tls_only("sqs:*", (dlq_arn,)), take_reports]),
            opts=child,
        )
        self.url, self.arn, self.dlq_url, self.dlq_arn = queue.url, queue.arn, dlq.url, dlq.arn
        self.register_outputs(
            {"url": self.url, "arn": self.arn, "dlqUrl": self.dlq_url, "dlqArn": self.dlq_arn},
        )


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
