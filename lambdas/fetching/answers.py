"""What an answer comes to: a body, a redirect, or a reason."""

from __future__ import annotations

import email.utils

from lambdas.fetching import content
from lambdas.fetching.exchange import Answer, Head
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import PageUrl, parse
from lambdas.fetching.visits import Prior
from lambdas.runtime.documents import Json

# A server that says "later" without saying when is left alone for so long, in seconds.
_PAUSE_SECONDS = 30.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MISSING = frozenset({404, 410})
_REFUSING = frozenset({401, 402, 403, 407, 451})


def is_page(head: Head) -> bool:
    """Whether the body of an answer is wanted as a page.

    Raises:
        Unfetched: ``type_denied``.
    """
    if head.status != 200:
        return False
    content.check_type(head)
    return True


def is_file(head: Head) -> bool:
    """Whether the body of an answer is wanted as it is."""
    return head.status == 200


def judged(url: PageUrl, answer: Answer, prior: Prior | None) -> tuple[Json, Head]:
    """What an answer comes to.

    Args:
        url: What was asked for.
        answer: What came.
        prior: The earlier fetch by which it was asked.

    Returns:
        A body (``bytes``) or where it redirects to (``{"redirect": ...}``), and the head that goes with it.

    Raises:
        Unfetched: Neither.
    """
    status = answer.status
    if status == 200:
        return answer.body, answer
    if status == 304 and prior is not None:
        # What it does not say anew still holds (RFC 9111, section 3.2).
        return prior.body, Head(status, tuple((prior.fields | dict(reversed(answer.fields))).items()))
    if status in _REDIRECTS:
        location = answer.get("location")
        if not location:
            raise Unfetched(Reason.REDIRECT_INVALID, f"{url} redirects without saying where", status=status)
        # A header is bytes; addresses in it are UTF-8 where they are not ASCII.
        target = parse(location.encode("latin-1").decode("utf-8", "replace"), url)
        return {"redirect": target.text, "status": status}, answer
    said = f"{url.host} answered {status}"
    if status in _MISSING:
        raise Unfetched(Reason.NOT_FOUND, said, status=status)
    if status in _REFUSING:
        raise Unfetched(Reason.ACCESS_REFUSED, said, status=status)
    if status == 429:
        raise Unfetched(Reason.RATE_LIMITED, said, status=status)
    if status >= 500:
        raise Unfetched(Reason.SERVER_ERROR, said, status=status)
    raise Unfetched(Reason.UNEXPECTED_STATUS, said, status=status)


def target_of(body: Json) -> str:
    """Where a kept answer without a body leads to.

    Raises:
        Unfetched: It was refused.
    """
    if "refused" in body:
        raise Unfetched(Reason(body["refused"]), body["detail"], status=body.get("status"))
    target: str = body["redirect"]
    return target


def retry_after(head: Head, now: float) -> float:
    """Seconds for which a server asks to be left alone (RFC 9110, section 10.2.3).

    Args:
        head: Its answer.
        now: Seconds since the epoch.
    """
    said = (head.get("retry-after") or "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return _PAUSE_SECONDS
    return max(0.0, moment.timestamp() - now)
