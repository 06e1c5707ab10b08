"""The network as the fetcher sees it: judged addresses, one deadline for everything, and every byte counted.

httpcore2 asks its network backend for a connection to the host and the port of a URL, and begins TLS on that connection
with the URL's host name. So this is where the name becomes an address, and nothing after it looks at the name again:
what was judged is what is connected to, while TLS still proves that it is the host of the URL.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import httpcore2
from httpcore2 import NetworkBackend, NetworkStream, SyncBackend

from lambdas.fetching.addresses import Address, judged
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline

# As ``httpcore2`` types them.
SocketOptions = Iterable[Any] | None
# Of the addresses of a name, so many are tried before it counts as not to be reached.
_MAX_ADDRESSES = 2
# Of the time that is left, what the first of several addresses may take to answer.
_FIRST_ADDRESS_SHARE = 0.5
_MAX_PROXY_BYTES = 16_384


@dataclass
class Wire:
    """What a fetch has received.

    Attributes:
        limit: The most bytes that it may receive.
        over: The reason that receiving more ends the fetch with.
        received: Bytes so far, of the head and of the body as it was sent.
        beside: Bytes of the answers of a name server and of a proxy.
        ended: Whether the other side has closed the connection.
    """

    limit: int
    over: Reason = Reason.TOO_LARGE
    received: int = 0
    beside: int = 0
    ended: bool = False

    @property
    def total(self) -> int:
        """All bytes so far."""
        return self.received + self.beside


class Resolver(Protocol):
    """Finds the addresses of a name."""

    def resolve(self, host: str, deadline: Deadline, wire: Wire) -> list[str]:
        """All addresses of a name, as text.

        Args:
            host: In ASCII, without a dot at its end.
            deadline: When the fetch ends.
            wire: Counts what is received for it.

        Raises:
            Unfetched: ``name_not_found``, ``dns_failed`` or ``timed_out``.
        """


@dataclass(frozen=True)
class Proxy:
    """An egress proxy that takes CONNECT over plain HTTP.

    Attributes:
        host: Its name or address.
        port: Its port.
    """

    host: str
    port: int


class BoundedStream(NetworkStream):
    """A connection that ends with its deadline, and with the bytes that its wire allows.

    A time-out that began anew with each operation would let a server that sends a byte a second go on for ever.

    Args:
        inner: The connection.
        deadline: When the fetch ends.
        wire: What it may receive.
    """

    def __init__(self, inner: NetworkStream, deadline: Deadline, wire: Wire) -> None:
        self._inner = inner
        self._deadline = deadline
        self._wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive; see ``NetworkStream``."""
        room = self._wire.limit - self._wire.received
        # With no room left, one byte more shows whether there is more.
        data = self._inner.read(max(1, min(max_bytes, room)), _seconds(self._deadline))
        self._wire.received += len(data)
        self._wire.ended = not data
        if len(data) > room:
            raise Unfetched(self._wire.over, f"more than {self._wire.limit:,} bytes were received")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; see ``NetworkStream``."""
        self._inner.write(buffer, _seconds(self._deadline))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """Begin TLS; the handshake as a whole has what is left of the time."""
        secured = self._inner.start_tls(ssl_context, server_hostname, _seconds(self._deadline))
        return BoundedStream(secured, self._deadline, self._wire)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as the base class has it
        """What is known of the connection; see ``NetworkStream``."""
        return self._inner.get_extra_info(info)


@dataclass
class Direct(NetworkBackend):
    """Connects to where it is told: for the services that the stack itself names, a proxy and a name server.

    Attributes:
        dialer: Makes the connections.
        deadline: When the fetch ends.
        wire: What it may receive.
    """

    dialer: NetworkBackend
    deadline: Deadline
    wire: Wire

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> NetworkStream:
        """Connect; see ``NetworkBackend``. A shorter ``timeout`` counts."""
        seconds = _seconds(self.deadline)
        seconds = min(seconds, timeout) if timeout is not None else seconds
        return BoundedStream(self.dialer.connect_tcp(host, port, seconds), self.deadline, self.wire)


@dataclass
class Guarded(NetworkBackend):
    """Connects to the judged address of a host of the open web, itself or by way of a proxy.

    Attributes:
        resolver: Finds the addresses of names.
        proxy: The egress proxy, if there is one. It is told the judged address, never the name.
        dialer: Makes the connections.
        deadline: When the fetch ends.
        wire: What it may receive.
    """

    resolver: Resolver
    proxy: Proxy | None
    dialer: NetworkBackend
    deadline: Deadline
    wire: Wire

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> NetworkStream:
        """Connect; see ``NetworkBackend``.

        Raises:
            Unfetched: The name has no address, or one that is denied; or the proxy does not connect.
        """
        addresses = judged(host, self.resolver.resolve(host, self.deadline, self.wire))[:_MAX_ADDRESSES]
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, self.deadline.remaining() * _FIRST_ADDRESS_SHARE)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout, Unfetched) as error:
                if isinstance(error, Unfetched) and not error.passing:
                    raise
        return self._connect(addresses[-1], port, None)

    def _connect(self, address: Address, port: int, timeout: float | None) -> NetworkStream:
        if self.proxy is None:
            return Direct(self.dialer, self.deadline, self.wire).connect_tcp(str(address), port, timeout)
        return self._tunnel(self.proxy, f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")

    def _tunnel(self, proxy: Proxy, target: str) -> NetworkStream:
        """A connection through the proxy, for plain HTTP as for TLS: a proxy that is given a URL would look it up."""
        own = Wire(_MAX_PROXY_BYTES, Reason.PROXY_FAILED)
        where = f"the egress proxy {proxy.host}:{proxy.port}"
        origin = httpcore2.Origin(b"http", proxy.host.encode("ascii"), proxy.port)
        connection = httpcore2.HTTPConnection(origin, network_backend=Direct(self.dialer, self.deadline, own))
        url = httpcore2.URL(scheme=b"http", host=origin.host, port=origin.port, target=target.encode("ascii"))
        try:
            response = connection.handle_request(httpcore2.Request("CONNECT", url, headers=[("Host", target)]))
        except httpcore2.TimeoutException as error:
            raise Unfetched(Reason.PROXY_FAILED, f"{where} did not answer in time") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise Unfetched(Reason.PROXY_FAILED, f"{where} failed: {error}") from error
        finally:
            self.wire.beside += own.received
        if 200 <= response.status < 300:
            # From here on bytes are the page's.
            own.limit = sys.maxsize
            return BoundedStream(response.extensions["network_stream"], self.deadline, self.wire)
        connection.close()
        reason = Reason.PROXY_FAILED if response.status >= 500 else Reason.PROXY_REFUSED
        raise Unfetched(reason, f"{where} answered {response.status} to CONNECT {target}")


def dialer() -> NetworkBackend:
    """Makes connections by the operating system."""
    return SyncBackend()


def _seconds(deadline: Deadline) -> float:
    seconds = deadline.remaining()
    if seconds <= 0:
        raise httpcore2.ReadTimeout("the time is over")
    return seconds
