"""The provider as a server that the Pulumi engine attaches to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2_grpc

from scout.embedded.engine.provider import Provider
from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scout.embedded.aws import AwsEndpoint
    from scout.embedded.resources import Handler

# The engine dials this address (`dialPlugin` in
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/plugin.go).
_HOST: Final = "127.0.0.1"
# What the SDKs take, too.
_MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
# The engine works on as many resources at once as it is told by `--parallel`, by default four for each processor.
_THREADS: Final = 64


class PortTakenError(Exception):
    """Another program listens on the port."""


class ProviderServer:
    """Serves the provider from its making to `stop`.

    Args:
        endpoint: The embedded AWS.
        account: Where all resources are. Twelve digits.
        directory: The program's folder.
        port: On 127.0.0.1; a free one if None.
        handlers: The handler of each resource type.

    Attributes:
        port: Where it listens.

    Raises:
        PortTakenError: The port is not free.
    """

    def __init__(
        self,
        endpoint: AwsEndpoint,
        account: str,
        directory: Path,
        port: int | None = None,
        *,
        handlers: Mapping[str, Handler] = HANDLERS,
    ) -> None:
        provider = Provider(endpoint, account, directory, handlers)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="provider")
        self._server = grpc.server(
            self._threads,
            options=[
                ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
                # Two servers on one port would each get some of the calls.
                ("grpc.so_reuseport", 0),
            ],
        )
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, self._server)
        try:
            self.port = int(self._server.add_insecure_port(f"{_HOST}:{port or 0}"))
        except RuntimeError as error:
            raise PortTakenError(f"port {port} on {_HOST} is taken by another program") from error
        self._server.start()

    def stop(self, grace: float = 30.0) -> None:
        """Take no call any more, and wait for those under way.

        Args:
            grace: Seconds that they get before they are cut off.
        """
        self._server.stop(grace).wait()
        self._threads.shutdown(wait=False)
