"""A state machine writes an object to S3.

AWS: `aws-sdk:s3:putObject` stores the JSON text of a `Body` that is an object or a list, and answers as the API does
(https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html). The name of an error is that of
its class in AWS's SDK for Java: `S3.NoSuchBucketException`, with `Exception` added to the API's code, and
`S3.S3Exception` for those without a class of their own, such as PreconditionFailed.

The emulator has no `putObject` in state machines. What AWS writes for a `Body` that is a string, and what the other
parameters are called, is not documented: it is refused.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final
from xml.etree import ElementTree

from scout.embedded.emulator.patches.support import Patch, Untyped, service
from scout.embedded.emulator.server_loop import on_server_loop

_PATCH: Final = Patch(__name__)
_s3: Final = service("services.s3")
_sfn: Final = service("services.stepfunctions")

_RESOURCE: Final = "arn:aws:states:::aws-sdk:s3:putObject"
_HEADERS: Final = {"ContentType": "content-type", "IfNoneMatch": "if-none-match"}
_ANSWER: Final = {
    "etag": "ETag",
    "x-amz-version-id": "VersionId",
    "x-amz-server-side-encryption": "ServerSideEncryption",
}
# The errors of PutObject that the SDK for Java has a class for.
_CLASSES: Final = frozenset(
    {"AccessDenied", "NoSuchBucket", "EncryptionTypeMismatch", "InvalidRequest", "InvalidWriteOffset", "TooManyParts"}
)


def apply() -> None:
    """Add the integration."""
    _PATCH.expect(_sfn._invoke_resource, "_invoke_aws_sdk_integration(resource, input_data)")
    _PATCH.expect(_s3.handle_request, "internal: bool = False", "_dispatch(method, bucket, key, headers, body")
    _PATCH.around(_sfn, "_invoke_aws_sdk_integration", _invoke_aws_sdk_integration)


def _invoke_aws_sdk_integration(original: Untyped, resource: str, data: dict[str, Any]) -> Untyped:
    return _put_object(data) if resource == _RESOURCE else original(resource, data)


def _put_object(data: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(data.keys() - {"Bucket", "Key", "Body", *_HEADERS})
    if unknown or not isinstance(data.get("Body"), dict | list) or not {"Bucket", "Key"} <= data.keys():
        what = (
            f"does not have {', '.join(unknown)}" if unknown else "needs Bucket, Key and a JSON object or list as Body"
        )
        raise _sfn._ExecutionError("States.Runtime", f"aws-sdk:s3:putObject of the embedded AWS {what}")
    body = json.dumps(data["Body"], ensure_ascii=False, separators=(",", ":")).encode()
    headers = {header: str(data[name]) for name, header in _HEADERS.items() if name in data}
    path = f"/{data['Bucket']}/{data['Key']}"
    status, answered, text = on_server_loop(_s3.handle_request, "PUT", path, headers, body, {}, internal=True)
    found = {name.lower(): value for name, value in answered.items()}
    if status != HTTPStatus.OK:
        raise _failure(status, text, found)
    return {name: found[header] for header, name in _ANSWER.items() if header in found}


def _failure(status: int, text: bytes, headers: dict[str, str]) -> Exception:
    told = ElementTree.fromstring(text)  # noqa: S314 - what the emulator itself wrote
    code, message = told.findtext("Code"), told.findtext("Message")
    name = f"{code}Exception" if code in _CLASSES else "S3Exception"
    request, host = headers["x-amz-request-id"], headers["x-amz-id-2"]
    details = f"Service: S3, Status Code: {status}, Request ID: {request}, Extended Request ID: {host}"
    error: Exception = _sfn._ExecutionError(f"S3.{name}", f"{message} ({details})")
    return error
