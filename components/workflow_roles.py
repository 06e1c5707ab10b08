"""The roles of a workflow: one for each function, state machine and pipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.policies import Statement, deliver_logs, document, put_metrics, send_traces, trust, use_key, write_logs


@dataclass(frozen=True)
class RoleSpec:
    """Who assumes a role, and what it allows.

    Attributes:
        service: The service that assumes it, such as ``lambda``.
        source_arn: The one resource for which the service may.
        description: What it is for.
        statements: What it allows; an output where that depends on resources whose ARNs are not known yet.
        uses_bucket: Objects of the bucket are read or written, so its key is needed where there is one.
    """

    service: str
    source_arn: str
    description: str
    statements: tuple[Statement, ...] | pulumi.Output[tuple[Statement, ...]]
    uses_bucket: bool = False


@dataclass(frozen=True)
class Role:
    """A role as its user needs it.

    Attributes:
        arn: Its ARN.
        policy: Its only policy. What uses the role depends on it: a function whose role may not write logs yet would
            lose the first ones, and Step Functions refuses a state machine whose role may not deliver its logs.
    """

    arn: pulumi.Output[str]
    policy: aws.iam.RolePolicy


@dataclass(frozen=True)
class WorkflowRolesArgs:
    """What ``WorkflowRoles`` is made of.

    Attributes:
        context: The stack.
        roles: The roles, by their names in the stack (``control-role``).
        key_arn: The bucket's KMS key, if it has one.
    """

    context: StackContext
    roles: Mapping[str, RoleSpec]
    key_arn: pulumi.Output[str] | None = None


class WorkflowRoles(pulumi.ComponentResource):
    """Roles with one inline policy each, so that a role and what it allows come and go together.

    Attributes:
        roles: The roles, by their names in the stack.
    """

    roles: dict[str, Role]

    def __init__(self, name: str, args: WorkflowRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:WorkflowRoles", name, None, opts)
        self.roles = {role: self._role(role, spec, args) for role, spec in args.roles.items()}
        self.register_outputs({"roleArns": {role: made.arn for role, made in self.roles.items()}})

    def _role(self, name: str, spec: RoleSpec, args: WorkflowRolesArgs) -> Role:
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        physical_name = context.names.of("role", name)
        role = aws.iam.Role(
            name,
            name=physical_name,
            description=spec.description,
            assume_role_policy=document([trust(spec.service, context.account, spec.source_arn)]),
            tags=context.tags("workflow-roles"),
            opts=child,
        )
        key_arn = args.key_arn if spec.uses_bucket else None
        policy = _policy(spec.statements, key_arn, context.settings.region)
        granted = aws.iam.RolePolicy(name, name=physical_name, role=role.name, policy=policy, opts=child)
        return Role(role.arn, granted)


def function_role(context: StackContext, function: str, *statements: Statement, uses_bucket: bool = False) -> RoleSpec:
    """The role of a function: what it is given, and writing to its own log group.

    Args:
        context: The stack.
        function: The function's name in the stack.
        *statements: What else it may do.
        uses_bucket: Among this is reading or writing objects of the bucket.

    Returns:
        The role's specification.
    """
    logs = write_logs(context.log_group_arn("function", function))
    return RoleSpec(
        service="lambda",
        source_arn=context.arn("function", function),
        description=f"What the function {function} may do",
        statements=(*statements, logs, *_traces(context)),
        uses_bucket=uses_bucket,
    )


def state_machine_role(context: StackContext, machine: str, *statements: Statement) -> RoleSpec:
    """The role of a state machine: what its tasks and its logs need, and what its traces need if they are on.

    Delivering logs is allowed before logs are on. Step Functions refuses to turn them on until it sees the permission,
    which takes IAM some seconds; that is waited for when a state machine is made, but not when it is changed.

    Args:
        context: The stack.
        machine: The state machine's name in the stack.
        *statements: What its tasks may do.

    Returns:
        The role's specification.
    """
    return RoleSpec(
        service="states",
        source_arn=context.arn("state machine", machine),
        description=f"What the state machine {machine} may do",
        statements=(*statements, deliver_logs(), *_traces(context)),
    )


def job_role(context: StackContext, job: str, *statements: Statement) -> RoleSpec:
    """The role of a Glue job: what it is given, and writing to its own log groups and metrics.

    Args:
        context: The stack.
        job: The job's name in the stack.
        *statements: What else it may do.

    Returns:
        The role's specification.
    """
    logs = context.log_group_arn("job", job)
    return RoleSpec(
        service="glue",
        source_arn=context.arn("job", job),
        description=f"What the Glue job {job} may do",
        statements=(*statements, write_logs(f"{logs}/error", f"{logs}/output"), put_metrics("Glue")),
        uses_bucket=True,
    )


def pipe_role(context: StackContext, pipe: str, source: Statement, target: Statement) -> RoleSpec:
    """The role of a pipe: one statement for its source, one for its target.

    Args:
        context: The stack.
        pipe: The pipe's name in the stack.
        source: Emptying the source.
        target: Starting the target.

    Returns:
        The role's specification.
    """
    return RoleSpec(
        service="pipes",
        source_arn=context.arn("pipe", pipe),
        description=f"What the pipe {pipe} may do",
        statements=(source, target),
    )


def _policy(
    statements: tuple[Statement, ...] | pulumi.Output[tuple[Statement, ...]],
    key_arn: pulumi.Output[str] | None,
    region: str,
) -> pulumi.Input[str]:
    """The policy's text; as a plain text where everything in it is known, so that a preview shows it."""
    if key_arn is None:
        return statements.apply(document) if isinstance(statements, pulumi.Output) else document(statements)
    both = pulumi.Output.all(statements=statements, key=key_arn)
    return both.apply(lambda known: document([*known["statements"], use_key(known["key"], region)]))


def _traces(context: StackContext) -> tuple[Statement, ...]:
    return (send_traces(),) if context.settings.observability.tracing else ()
