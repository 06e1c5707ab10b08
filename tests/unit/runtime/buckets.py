"""An S3 client without S3: a bucket in memory that breaks off, fails, or loses replies when told to."""

from __future__ import annotations

import io
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError
from botocore.response import StreamingBody

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict", 412: "PreconditionFailed"}


class MemoryS3:
    """The calls of an S3 client that ``Storage`` makes.

    Attributes:
        objects: What stands in the bucket.
        failures: HTTP statuses (or exceptions) that the next calls end with, instead of being done.
        broken_reads: How many of the next reads break off in the middle.
        lost_writes: How many of the next writes are done, but their replies are lost.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failures: list[int | Exception] = []
        self.broken_reads = 0
        self.lost_writes = 0
        self.reads = 0

    def put_object(self, **arguments: Any) -> Any:
        self._fail("PutObject")
        if "IfNoneMatch" in arguments and arguments["Key"] in self.objects:
            raise _refusal(412, "PutObject")
        self.objects[arguments["Key"]] = arguments["Body"]
        if self.lost_writes:
            # botocore sends the write again by itself, and hands on the answer to that.
            self.lost_writes -= 1
            return self.put_object(**arguments)
        return {}

    def get_object(self, **arguments: Any) -> Any:
        self.reads += 1
        self._fail("GetObject")
        if arguments["Key"] not in self.objects:
            raise _refusal(404, "GetObject")
        body = self.objects[arguments["Key"]]
        if self.broken_reads:
            self.broken_reads -= 1
            return {"Body": _Broken()}
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def head_object(self, **arguments: Any) -> Any:
        self._fail("HeadObject")
        if arguments["Key"] not in self.objects:
            raise _refusal(404, "HeadObject")
        return {}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **arguments: Any) -> Any:
        found = [{"Key": key} for key in sorted(self.objects) if key.startswith(arguments["Prefix"])]
        return [{"Contents": found[:2]}, {"Contents": found[2:]}] if found else [{}]

    def _fail(self, operation: str) -> None:
        if self.failures:
            failure = self.failures.pop(0)
            raise failure if isinstance(failure, Exception) else _refusal(failure, operation)


class _Broken:
    def read(self) -> bytes:
        raise ResponseStreamingError(error="the connection was reset")


def no_connection() -> Exception:
    return ConnectionClosedError(endpoint_url="https://s3")


def _refusal(status: int, operation: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": _CODES.get(status, "InternalError"), "Message": "refused"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)
