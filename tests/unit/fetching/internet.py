"""An internet of one machine: names and public addresses, and behind each of them a hostile web server on 127.0.0.1.

Code under test resolves a name here, judges the public address that it is given, and asks for a connection to it. The
only way to 127.0.0.1 is through :class:`Internet`, which writes down every address that it is asked for.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore2
import trustme
from httpcore2 import NetworkBackend, NetworkStream, SyncBackend

from lambdas.fetching.addresses import denial
from lambdas.fetching.config import WebConfig
from lambdas.fetching.network import Proxy, Resolver, Wire
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline

PUBLIC = "93.184.216.34"
AGENT = "data-scout-test/1.0 (+https://example.org/contact)"
Page = Callable[["Visit"], None]


class Visit:
    """One request that the server answers, byte by byte if it likes.

    Attributes:
        method: Of the request.
        path: With the query.
        headers: By lower-case names.
    """

    def __init__(self, connection: socket.socket, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self._connection = connection

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(
        self, body: bytes = b"", status: int = 200, content_type: str = "text/html; charset=utf-8", **headers: str
    ) -> None:
        fields = {"Content-Type": content_type, "Content-Length": str(len(body))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in fields.items() if value)]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Break off as a crash does."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@dataclass
class Server:
    """A web server on a free port of 127.0.0.1, for all names; with TLS on a second one.

    Attributes:
        pages: What answers for each path, the query left out, or for ``host/path``.
        visits: The requests so far.
        sent: Bytes sent over plain HTTP so far.
    """

    pages: dict[str, Page] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    authority: trustme.CA = field(default_factory=trustme.CA)
    ports: dict[int, int] = field(default_factory=dict)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._certificates: dict[str, ssl.SSLContext] = {}

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        servers = [self._server(False), self._server(True)]
        self.ports = {80: servers[0].server_address[1], 443: servers[1].server_address[1]}
        for server in servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield self
        finally:
            for server in servers:
                server.shutdown()
                server.server_close()

    def certify(self, name: str, issuer: trustme.CA | None = None) -> None:
        """Give a name its certificate; ``*`` is for those that have none."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (issuer or self.authority).issue_cert(name if name != "*" else "somebody-else.example").configure_cert(context)
        self._certificates[name] = context

    @property
    def ca(self) -> str:
        return self.authority.cert_pem.bytes().decode()

    def _server(self, secure: bool) -> Any:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, ssl.SSLError):
                    outer._serve(self.request, secure)

        class Threads(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

        return Threads(("127.0.0.1", 0), Handler)

    def _serve(self, connection: socket.socket, secure: bool) -> None:
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        try:
            if secure:
                connection = self._secured(connection)
            with connection:
                visit = _request(connection)
                if visit is None:
                    return
                self.visits.append(visit)
                path = visit.path.partition("?")[0]
                host = visit.headers.get("host", "")
                (self.pages.get(f"{host}{path}") or self.pages.get(path) or _missing)(visit)
        finally:
            with self._lock:
                self._open -= 1

    def _secured(self, connection: socket.socket) -> ssl.SSLSocket:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.sni_callback = self._choose  # type: ignore[assignment]
        return context.wrap_socket(connection, server_side=True)

    def _choose(self, connection: ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if name not in self._certificates and "*" not in self._certificates:
            self.certify(name or "*")
        connection.context = self._certificates.get(name or "*") or self._certificates["*"]


def _request(connection: socket.socket) -> Visit | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            return None
        data += piece
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Visit(connection, method, path, headers)


def _missing(visit: Visit) -> None:
    visit.answer(b"no such page", 404, "text/plain")


@dataclass
class Names(Resolver):
    """A resolver: of each name the answers in turn, the last one for ever; an unknown name does not exist."""

    answers: dict[str, list[list[str] | Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slow: float = 0.0

    def tell(self, host: str, *answers: Sequence[str] | Exception) -> None:
        self.answers[host] = [answer if isinstance(answer, Exception) else list(answer) for answer in answers]

    def resolve(self, host: str, deadline: Deadline, wire: Wire) -> list[str]:
        self.asked.append(host)
        time.sleep(self.slow)
        if host not in self.answers:
            raise Unfetched(Reason.NAME_NOT_FOUND, f"{host} does not exist")
        waiting = self.answers[host]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Internet(NetworkBackend):
    """Makes connections: every address leads to the server, as long as it is public; all of them are written down.

    Attributes:
        server: What stands behind every public address.
        connects: The addresses and ports that were asked for.
        dead: Addresses where nothing answers.
    """

    server: Server
    connects: list[tuple[str, int]] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> NetworkStream:
        self.connects.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError("refused")
        return SyncBackend().connect_tcp("127.0.0.1", self.server.ports[port], *args, **options)

    @property
    def denied(self) -> list[str]:
        """The addresses that were asked for and that nobody may connect to; a name is none that may be asked for."""
        return [host for host, _ in self.connects if denial(ip_address(host)) is not None]


@dataclass
class World:
    """Server, names and internet, as a stack would be configured for them."""

    server: Server
    names: Names
    internet: Internet
    proxy: Proxy | None = None

    @property
    def web(self) -> WebConfig:
        return WebConfig(AGENT, self.names, self.proxy, self.internet, self.server.ca)


@contextlib.contextmanager
def world() -> Iterator[World]:
    """A server that allows robots everything, known as ``site.example`` and ``other.example``."""
    with Server().running() as server:
        names = Names()
        names.tell("site.example", [PUBLIC])
        names.tell("other.example", ["93.184.216.35"])
        server.pages["/robots.txt"] = lambda visit: visit.answer(
            b"User-agent: *\nAllow: /\n", content_type="text/plain"
        )
        yield World(server, names, Internet(server))
