"""An S3 client without S3: one bucket in memory, with the calls of S3 that the stage SDK makes."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict", 412: "PreconditionFailed"}
_PAGE = 1000


class MemoryS3:
    """The calls of an S3 client that ``Storage`` makes, answered as S3 answers them.

    Attributes:
        objects: What stands in the bucket, by key.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **arguments: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        """Write an object; with ``IfNoneMatch`` only if none stands there."""
        if "IfNoneMatch" in arguments and arguments["Key"] in self.objects:
            raise refusal(412, "PutObject")
        body = arguments["Body"]
        self.objects[arguments["Key"]] = body if isinstance(body, bytes) else body.read()
        return {"ETag": self._etag(arguments["Key"])}

    def get_object(self, **arguments: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        """Read an object."""
        body = self._body(arguments["Key"], "GetObject")
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": self._etag(arguments["Key"])}

    def head_object(self, **arguments: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        """Say whether an object stands there."""
        body = self._body(arguments["Key"], "HeadObject")
        return {"ContentLength": len(body), "ETag": self._etag(arguments["Key"])}

    def get_paginator(self, operation: str) -> Any:  # noqa: ANN401 - as boto3 has it
        """Page through keys: ``list_objects_v2`` alone."""
        if operation != "list_objects_v2":
            raise NotImplementedError(f"MemoryS3 has no paginator for {operation}")
        return self

    def paginate(self, **arguments: Any) -> Any:  # noqa: ANN401 - as boto3 has it
        """The keys below a prefix."""
        found = [{"Key": key} for key in sorted(self.objects) if key.startswith(arguments["Prefix"])]
        return [{"Contents": found[at : at + _PAGE]} for at in range(0, len(found), _PAGE)] or [{}]

    def _body(self, key: str, operation: str) -> bytes:
        if key not in self.objects:
            raise refusal(404, operation)
        return self.objects[key]

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()}"'


def refusal(status: int, operation: str) -> ClientError:
    """The error that boto3 raises where S3 answers with this HTTP status."""
    answer: Any = {
        "Error": {"Code": _CODES.get(status, "InternalError"), "Message": "refused"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)
