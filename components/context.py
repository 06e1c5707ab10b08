"""What every component knows of the stack that it is part of."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Kind, Names
from settings import Settings

# The kind of a resource -> its service, and what stands before the name, in its ARN.
_ARNS: dict[Kind, tuple[str, str]] = {
    "queue": ("sqs", ""),
    "table": ("dynamodb", "table/"),
    "function": ("lambda", "function:"),
    "state machine": ("states", "stateMachine:"),
    "pipe": ("pipes", "pipe/"),
    "rule": ("events", "rule/"),
    "job": ("glue", "job/"),
    "topic": ("sns", ""),
}


@dataclass(frozen=True)
class StackContext:
    """The stack: its settings, its account, and how its resources are called.

    Names are explicit, so ARNs are known before anything exists. Policies and definitions are therefore plain data that
    is checked, and shown by a preview, in full; and a role can name the one resource for which it may be assumed before
    that resource is there.

    Attributes:
        settings: The stack's configuration.
        account: The account's id.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
    """

    settings: Settings
    account: str
    partition: str = "aws"

    @property
    def names(self) -> Names:
        """The physical names of the stack."""
        return Names(self.settings.project, self.settings.stack)

    @property
    def bucket(self) -> str:
        """The name of the bucket. Bucket names are shared by all accounts, so it ends with the account's id."""
        return self.names.of("bucket", f"data-{self.account}")

    @property
    def bucket_arn(self) -> str:
        """The ARN of the bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def arn(self, kind: Kind, role: str) -> str:
        """The ARN of a resource of the stack, whether it exists yet or not.

        Args:
            kind: What it is.
            role: What it does in the stack.

        Returns:
            The ARN.

        Raises:
            InvalidName: The resource's name would be refused.
        """
        service, before = _ARNS[kind]
        return (
            f"arn:{self.partition}:{service}:{self.settings.region}:{self.account}:{before}{self.names.of(kind, role)}"
        )

    def secret_arn(self, name: str) -> str:
        """The ARN of a secret that somebody else made, without the six characters at its end."""
        return f"arn:{self.partition}:secretsmanager:{self.settings.region}:{self.account}:secret:{name}"

    def queue_url(self, role: str) -> str:
        """The URL of a queue of the stack, whether it exists yet or not."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"https://sqs.{self.settings.region}.{suffix}/{self.account}/{self.names.of('queue', role)}"

    def log_group(self, kind: Kind, role: str) -> str:
        """The name of the log group of a function or a state machine, or what the names of a Glue job's two begin with.

        Logs of state machines go below ``/aws/vendedlogs/``, where the size of the resource policy does not limit their
        number (https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html).
        """
        folder = {"function": "/aws/lambda", "state machine": "/aws/vendedlogs/states", "job": "/aws-glue"}[kind]
        return f"{folder}/{self.names.of(kind, role)}"

    def log_group_arn(self, kind: Kind, role: str) -> str:
        """The ARN of the log group that ``log_group`` names."""
        return f"arn:{self.partition}:logs:{self.settings.region}:{self.account}:log-group:{self.log_group(kind, role)}"

    def tags(self, component: str) -> dict[str, str]:
        """The tags of a resource: whose it is, who pays for it, and what it is part of.

        Args:
            component: The component that makes the resource, such as ``frontier-queue``.
        """
        return {
            "project": self.settings.project,
            "stack": self.settings.stack,
            "component": component,
            "owner": self.settings.tags.owner,
            "cost-center": self.settings.tags.cost_center,
        }


def read_settings() -> Settings:
    """The settings of the stack that the program runs for.

    Raises:
        ConfigError: The stack's configuration is wrong.
    """
    config = pulumi.runtime.get_config_env() | pulumi.runtime.config.CONFIG.get()
    return Settings.load(pulumi.get_project(), pulumi.get_stack(), config, os.environ)


def current_context() -> StackContext:
    """The context of the stack that the program runs for.

    Raises:
        ConfigError: The stack's configuration is wrong.
    """
    return stack_context(read_settings())


def stack_context(settings: Settings) -> StackContext:
    """The context of the stack, in the account whose credentials are in use."""
    caller = aws.get_caller_identity()
    return StackContext(settings, account=caller.account_id, partition=caller.arn.split(":")[1])
