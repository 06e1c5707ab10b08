"""Values as they travel between a Pulumi program, an engine and a provider, to and from plain JSON values.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go lists the marks below, and
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go the values that are not known yet.
They are part of the protocol and equal in every SDK.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped]

from scout.embedded.resources import UNKNOWN
from scout.embedded.resources.differences import is_file

if TYPE_CHECKING:
    from pathlib import Path

    from scout.embedded.resources import JsonObject

_MARK: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of one
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

# The marks of files -> what people call it, and how a program writes it.
_FILES: Final = {
    _ASSET: ("asset", "pulumi.FileAsset('job.py')"),
    _ARCHIVE: ("archive", "pulumi.FileArchive('code.zip')"),
}

# What says where the contents of a file are, and their digest.
_OF_FILES: Final = frozenset({"path", "text", "uri", "assets", "hash"})

# How the protocol writes a value that is not known yet, where it knows its type: a truth value, a number, a text, a
# list, an asset, an archive, an object.
_UNKNOWN: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        UNKNOWN,
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class WireError(Exception):
    """A value that has no place in the inputs of a resource here.

    Attributes:
        argument: The input that holds it.
    """

    argument = ""


def decode(values: struct_pb2.Struct, directory: Path) -> tuple[JsonObject, frozenset[str]]:
    """Return the properties as JSON values, and the names of those that hold a secret.

    Numbers without a fraction become integers, absent values are left out, what is not known yet becomes `UNKNOWN`, a
    reference to a resource becomes its id, and an archive or asset becomes
    `{"path": <absolute path>, "sha256": <digest of the file>}`. Where its contents do not matter to a call, an engine
    sends only the digest of a file, and the path is empty.

    Args:
        values: The properties of one resource.
        directory: The folder that paths of archives and assets start from.

    Raises:
        WireError: An asset or an archive that is not a file, or one that changed after the engine had read it.
    """
    reader = _Reader(directory)
    decoded: JsonObject = {}
    secrets = set()
    # The protocol's maps have no order of their own.
    for key in sorted(values):
        reader.met_secret = False
        try:
            value = reader.read(values[key])
        except WireError as error:
            error.argument = key
            raise
        if value is not None:
            decoded[key] = value
        if reader.met_secret:
            secrets.add(key)
    return decoded, frozenset(secrets)


def encode(values: JsonObject) -> struct_pb2.Struct:
    """Return JSON values as properties. Archives and assets are left out: the program keeps those that it gave."""
    struct = struct_pb2.Struct()
    struct.update({key: value for key, value in values.items() if not is_file(value)})
    return struct


def secret(value: Any) -> JsonObject:  # noqa: ANN401 - any JSON value
    """Return a value that is secret, as `encode` takes it."""
    return {_MARK: _SECRET, "value": value}


def digest(file: JsonObject, *, archive: bool) -> JsonObject:
    """Return a file of which only the digest is known, as `encode` takes it.

    Args:
        file: `{path, sha256}`.
        archive: It is an archive, not an asset.
    """
    return {_MARK: _ARCHIVE if archive else _ASSET, "hash": file["sha256"]}


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
        return UNKNOWN if isinstance(value, str) and value in _UNKNOWN else value

    def _object(self, value: struct_pb2.Struct) -> JsonObject:
        read = {key: self.read(value[key]) for key in sorted(value)}
        return {key: item for key, item in read.items() if item is not None}

    def _marked(self, value: struct_pb2.Struct) -> Any:  # noqa: ANN401 - any JSON value
        mark = value[_MARK]
        if mark == _SECRET:
            self.met_secret = True
            return self.read(value["value"])
        if mark == _OUTPUT:
            self.met_secret = self.met_secret or ("secret" in value and bool(value["secret"]))
            return self.read(value["value"]) if "value" in value else UNKNOWN
        if mark == _RESOURCE:
            # A component has no id, and one that is to be made has not got it yet.
            return (self.read(value["id"]) or UNKNOWN) if "id" in value else value["urn"]
        if mark in _FILES:
            return self._file(value)
        raise WireError(f"a value with the mark {mark} has no support here")

    def _file(self, value: struct_pb2.Struct) -> JsonObject:
        kind, example = _FILES[value[_MARK]]
        said = {key: value[key] for key in value if key in _OF_FILES and value[key]}
        known = said.pop("hash", "")
        if known and not said:
            return {"path": "", "sha256": known}
        if said.keys() != {"path"}:
            raise WireError(f"only an {kind} that is a file is supported, as in {example}")
        path = self._directory / said["path"]
        if not path.is_file():
            raise WireError(f"the {kind} {path} is not a file")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        # https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/archive/archive.go: of a file, the engine
        # hashes the bytes.
        if known not in ("", found):
            raise WireError(f"the {kind} {path} changed after the program had named it; deploy again")
        return {"path": str(path), "sha256": found}
