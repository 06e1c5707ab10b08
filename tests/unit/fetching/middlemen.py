"""What may stand between a fetcher and the web: an egress proxy that takes CONNECT, and DNS over HTTPS as JSON."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.fetching.internet import Server


class EgressProxy:
    """Writes down what it is asked for, and connects every address to the server.

    Attributes:
        asked: The method and the target of each request.
        status: Its answer to CONNECT.
    """

    def __init__(self, server: Server) -> None:
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.port = 0
        self._server = server

    @contextlib.contextmanager
    def running(self) -> Iterator[EgressProxy]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                outer.asked.append(("CONNECT", self.path))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.flush()
                if outer.status == 200:
                    _join(self.connection, outer._server.ports[int(self.path.rpartition(":")[2])])
                self.close_connection = True

            def do_GET(self) -> None:
                outer.asked.append(("GET", self.path))
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                pass

        with _serving(Handler) as port:
            self.port = port
            yield self


class NameServer:
    """DNS over HTTPS in its JSON form.

    Attributes:
        records: Of each name: its addresses, or the whole answer as a document or as bytes.
        asked: Name and type of each question.
    """

    def __init__(self, records: Mapping[str, Any]) -> None:
        self.records = dict(records)
        self.asked: list[tuple[str, str]] = []
        self.port = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[NameServer]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                name, kind = query["name"][0], query["type"][0]
                outer.asked.append((name, kind))
                body = outer.answer(name, kind)
                self.send_response(200)
                self.send_header("Content-Type", "application/dns-json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with _serving(Handler) as port:
            self.port = port
            yield self

    def answer(self, name: str, kind: str) -> bytes:
        found = self.records.get(name)
        if isinstance(found, bytes):
            return found
        if isinstance(found, dict):
            return json.dumps(found).encode()
        if found is None:
            return json.dumps({"Status": 3}).encode()
        number = {"A": 1, "AAAA": 28}[kind]
        alias = {"name": f"{name}.", "type": 5, "TTL": 60, "data": "alias.example."}
        addresses = [
            {"name": "alias.example.", "type": number, "TTL": 60, "data": address}
            for address in found
            if (":" in address) == (kind == "AAAA")
        ]
        return json.dumps({"Status": 0, "Answer": [alias, *addresses]}).encode()


@contextlib.contextmanager
def _serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _join(client: socket.socket, port: int) -> None:
    """Carry bytes both ways until either side has ended."""
    with socket.create_connection(("127.0.0.1", port), 10) as upstream:

        def carry(source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65_536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=carry, args=(client, upstream), daemon=True)
        sending.start()
        carry(upstream, client)
        sending.join(10)
