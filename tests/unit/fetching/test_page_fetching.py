"""Pages that come: by redirects, over TLS, by a proxy, only if they have changed, and as their sites allow it."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import trustme
from httpcore2 import URL, SyncBackend

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.fetching import fetcher as fetching_module
from lambdas.fetching.config import WebConfig
from lambdas.fetching.names import HttpsResolver, SystemResolver
from lambdas.fetching.network import Proxy, Wire
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from tests.growth import LINEAR, growth
from tests.unit.fetching.internet import AGENT, PUBLIC, Visit, World
from tests.unit.fetching.middlemen import EgressProxy, NameServer
from tests.unit.fetching.runs import SECONDS, SHORT_SECONDS, Fetching
from tests.unit.fetching.test_hostile_pages import CHUNKED, HTML, answering, forever, raw, refused, silent

PAGE = "http://site.example/page"


@pytest.fixture(autouse=True)
def a_page(internet: World) -> None:
    internet.server.pages["/page"] = answering()


def body_of(fetching: Fetching, url: str = PAGE) -> bytes:
    page = fetching.fetcher.page(url)
    assert page is not None
    return page.body


def robots(text: str) -> Callable[[Visit], None]:
    return answering(text.encode(), content_type="text/plain")


class TestRequests:
    def test_a_request_says_who_asks_and_what_is_taken(self, fetching: Fetching) -> None:
        assert body_of(fetching, "http://site.example/page?a=1#part") == HTML
        visit = fetching.world.server.visits[-1]
        assert visit.path == "/page?a=1"
        assert visit.headers["user-agent"] == AGENT
        assert visit.headers["host"] == "site.example"
        assert visit.headers["accept-encoding"] == "gzip"
        assert visit.headers["connection"] == "close"
        assert not {"cookie", "referer", "authorization"} & visit.headers.keys()

    def test_gzip_is_taken_apart_and_paid_for_as_it_was_sent(self, fetching: Fetching) -> None:
        text = HTML + b"".join(b"<p>%d is not %x</p>" % (n, n) for n in range(20_000))
        packed = gzip.compress(text[:1000]) + gzip.compress(text[1000:]) + b"rest"
        fetching.world.server.pages["/page"] = answering(packed, Content_Encoding="gzip")
        fetcher = fetching.fetcher
        page = fetcher.page(PAGE)
        assert page is not None
        assert page.body == text
        assert len(packed) < fetcher.received < len(packed) + 500
        assert fetching.ledger.spent[BudgetGroup.WEB] == fetcher.received

    def test_redirects_are_followed_each_with_a_turn_and_a_judgement(self, fetching: Fetching) -> None:
        world = fetching.world
        world.server.pages["/old"] = answering(
            status=301, Location="https://other.example/caf\u00e9".encode().decode("latin-1")
        )
        world.server.pages["/caf%C3%A9"] = answering(status=307, Location="page")
        page = fetching.fetcher.page("http://site.example/old")
        assert page is not None
        assert (page.asked.text, page.url.text) == ("http://site.example/old", "https://other.example/page")
        assert world.internet.connects == [
            (PUBLIC, 80), (PUBLIC, 80), ("93.184.216.35", 443), ("93.184.216.35", 443), ("93.184.216.35", 443)
        ]  # fmt: skip
        assert [host for host, *_ in fetching.turns.taken] == ["site.example"] * 2 + ["other.example"] * 3
        assert fetching.turns.pages["other.example"] == {
            "https://other.example/caf%C3%A9",
            "https://other.example/page",
        }

    def test_no_proxy_of_the_environment_is_used(self, fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://10.0.0.1:3128")
        assert body_of(fetching) == HTML

    def test_what_was_fetched_today_is_not_asked_for_again(self, fetching: Fetching) -> None:
        first = fetching.fetcher.page(PAGE)
        second = fetching.fetcher.page(PAGE)
        assert first is not None
        assert second is not None
        assert (first.body, first.url, first.fetched_at) == (second.body, second.url, second.fetched_at)
        assert second.received == 0
        assert [visit.path for visit in fetching.world.server.visits] == ["/robots.txt", "/page"]

    def test_nothing_is_asked_for_without_a_budget(self, fetching: Fetching) -> None:
        fetching.ledger.spent[BudgetGroup.WEB] = fetching.job.cap(BudgetGroup.WEB)
        assert fetching.fetcher.page(PAGE) is None
        assert fetching.world.internet.connects == []

    def test_open_data_is_paid_by_the_request_whatever_becomes_of_it(self, fetching: Fetching) -> None:
        fetching.world.server.pages["/gone"] = answering(status=410)
        fetcher = replace(fetching.fetcher, connector=Connector.DATA_FETCH)
        assert fetcher.page(PAGE) is not None
        assert fetching.ledger.spent == {**dict.fromkeys(BudgetGroup, 0), BudgetGroup.OPEN_DATA: 2}
        with pytest.raises(Unfetched):
            fetcher.page("http://site.example/gone")
        assert fetching.ledger.spent[BudgetGroup.OPEN_DATA] == 3
        fetching.world.server.pages["/mute"] = raw()
        with pytest.raises(ServiceUnavailable):
            fetcher.page("http://site.example/mute")
        assert fetching.ledger.spent[BudgetGroup.OPEN_DATA] == 4, "it was asked, and did not answer"
        fetching.turns.busy.add("site.example")
        with pytest.raises(Throttled):
            fetcher.page("http://site.example/later")
        with pytest.raises(Unfetched):
            fetcher.page("http://nobody.example/")
        assert fetching.ledger.spent[BudgetGroup.OPEN_DATA] == 4, "they were not asked"


class TestTls:
    def test_the_host_of_the_url_is_proved_at_the_judged_address(self, fetching: Fetching) -> None:
        fetching.world.server.certify("site.example")
        assert body_of(fetching, "https://site.example/page") == HTML
        assert set(fetching.world.internet.connects) == {(PUBLIC, 443)}

    @pytest.mark.parametrize("issuer", [None, trustme.CA()])
    def test_a_certificate_of_another_name_or_authority_is_refused(
        self, fetching: Fetching, issuer: trustme.CA | None
    ) -> None:
        fetching.world.server.certify("other.example" if issuer else "*", issuer)
        fetching.world.names.tell("mine.example", [PUBLIC])
        with refused(Reason.TLS_INVALID):
            fetching.fetcher.page(f"https://{'other' if issuer else 'mine'}.example/page")
        assert fetching.world.server.visits == []

    def test_plain_http_at_the_port_of_tls_is_refused(self, fetching: Fetching) -> None:
        fetching.world.server.ports[443] = fetching.world.server.ports[80]
        fetching.world.server.pages["/robots.txt"] = silent
        fetching.seconds = SHORT_SECONDS
        with pytest.raises((Unfetched, ServiceUnavailable), match=r"tls_invalid|connection_lost|timed_out"):
            fetching.fetcher.page("https://site.example/page")


class TestAddresses:
    def test_a_name_that_changes_its_mind_is_judged_each_time(self, fetching: Fetching) -> None:
        fetching.world.names.tell("rebinding.example", [PUBLIC], ["127.0.0.1"])
        with refused(Reason.ADDRESS_DENIED):
            fetching.fetcher.page("http://rebinding.example/page")
        assert [visit.path for visit in fetching.world.server.visits] == ["/robots.txt"]
        assert fetching.world.names.asked == ["rebinding.example"] * 2, "once for each connection, never in between"

    @pytest.mark.parametrize("path", ["/robots.txt", "/page"])
    def test_a_redirect_to_a_private_name_is_not_followed(self, fetching: Fetching, path: str) -> None:
        fetching.world.names.tell("private.example", ["10.0.0.7"])
        fetching.world.server.pages[path] = answering(status=302, Location="http://private.example/")
        with refused(Reason.ADDRESS_DENIED):
            fetching.fetcher.page(PAGE)

    def test_another_address_of_the_name_is_tried(self, fetching: Fetching) -> None:
        fetching.world.names.tell("site.example", ["2606:4700::1", "8.8.8.8"])
        fetching.world.internet.dead.add("8.8.8.8")
        assert body_of(fetching) == HTML
        assert fetching.world.internet.connects == [("8.8.8.8", 80), ("2606:4700::1", 80)] * 2

    def test_a_site_that_nothing_answers_for_may_answer_later(self, fetching: Fetching) -> None:
        fetching.world.internet.dead.add(PUBLIC)
        with pytest.raises(ServiceUnavailable, match=r"^robots_unavailable: .*connect_failed"):
            fetching.fetcher.page(PAGE)
        assert fetching.ledger.spent[BudgetGroup.WEB] == 0

    def test_the_system_s_resolver_has_a_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("socket.getaddrinfo", lambda *_: time.sleep(5))
        with pytest.raises(Unfetched) as caught:
            SystemResolver().resolve("site.example", Deadline(0.1), Wire(0))
        assert caught.value.reason is Reason.TIMED_OUT

    def test_the_system_s_resolver_is_asked_for_the_whole_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def getaddrinfo(host: str, *_: object) -> list[Any]:
            asked.append(host)
            return [(0, 0, 0, "", ("93.184.216.34", 0)), (0, 0, 0, "", ("2606:4700::1", 0, 0, 0))]

        monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
        assert SystemResolver().resolve("site.example", Deadline(5), Wire(0)) == ["93.184.216.34", "2606:4700::1"]
        assert asked == ["site.example."], "no search domain is appended"


class TestRobots:
    @pytest.mark.parametrize(
        ("text", "allowed"),
        [
            ("User-agent: *\nDisallow: /\n", False),
            ("User-agent: data-scout-test\nDisallow: /page\n\nUser-agent: *\nAllow: /\n", False),
            ("User-agent: DATA-SCOUT-TEST/2.0 # us\nDisallow: /page\n", False),
            ("User-agent: data-scout-test\nAllow: /\n\nUser-agent: *\nDisallow: /\n", True),
            ("User-agent: data\nDisallow: /\n", True),
            ("User-agent: data-scout-test-two\nDisallow: /\n", True),
            ("User-agent: otherbot\nUser-agent: data-scout-test\nDisallow: /p*ge$\n", False),
            ("\ufeffUser-agent: *\nDisallow: /page\nAllow: /page$\n", True),
            ("<html>a page in place of a robots.txt</html>", True),
            ("", True),
        ],
    )
    def test_rules_are_kept(self, fetching: Fetching, text: str, allowed: bool) -> None:
        fetching.world.server.pages["/robots.txt"] = robots(text)
        if allowed:
            assert body_of(fetching) == HTML
        else:
            with refused(Reason.ROBOTS_DENIED):
                fetching.fetcher.page(PAGE)
            assert [visit.path for visit in fetching.world.server.visits] == ["/robots.txt"]

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_missing_file_forbids_nothing(self, fetching: Fetching, status: int) -> None:
        fetching.world.server.pages["/robots.txt"] = answering(status=status)
        assert body_of(fetching) == HTML

    @pytest.mark.parametrize("page", [answering(status=503), answering(status=429), silent])
    def test_a_file_that_cannot_be_had_forbids_everything_for_now(
        self, fetching: Fetching, page: Callable[[Visit], None]
    ) -> None:
        fetching.world.server.pages["/robots.txt"] = page
        if page is silent:
            fetching.seconds = SHORT_SECONDS
        with pytest.raises(ServiceUnavailable, match=r"^robots_unavailable: "):
            fetching.fetcher.page(PAGE)
        fetching.world.server.pages["/robots.txt"] = robots("User-agent: *\nAllow: /")
        fetching.seconds = SECONDS
        assert body_of(fetching) == HTML

    def test_a_file_is_followed_and_then_judged_by_the_first_host(self, fetching: Fetching) -> None:
        pages = fetching.world.server.pages
        pages["site.example/robots.txt"] = answering(status=301, Location="http://other.example/robots.txt")
        pages["other.example/robots.txt"] = robots("User-agent: *\nDisallow: /page")
        with refused(Reason.ROBOTS_DENIED):
            fetching.fetcher.page(PAGE)

    def test_a_file_that_redirects_without_end_forbids_nothing(self, fetching: Fetching) -> None:
        fetching.world.server.pages["/robots.txt"] = answering(status=302, Location="/robots.txt")
        assert body_of(fetching) == HTML

    def test_a_file_without_end_is_read_as_far_as_the_standard_asks(self, fetching: Fetching) -> None:
        rules, filler = b"User-agent: *\nDisallow: /page\n", b"Disallow: /nothing-of-the-kind-here\n" * 100
        head, more = (b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (rules, filler))
        fetching.world.server.pages["/robots.txt"] = forever(CHUNKED + head, more)
        fetcher = fetching.fetcher
        with refused(Reason.ROBOTS_DENIED):
            fetcher.page(PAGE)
        assert 500 * 1024 < fetcher.received < 620 * 1024

    def test_a_file_of_robots_and_rules_does_not_multiply(self, fetching: Fetching) -> None:
        def of(size: int) -> None:
            text = "".join(f"User-agent: bot{n}\n" for n in range(size)) + "Disallow: /x\n" * size
            fetching.world.server.pages["/robots.txt"] = robots(text)
            fetching_module._ROBOTS.clear()
            fetching.s3.objects.clear()

        assert growth(lambda _: body_of(fetching), of, 12_000) < LINEAR

    def test_it_is_asked_for_once_a_day_by_all_containers(self, fetching: Fetching) -> None:
        fetching.world.server.pages["/two"] = answering()
        body_of(fetching)
        fetching_module._ROBOTS.clear()
        body_of(fetching, "http://site.example/two")
        assert [visit.path for visit in fetching.world.server.visits] == ["/robots.txt", "/page", "/two"]

        fetching_module._ROBOTS.clear()
        tomorrow = fetching.fetcher
        tomorrow.clock = lambda: time.time() + 86_400
        tomorrow.page(PAGE)
        assert [visit.path for visit in fetching.world.server.visits][3:] == ["/robots.txt"]

    @pytest.mark.parametrize(
        ("rule", "interval"),
        [
            ("", 1.0),
            ("Crawl-delay: 7.5", 7.5),
            ("Crawl-delay: 0.1", 1.0),
            ("Request-rate: 1/20s", 20.0),
            ("Crawl-delay: x", 1.0),
            # No run is as long, and the ledger has no room for such numbers.
            ("Crawl-delay: 1e40", 86_400.0),
            ("Request-rate: 1/9999999999999999999999999999999999999999s", 86_400.0),
        ],
    )
    def test_delays_are_kept(self, fetching: Fetching, rule: str, interval: float) -> None:
        fetching.world.server.pages["/robots.txt"] = robots(f"User-agent: *\n{rule}\n")
        body_of(fetching)
        assert [taken[1] for taken in fetching.turns.taken] == [1.0, interval]


class TestChanges:
    def later(self, fetching: Fetching, day: str = "2026-01-02") -> Fetching:
        """A run of a later day, on the same bucket."""
        other = Fetching(fetching.world, s3=fetching.s3)
        record = other.ledger.run
        other.ledger.run = lambda: replace(record(), started_at=f"{day}T00:00:00.000Z")  # type: ignore[method-assign]
        return other

    def test_a_page_is_asked_for_again_only_if_it_has_changed(self, fetching: Fetching) -> None:
        etag, modified = '"v1"', "Wed, 31 Dec 2025 10:00:00 GMT"
        pages = fetching.world.server.pages
        pages["/page"] = answering(HTML, ETag=etag, Last_Modified=modified, X_Robots_Tag="noai")
        assert body_of(fetching) == HTML

        pages["/page"] = answering(b"", status=304, content_type="", ETag='"v1"')
        again = self.later(fetching)
        page = again.fetcher.page(PAGE)
        assert page is not None
        assert (page.body, page.unchanged, page.media_type) == (HTML, True, "text/html")
        assert page.head.get("x-robots-tag") == "noai"
        asked = fetching.world.server.visits[-1].headers
        assert (asked["if-none-match"], asked["if-modified-since"]) == (etag, modified)
        assert page.received < 400

        pages["/page"] = answering(b"<title>New</title>", ETag='"v2"')
        assert body_of(self.later(fetching, "2026-01-03")) == b"<title>New</title>"
        assert fetching.world.server.visits[-1].headers["if-none-match"] == '"v1"', "a 304 is a visit, too"

    @pytest.mark.parametrize("field", ["ETag", "Last_Modified"])
    def test_what_names_a_version_is_sent_back_byte_by_byte(self, fetching: Fetching, field: str) -> None:
        # RFC 9110, section 8.8.3: an entity tag may have any bytes from 0x80 on.
        fetching.world.server.pages["/page"] = answering(HTML, 200, "text/html", **{field: '"caf\xe9"'})
        assert body_of(fetching) == HTML
        assert body_of(self.later(fetching)) == HTML
        condition = {"ETag": "if-none-match", "Last_Modified": "if-modified-since"}[field]
        assert fetching.world.server.visits[-1].headers[condition] == '"caf\xe9"'

    def test_without_its_content_a_page_is_asked_for_as_if_new(self, fetching: Fetching) -> None:
        fetching.world.server.pages["/page"] = answering(HTML, ETag='"v1"')
        body_of(fetching)
        for key in [key for key in fetching.s3.objects if key.endswith(".html")]:
            del fetching.s3.objects[key]
        assert body_of(self.later(fetching)) == HTML
        assert "if-none-match" not in fetching.world.server.visits[-1].headers

    def test_nothing_is_ever_overwritten(self, fetching: Fetching) -> None:
        fetching.world.server.pages["/page"] = answering(HTML, ETag='"v1"')
        body_of(fetching)
        before = dict(fetching.s3.objects)
        body_of(self.later(fetching))
        assert before.items() <= fetching.s3.objects.items()
        records = [json.loads(body) for key, body in before.items() if "/visits/" not in key and key.endswith(".json")]
        assert sorted(record["params"]["url"] for record in records) == [PAGE, "http://site.example/robots.txt"]


class TestMiddlemen:
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_is_told_the_judged_address_and_never_the_name(self, fetching: Fetching, scheme: str) -> None:
        world = fetching.world
        world.names.tell("site.example", ["2606:4700::1111"])
        with EgressProxy(world.server).running() as proxy:
            fetching.world = ByProxy(world, Proxy("127.0.0.1", proxy.port))
            assert body_of(fetching, f"{scheme}://site.example/page") == HTML
        port = {"http": 80, "https": 443}[scheme]
        assert set(proxy.asked) == {("CONNECT", f"[2606:4700::1111]:{port}")}

    @pytest.mark.parametrize(("status", "reason"), [(403, Reason.PROXY_REFUSED), (502, Reason.PROXY_FAILED)])
    def test_a_proxy_that_does_not_connect_is_named(self, fetching: Fetching, status: int, reason: Reason) -> None:
        with EgressProxy(fetching.world.server).running() as proxy:
            proxy.status = status
            fetching.world = ByProxy(fetching.world, Proxy("127.0.0.1", proxy.port))
            with pytest.raises((Unfetched, ServiceUnavailable), match=str(reason)):
                fetching.fetcher.page(PAGE)

    def test_a_proxy_is_not_asked_for_an_address_that_is_denied(self, fetching: Fetching) -> None:
        fetching.world.names.tell("private.example", [PUBLIC, "10.0.0.7"])
        with EgressProxy(fetching.world.server).running() as proxy:
            fetching.world = ByProxy(fetching.world, Proxy("127.0.0.1", proxy.port))
            with refused(Reason.ADDRESS_DENIED):
                fetching.fetcher.page("http://private.example/")
        assert proxy.asked == []

    def resolve(self, host: str, records: Mapping[str, Any], wire: Wire | None = None) -> list[str]:
        with NameServer(records).running() as server:
            resolver = HttpsResolver(URL(f"http://127.0.0.1:{server.port}/dns-query"), SyncBackend())
            found = resolver.resolve(host, Deadline(5), wire or Wire(0))
            assert server.asked == [(host, "A"), (host, "AAAA")]
            return found

    def test_names_are_resolved_over_https_with_all_their_addresses(self) -> None:
        wire = Wire(0)
        addresses = ["93.184.216.34", "10.0.0.1", "2606:4700::1"]
        assert self.resolve("site.example", {"site.example": addresses}, wire) == addresses
        assert wire.beside > 0

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (None, Reason.NAME_NOT_FOUND),
            ({"Status": 2}, Reason.DNS_FAILED),
            (b"no json", Reason.DNS_FAILED),
            (b"[]", Reason.DNS_FAILED),
            ({"Status": 0, "Answer": [{"data": "x"}]}, Reason.DNS_FAILED),
            (b"{" + b" " * 20_000, Reason.DNS_FAILED),
        ],
    )
    def test_a_name_server_that_has_no_answer_is_named(self, answer: Any, reason: Reason) -> None:
        with NameServer({"site.example": answer}).running() as server:
            resolver = HttpsResolver(URL(f"http://127.0.0.1:{server.port}/dns-query"), SyncBackend())
            with pytest.raises(Unfetched) as caught:
                resolver.resolve("site.example", Deadline(SECONDS), Wire(0))
        assert caught.value.reason is reason


class ByProxy(World):
    """The same world behind a proxy, which is connected to as it is."""

    def __init__(self, inner: World, proxy: Proxy) -> None:
        super().__init__(inner.server, inner.names, inner.internet, proxy)

    @property
    def web(self) -> WebConfig:
        return WebConfig(AGENT, self.names, self.proxy, SyncBackend(), self.server.ca)
