"""Ask whether a service may do something in an account with the role that it was given.

The emulator checks the credentials of each request that comes in. Step Functions and Pipes call other services inside
of its process, without a request; they ask here.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from scout.embedded.emulator.patches.support import service

_evaluator: Final = service("core.iam_evaluator")
_iam: Final = service("services.iam")
_sts: Final = service("services.sts")


class RoleDeniedError(Exception):
    """The role does not allow the action; the message is worded as AWS words it."""


def require(role_arn: str, session_name: str, action: str, resource_arn: str) -> None:
    """Check that a role allows an action, by its policies, its boundary and the resource's own policy.

    Args:
        role_arn: ARN of the role that the service assumes.
        session_name: Name of the session, as it is shown in messages and matched by policies.
        action: An IAM action, such as `lambda:InvokeFunction`.
        resource_arn: ARN of what is acted on.

    Raises:
        RoleDeniedError: The role does not exist, or nothing allows the action, or something denies it.
    """
    account, name = _account_and_name(role_arn)
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}"
    policies = _evaluator._gather_role_policies(name, account)
    limits = _evaluator._permissions_boundary(_iam._roles, name, account)
    context = _evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource_arn,
        region=resource_arn.split(":")[3],
        secure_transport=True,
    )
    result = _evaluator.evaluate(context, policies, *limits)
    service_name = resource_arn.split(":")[2]
    own_policy = _evaluator._resource_policy(service_name, resource_arn)
    if own_policy is not None:
        result = _evaluator.combine_resource_policy(result, context, *own_policy, limits=tuple(limits))
    if result.decision == "Allow":
        return
    why = (
        "with an explicit deny"
        if result.decision == "Deny"
        else f"because no identity-based policy allows the {action} action"
    )
    raise RoleDeniedError(f"User: {principal} is not authorized to perform: {action} on resource: {resource_arn} {why}")


def session_credentials(role_arn: str, session_name: str, of: str) -> dict[str, str]:
    """Return environment variables with credentials that act as a role, for a process that the emulator starts.

    Args:
        role_arn: ARN of the role.
        session_name: Name of the session, as it is shown in messages and matched by policies.
        of: What the credentials are for; the same gets the same.
    """
    account, name = _account_and_name(role_arn)
    digest = hashlib.sha256(f"{of}:{role_arn}:{session_name}".encode()).hexdigest()
    key = f"ASIA{digest[:16].upper()}"
    secret, token = (hashlib.sha256(f"{part}:{digest}".encode()).hexdigest() for part in ("secret", "token"))
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
        "UserId": f"{name}:{session_name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    }
    _sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def may_be_assumed_by(role_arn: str, principal: str, source_arn: str) -> bool:
    """Tell whether a role's trust policy lets a service assume it for one of its resources.

    Args:
        role_arn: ARN of the role.
        principal: The service, such as `states.amazonaws.com`.
        source_arn: ARN of the state machine, pipe or function that the role is for; the trust policy may name it in a
            condition on `aws:SourceArn`, and its account in one on `aws:SourceAccount`.
    """
    account, name = _account_and_name(role_arn)
    role = _iam._roles.get_scoped(account, None, name)
    if role is None:
        return False
    context = _evaluator.EvalContext(
        principal_arn=principal,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=source_arn.split(":")[3],
        secure_transport=True,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": source_arn.split(":")[4]},
    )
    document: Any = role.get("AssumeRolePolicyDocument")
    verdict = _evaluator.evaluate_resource_policy(document, context, service=principal)
    return bool(verdict.decision == "Allow")


def _account_and_name(role_arn: str) -> tuple[str, str]:
    parts = role_arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("role/"):
        raise RoleDeniedError(f"not the ARN of a role: {role_arn!r}")
    return parts[4], parts[5].rsplit("/", 1)[-1]
