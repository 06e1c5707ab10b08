"""Credentials and region."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from scout.doctor.findings import Finding, fail, ok, warn, why

if TYPE_CHECKING:
    import boto3

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_INVALID = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}
_SIGN_IN = "sign in again: `aws sso login`, or put fresh keys into the environment or ~/.aws/credentials"
_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def credentials(session: boto3.Session) -> Iterator[Finding]:
    """Whose they are, or what is wrong with them.

    Args:
        session: That of the stack.
    """
    try:
        caller = session.client("sts").get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError) as error:
        advice = "give some: `aws configure sso` and AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        yield fail("credentials", f"there are none: {error}", advice)
    except (SSOError, TokenRetrievalError) as error:
        yield fail("credentials", f"the sign-in is over: {error}", _SIGN_IN)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        said = "they have expired" if code in _EXPIRED else "they are not valid" if code in _INVALID else "refused"
        yield fail("credentials", f"{said}: {why(error)}", _SIGN_IN)
    except BotoCoreError as error:
        yield fail("credentials", f"AWS cannot be reached: {error}", "see the network, proxies and AWS_ENDPOINT_URL")
    else:
        yield ok("credentials", f"{caller['Arn']} in account {caller['Account']}")


def region(
    stack: str, configured: str, deployed: str | None, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Configuration, deployment and environment mean the same region.

    Args:
        stack: The stack.
        configured: What its file says.
        deployed: Where it is deployed; None if it is not.
        environ: The environment of the command line.
    """
    if deployed is not None and deployed != configured:
        yield fail(
            "region",
            f"{stack} is deployed in {deployed}, and its file says {configured}",
            f"set aws:region in Pulumi.{stack}.yaml back to {deployed}, or destroy the stack there first",
        )
        return
    other = {name: environ[name] for name in _VARIABLES if environ.get(name) not in {None, "", configured}}
    if other:
        said = ", ".join(f"{name} is {value}" for name, value in other.items())
        yield warn(
            "region",
            f"{stack} is in {configured}, and {said}",
            "`scout` and `pulumi` go by the stack's file; give the `aws` command --region",
        )
    else:
        yield ok("region", configured)
