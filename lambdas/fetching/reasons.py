"""Why a page was not fetched: one name for each way in which that can go."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a page was not fetched. What is in :data:`PASSING` may be gone at the next try; the rest is for good."""

    # The address of the page.
    URL_INVALID = "url_invalid"
    SCHEME_DENIED = "scheme_denied"
    CREDENTIALS_IN_URL = "credentials_in_url"
    PORT_DENIED = "port_denied"
    HOST_IS_ADDRESS = "host_is_address"
    # The name, and the addresses behind it.
    NAME_NOT_FOUND = "name_not_found"
    DNS_FAILED = "dns_failed"
    ADDRESS_DENIED = "address_denied"
    # What the site and this stack allow.
    ROBOTS_DENIED = "robots_denied"
    ROBOTS_TOO_LARGE = "robots_too_large"
    ROBOTS_UNAVAILABLE = "robots_unavailable"
    HOST_CAP = "host_cap"
    HOST_TOO_SLOW = "host_too_slow"
    HOST_BUSY = "host_busy"
    # The connection.
    CONNECT_FAILED = "connect_failed"
    PROXY_FAILED = "proxy_failed"
    PROXY_REFUSED = "proxy_refused"
    TLS_INVALID = "tls_invalid"
    TIMED_OUT = "timed_out"
    TOO_SLOW = "too_slow"
    CONNECTION_LOST = "connection_lost"
    # The answer.
    MALFORMED_RESPONSE = "malformed_response"
    HEADERS_TOO_LARGE = "headers_too_large"
    REDIRECT_INVALID = "redirect_invalid"
    REDIRECT_LOOP = "redirect_loop"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    NOT_FOUND = "not_found"
    ACCESS_REFUSED = "access_refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNEXPECTED_STATUS = "unexpected_status"
    # The content.
    TYPE_DENIED = "type_denied"
    TYPE_MISMATCH = "type_mismatch"
    ENCODING_DENIED = "encoding_denied"
    ENCODING_BROKEN = "encoding_broken"
    TOO_LARGE = "too_large"
    DECOMPRESSION_BOMB = "decompression_bomb"
    EMPTY = "empty"
    MARKUP_HOSTILE = "markup_hostile"
    SOFT_404 = "soft_404"


PASSING = frozenset(
    {
        Reason.DNS_FAILED,
        Reason.ROBOTS_UNAVAILABLE,
        Reason.HOST_BUSY,
        Reason.CONNECT_FAILED,
        Reason.PROXY_FAILED,
        Reason.TIMED_OUT,
        Reason.CONNECTION_LOST,
        Reason.RATE_LIMITED,
        Reason.SERVER_ERROR,
    }
)
"""The reasons that may be gone at the next try: the message of such a page returns to the queue."""


class Unfetched(Exception):
    """A page was not fetched.

    Args:
        reason: Why.
        detail: In words, with what was seen and what is allowed.
        status: The status of the answer, if there was one.

    Attributes:
        units: What was used all the same, in units of the budget that pays, once that is known.
    """

    units: int | None = None

    def __init__(self, reason: Reason, detail: str, *, status: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether another try may succeed."""
        return self.reason in PASSING
