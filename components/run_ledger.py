"""The ledger: what each run spent, saw, finished, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext

HASH_KEY = "run"
RANGE_KEY = "item"
TTL_ATTRIBUTE = "expires_at"


@dataclass(frozen=True)
class RunLedgerArgs:
    """What ``RunLedger`` is made of.

    Attributes:
        context: The stack. Only where its settings allow destroying data can the table be deleted.
    """

    context: StackContext


class RunLedger(pulumi.ComponentResource):
    """A DynamoDB table with an item collection per run: on demand, restorable to any second of the last 35 days.

    Attributes:
        name: The table's name; resolved when the table is there.
        arn: The table's ARN.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RunLedgerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:RunLedger", name, None, opts)
        context = args.context
        table = aws.dynamodb.Table(
            name,
            name=context.names.of("table", "ledger"),
            billing_mode="PAY_PER_REQUEST",
            hash_key=HASH_KEY,
            range_key=RANGE_KEY,
            attributes=[aws.dynamodb.TableAttributeArgs(name=key, type="S") for key in (HASH_KEY, RANGE_KEY)],
            ttl=aws.dynamodb.TableTtlArgs(attribute_name=TTL_ATTRIBUTE, enabled=True),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            deletion_protection_enabled=not context.settings.force_destroy,
            tags=context.tags("run-ledger"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name, self.arn = table.name, table.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
