"""Whether a missing object is told as missing depends on the right to list the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account

READS = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        getattr(boto3.client("s3"), event["call"])(Bucket=event["bucket"], Key=event["key"])
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return "read"
"""


@pytest.mark.parametrize(
    ("call", "found", "denied"),
    [
        ("get_object", ["NoSuchKey", 404], ["AccessDenied", 403]),
        ("head_object", ["404", 404], ["403", 403]),
    ],
)
@pytest.mark.parametrize("may_list", [True, False])
def test_a_missing_object(
    account: Account, call: str, found: list[object], denied: list[object], may_list: bool
) -> None:
    name, s3 = f"b-{account.id}", account.session.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="mine/there", Body=b"x")
    statements: list[tuple[str | list[str], str | list[str]]] = [("s3:GetObject", f"arn:aws:s3:::{name}/mine/*")]
    if may_list:
        statements.append(("s3:ListBucket", f"arn:aws:s3:::{name}"))
    account.function("reads", READS, role=account.role("lambda", *statements))
    event = {"call": call, "bucket": name}
    assert account.invoke("reads", event | {"key": "mine/there"}) == (None, "read")
    assert account.invoke("reads", event | {"key": "mine/missing"}) == (None, found if may_list else denied)
