"""State machines that write objects to S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account


def bucket(account: Account) -> str:
    name = f"b-{account.id}"
    account.session.client("s3").create_bucket(Bucket=name)
    return name


def put(account: Account, *allowed: str, **parameters: Any) -> dict[str, Any]:
    """Run a machine that puts an object, by default with a role that may put any; an error is caught."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Parameters": {"Bucket": f"b-{account.id}", "Key": "runs/ü 1.json", "Body.$": "$", **parameters},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    states = {"Put": task, "Caught": {"Type": "Pass", "End": True}}
    role = account.role("states", ("s3:PutObject", list(allowed or ["*"])))
    machine = account.machine(f"m{len(account._roles)}", {"StartAt": "Put", "States": states}, role=role)
    return account.run(machine, {"city": "Århus", "n": [1, 2.5, None]})


def test_an_object_is_stored_as_its_json_text(account: Account) -> None:
    name, s3 = bucket(account), account.session.client("s3")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    output = put(account, f"arn:aws:s3:::{name}/runs/*", ContentType="application/json")["output"]
    held = s3.get_object(Bucket=name, Key="runs/ü 1.json")
    assert held["Body"].read().decode() == '{"city":"Århus","n":[1,2.5,null]}'
    assert held["ContentType"] == "application/json"
    assert (output["ETag"], output["VersionId"]) == (held["ETag"], held["VersionId"])


def test_an_object_is_written_once(account: Account) -> None:
    bucket(account)
    assert put(account, IfNoneMatch="*")["output"]["ETag"]
    error = put(account, IfNoneMatch="*")["output"]
    assert error["Error"] == "S3.S3Exception"
    assert "(Service: S3, Status Code: 412, Request ID: " in error["Cause"]


def test_errors_have_the_name_of_their_class(account: Account) -> None:
    error = put(account)["output"]
    assert error["Error"] == "S3.NoSuchBucketException"
    assert error["Cause"].startswith("The specified bucket does not exist (Service: S3, Status Code: 404, ")


def test_the_role_must_allow_it(account: Account) -> None:
    name = bucket(account)
    error = put(account, f"arn:aws:s3:::{name}/other/*")["output"]
    assert error["Error"] == "S3.AccessDeniedException"
    assert f"not authorized to perform: s3:PutObject on resource: arn:aws:s3:::{name}/runs/ü 1.json" in error["Cause"]
    assert "Contents" not in account.session.client("s3").list_objects_v2(Bucket=name)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"Body.$": "$.city"}, "needs Bucket, Key and a JSON object or list as Body"),
        ({"StorageClass": "GLACIER"}, "does not have StorageClass"),
    ],
)
def test_what_is_not_known_of_aws_is_refused(account: Account, parameters: dict[str, Any], told: str) -> None:
    bucket(account)
    ended = put(account, **parameters)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert told in ended["cause"]
