"""A public bucket on a port of its own: the part of S3's wire format that a reader of Overture Maps needs.

Unlike the embedded AWS it tells what it was asked, how many bytes it sent, and who signed.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@dataclass
class PublicBucket:
    """Serves files by their keys.

    Attributes:
        name: Of the bucket.
        files: What is in it.
        status: What each request is answered with, in place of what it asks for.
        only: Of what that holds: ``listings``, ``objects``, or both where it is empty.
        delay: Seconds before each answer.
        signed: How many requests had credentials.
        sent: Bytes of objects that were sent.
        asked: How often each method and key was asked for; listings have no key.
    """

    name: str
    files: dict[str, Path]
    status: int | None = None
    only: str = ""
    delay: float = 0.0
    signed: int = 0
    sent: int = 0
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                bucket._answer(self, body=True)

            def do_HEAD(self) -> None:
                bucket._answer(self, body=False)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        self._ended.wait(self.delay)
        url = urlsplit(request.path)
        _, bucket, *rest = unquote(url.path).split("/", 2)
        key = rest[0] if rest else ""
        self.signed += "Authorization" in request.headers or "X-Amz-Signature" in url.query
        self.asked[request.command, key] += 1
        path, content, status, headers = self.files.get(key), b"", 200, {"Content-Type": "application/xml"}
        if self.status is not None and self.only in ("", "objects" if key else "listings"):
            status, content = self.status, b"<Error><Code>Refused</Code><Message>by the test</Message></Error>"
        elif bucket != self.name or (key and path is None):
            status, content = 404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
        elif path is None:
            content = self._listing(parse_qs(url.query))
        else:
            whole = path.read_bytes()
            headers = {"Content-Type": "binary/octet-stream", "Accept-Ranges": "bytes", "ETag": '"1"'}
            headers["Last-Modified"] = "Sun, 01 Nov 2026 00:00:00 GMT"
            content = whole
            if asked := request.headers.get("Range"):
                first, _, last = asked.removeprefix("bytes=").partition("-")
                end = min(int(last or len(whole)), len(whole) - 1)
                content, status = whole[int(first) : end + 1], 206
                headers["Content-Range"] = f"bytes {first}-{end}/{len(whole)}"
            self.sent += len(content) if body else 0
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        if body:
            request.wfile.write(content)

    def _listing(self, query: dict[str, list[str]]) -> bytes:
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        keys = sorted(key for key in self.files if key.startswith(prefix))
        folders = {prefix + key.removeprefix(prefix).partition("/")[0] + "/" for key in keys} if delimiter else set()
        items = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in sorted(folders))
        if not delimiter:
            items = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in keys)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()
