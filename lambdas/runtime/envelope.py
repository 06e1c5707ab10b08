"""The form of a stage's output, ``output.json``: its data, what is known of it, and a digest of both.

::

    {"data":[
    {"id":1},
    {"id":2}
    ],
    "executionId":"...","records":2, ...,"sha256":"..."}

The digest is the last field, and covers every byte before it: one character more, less or other is found, wherever it
is. Data comes first, so that records can be written one after the other before it is known how many there are. Each
record of a list has a line of its own, and so has what is known of the data, the last one: either can be read without
all of the rest. It is one JSON object all the same. The standard library is enough for it: functions and Glue jobs
share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import IO

from lambdas.runtime.documents import Json
from lambdas.runtime.errors import VerificationFailed

DATA = "data"
DIGEST = "sha256"

_HEAD = b'{"data":'
DATA_AT = len(_HEAD)
"""Where the data begins."""
_LIST = _HEAD + b"[\n"
_LIST_END = b"],\n"
_SEAL = b',"sha256":"%s"}'
_SEAL_BYTES = len(_SEAL % (b"0" * 64))
_CHUNK_BYTES = 1 << 20
# As long as the last line is in most outputs.
_LINE_BYTES = 1 << 14


class EnvelopeWriter:
    """Writes an output to a file, piece by piece. ``seal`` completes it.

    Args:
        file: Open for writing bytes.

    Attributes:
        records: How many records were written by ``write_records``.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.records = 0
        self._file = file
        self._digest = hashlib.sha256()
        self._write(_HEAD)

    def write_data(self, text: bytes) -> None:
        """Write the data as a whole, as JSON text in one line."""
        self._write(text)

    def write_records(self, texts: Iterable[bytes], *, before: bytes = b"", after: bytes = b"") -> None:
        """Write the data as a list of records, each as JSON text and as soon as it comes.

        Args:
            texts: The records.
            before: What stands before the list, where that is only a field of the data: ``{"records":``.
            after: What stands after it: ``}``.
        """
        self._write(before + b"[")
        for text in texts:
            self._write((b",\n" if self.records else b"\n") + text)
            self.records += 1
        self._write((b"\n]" if self.records else b"]") + after)

    def seal(self, fields: bytes) -> str:
        """Write what is known of the data, and the digest.

        Args:
            fields: The JSON text of an object with at least one field, neither ``data`` nor ``sha256``.

        Returns:
            The digest.
        """
        self._write(b",\n" + fields[1:-1])
        digest = self._digest.hexdigest()
        self._file.write(_SEAL % digest.encode())
        return digest

    def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._file.write(piece)


def verified(file: IO[bytes], name: str) -> str:
    """Check that an output is whole.

    Args:
        file: Open for reading bytes, of any length; it is left at its beginning.
        name: The output, for messages.

    Returns:
        Its digest.

    Raises:
        VerificationFailed: It is not what was written.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if size < len(_HEAD) + _SEAL_BYTES or file.read(len(_HEAD)) != _HEAD:
        raise VerificationFailed(f"{name} is not the output of a stage.")
    file.seek(0)
    digest = hashlib.sha256()
    for chunk in _chunks(file, size - _SEAL_BYTES):
        digest.update(chunk)
    seal = file.read()
    file.seek(0)
    if seal != _SEAL % digest.hexdigest().encode():
        raise VerificationFailed(f"{name} does not match its digest: it was changed or cut off after it was written.")
    return digest.hexdigest()


def described(file: IO[bytes]) -> dict[str, Json]:
    """What is known of the data of an output, without its data.

    Args:
        file: An output that was verified.

    Returns:
        The fields, the digest among them.
    """
    size = file.seek(0, 2)
    length = min(size, _LINE_BYTES)
    while True:
        file.seek(size - length)
        _, found, line = file.read(length).rpartition(b"\n")
        if found or length == size:
            return dict(json.loads(b"{" + line))
        length = min(size, 2 * length)


def records(file: IO[bytes]) -> Iterator[Json]:
    """The records of an output whose data is a list, one after the other.

    Args:
        file: An output that was verified.
    """
    for line in record_lines(file):
        yield json.loads(line)


def record_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The same as JSON texts."""
    file.seek(0)
    if file.readline() != _LIST:
        return
    for line in file:
        if line == _LIST_END:
            return
        yield line.rstrip(b",\n")


def opened(file: IO[bytes], name: str) -> dict[str, Json]:
    """Read an output as a whole.

    Args:
        file: As for ``verified``.
        name: The output, for messages.

    Returns:
        All of its fields, the data and the digest among them.

    Raises:
        VerificationFailed: It is not what was written.
    """
    verified(file, name)
    envelope: dict[str, Json] = json.load(file)
    return envelope


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = file.read(min(size, _CHUNK_BYTES))
        if not chunk:
            return
        size -= len(chunk)
        yield chunk
