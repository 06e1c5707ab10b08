"""Addresses of pages: parsed once, as browsers do, refused or brought into one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import ada_url

from lambdas.fetching.reasons import Reason, Unfetched

# What a frontier message takes.
MAX_LENGTH = 2048
_PORTS = {"http": 80, "https": 443}
# Parameters that say where a visitor came from, not what the page is.
_TRACKING = frozenset(
    {"fbclid", "gclid", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "igshid", "mc_cid", "mc_eid", "_ga", "_gl"}
)
_TRACKING_PREFIX = "utm_"
# The letters of a host name (RFC 1123), and the underscore, which DNS has no trouble with.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MAX_HOST = 253


@dataclass(frozen=True)
class PageUrl:
    """The address of a page that may be asked for.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The name in ASCII, lower case, without a dot at its end.
        target: Path and query, percent-encoded.
    """

    scheme: str
    host: str
    target: str

    @property
    def port(self) -> int:
        """The port: 80 or 443, by the scheme."""
        return _PORTS[self.scheme]

    @property
    def origin(self) -> str:
        """Scheme and host."""
        return f"{self.scheme}://{self.host}"

    @cached_property
    def text(self) -> str:
        """The whole address, in the one form that it has here."""
        return f"{self.origin}{self.target}"

    def __str__(self) -> str:
        return self.text


def parse(text: str, base: PageUrl | None = None) -> PageUrl:
    """Read the address of a page, as the WHATWG URL standard (https://url.spec.whatwg.org) reads it.

    By it whatever means a number is seen to be one (``0x7f.1``, ``127.1``, digits of other scripts), and no number is a
    name. What it returns is what is connected to: nothing parses the text a second time.

    The fragment and tracking parameters are left out, the default port and a dot at the end of the name too.

    Args:
        text: The address; with ``base`` also a relative one.
        base: The page on which it stands.

    Raises:
        Unfetched: ``url_invalid``, ``scheme_denied``, ``credentials_in_url``, ``port_denied`` or ``host_is_address``.
    """
    shown = repr(text[:200])
    if len(text) > MAX_LENGTH:
        raise Unfetched(Reason.URL_INVALID, f"{shown}... has {len(text)} characters; at most {MAX_LENGTH} are expected")
    try:
        url = ada_url.URL(text, base.text if base else None)
    except (ValueError, UnicodeEncodeError) as error:
        raise Unfetched(Reason.URL_INVALID, f"{shown} is no URL") from error
    scheme = url.protocol.removesuffix(":")
    if scheme not in _PORTS:
        raise Unfetched(Reason.SCHEME_DENIED, f"{shown} has the scheme {scheme[:20]}; http and https are allowed")
    if url.username or url.password:
        raise Unfetched(Reason.CREDENTIALS_IN_URL, f"the address of a page at {url.hostname} holds a user name")
    if url.port:
        # The parser leaves the scheme's own port out.
        raise Unfetched(
            Reason.PORT_DENIED, f"{shown} has the port {url.port}; 80 for http and 443 for https are allowed"
        )
    if url.host_type is not ada_url.HostType.DEFAULT:
        raise Unfetched(Reason.HOST_IS_ADDRESS, f"{shown} names the host {url.hostname} by its address")
    host = url.hostname.removesuffix(".")
    labels = host.split(".")
    if len(host) > _MAX_HOST or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Unfetched(Reason.URL_INVALID, f"{shown} has the host {host[:60]!r}, which is no name of the public DNS")
    result = PageUrl(scheme, host, url.pathname + _without_tracking(url.search))
    if len(result.text) > MAX_LENGTH:
        raise Unfetched(Reason.URL_INVALID, f"{shown} has more than {MAX_LENGTH} characters once it is encoded")
    return result


def _without_tracking(search: str) -> str:
    kept = [part for part in search.removeprefix("?").split("&") if part and not _tracks(part)]
    return f"?{'&'.join(kept)}" if kept else ""


def _tracks(part: str) -> bool:
    name = part.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIX)
