"""What a stack needs of an account's quotas, and what the account has. SQS has none that a stack could reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scout.doctor.findings import Finding, asked, fail, ok, warn
from workflow.prices import GLUE_DPUS

if TYPE_CHECKING:
    import boto3

    from scout.doctor.program import Program

# What Lambda keeps for functions that reserve nothing
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
UNRESERVED_AT_LEAST = 100
_RAISE = "ask for more in the Service Quotas console"
_PERMISSION = "allow servicequotas:GetServiceQuota to whoever asks, or look in the Service Quotas console"


@dataclass(frozen=True)
class Need:
    """What a stack needs of one quota of Service Quotas.

    Attributes:
        subject: For the finding.
        service: The service's code there.
        code: The quota's code.
        amount: How much the stack needs by itself.
    """

    subject: str
    service: str
    code: str
    amount: float


def quotas(session: boto3.Session, program: Program) -> Iterator[Finding]:
    """What the stack needs beside what the account allows.

    Args:
        session: That of the account.
        program: The stack's program.
    """
    yield from asked(
        "quota: Lambda", lambda: _concurrency(session, program), "allow lambda:GetAccountSettings to whoever asks"
    )
    for need in needs(program):
        yield from asked(need.subject, lambda need=need: _quota(session, need), _PERMISSION)  # type: ignore[misc]


def needs(program: Program) -> Iterator[Need]:
    """What a stack needs of the quotas that Service Quotas knows."""
    yield Need("quota: Step Functions", "states", "L-B66B0F91", len(program.machines))
    if program.jobs:
        runs = {
            name: job.get("executionProperty", {}).get("maxConcurrentRuns", 1) for name, job in program.jobs.items()
        }
        dpus = sum(
            GLUE_DPUS[job["workerType"]] * job["numberOfWorkers"] * runs[name] for name, job in program.jobs.items()
        )
        yield Need("quota: Glue runs", "glue", "L-5E4153CA", sum(runs.values()))
        yield Need("quota: Glue DPUs", "glue", "L-08F3B322", dpus)


def _concurrency(session: boto3.Session, program: Program) -> Iterator[Finding]:
    client = session.client("lambda")
    limits = client.get_account_settings()["AccountLimit"]
    limit, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    reserved = {
        name: inputs["reservedConcurrentExecutions"]
        for name, inputs in program.functions.items()
        if inputs.get("reservedConcurrentExecutions", -1) > 0
    }
    wanted = sum(reserved.values())
    # What the stack holds already is its own to use.
    held = sum(_held(client, name) for name in reserved)
    free = unreserved + held - UNRESERVED_AT_LEAST
    said = f"functions reserve {wanted}; the account's limit is {limit}, of which {max(free, 0)} can be reserved"
    advice = f"{_RAISE} (Lambda, Concurrent executions), or set `lambda: {{reserve_concurrency: false}}` for the stack"
    if wanted > max(free, 0):
        yield fail("quota: Lambda", said, advice)
    elif limit < UNRESERVED_AT_LEAST:
        yield warn("quota: Lambda", f"{said}: a run of a city will be throttled", advice)
    else:
        yield ok("quota: Lambda", said)


def _held(client: object, name: str) -> int:
    try:
        found = client.get_function_concurrency(FunctionName=name)  # type: ignore[attr-defined]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return 0
        raise
    return int(found.get("ReservedConcurrentExecutions", 0))


def _quota(session: boto3.Session, need: Need) -> Iterator[Finding]:
    client = session.client("service-quotas")
    try:
        quota = client.get_service_quota(ServiceCode=need.service, QuotaCode=need.code)["Quota"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        # An account that never asked for another value may have none of its own.
        quota = client.get_aws_default_service_quota(ServiceCode=need.service, QuotaCode=need.code)["Quota"]
    said = f"the stack needs {need.amount:g} of {quota['Value']:g} ({quota['QuotaName']})"
    if need.amount > quota["Value"]:
        yield fail(need.subject, said, f"{_RAISE} ({quota['QuotaName']})")
    else:
        yield ok(need.subject, said)
