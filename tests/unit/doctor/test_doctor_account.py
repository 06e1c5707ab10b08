"""Credentials, region, quotas and secrets: what is wrong is said, and what could not be asked is not taken for good."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from scout.doctor import account, quotas, secrets
from scout.doctor.findings import Finding, Level, asked
from scout.doctor.program import Program
from scout.errors import ScoutError
from settings.connectors import Connectors
from tests.unit.e2e.account import Account, refused


def raising(error: Exception) -> Any:
    def call(**_: Any) -> Any:
        raise error

    return call


def session(found: Account) -> Any:
    return cast(Any, found)


CREDENTIALS = [
    (NoCredentialsError(), "there are none", "aws configure sso"),
    (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "there are none", "AWS_SECRET"),
    (UnauthorizedSSOTokenError(), "the sign-in is over", "aws sso login"),
    (TokenRetrievalError(provider="sso", error_msg="over"), "the sign-in is over", "aws sso login"),
    (refused("GetCallerIdentity", "ExpiredToken"), "they have expired", "aws sso login"),
    (refused("GetCallerIdentity", "InvalidClientTokenId"), "they are not valid", "fresh keys"),
    (refused("GetCallerIdentity", "SignatureDoesNotMatch"), "they are not valid", "fresh keys"),
    (refused("GetCallerIdentity", "AccessDenied"), "refused: AWS refused GetCallerIdentity", "fresh keys"),
    (EndpointConnectionError(endpoint_url="https://sts"), "AWS cannot be reached", "AWS_ENDPOINT_URL"),
]


@pytest.mark.parametrize(("error", "said", "advice"), CREDENTIALS, ids=lambda value: type(value).__name__)
def test_credentials_that_do_not_do(error: Exception, said: str, advice: str):
    [found] = account.credentials(session(Account(get_caller_identity=raising(error))))
    assert found.level is Level.FAIL
    assert said in found.said
    assert advice in found.advice


def test_credentials_that_do_say_whose_they_are():
    [found] = account.credentials(session(Account(get_caller_identity=lambda: {"Arn": "arn:me", "Account": "1"})))
    assert (found.level, found.said) == (Level.OK, "arn:me in account 1")


@pytest.mark.parametrize(
    ("deployed", "environ", "level"),
    [
        ("eu-west-1", {}, Level.OK),
        (None, {}, Level.OK),
        ("eu-west-1", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": ""}, Level.OK),
        ("eu-west-1", {"AWS_DEFAULT_REGION": "us-east-1"}, Level.WARN),
        ("us-east-1", {}, Level.FAIL),
    ],
)
def test_region(deployed: str | None, environ: dict[str, str], level: Level):
    [found] = account.region("dev", "eu-west-1", deployed, environ)
    assert found.level is level


def program(*resources: tuple[str, dict[str, Any]]) -> Program:
    return Program(tuple({"type": kind, "inputs": inputs} for kind, inputs in resources))


def function(name: str, reserved: int = -1) -> tuple[str, dict[str, Any]]:
    return "aws:lambda/function:Function", {"name": name, "reservedConcurrentExecutions": reserved}


def job(workers: int, runs: int) -> tuple[str, dict[str, Any]]:
    inputs = {"name": "sum", "workerType": "G.2X", "numberOfWorkers": workers}
    return "aws:glue/job:Job", {**inputs, "executionProperty": {"maxConcurrentRuns": runs}}


MACHINE = ("aws:sfn/stateMachine:StateMachine", {"name": "city"})


def limits(limit: int, unreserved: int, held: int = 0, quota: dict[str, float] | None = None) -> Account:
    def get_quota(QuotaCode: str, **_: Any) -> Any:  # noqa: N803 - the name of the API
        if QuotaCode not in (quota or {}):
            raise refused("GetServiceQuota", "NoSuchResourceException")
        return {"Quota": {"Value": (quota or {})[QuotaCode], "QuotaName": "mine"}}

    return Account(
        get_account_settings=lambda: {
            "AccountLimit": {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
        },
        get_function_concurrency=lambda FunctionName: {"ReservedConcurrentExecutions": held},  # noqa: N803
        get_service_quota=get_quota,
        get_aws_default_service_quota=lambda **_: {"Quota": {"Value": 50.0, "QuotaName": "default"}},
    )


def quota(found: Account, needed: Program) -> dict[str, Finding]:
    return {finding.subject: finding for finding in quotas.quotas(session(found), needed)}


@pytest.mark.parametrize(
    ("limit", "unreserved", "held", "reserved", "level"),
    [
        (1000, 1000, 0, 28, Level.OK),
        (128, 128, 0, 28, Level.OK),
        (127, 127, 0, 28, Level.FAIL),
        (10, 10, 0, 28, Level.FAIL),
        (128, 100, 28, 28, Level.OK),  # the stack has it already
        (1000, 110, 0, 28, Level.FAIL),  # others have it
        (10, 10, 0, -1, Level.WARN),
        (1000, 1000, 0, -1, Level.OK),
    ],
)
def test_concurrency(limit: int, unreserved: int, held: int, reserved: int, level: Level):
    found = quota(limits(limit, unreserved, held), program(function("sweep", reserved), function("mock")))
    assert found["quota: Lambda"].level is level
    assert ("reserve_concurrency: false" in found["quota: Lambda"].advice) == (level is not Level.OK)


@pytest.mark.parametrize(("workers", "runs", "level"), [(2, 4, Level.OK), (10, 6, Level.FAIL)])
def test_glue(workers: int, runs: int, level: Level):
    needed = program(job(workers, runs), MACHINE)
    found = quota(limits(1000, 1000, quota={"L-08F3B322": 100.0, "L-5E4153CA": 30.0}), needed)
    assert found["quota: Glue DPUs"].level is level
    assert f"needs {2 * workers * runs} of 100" in found["quota: Glue DPUs"].said
    assert found["quota: Glue runs"].said == f"the stack needs {runs} of 30 (mine)"
    assert found["quota: Step Functions"].said == "the stack needs 1 of 50 (default)", "where none is applied"


def test_a_stack_without_jobs_needs_nothing_of_glue():
    assert "quota: Glue DPUs" not in quota(limits(1000, 1000), program(MACHINE))


def test_every_type_of_worker_of_the_project_is_known():
    needed = program(("aws:glue/job:Job", {"name": "x", "workerType": "G.1X", "numberOfWorkers": 2}))
    assert [need.amount for need in quotas.needs(needed) if need.service == "glue"] == [1, 2]


def test_what_may_not_be_asked_is_a_warning_with_the_permission_that_is_missing():
    found = quota(Account(), program(MACHINE, job(1, 1), function("sweep", 5)))
    assert {finding.level for finding in found.values()} == {Level.WARN}
    assert all("could not be asked, because AWS refused" in finding.said for finding in found.values())
    assert "lambda:GetAccountSettings" in found["quota: Lambda"].advice
    assert "servicequotas:GetServiceQuota" in found["quota: Glue DPUs"].advice


def policy(action: str | list[str], resource: str | list[str], effect: str = "Allow") -> tuple[str, dict[str, Any]]:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return "aws:iam/rolePolicy:RolePolicy", {"role": "fetch-role", "policy": json.dumps({"Statement": [statement]})}


SECRET = "arn:aws:secretsmanager:us-east-1:1:secret:data-scout/llm-key-??????"
PARAMETER = "arn:aws:ssm:us-east-1:1:parameter/data-scout/token"
READS = program(
    policy(["secretsmanager:GetSecretValue"], SECRET),
    policy("ssm:GetParameter", [PARAMETER]),
    policy("s3:GetObject", "arn:aws:s3:::bucket/*"),
)


def looked_up(found: Account, needed: Program = READS, **connectors: Any) -> dict[str, Finding]:
    services = Connectors.model_validate(connectors)
    return {finding.subject: finding for finding in secrets.secrets(session(found), needed, services)}


def test_secrets_that_are_there():
    asked_for: list[str] = []

    def answer(SecretId: str = "", Name: str = "") -> dict[str, Any]:  # noqa: N803 - the names of the API
        asked_for.append(SecretId or Name)
        return {}

    there = Account(describe_secret=answer, get_parameter=answer)
    assert {finding.level for finding in looked_up(there).values()} == {Level.OK}
    assert asked_for == ["data-scout/llm-key", "/data-scout/token"]


def test_secrets_that_are_missing_are_named_with_who_needs_them():
    gone = Account(
        describe_secret=raising(refused("DescribeSecret", "ResourceNotFoundException")),
        get_parameter=raising(refused("GetParameter", "ParameterNotFound")),
    )
    found = looked_up(gone)
    assert {finding.level for finding in found.values()} == {Level.FAIL}
    assert found["secret data-scout/llm-key"].said == "is not there, and fetch-role reads it"
    assert "aws secretsmanager create-secret --name data-scout/llm-key" in found["secret data-scout/llm-key"].advice
    assert "aws ssm put-parameter" in found["parameter /data-scout/token"].advice


def test_a_secret_that_is_being_deleted_is_as_good_as_missing():
    going = Account(describe_secret=lambda **_: {"DeletedDate": "2026-01-01"}, get_parameter=lambda **_: {})
    found = looked_up(going)["secret data-scout/llm-key"]
    assert found.level is Level.FAIL
    assert "restore-secret" in found.advice


def test_secrets_that_may_not_be_asked_for_are_a_warning():
    assert {finding.level for finding in looked_up(Account()).values()} == {Level.WARN}


def test_a_stack_that_reads_none_says_so():
    needed = program(policy("s3:GetObject", "*"), policy("secretsmanager:GetSecretValue", SECRET, effect="Deny"))
    said = looked_up(Account(), needed)["secrets"].said
    assert said.startswith("the stack names none, and no function reads one")
    assert said.endswith("left out by real states: connectors.tavily")


def test_secrets_that_the_settings_name_must_be_there():
    gone = Account(describe_secret=raising(refused("DescribeSecret", "ResourceNotFoundException")))
    named: dict[str, Any] = {"tavily": {"secret": "tavily-key"}, "google": {"secret": "unused"}}
    found = looked_up(gone, program(), **named)
    assert set(found) == {"secret tavily-key"}, "a service that is off needs none"
    assert found["secret tavily-key"].level is Level.FAIL
    assert found["secret tavily-key"].said == "is not there, and connectors.tavily reads it"
    named["google"] |= {"enabled": True, "secret": "tavily-key"}
    assert (
        "connectors.google, connectors.tavily read it" in looked_up(gone, program(), **named)["secret tavily-key"].said
    )


@pytest.mark.parametrize("error", [refused("Any"), EndpointConnectionError(endpoint_url="x"), ScoutError("no")])
def test_what_refuses_is_a_finding(error: Exception):
    [found] = asked("thing", raising(error), "do this")
    assert (found.level, found.advice) == (Level.WARN, "do this")
    assert found.said.startswith("could not be asked, because ")
