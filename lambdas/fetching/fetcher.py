"""The fetcher: pages of the open web for a run, within its budget, as their sites allow it, each with its reason.

Every request, for a robots.txt or for one step of a redirect, is one call of the runtime (``Run.call``): reserved,
made, settled with what it really used, and kept. So a page whose turn is later goes on where it ended when its
message comes back, and what its site refused for good is not asked for again that day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpcore2

from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.fetching import content, robots
from lambdas.fetching.answers import is_file, is_page, judged, retry_after, target_of
from lambdas.fetching.config import WebConfig
from lambdas.fetching.exchange import MAX_HEAD_BYTES, Answer, Head, Limits, get, tls
from lambdas.fetching.hosts import Hosts
from lambdas.fetching.network import Guarded, Wire
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.robots import Robots
from lambdas.fetching.urls import PageUrl, parse
from lambdas.fetching.visits import Prior, Visits
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import ServiceUnavailable, StageError, Throttled
from lambdas.runtime.run import Run

MAX_PAGE_BYTES = 3_000_000
MAX_REDIRECTS = 5
EXCHANGE_SECONDS = 15.0
"""One deadline for all of an exchange: name, connection, TLS, head and body."""

# A page may use so much of what the run may spend on the web: pages in flight hold what they may use, and a run with a
# small budget would hold all of it at once.
_SHARE_OF_BUDGET = 64
_MIN_ALLOWANCE = 131_072
# Left for settling and storing, in seconds.
_SETTLING_SECONDS = 3.0
_ACCEPT = "text/html, application/xhtml+xml, application/json;q=0.9, application/xml;q=0.9, text/plain;q=0.8"
# Of the head of an answer, what a page is read and asked for again by.
_KEPT_FIELDS = frozenset({"content-type", "etag", "last-modified", "x-robots-tag", "tdm-reservation"})
# Refusals that say something of this stack or of this moment, not of the page: they are not kept for later runs.
_OF_THE_MOMENT = frozenset(
    {
        Reason.NAME_NOT_FOUND,
        Reason.ADDRESS_DENIED,
        Reason.HOST_TOO_SLOW,
        Reason.PROXY_REFUSED,
        Reason.TLS_INVALID,
        Reason.TOO_SLOW,
        Reason.MALFORMED_RESPONSE,
    }
)
# Refusals before anybody was asked.
_NOT_ASKED = frozenset(
    {Reason.HOST_BUSY, Reason.HOST_TOO_SLOW, Reason.NAME_NOT_FOUND, Reason.DNS_FAILED, Reason.ADDRESS_DENIED}
)
# The container's memory of robots.txt files, by origin, day and name; the newest last.
_ROBOTS: dict[tuple[str, str, str], Robots] = {}
_MAX_ROBOTS = 200


@dataclass(frozen=True)
class Page:
    """A page as it came.

    Attributes:
        asked: What was asked for.
        url: Where it came from, after its redirects.
        body: Its bytes, without their content encoding.
        head: The head of the answer.
        media_type: What it is.
        fetched_at: When its content was received or confirmed, in ISO 8601.
        unchanged: Whether the site said that it is what it was at an earlier fetch.
        received: Bytes that this invocation received for it.
    """

    asked: PageUrl
    url: PageUrl
    body: bytes
    head: Head
    media_type: str
    fetched_at: str
    unchanged: bool
    received: int


@dataclass
class Fetcher:
    """Fetches pages for a run.

    Attributes:
        run: The run that pays.
        web: How this stack reaches the web.
        hosts: The turns at hosts.
        seconds: The most that one exchange may take.
        split: For whom the budget is spent.
        connector: What pays: ``web.fetch`` by the byte, ``data.fetch`` by the request.
        clock: Seconds since the epoch.
        received: Bytes received by this fetcher.
    """

    run: Run
    web: WebConfig
    hosts: Hosts
    seconds: float = EXCHANGE_SECONDS
    split: Split = Split.FRONTIER
    connector: Connector = Connector.WEB_FETCH
    clock: Callable[[], float] = time.time
    received: int = field(default=0, init=False)

    def page(self, text: str) -> Page | None:
        """Fetch a page.

        Args:
            text: Its address.

        Returns:
            The page; ``None`` where the run may not ask for it: by its budget, a gate or a kill switch.

        Raises:
            Unfetched: It is refused for good.
            Throttled: Its turn at the host is later, or the host asks to be left alone.
            ServiceUnavailable: Something failed that may be gone at the next try.
            LedgerUnavailable: The ledger could not be used.
            TransientStorageError: S3 could not be used.
        """
        url = asked = parse(text)
        seen = {url.text}
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._step(url)
            if reply is None:
                return None
            if isinstance(reply.body, bytes):
                return self._page(asked, url, reply)
            target = parse(target_of(reply.body))
            if target.text in seen:
                raise Unfetched(Reason.REDIRECT_LOOP, f"{asked} leads back to {target}")
            seen.add(target.text)
            url = target
        raise Unfetched(Reason.TOO_MANY_REDIRECTS, f"{asked} redirects more than {MAX_REDIRECTS} times")

    def robots(self, url: PageUrl) -> Robots | None:
        """What the site of a page allows; from memory, from S3 or from the site, never older than a day.

        Args:
            url: Any page of the site.

        Returns:
            Its rules; ``None`` where the run may not ask for them.

        Raises:
            Unfetched: The site must not be asked at all: it has an address that is denied, for example.
            ServiceUnavailable: They cannot be had now, so that nothing may be asked for (RFC 9309, section 2.3.1.4).
            Throttled: Its turn at the host is later.
            LedgerUnavailable: The ledger could not be used.
            TransientStorageError: S3 could not be used.
        """
        day = time.strftime("%Y-%m-%d", time.gmtime(self.clock()))
        known = (url.origin, day, self.web.agent)
        if known not in _ROBOTS:
            found = self._robots(url, day)
            if found is None:
                return None
            while len(_ROBOTS) >= _MAX_ROBOTS:
                _ROBOTS.pop(next(iter(_ROBOTS)))
            _ROBOTS[known] = found
        return _ROBOTS[known]

    def _robots(self, site: PageUrl, day: str) -> Robots | None:
        """Ask for a robots.txt, and follow it where it is sent (RFC 9309, section 2.3.1.2)."""
        url, everything = PageUrl(site.scheme, site.host, "/robots.txt"), Robots(self.web.agent)
        for _ in range(MAX_REDIRECTS + 1):
            limits = Limits(min(robots.MAX_BYTES + MAX_HEAD_BYTES, self._allowance()), robots.MAX_BYTES, cut=True)
            reply = self._call(url, {"robots": day}, limits, robots.MIN_INTERVAL_SECONDS)
            if reply is None:
                return None
            if isinstance(reply.body, bytes):
                return robots.read(reply.body.decode("utf-8", "replace"), self.web.agent)
            try:
                url = parse(target_of(reply.body))
            except Unfetched as error:
                if error.reason is Reason.TOO_LARGE:
                    told = f"the robots.txt of {site.host}: {error.detail}"
                    raise Unfetched(Reason.ROBOTS_TOO_LARGE, told) from error
                if error.reason in (Reason.NOT_FOUND, Reason.ACCESS_REFUSED, Reason.UNEXPECTED_STATUS):
                    # What does not exist forbids nothing (section 2.3.1.3).
                    return everything
                raise
        return everything

    def _step(self, url: PageUrl) -> Reply | None:
        """Ask for a page once, if its site allows it."""
        allowed = self.robots(url)
        if allowed is None:
            return None
        if not allowed.allows(url):
            raise Unfetched(Reason.ROBOTS_DENIED, f"the robots.txt of {url.host} forbids {url} for {self.web.agent}")
        self.hosts.count_page(url.host, url.text)
        limits = Limits(min(MAX_PAGE_BYTES + MAX_HEAD_BYTES, self._allowance()), MAX_PAGE_BYTES)
        day = self.run.record.started_at[:10]
        visits = Visits(self.run, url)
        reply = self._call(url, {"as_of": day}, limits, allowed.interval, visits)
        if reply is not None and isinstance(reply.body, bytes) and not reply.cached:
            visits.keep(day, reply)
        return reply

    def _call(
        self, url: PageUrl, asked: Mapping[str, str], limits: Limits, interval: float, visits: Visits | None = None
    ) -> Reply | None:
        """Make one request through the runtime: for a page, or without ``visits`` for a robots.txt."""
        params = {"url": url.text, **asked, "bytes": limits.wire}
        request = Request(params, estimate=self._units(limits.wire))

        def fetch(request: Request) -> Reply:
            wire = Wire(limits.wire)
            try:
                with self.hosts.turn(url.host, interval) as turn:
                    prior = visits.last() if visits else None
                    answer = self._answer(url, wire, limits, prior, is_page if visits else is_file)
                    if answer.status in (429, 503):
                        turn.pause = retry_after(answer, self.clock())
                body, head = judged(url, answer, prior)
                if visits and isinstance(body, bytes):
                    content.sniffed(head, body)
                about = {
                    "status": answer.status,
                    "fields": [[name, value] for name, value in head.fields if name in _KEPT_FIELDS],
                    "fetched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock())),
                }
                units, items = self._units(wire.total), int(isinstance(body, bytes))
                return Reply(request, body, units=units, items=items, about=about)
            except Unfetched as error:
                if error.passing:
                    raise self._failed(url, error, wire.total, visits is not None) from error
                if error.reason in _OF_THE_MOMENT:
                    error.units = self._units(wire.total, error.reason)
                    raise
                refusal = {"refused": error.reason.value, "detail": error.detail, "status": error.status}
                return Reply(request, refusal, units=self._units(wire.total))
            finally:
                self.received += wire.total

        replies = self.run.call(self.connector, [request], fetch, self.split)
        return replies[0] if replies else None

    def _answer(
        self, url: PageUrl, wire: Wire, limits: Limits, prior: Prior | None, wants: Callable[[Head], bool]
    ) -> Answer:
        deadline = Deadline(min(self.seconds, self.run.deadline.remaining() - _SETTLING_SECONDS))
        headers = [("Host", url.host), ("User-Agent", self.web.user_agent), ("Accept", _ACCEPT)]
        scheme, host, target = (part.encode("ascii") for part in (url.scheme, url.host, url.target))
        return get(
            httpcore2.URL(scheme=scheme, host=host, port=None, target=target),
            headers + (prior.conditions if prior else []),
            backend=Guarded(self.web.resolver, self.web.proxy, self.web.dialer, deadline, wire),
            wire=wire,
            deadline=deadline,
            limits=limits,
            wants=wants,
            context=tls(self.web.ca),
        )

    def _failed(self, url: PageUrl, error: Unfetched, received: int, of_page: bool) -> StageError:
        """The error by which the message returns to the queue."""
        units = self._units(received, error.reason)
        if not of_page and error.reason is not Reason.HOST_BUSY:
            error = Unfetched(Reason.ROBOTS_UNAVAILABLE, f"the robots.txt of {url.host}: {error}")
        later = error.reason in (Reason.HOST_BUSY, Reason.RATE_LIMITED)
        failure = (Throttled if later else ServiceUnavailable)(str(error))
        failure.units = units
        return failure

    def _page(self, asked: PageUrl, url: PageUrl, reply: Reply) -> Page:
        about = reply.about
        head = Head(about["status"], tuple((name, value) for name, value in about["fields"]))
        body: bytes = reply.body
        return Page(
            asked=asked,
            url=url,
            body=body,
            head=head,
            media_type=content.sniffed(head, body),
            fetched_at=about["fetched_at"],
            unchanged=about["status"] == 304,
            received=self.received,
        )

    def _units(self, received: int, ended: Reason | None = None) -> int:
        """What a request has used, in units of the budget that pays."""
        return received if self.connector.group is BudgetGroup.WEB else int(ended not in _NOT_ASKED)

    def _allowance(self) -> int:
        """The most bytes that one request may receive; where bytes are what is paid, a share of the budget."""
        if self.connector.group is not BudgetGroup.WEB:
            return MAX_PAGE_BYTES + MAX_HEAD_BYTES
        return max(_MIN_ALLOWANCE, self.run.job.cap(BudgetGroup.WEB) // _SHARE_OF_BUDGET)
