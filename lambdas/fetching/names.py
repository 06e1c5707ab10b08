"""Name resolution: by the operating system, or by DNS over HTTPS in its JSON form."""

from __future__ import annotations

import errno
import socket
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from urllib.parse import urlencode

import httpcore2
from httpcore2 import NetworkBackend

from lambdas.fetching.exchange import Limits, get
from lambdas.fetching.network import Direct, Wire
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline
from lambdas.runtime.documents import Json, from_json

# Of the types and codes of DNS (https://www.iana.org/assignments/dns-parameters).
_TYPES = {"A": 1, "AAAA": 28}
_NO_ERROR, _NO_SUCH_NAME = 0, 3
# An answer with the most records that anybody has for a name is a few KB long.
_MAX_ANSWER_BYTES = 16_384
# Look-ups of one process at once. One that was given up goes on in its thread until the operating system gives up too.
_THREADS = ThreadPoolExecutor(8, thread_name_prefix="names")
_NOT_FOUND = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class SystemResolver:
    """The resolver of the operating system, which has no time-out of its own to set."""

    def resolve(self, host: str, deadline: Deadline, wire: Wire) -> list[str]:
        """As ``Resolver``."""
        # With the dot at its end no search domain is appended to the name.
        looking = _THREADS.submit(socket.getaddrinfo, f"{host}.", None, 0, socket.SOCK_STREAM)
        try:
            found = looking.result(deadline.remaining())
        except FutureTimeout as error:
            looking.cancel()
            raise Unfetched(Reason.TIMED_OUT, f"{host} was not resolved in time") from error
        except socket.gaierror as error:
            missing = error.errno in _NOT_FOUND
            reason = Reason.NAME_NOT_FOUND if missing else Reason.DNS_FAILED
            raise Unfetched(reason, f"{host}: {error.strerror or errno.errorcode.get(error.errno or 0)}") from error
        except (OSError, UnicodeError) as error:
            raise Unfetched(Reason.DNS_FAILED, f"{host}: {error}") from error
        return [str(sockaddr[0]) for *_, sockaddr in found]


@dataclass(frozen=True)
class HttpsResolver:
    """DNS over HTTPS in the JSON form of public resolvers (``?name=&type=``, ``application/dns-json``).

    The resolver's own address is the stack's choice, and so is neither resolved by itself nor judged.

    Attributes:
        url: The resolver, such as ``https://dns.google/resolve``.
        dialer: Makes the connections.
    """

    url: httpcore2.URL
    dialer: NetworkBackend

    def resolve(self, host: str, deadline: Deadline, wire: Wire) -> list[str]:
        """As ``Resolver``."""
        return [address for kind in _TYPES for address in self._records(host, kind, deadline, wire)]

    def _records(self, host: str, kind: str, deadline: Deadline, wire: Wire) -> list[str]:
        target = self.url.target + b"?" + urlencode({"name": host, "type": kind}).encode("ascii")
        url = httpcore2.URL(scheme=self.url.scheme, host=self.url.host, port=self.url.port, target=target)
        own = Wire(_MAX_ANSWER_BYTES)
        headers = [("Host", _authority(self.url)), ("Accept", "application/dns-json")]
        try:
            answer = get(
                url,
                headers,
                backend=Direct(self.dialer, deadline, own),
                wire=own,
                deadline=deadline,
                limits=Limits(_MAX_ANSWER_BYTES),
            )
        except Unfetched as error:
            raise Unfetched(Reason.DNS_FAILED, f"{host}: the name server failed: {error.detail}") from error
        finally:
            wire.beside += own.received
        if answer.status != 200:
            raise Unfetched(Reason.DNS_FAILED, f"{host}: the name server answered {answer.status}")
        try:
            return _addresses(host, _TYPES[kind], from_json(answer.body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unfetched(Reason.DNS_FAILED, f"{host}: the name server's answer is not DNS as JSON") from error


def _addresses(host: str, kind: int, document: Json) -> list[str]:
    code = document["Status"]
    if code == _NO_SUCH_NAME:
        raise Unfetched(Reason.NAME_NOT_FOUND, f"{host} does not exist")
    if code != _NO_ERROR:
        raise Unfetched(Reason.DNS_FAILED, f"{host}: the name server answered code {code}")
    # Aliases stand beside the addresses to which they lead.
    return [str(record["data"]) for record in document.get("Answer", []) if record["type"] == kind]


def _authority(url: httpcore2.URL) -> str:
    host = url.host.decode("ascii")
    return host if url.port is None else f"{host}:{url.port}"
