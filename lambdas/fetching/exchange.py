"""One GET: a request, the head of the answer, and its body as far as it may go."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import httpcore2
from httpcore2 import NetworkBackend

from lambdas.fetching.network import Wire
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline

# As much as the common servers send and take (Apache: 100 fields; nginx: 32 KB).
MAX_HEAD_BYTES = 32_768
MAX_HEADERS = 100
# HTML shrinks to a fifth, a page of nothing but one table to a fiftieth; deflate can reach a thousandth.
MAX_RATIO = 100
# Below this much a ratio says nothing.
_RATIO_FROM = 262_144
_PIECE = 65_536
ACCEPT_ENCODING = "gzip"
"""The one encoding that is announced, and so the one that is taken."""


@dataclass(frozen=True)
class Limits:
    """How much one answer may bring.

    Attributes:
        wire: Bytes received, head and name server's answers included.
        decoded: Bytes of the body once it is decoded; by default the same.
        cut: Whether a longer body is cut off there, not refused.
    """

    wire: int
    decoded: int | None = None
    cut: bool = False

    @property
    def body(self) -> int:
        """The most bytes of a decoded body."""
        return self.wire if self.decoded is None else self.decoded


@dataclass(frozen=True)
class Head:
    """The head of an answer: its status, and its header fields by lower-case names, in their order."""

    status: int
    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The value of a field, the first if there are several."""
        return next((value for field, value in self.fields if field == name), None)

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for field, value in self.fields if field == name]


@dataclass(frozen=True)
class Answer(Head):
    """An answer with its decoded body, which is empty if it was not wanted."""

    body: bytes = b""


def get(
    url: httpcore2.URL,
    headers: list[tuple[str, str]],
    *,
    backend: NetworkBackend,
    wire: Wire,
    deadline: Deadline,
    limits: Limits,
    wants: Callable[[Head], bool] = lambda head: head.status == 200,
    context: ssl.SSLContext | None = None,
    content: bytes | None = None,
) -> Answer:
    """Ask once, over a connection of its own, and follow nothing.

    Args:
        url: What for; its host is what TLS has to prove.
        headers: Header fields beside those that every request has.
        backend: Makes the connection.
        wire: Counts what is received; it stays right when this raises.
        deadline: When it all ends: name, connection, TLS, head and body.
        limits: How much may come.
        wants: Whether to receive the body. What it raises ends the exchange before any of the body is read.
        context: For TLS; by default with the certificates of the operating system.
        content: What to send along, by POST in place of GET.

    Raises:
        Unfetched: It did not come to an answer, or not to a whole one within the limits.
    """
    fields = [*headers, ("Accept-Encoding", ACCEPT_ENCODING), ("Connection", "close")]
    connection = httpcore2.HTTPConnection(url.origin, ssl_context=context or tls(), network_backend=backend)
    wire.limit, wire.over = wire.received + MAX_HEAD_BYTES, Reason.HEADERS_TOO_LARGE
    where = url.host.decode("ascii")
    try:
        response = connection.handle_request(_request(url, fields, content))
        head = _head(response)
        # The last byte is kept for seeing that there is one more.
        wire.limit, wire.over = limits.wire - wire.beside - 1, Reason.TOO_LARGE
        body = b""
        if wants(head):
            stream = response.stream
            assert isinstance(stream, Iterable)  # noqa: S101 - of a synchronous connection
            body = _received(stream, head, deadline, limits)
        return Answer(head.status, head.fields, body)
    except httpcore2.TimeoutException as error:
        if wire.received:
            raise Unfetched(
                Reason.TOO_SLOW, f"{where} had sent {wire.received:,} bytes when the time was over"
            ) from error
        raise Unfetched(Reason.TIMED_OUT, f"{where} sent nothing in time") from error
    except httpcore2.ConnectError as error:
        raise _unconnected(where, error) from error
    except httpcore2.NetworkError as error:
        raise Unfetched(Reason.CONNECTION_LOST, f"{where} broke off: {error}") from error
    except httpcore2.RemoteProtocolError as error:
        reason = Reason.CONNECTION_LOST if wire.ended else Reason.MALFORMED_RESPONSE
        raise Unfetched(reason, f"{where}: {error}") from error
    except httpcore2.LocalProtocolError as error:
        raise Unfetched(Reason.URL_INVALID, f"{where}: {error}") from error
    finally:
        connection.close()


def _request(url: httpcore2.URL, fields: list[tuple[str, str]], content: bytes | None) -> httpcore2.Request:
    # What a server has named a version by is sent back as it came; see _head.
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]
    if content is None:
        return httpcore2.Request("GET", url, headers=headers)
    headers.append((b"Content-Length", b"%d" % len(content)))
    return httpcore2.Request("POST", url, headers=headers, content=content)


@cache
def tls(ca: str | None = None) -> ssl.SSLContext:
    """The context for TLS: host names are checked, and certificates by the operating system's authorities.

    Args:
        ca: More authorities, as PEM text.
    """
    context = httpcore2.default_ssl_context()
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


def _head(response: httpcore2.Response) -> Head:
    if len(response.headers) > MAX_HEADERS:
        raise Unfetched(
            Reason.HEADERS_TOO_LARGE,
            f"the answer has {len(response.headers)} header fields; at most {MAX_HEADERS} may come",
        )
    fields = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
    return Head(response.status, fields)


def _unconnected(where: str, error: httpcore2.ConnectError) -> Unfetched:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLEOFError):
        return Unfetched(Reason.CONNECTION_LOST, f"{where} broke off within the TLS handshake")
    if isinstance(cause, ssl.SSLError):
        return Unfetched(Reason.TLS_INVALID, f"{where}: {cause}")
    return Unfetched(Reason.CONNECT_FAILED, f"{where} could not be connected to: {error}")


def _received(stream: Iterable[bytes], head: Head, deadline: Deadline, limits: Limits) -> bytes:
    """The decoded body, never more of it in memory than the limit allows."""
    length = head.get("content-length") or ""
    if not limits.cut and length.isascii() and length.isdigit() and int(length[:15]) > limits.wire:
        raise Unfetched(Reason.TOO_LARGE, f"{int(length[:15]):,} bytes are announced; {limits.wire:,} may come")
    body = bytearray()
    decoder = _Decoder(_encoding(head))
    for chunk in stream:
        for piece in decoder.decoded(chunk):
            body += piece
            if len(body) > limits.body:
                if limits.cut:
                    return bytes(body[: limits.body])
                raise Unfetched(Reason.TOO_LARGE, f"the body has more than the {limits.body:,} bytes that may come")
            if len(body) > max(_RATIO_FROM, MAX_RATIO * decoder.taken):
                told = f"{decoder.taken:,} bytes have become {len(body):,}, more than {MAX_RATIO} times as many"
                raise Unfetched(Reason.DECOMPRESSION_BOMB, told)
            if not deadline.remaining():
                raise httpcore2.ReadTimeout("the time is over")
    decoder.finish()
    return bytes(body)


def _encoding(head: Head) -> str | None:
    named = ",".join(head.all("content-encoding")).strip().lower()
    if named in ("", "identity"):
        return None
    if named in ("gzip", "x-gzip"):
        return "gzip"
    raise Unfetched(Reason.ENCODING_DENIED, f"the body is encoded as {named[:40]!r}; only gzip was offered")


class _Decoder:
    """Decodes a body piece by piece, so that a few bytes never become many at once.

    Attributes:
        taken: Encoded bytes that were decoded so far.
    """

    def __init__(self, encoding: str | None) -> None:
        self.taken = 0
        self._inflate = _gunzip() if encoding else None

    def decoded(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk decodes to, in pieces of at most 64 KB."""
        if self._inflate is None:
            self.taken += len(chunk)
            yield chunk
            return
        while chunk:
            if self._inflate.eof:
                # A file of several members is one, one after the other; what else follows is no part of it.
                if not chunk.startswith(b"\x1f"):
                    return
                self._inflate = _gunzip()
            try:
                piece = self._inflate.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise Unfetched(Reason.ENCODING_BROKEN, f"the body is no gzip: {error}") from error
            left = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            self.taken += len(chunk) - len(left)
            chunk = left
            if piece:
                yield piece

    def finish(self) -> None:
        """See that it was all."""
        if self._inflate is not None and self.taken and not self._inflate.eof:
            raise Unfetched(Reason.ENCODING_BROKEN, "the gzip of the body ends before its end")


def _gunzip() -> zlib._Decompress:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
