"""The world's HTTP server: plain requests to its services, and those of a proxy's clients to its web sites.

It is the standard library's threaded server. What an ASGI or WSGI server is made to forbid is what this one is for:
tunnels, connections that are reset, bodies that end too early or never, heads that come a line at a time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from scout.standin.app import App
from scout.standin.exchange import Reply, Request, json_reply
from scout.standin.world import World

MAX_BODY: Final = 32 * 1024 * 1024
_HOST: Final = "127.0.0.1"
_IDLE_SECONDS: Final = 120
_TLS_HANDSHAKE: Final = 0x16
_REASONS: Final = {432: "Plan Limit Exceeded", 433: "Pay-As-You-Go Limit Exceeded"}


class Authority:
    """Issues a certificate for whatever site is asked for. Made anew in each process, and trusted by nobody unasked."""

    @cached_property
    def _ca(self) -> Any:  # noqa: ANN401 - trustme is imported when a certificate is needed
        import trustme  # noqa: PLC0415

        return trustme.CA(organization_name="Stand-in world")

    @property
    def pem(self) -> str:
        """The certificate that a client has to trust for sites with https."""
        text: bytes = self._ca.cert_pem.bytes()
        return text.decode()

    @cached_property
    def context(self) -> ssl.SSLContext:
        """A context that takes the certificate of the name that the client says (SNI)."""
        context = self._context("unnamed.example")

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            if name:
                connection.context = self._context(name)

        context.sni_callback = choose
        return context

    @lru_cache(maxsize=512)  # noqa: B019 - one authority lives as long as its process
    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(name).configure_cert(context)
        return context


class StandIn:
    """A running world, in this process. A context manager; leaving it ends the server.

    Args:
        world: What there is.
        rules: Faults to begin with, as :data:`scout.standin.faults.RULES` reads them.
        port: On 127.0.0.1; a free one if 0.
    """

    def __init__(self, world: World, rules: Sequence[Any] = (), port: int = 0) -> None:
        self.app = App(world, rules)
        self.authority = Authority()
        self._server = _Server(self.app, self.authority, port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """Its address, also as a proxy."""
        return f"http://{_HOST}:{self._server.server_port}"

    @property
    def connectors(self) -> dict[str, Any]:
        """The value of ``data-scout:connectors`` for a stack that is to use it."""
        return self.app.connectors(self.url)

    def start(self) -> Self:
        """Answer from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it; replies under way break off."""
        self._server.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, app: App, authority: Authority, port: int) -> None:
        super().__init__((_HOST, port), _Handler)
        self.app = app
        self.authority = authority
        self.ended = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what went wrong, unless only the client has gone away."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = 0
    # Whom the client of a proxy asked to be connected to.
    tunnel = ""

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def finish(self) -> None:
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """The app keeps its own log."""

    def do_CONNECT(self) -> None:
        """Open a tunnel to an address: with TLS inside where the client begins with that, else with plain HTTP."""
        self.server.app.connect(self.path, "CONNECT")
        self.tunnel = self.path.rpartition(":")[0].strip("[]")
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        first = self.connection.recv(1, socket.MSG_PEEK)
        if first and first[0] == _TLS_HANDSHAKE:
            self.connection = self.server.authority.context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb", self.rbufsize)
            self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = not first

    def do_GET(self) -> None:
        """Answer any request."""
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY or "transfer-encoding" in self.headers:
            self._send(json_reply({"error": f"a body needs a Content-Length of at most {MAX_BODY}"}, 413))
            self.close_connection = True
            return
        request = self._asked(self.rfile.read(length) if length else b"")
        try:
            reply = self.server.app.answer(request)
        except Exception:  # noqa: BLE001 - told, not hidden
            # The thread's own border: the client is told, and the trace is in the log.
            traceback.print_exc()
            reply = json_reply({"error": "the stand-in world has failed; its log has the trace"}, 500)
        self._send(reply)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def _asked(self, body: bytes) -> Request:
        headers = {name.casefold(): text for name, text in self.headers.items()}
        parts = urlsplit(self.path)
        host, address = "", self.tunnel
        if parts.scheme:
            address = parts.hostname or ""
            port = parts.port or 80
            self.server.app.connect(f"[{address}]:{port}" if ":" in address else f"{address}:{port}", self.command)
        if parts.scheme or self.tunnel:
            host = headers.get("host", "")
            host = host.partition(":")[0] if not host.startswith("[") else host
        return Request(self.command, host, unquote(parts.path) or "/", parts.query, headers, body, address)

    def _send(self, reply: Reply) -> None:
        ended = self.server.ended
        if reply.delay and ended.wait(reply.delay):
            self.close_connection = True
            return
        whole = reply.body if isinstance(reply.body, bytes) else None
        lines = [
            f"{self.protocol_version} {reply.status} {self._reason(reply.status)}",
            f"Content-Type: {reply.content_type}",
        ]
        lines += [f"{name}: {text}" for name, text in reply.headers.items()]
        bodiless = self.command == "HEAD" or reply.status in (204, 304)
        if whole is not None:
            lines.append(f"Content-Length: {len(whole)}")
        elif not bodiless:
            lines.append("Transfer-Encoding: chunked")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
        if reply.slow_head:
            if not self._drip(head.splitlines(keepends=True), reply.slow_head):
                return
            head = b""
        if bodiless:
            self.wfile.write(head)
        elif reply.cut_after is not None:
            self._send_part(head, reply, whole or b"")
        elif whole is None:
            self.wfile.write(head)
            self._send_chunks(reply.body)  # type: ignore[arg-type]
        elif reply.pause:
            self.wfile.write(head)
            self._drip([whole[position : position + 1] for position in range(len(whole))], reply.pause)
        else:
            self.wfile.write(head + whole)

    def _drip(self, pieces: Iterable[bytes], pause: float) -> bool:
        """Send piece by piece; false where the server ended meanwhile."""
        for piece in pieces:
            self.wfile.write(piece)
            if self.server.ended.wait(pause):
                self.close_connection = True
                return False
        return True

    def _reason(self, status: int) -> str:
        return _REASONS.get(status) or self.responses.get(status, ("Unknown",))[0]

    def _send_part(self, head: bytes, reply: Reply, whole: bytes) -> None:
        self.wfile.write(head + whole[: reply.cut_after])
        self.close_connection = True
        if reply.reset:
            # A close that lingers for no time is a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                self.rfile.close()
                self.connection.close()

    def _send_chunks(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            if self.server.ended.is_set():
                self.close_connection = True
                return
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")
