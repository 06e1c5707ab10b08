"""An S3 client without S3 that breaks off, fails, or loses replies when told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ConnectionClosedError, ResponseStreamingError

from lambdas.testing.memory_s3 import MemoryS3, refusal


class FailingS3(MemoryS3):
    """A bucket in memory, with failures.

    Attributes:
        failures: HTTP statuses (or exceptions) that the next calls end with, instead of being done.
        broken_reads: How many of the next reads break off in the middle.
        lost_writes: How many of the next writes are done, but their replies are lost.
        reads: How often an object was read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[int | Exception] = []
        self.broken_reads = 0
        self.lost_writes = 0
        self.reads = 0

    def put_object(self, **arguments: Any) -> Any:
        self._fail("PutObject")
        answer = super().put_object(**arguments)
        if self.lost_writes:
            # botocore sends the write again by itself, and hands on the answer to that.
            self.lost_writes -= 1
            return self.put_object(**arguments)
        return answer

    def get_object(self, **arguments: Any) -> Any:
        self.reads += 1
        self._fail("GetObject")
        answer = super().get_object(**arguments)
        if self.broken_reads:
            self.broken_reads -= 1
            return {"Body": _Broken()}
        return answer

    def head_object(self, **arguments: Any) -> Any:
        self._fail("HeadObject")
        return super().head_object(**arguments)

    def paginate(self, **arguments: Any) -> Any:
        found = [item for page in super().paginate(**arguments) for item in page.get("Contents", [])]
        return [{"Contents": found[:2]}, {"Contents": found[2:]}] if found else [{}]

    def _fail(self, operation: str) -> None:
        if self.failures:
            failure = self.failures.pop(0)
            raise failure if isinstance(failure, Exception) else refusal(failure, operation)


class _Broken:
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield b"ha"
        raise ResponseStreamingError(error="the connection was reset")


def no_connection() -> Exception:
    return ConnectionClosedError(endpoint_url="https://s3")
