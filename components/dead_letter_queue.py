"""A queue for what could not be done: messages that failed as often as they may, and executions that ended badly."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.policies import Statement, document, on_behalf_of, tls_only

# The longest that SQS has: the age counts from the first sending, so a DLQ must keep longer than its source.
RETENTION_SECONDS = 14 * 24 * 3600
VISIBILITY_SECONDS = 60
LONG_POLL_SECONDS = 20


@dataclass(frozen=True)
class DeadLetterQueueArgs:
    """What ``DeadLetterQueue`` is made of.

    Attributes:
        context: The stack.
        queue: The queue's name in the stack, such as ``frontier-dlq``.
        source: The name in the stack of the queue whose messages come here; None if no queue's do.
        failure_rule: The name in the stack of the rule that reports executions here; None if none does.
    """

    context: StackContext
    queue: str
    source: str | None = None
    failure_rule: str | None = None


class DeadLetterQueue(pulumi.ComponentResource):
    """A queue that keeps 14 days, encrypted by SQS, for TLS only.

    Attributes:
        url: The queue's URL.
        arn: The queue's ARN.
        policy: The queue's policy, which whoever sends here needs to be there.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    policy: aws.sqs.QueuePolicy

    def __init__(self, name: str, args: DeadLetterQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:DeadLetterQueue", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        arn = context.arn("queue", args.queue)
        sources = [context.arn("queue", args.source)] if args.source else []
        allowed = {"redrivePermission": "byQueue", "sourceQueueArns": sources} if sources else _NO_QUEUE
        queue = aws.sqs.Queue(
            name,
            name=context.names.of("queue", args.queue),
            message_retention_seconds=RETENTION_SECONDS,
            visibility_timeout_seconds=VISIBILITY_SECONDS,
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            sqs_managed_sse_enabled=True,
            redrive_allow_policy=json.dumps(allowed),
            tags=context.tags("dead-letter-queue"),
            opts=child,
        )
        statements = [tls_only("sqs:*", (arn,))]
        if args.failure_rule:
            rule = on_behalf_of(context.account, context.arn("rule", args.failure_rule))
            events = {"Service": "events.amazonaws.com"}
            statements.append(Statement("TakeReports", ("sqs:SendMessage",), (arn,), rule, principal=events))
        self.policy = aws.sqs.QueuePolicy(name, queue_url=queue.url, policy=document(statements), opts=child)
        self.url, self.arn = queue.url, queue.arn
        self.register_outputs({"url": self.url, "arn": self.arn})


_NO_QUEUE = {"redrivePermission": "denyAll"}
