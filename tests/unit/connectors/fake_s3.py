"""S3 in memory, as far as connectors and the runtime's storage use it, with the headers and errors of the service."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody


class FakeS3:
    """Objects by (bucket, key). ``reads`` counts downloads; ``status`` makes every call fail with it; ``short_by`` is
    how many bytes a download ends too early."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = {}
        self.reads = 0
        self.status: int | None = None
        self.short_by = 0

    def store(self, uri: str, body: bytes, **metadata: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.objects[bucket, key] = (body, metadata)
        return uri

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - the names of the API
        body, metadata = self._find(Bucket, Key, "HeadObject")
        return {"ContentLength": len(body), "ETag": self._etag(body), "Metadata": metadata}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:  # noqa: N803
        body, _ = self._find(Bucket, Key, "GetObject")
        if IfMatch not in (None, self._etag(body)):
            raise self._error(412, "PreconditionFailed", "GetObject")
        self.reads += 1
        sent = io.BytesIO(body[: len(body) - self.short_by])
        return {"Body": StreamingBody(sent, content_length=len(body)), "ContentLength": len(body)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str) -> None:  # noqa: N803
        assert IfNoneMatch == "*"
        assert ContentType == "application/json"
        if (Bucket, Key) in self.objects:
            raise self._error(412, "PreconditionFailed", "PutObject")
        self.objects[Bucket, Key] = (Body, {})

    def get_paginator(self, name: str) -> FakeS3:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in self.keys(Prefix, Bucket)]}]

    def keys(self, prefix: str, bucket: str | None = None) -> list[str]:
        return sorted(key for name, key in self.objects if key.startswith(prefix) and bucket in (None, name))

    def _find(self, bucket: str, key: str, action: str) -> tuple[bytes, dict[str, str]]:
        if self.status is not None:
            raise self._error(self.status, str(self.status), action)
        if (bucket, key) not in self.objects:
            raise self._error(404, "404" if action == "HeadObject" else "NoSuchKey", action)
        return self.objects[bucket, key]

    @staticmethod
    def _etag(body: bytes) -> str:
        return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'

    @staticmethod
    def _error(status: int, code: str, action: str) -> ClientError:
        answer: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return ClientError(answer, action)
