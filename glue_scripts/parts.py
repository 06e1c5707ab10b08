"""Part files: each of Spark's tasks writes its partition, and the driver joins them without ever holding all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import boto3

from lambdas.runtime.documents import sha256
from lambdas.runtime.errors import VerificationFailed
from lambdas.runtime.storage import Storage

LINES = "application/x-ndjson"


@dataclass(frozen=True, order=True)
class Part:
    """What one task wrote."""

    number: int
    key: str
    digest: str


@dataclass(frozen=True)
class PartWriter:
    """Writes the lines of one partition, each with its end; it runs on the workers, where it makes its own client.

    For ``RDD.mapPartitionsWithIndex``; it gives the part, or nothing for a partition with no line.

    Attributes:
        bucket: Where.
        folder: Below which key, without a slash at its end.
    """

    bucket: str
    folder: str

    def __call__(self, number: int, lines: Iterable[bytes]) -> Iterator[Part]:
        """Write a partition.

        Raises:
            AccessDenied: The job's role may not write.
            TransientStorageError: S3 could not be used.
        """
        body = b"".join(lines)
        if not body:
            return
        key = f"{self.folder}/part-{number:05d}.jsonl"
        # A task that is tried again writes the same part anew.
        Storage(self.bucket, boto3.client("s3")).put(key, body, LINES)
        yield Part(number, key, sha256(body))


def bodies(storage: Storage, parts: Iterable[Part]) -> Iterator[bytes]:
    """What the tasks wrote, part by part.

    Raises:
        VerificationFailed: A part file is not what its task wrote.
        InputNotFound: It is not there any more.
        AccessDenied: The job's role may not read it.
        TransientStorageError: S3 could not be used.
    """
    for part in parts:
        body = storage.get(part.key)
        if sha256(body) != part.digest:
            raise VerificationFailed(f"s3://{storage.bucket}/{part.key} is not what its task wrote.")
        yield body
