"""What the provider answers with: properties in the request's own spelling where nothing changed, and differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from scout.embedded import wire
from scout.embedded.engine import paths
from scout.embedded.resources.differences import ABSENT, Kind, differ, differences, is_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scout.embedded.resources import Handler, JsonObject

_INTERNAL: Final = "__"
_KINDS: Final = {
    Kind.ADD: (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    Kind.DELETE: (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    Kind.UPDATE: (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}


class Properties:
    """The properties of a request: as JSON values, and as they came.

    Args:
        given: As they came.
        directory: The folder that paths of archives and assets start from.

    Attributes:
        values: The properties as JSON values, without those that engine and plugins keep for themselves.
        secrets: The names of those that hold a secret.

    Raises:
        WireError: A value that has no place here.
    """

    def __init__(self, given: struct_pb2.Struct, directory: Path) -> None:
        decoded, self.secrets = wire.decode(given, directory)
        self.values: JsonObject = {key: value for key, value in decoded.items() if not key.startswith(_INTERNAL)}
        self._given = given

    def answer(
        self, values: JsonObject, archives: Iterable[str] = (), *, secrets: frozenset[str] = frozenset()
    ) -> struct_pb2.Struct:
        """Return values as properties.

        A value that is as it came is answered as it came, so that secrets, references to resources and the places of
        files stay what they are. Whatever else stands in the place of a secret is a secret, too.

        Args:
            values: The values to answer with.
            archives: Those that are archives; other files are assets.
            secrets: Those that are secret beside those that came as secrets.
        """
        answered = struct_pb2.Struct()
        for key, value in values.items():
            if not differ(self.values.get(key, ABSENT), value):
                answered.fields[key].CopyFrom(self._given.fields[key])
                continue
            shaped = wire.digest(value, archive=key in archives) if is_file(value) else value
            answered.update({key: wire.secret(shaped) if key in self.secrets | secrets else shaped})
        return answered


def difference(
    handler: Handler, old: JsonObject, new: JsonObject, ignored: Iterable[str] = ()
) -> provider_pb2.DiffResponse:
    """Return what an update from one set of inputs to another takes.

    Args:
        handler: The handler of the resource's type.
        old: The inputs that it has.
        new: The inputs that it is to have.
        ignored: Property paths whose values do not count.
    """
    ignored = list(ignored)
    found = [item for item in differences(old, new) if not paths.is_within(item.path, ignored)]
    keys = sorted({str(item.path[0]) for item in found})
    detailed = {
        paths.written(item.path): provider_pb2.PropertyDiff(
            kind=_KINDS[item.kind][item.path[0] in handler.replace_on], inputDiff=True
        )
        for item in found
    }
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if found else none,
        diffs=keys,
        replaces=[key for key in keys if key in handler.replace_on],
        # Also where it is the program that asks for the replacement.
        deleteBeforeReplace=bool(found) and not handler.coexists,
        detailedDiff=detailed,
        hasDetailedDiff=bool(found),
    )
