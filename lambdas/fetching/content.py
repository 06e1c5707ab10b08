"""What an answer holds: its type by the header and by its first bytes, and its text in whatever charset it came."""

from __future__ import annotations

import codecs
import re
from email.message import Message

from turbohtml.detect import Detection, detect

from lambdas.fetching.exchange import Head
from lambdas.fetching.reasons import Reason, Unfetched

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
TABLE_TYPE = "text/csv"
_TYPES = HTML_TYPES | {
    "application/json",
    "application/xml",
    "text/xml",
    "text/plain",
    TABLE_TYPE,
    "text/markdown",
}
_SUFFIXES = ("+json", "+xml")
# Pictures are XML, too.
_DENIED = frozenset({"image/svg+xml"})
# The first bytes that tell a type (https://mimesniff.spec.whatwg.org/#reading-the-resource-header).
_HEADER_BYTES = 1445
_HTML = re.compile(rb"<(?:!doctype html|html|head|body|title|script|h1|div|p|!--)[\s>]|<!--", re.IGNORECASE)
# https://mimesniff.spec.whatwg.org/#binary-data-byte
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_DOCUMENTS = (b"%PDF-", b"%!PS-Adobe-")
_UTF_16 = ((b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), *_UTF_16)


def media_type(head: Head) -> str:
    """The media type that a header names, in lower case, or an empty text."""
    return _content_type(head).get_content_type() if head.get("content-type") else ""


def is_data(kind: str) -> bool:
    """Whether a media type is one of data, JSON or a table, and not of a page."""
    return kind == TABLE_TYPE or kind.endswith("json")


def check_type(head: Head) -> None:
    """Refuse what no page is, before any of it is received.

    Raises:
        Unfetched: ``type_denied``.
    """
    named = media_type(head)
    if named and (named in _DENIED or not (named in _TYPES or named.endswith(_SUFFIXES))):
        raise Unfetched(Reason.TYPE_DENIED, f"the type is {named[:60]!r}; pages are HTML, XML, JSON or plain text")


def sniffed(head: Head, body: bytes) -> str:
    """The media type of a body.

    Args:
        head: What the header says.
        body: The decoded body.

    Returns:
        The type of the header; without one, what the first bytes look like.

    Raises:
        Unfetched: ``empty``; ``type_mismatch``: it is no text, whatever the header says.
    """
    beginning = body.lstrip()[:_HEADER_BYTES]
    if not beginning:
        raise Unfetched(Reason.EMPTY, "the body is empty")
    if beginning.startswith(_DOCUMENTS):
        raise Unfetched(Reason.TYPE_MISMATCH, f"the body begins as {beginning[:5]!r} does, which is no page")
    utf_16 = beginning.startswith(tuple(bom for bom, _ in _UTF_16)) or _declared(head).startswith("utf-16")
    if _BINARY.search(beginning) and not utf_16:
        raise Unfetched(Reason.TYPE_MISMATCH, f"the body is binary, not {media_type(head) or 'text'}")
    named = media_type(head)
    if named:
        return named
    if beginning.startswith(b"<?xml"):
        return "text/xml"
    if _HTML.match(beginning):
        return "text/html"
    return "application/json" if beginning[:1] in (b"{", b"[") else "text/plain"


def text_of(head: Head, body: bytes, tld: str = "") -> tuple[str, str]:
    """The text of a body, and the charset that it was read by.

    A byte order mark decides; else the header, if it names a charset that the WHATWG encoding standard knows; else what
    the page says of itself (``<meta charset>``) or, failing that, what its bytes look like.

    Args:
        head: What the header says.
        body: The decoded body.
        tld: The last label of the host: which charsets are likely there.

    Returns:
        The text, wrong bytes replaced, without a byte order mark; the charset's name.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace"), codec.removesuffix("-be").removesuffix("-le")
    declared = _declared(head)
    if declared.startswith("utf-16") and not _looks_utf_16(body):
        declared = ""
    codec = f"whatwg-{declared}"
    if not declared or not _known(codec):
        if body.isascii():
            return body.decode("ascii"), "utf-8"
        found = detect(body, Detection(tld=tld or None))
        declared, codec = (found.encoding or "utf-8").lower(), found.codec or "utf-8"
    return body.decode(codec, "replace"), declared


def _declared(head: Head) -> str:
    return (_content_type(head).get_content_charset() or "").strip()


def _looks_utf_16(body: bytes) -> bool:
    """Whether every other byte is mostly null, as of markup in UTF-16: some servers say so of all they send."""
    beginning = body[:_HEADER_BYTES]
    return beginning.count(0) * 4 > len(beginning)


def _known(codec: str) -> bool:
    try:
        codecs.lookup(codec)
    except (LookupError, ValueError):
        # A name may hold U+0000: in a parameter it can be written as %00 (RFC 2231).
        return False
    return True


def _content_type(head: Head) -> Message:
    message = Message()
    message["content-type"] = (head.get("content-type") or "")[:200]
    return message
