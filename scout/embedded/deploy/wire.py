"""Values as they travel between a Pulumi program and an engine, to and from plain JSON values.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go lists the marks below. They are part of
the protocol and equal in every SDK.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pathlib import Path

    from scout.embedded.resources import JsonObject

_MARK: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of one
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"


class WireError(Exception):
    """A value that has no place in the inputs of a resource here."""


def decode(values: struct_pb2.Struct, directory: Path) -> tuple[JsonObject, frozenset[str]]:
    """Return the properties as JSON values, and the names of those that hold a secret.

    Numbers without a fraction become integers, absent values are left out, and an archive becomes
    `{"path": <absolute path>, "sha256": <digest of the file>}`.

    Args:
        values: The properties of one resource.
        directory: The folder that paths of archives start from.

    Raises:
        WireError: An asset or an archive that is not a file.
    """
    reader = _Reader(directory)
    decoded: JsonObject = {}
    secrets = set()
    # The protocol's maps have no order of their own.
    for key in sorted(values):
        reader.met_secret = False
        value = reader.read(values[key])
        if value is not None:
            decoded[key] = value
        if reader.met_secret:
            secrets.add(key)
    return decoded, frozenset(secrets)


def encode(values: JsonObject) -> struct_pb2.Struct:
    """Return JSON values as properties. Archives are left out: the program keeps those that it gave."""
    struct = struct_pb2.Struct()
    struct.update({key: value for key, value in values.items() if not is_archive(value)})
    return struct


def is_archive(value: object) -> bool:
    """Return whether a JSON value is what `decode` makes of an archive."""
    return isinstance(value, dict) and value.keys() == {"path", "sha256"}


class _Reader:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.met_secret = False

    def read(self, value: Any) -> Any:  # noqa: ANN401 - any value of the protocol
        if isinstance(value, struct_pb2.Struct):
            return self._marked(value) if _MARK in value else self._object(value)
        if isinstance(value, struct_pb2.ListValue):
            return [self.read(item) for item in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    def _object(self, value: struct_pb2.Struct) -> JsonObject:
        read = {key: self.read(value[key]) for key in sorted(value)}
        return {key: item for key, item in read.items() if item is not None}

    def _marked(self, value: struct_pb2.Struct) -> Any:  # noqa: ANN401 - any JSON value
        if value[_MARK] == _SECRET:
            self.met_secret = True
            return self.read(value["value"])
        if value[_MARK] != _ARCHIVE or "path" not in value:
            raise WireError("only an archive that is a file is supported, as in pulumi.FileArchive('code.zip')")
        path = self._directory / value["path"]
        if not path.is_file():
            raise WireError(f"the archive {path} is not a file")
        return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
