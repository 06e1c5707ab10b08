"""The secrets that a stack needs: those that its settings name, and those that roles of its functions may read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scout.doctor.findings import Finding, asked, fail, ok

if TYPE_CHECKING:
    import boto3

    from scout.doctor.program import Program
    from settings.connectors import Connectors

_MISSING = {"ResourceNotFoundException", "ParameterNotFound"}
# An ARN of Secrets Manager ends with six random characters, which a policy leaves open.
_OPEN_ENDS = ("-??????", "-*", "*")


def secrets(session: boto3.Session, program: Program, connectors: Connectors) -> Iterator[Finding]:
    """Each secret that the stack names, or that a role of it may read, is there. Its value is not looked at.

    Args:
        session: That of the account.
        program: The stack's program.
        connectors: The outside services of its settings.
    """
    held, left_out = _named(connectors)
    for arn, roles in program.allowed("secretsmanager:GetSecretValue").items():
        held.setdefault(_without_open_end(arn.rpartition(":secret:")[2]), set()).update(roles)
    parameters = {
        "/" + arn.rpartition(":parameter/")[2]: roles
        for arn, roles in program.allowed("ssm:GetParameter", "ssm:GetParameters").items()
    }
    if not held and not parameters:
        without = f"; without a key, and so left out by real states: {', '.join(left_out)}" if left_out else ""
        yield ok("secrets", f"the stack names none, and no function reads one{without}")
    for name, readers in sorted(held.items()):
        look = partial(_secret, session, name, readers)
        yield from asked(f"secret {name}", look, "allow secretsmanager:DescribeSecret to whoever asks")
    for name, readers in sorted(parameters.items()):
        look = partial(_parameter, session, name, readers)
        yield from asked(f"parameter {name}", look, "allow ssm:GetParameter to whoever asks")


def _named(connectors: Connectors) -> tuple[dict[str, set[str]], list[str]]:
    """The secrets of the services that are on, and the services that take a key and have none."""
    held: dict[str, set[str]] = {}
    left_out = []
    for name in type(connectors).model_fields:
        service = getattr(connectors, name)
        if not hasattr(service, "secret") or not service.enabled:
            continue
        if service.secret is None:
            left_out.append(f"connectors.{name}")
        else:
            held.setdefault(service.secret, set()).add(f"connectors.{name}")
    return held, left_out


def _secret(session: boto3.Session, name: str, roles: set[str]) -> Iterator[Finding]:
    try:
        found = session.client("secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        # From a file, so that the value is in no history of a shell and in no list of processes.
        words = f"aws secretsmanager create-secret --name {name} --secret-string file://FILE"
        advice = f"put its value into a file, and make it: `{words} --region {session.region_name}`"
        yield fail(f"secret {name}", f"is not there, and {_readers(roles)} it", advice)
        return
    if "DeletedDate" in found:
        words = f"aws secretsmanager restore-secret --secret-id {name}"
        advice = f"take it back: `{words} --region {session.region_name}`"
        yield fail(f"secret {name}", f"is being deleted, and {_readers(roles)} it", advice)
    else:
        yield ok(f"secret {name}", "is there")


def _parameter(session: boto3.Session, name: str, roles: set[str]) -> Iterator[Finding]:
    try:
        session.client("ssm").get_parameter(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        words = f"aws ssm put-parameter --type SecureString --name {name} --value file://FILE"
        advice = f"put its value into a file, and make it: `{words} --region {session.region_name}`"
        yield fail(f"parameter {name}", f"is not there, and {_readers(roles)} it", advice)
    else:
        yield ok(f"parameter {name}", "is there")


def _without_open_end(name: str) -> str:
    return next((name.removesuffix(end) for end in _OPEN_ENDS if name.endswith(end)), name)


def _readers(roles: set[str]) -> str:
    return f"{', '.join(sorted(roles))} {'reads' if len(roles) == 1 else 'read'}"
