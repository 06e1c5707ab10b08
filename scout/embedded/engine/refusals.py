"""How the provider tells an engine that a call went wrong."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2, status_pb2

from scout.embedded.engine.configuration import WrongAccountError
from scout.embedded.errors import ResourceError
from scout.embedded.resources import UnknownFunctionError
from scout.embedded.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf import struct_pb2  # type: ignore[import-untyped]

# Where gRPC carries what a status says beside its text:
# https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
_DETAILS: Final = "grpc-status-details-bin"


class RefusedCall(Exception):
    """A call that is not answered.

    Args:
        code: The status.
        message: What is wrong, and what to do.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class InitFailed(Exception):
    """A resource stands, and is not what it should be. The engine keeps it in the state, to delete it or to go on.

    Args:
        error: What went wrong.
        identifier: The id of what stands.
        properties: What is known of it.
    """

    def __init__(self, error: ResourceError, identifier: str, properties: struct_pb2.Struct) -> None:
        super().__init__(str(error))
        self._detail = provider_pb2.ErrorResourceInitFailed(
            id=identifier, properties=properties, inputs=properties, reasons=[str(error)]
        )

    def status(self) -> status_pb2.Status:
        """Return the status as gRPC carries it beside the text."""
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(self))
        status.details.add().Pack(self._detail)
        return status


@contextlib.contextmanager
def answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn what goes wrong inside into the status that the engine shows.

    UNKNOWN is what engines take for a failure of the resource; the others say that nothing was begun.

    Args:
        context: The call.
    """
    try:
        yield
    except RefusedCall as error:
        context.abort(error.code, str(error))
    except WrongAccountError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except WireError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{error.argument}: {error}")
    except UnknownFunctionError as error:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
    except InitFailed as error:
        context.set_trailing_metadata(((_DETAILS, error.status().SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except ResourceError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
