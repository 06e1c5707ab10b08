"""Objects in the workflow bucket: written once, read whole, and every failure by the name that Retry knows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.documents import sha256
from lambdas.runtime.errors import (
    AccessDenied,
    InputNotFound,
    OutputConflict,
    TransientStorageError,
    VerificationFailed,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

JSON_TYPE = "application/json"
# Contents above this size go through the disk (a function's /tmp has 512 MB unless it asks for more), not memory.
SPOOL_BYTES = 50 * 1024 * 1024
# A stream that breaks off while it is read is not retried by botocore.
_READS = 3
_CHUNK_BYTES = 1 << 20


def spool() -> IO[bytes]:
    """A temporary file: in memory up to 50 MB, on disk beyond. It goes when it is closed, or not used any more."""
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)


class Storage:
    """The workflow bucket.

    Args:
        bucket: Its name.
        client: An S3 client.
    """

    def __init__(self, bucket: str, client: S3Client) -> None:
        self.bucket = bucket
        self._client = client

    def put_once(self, key: str, body: bytes, content_type: str = JSON_TYPE) -> str:
        """Write an object that never changes.

        A write whose reply was lost is found to stand already, with the same content, and is a success.

        Args:
            key: Where.
            body: What.
            content_type: Its media type.

        Returns:
            The SHA-256 of the body.

        Raises:
            OutputConflict: The object stands already with other content, which stays.
            AccessDenied: The role may not write there.
            TransientStorageError: S3 failed or could not be reached.
        """
        digest = sha256(body)
        if not self.keep_first(key, body, content_type) and sha256(self.get(key)) != digest:
            raise OutputConflict(f"{self._path(key)} stands already with other content; it is written once.")
        return digest

    def keep_first(self, key: str, body: bytes | IO[bytes], content_type: str = JSON_TYPE) -> bool:
        """Write an object unless one stands at its key.

        Args:
            key: Where.
            body: What; or a file with it, from its beginning, up to 5 GB.
            content_type: Its media type.

        Returns:
            Whether this call wrote it. A write whose reply was lost may say no.

        Raises:
            AccessDenied: The role may not write there.
            TransientStorageError: S3 failed or could not be reached.
        """
        with self._named_errors("write", key):
            try:
                self._client.put_object(
                    Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*"
                )
            except ClientError as error:
                if _status(error) != 412:
                    raise
                return False
        return True

    def put(self, key: str, body: bytes, content_type: str = JSON_TYPE) -> None:
        """Write an object, whatever stands at its key. Only the pointer to the last run is written so.

        Raises:
            AccessDenied: The role may not write there.
            TransientStorageError: S3 failed or could not be reached.
        """
        with self._named_errors("write", key):
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Read an object whole; a stream that breaks off is read again, a few times.

        Raises:
            InputNotFound: There is no such object.
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed, could not be reached, or broke off each time.
        """
        with self.fetch(key) as file:
            return file.read()

    def fetch(self, key: str, etag: str | None = None) -> IO[bytes]:
        """Read an object whole into a temporary file (see ``spool``), which stands at its beginning.

        Args:
            key: Where.
            etag: The version of it that S3 gave this tag; by default whatever stands there.

        Raises:
            VerificationFailed: What stands there has another tag.
            InputNotFound: There is no such object.
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed, could not be reached, or broke off each time.
        """
        attempt = 1
        condition: dict[str, Any] = {"IfMatch": etag} if etag else {}
        with self._named_errors("read", key):
            while True:
                file = spool()
                stream = self._client.get_object(Bucket=self.bucket, Key=key, **condition)
                try:
                    for chunk in stream["Body"].iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
                except BotoCoreError:
                    if attempt == _READS:
                        raise
                else:
                    file.seek(0)
                    return file
                attempt += 1

    def find(self, key: str) -> bytes | None:
        """Read an object that need not exist.

        Returns:
            Its content, or ``None``.

        Raises:
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed or could not be reached.
        """
        try:
            return self.get(key)
        except InputNotFound:
            return None

    def exists(self, key: str) -> bool:
        """Whether an object stands at a key.

        Raises:
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed or could not be reached.
        """
        try:
            with self._named_errors("read", key):
                self._client.head_object(Bucket=self.bucket, Key=key)
        except InputNotFound:
            return False
        return True

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix, in their order.

        Raises:
            AccessDenied: The role may not list them.
            TransientStorageError: S3 failed or could not be reached.
        """
        with self._named_errors("list", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def _path(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    @contextmanager
    def _named_errors(self, action: str, key: str) -> Iterator[None]:
        path = f"Path: {self._path(key)}"
        try:
            yield
        except ClientError as error:
            status = _status(error)
            if status == 404:
                raise InputNotFound(f"Object not found in S3. {path}") from error
            if status == 403:
                raise AccessDenied(
                    f"Access denied to S3 bucket. Check IAM permissions for Lambda execution role. {path}"
                ) from error
            if status == 412:
                raise VerificationFailed(f"The object was changed after it was written. {path}") from error
            if status == 503:
                raise TransientStorageError(f"S3 throttling (503 SlowDown). Retrying with backoff. {path}") from error
            # 409: two conditional writes of one key at once, of which one is told to try again.
            if status >= 500 or status == 409:
                raise TransientStorageError(f"S3 internal error ({status}). Retrying with backoff. {path}") from error
            raise
        except BotoCoreError as error:
            raise TransientStorageError(
                f"SDK error: could not {action} the object: {error}. Retrying with backoff. {path}"
            ) from error


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
