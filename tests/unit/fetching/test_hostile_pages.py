"""Every hostile page ends with its own reason, within its deadline, and pays for what it has sent."""

from __future__ import annotations

import contextlib
import gzip
import time
import zlib
from collections.abc import Iterator

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.fetching.exchange import MAX_HEAD_BYTES
from lambdas.fetching.fetcher import MAX_PAGE_BYTES
from lambdas.fetching.reasons import PASSING, Reason, Unfetched
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from tests.unit.fetching.internet import Page, Visit, World
from tests.unit.fetching.runs import SHORT_SECONDS, SLOW, Fetching, hurry, job

HTML = b"<!doctype html><title>A page</title><p>Some text.</p>"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"


def answering(body: bytes = HTML, status: int = 200, content_type: str = "text/html", **headers: str) -> Page:
    return lambda visit: visit.answer(body, status, content_type, **headers)


def raw(*pieces: bytes, pause: float = 0.0) -> Page:
    def page(visit: Visit) -> None:
        for piece in pieces:
            visit.send(piece)
            time.sleep(pause)

    return page


def forever(head: bytes, piece: bytes, pause: float = 0.0) -> Page:
    def page(visit: Visit) -> None:
        visit.send(head)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            visit.send(piece)
            if pause:
                time.sleep(pause)

    return page


def silent(_: Visit) -> None:
    time.sleep(3 * SHORT_SECONDS)


def reset(visit: Visit) -> None:
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n" + HTML)
    visit.reset()


def bomb(megabytes: int = 50) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(megabytes)), packer.flush()])


HOSTILE: dict[str, tuple[Page, Reason]] = {
    "gzip-bomb": (answering(bomb(), Content_Encoding="gzip"), Reason.DECOMPRESSION_BOMB),
    "bomb-in-a-bomb": (answering(gzip.compress(bomb(1)), Content_Encoding="gzip, gzip"), Reason.ENCODING_DENIED),
    "deflate": (answering(zlib.compress(HTML), Content_Encoding="deflate"), Reason.ENCODING_DENIED),
    "brotli": (answering(HTML, Content_Encoding="br"), Reason.ENCODING_DENIED),
    "not-gzip": (answering(HTML, Content_Encoding="gzip"), Reason.ENCODING_BROKEN),
    "half-a-gzip": (answering(gzip.compress(HTML)[:-9], Content_Encoding="gzip"), Reason.ENCODING_BROKEN),
    "announced-too-large": (answering(b"", Content_Length="999999999999"), Reason.TOO_LARGE),
    "too-large": (answering(b"<p>and so on</p>" * 200_000), Reason.TOO_LARGE),
    "endless": (forever(CHUNKED, b"2000\r\n" + b"<p>x</p>" * 1024 + b"\r\n"), Reason.TOO_LARGE),
    "endless-close": (
        forever(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"<p>x</p>" * 1024),
        Reason.TOO_LARGE,
    ),
    "byte-by-byte": (forever(CHUNKED, b"1\r\nx\r\n", pause=0.05), Reason.TOO_SLOW),
    "header-by-header": (forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause=0.05), Reason.TOO_SLOW),
    "status-byte-by-byte": (forever(b"HTTP/1.1 ", b"2", pause=0.05), Reason.TOO_SLOW),
    "silent": (silent, Reason.TIMED_OUT),
    "closed": (lambda visit: None, Reason.CONNECTION_LOST),
    "reset": (reset, Reason.CONNECTION_LOST),
    "short": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n" + HTML),
        Reason.CONNECTION_LOST,
    ),
    "cut-chunk": (raw(CHUNKED + b"ff\r\n" + HTML), Reason.CONNECTION_LOST),
    "half-a-head": (raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), Reason.CONNECTION_LOST),
    "one-huge-header": (
        forever(b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 4096),
        Reason.HEADERS_TOO_LARGE,
    ),
    "endless-headers": (forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), Reason.HEADERS_TOO_LARGE),
    "many-headers": (
        raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"Content-Length: 1\r\n\r\nx"),
        Reason.HEADERS_TOO_LARGE,
    ),
    "endless-early-answers": (forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Reason.HEADERS_TOO_LARGE),
    "not-http": (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Reason.MALFORMED_RESPONSE),
    "two-lengths": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
        Reason.MALFORMED_RESPONSE,
    ),
    "bad-chunk": (raw(CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"), Reason.MALFORMED_RESPONSE),
    "upgrade": (
        raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        Reason.MALFORMED_RESPONSE,
    ),
    "pdf": (answering(b"%PDF-1.7\n", content_type="application/pdf"), Reason.TYPE_DENIED),
    "image": (answering(b"\x89PNG", content_type="image/png"), Reason.TYPE_DENIED),
    "picture-in-xml": (answering(b"<svg/>", content_type="image/svg+xml"), Reason.TYPE_DENIED),
    "script": (answering(b"alert(1)", content_type="text/javascript"), Reason.TYPE_DENIED),
    "pdf-in-disguise": (answering(b"%PDF-1.7\n%text"), Reason.TYPE_MISMATCH),
    "program-in-disguise": (answering(b"\x7fELF\x02\x01\x01" + bytes(400)), Reason.TYPE_MISMATCH),
    "zip-without-a-type": (answering(b"PK\x03\x04\x14\x00\x00", content_type=""), Reason.TYPE_MISMATCH),
    "empty": (answering(b"  \n"), Reason.EMPTY),
    "missing": (answering(status=404), Reason.NOT_FOUND),
    "gone": (answering(status=410), Reason.NOT_FOUND),
    "forbidden": (answering(status=403), Reason.ACCESS_REFUSED),
    "for-members": (answering(status=401), Reason.ACCESS_REFUSED),
    "by-law": (answering(status=451), Reason.ACCESS_REFUSED),
    "teapot": (answering(status=418), Reason.UNEXPECTED_STATUS),
    "unasked-304": (answering(b"", status=304), Reason.UNEXPECTED_STATUS),
    "part": (answering(status=206), Reason.UNEXPECTED_STATUS),
    "busy": (answering(status=429), Reason.RATE_LIMITED),
    "broken": (answering(status=500), Reason.SERVER_ERROR),
    "down": (answering(status=503), Reason.SERVER_ERROR),
    "nowhere": (answering(status=302), Reason.REDIRECT_INVALID),
    "to-itself": (answering(status=302, Location="/to-itself"), Reason.REDIRECT_LOOP),
    "to-itself-elsewhere": (answering(status=302, Location="/to-itself-elsewhere#x"), Reason.REDIRECT_LOOP),
    "hop-1": (answering(status=301, Location="/hop-2"), Reason.TOO_MANY_REDIRECTS),
    "to-private": (answering(status=302, Location="http://10.0.0.1/"), Reason.HOST_IS_ADDRESS),
    "to-runtime": (answering(status=302, Location="http://127.0.0.1:9001/2018-06-01/"), Reason.PORT_DENIED),
    "to-metadata": (answering(status=302, Location="http://169.254.169.254/latest"), Reason.HOST_IS_ADDRESS),
    "to-metadata-6": (answering(status=302, Location="http://[fd00:ec2::254]/latest"), Reason.HOST_IS_ADDRESS),
    "to-mapped": (answering(status=302, Location="http://[::ffff:169.254.169.254]/"), Reason.HOST_IS_ADDRESS),
    "to-decimal": (answering(status=302, Location="http://2130706433/"), Reason.HOST_IS_ADDRESS),
    "to-octal": (answering(status=302, Location="http://0177.0.0.1/"), Reason.HOST_IS_ADDRESS),
    "to-hex": (answering(status=302, Location="http://0x7f000001/"), Reason.HOST_IS_ADDRESS),
    "to-short": (answering(status=302, Location="http://127.1/"), Reason.HOST_IS_ADDRESS),
    "to-zero": (answering(status=302, Location="http://0/"), Reason.HOST_IS_ADDRESS),
    "to-private-name": (answering(status=302, Location="//private.example/"), Reason.ADDRESS_DENIED),
    "to-file": (answering(status=302, Location="file:///proc/self/environ"), Reason.SCHEME_DENIED),
    "to-ftp": (answering(status=302, Location="ftp://site.example/"), Reason.SCHEME_DENIED),
    "to-script": (answering(status=302, Location="javascript:alert(1)"), Reason.SCHEME_DENIED),
    "to-password": (answering(status=302, Location="http://user:secret@site.example/"), Reason.CREDENTIALS_IN_URL),
    "to-port": (answering(status=302, Location="http://site.example:6379/"), Reason.PORT_DENIED),
    "to-no-name": (answering(status=302, Location="http://localhost/"), Reason.URL_INVALID),
    "to-nobody": (answering(status=302, Location="http://nobody.example/"), Reason.NAME_NOT_FOUND),
}


HOPS = {f"/hop-{n}": answering(status=301, Location=f"/hop-{n + 1}") for n in range(2, 8)}


@contextlib.contextmanager
def refused(reason: Reason) -> Iterator[None]:
    with pytest.raises((Unfetched, ServiceUnavailable, Throttled)) as caught:
        yield
    assert str(caught.value).startswith(f"{reason}: ")
    if reason in PASSING:
        assert isinstance(caught.value, Throttled if reason is Reason.RATE_LIMITED else ServiceUnavailable)
    else:
        assert isinstance(caught.value, Unfetched)


@pytest.mark.parametrize("path", HOSTILE)
def test_each_hostile_page_ends_with_its_own_reason(fetching: Fetching, path: str) -> None:
    world = fetching.world
    world.names.tell("private.example", ["10.0.0.7"])
    world.server.pages |= {f"/{name}": page for name, (page, _) in HOSTILE.items()} | HOPS
    reason = HOSTILE[path][1]
    fetcher = fetching.fetcher
    if reason in SLOW:
        hurry(fetcher, f"http://site.example/{path}")
    began = time.monotonic()
    with refused(reason):
        fetcher.page(f"http://site.example/{path}")

    exchanges = len(world.server.visits) + 1
    assert time.monotonic() - began < exchanges * fetcher.seconds + 2
    assert fetching.ledger.spent[BudgetGroup.WEB] == fetcher.received
    assert 0 < fetcher.received <= exchanges * (MAX_PAGE_BYTES + MAX_HEAD_BYTES)
    assert {address for address, _ in world.internet.connects} == {"93.184.216.34"}


@pytest.mark.parametrize("path", ["missing", "pdf", "too-large", "gzip-bomb", "pdf-in-disguise", "to-file"])
def test_what_a_site_refused_for_good_is_not_asked_for_again(fetching: Fetching, path: str) -> None:
    page, reason = HOSTILE[path]
    fetching.world.server.pages[f"/{path}"] = page
    for _ in range(3):
        with refused(reason):
            fetching.fetcher.page(f"http://site.example/{path}")
    assert [visit.path for visit in fetching.world.server.visits] == ["/robots.txt", f"/{path}"]


@pytest.mark.parametrize("path", ["broken", "silent", "reset", "byte-by-byte", "not-http"])
def test_what_may_pass_is_asked_for_again(fetching: Fetching, path: str) -> None:
    page, reason = HOSTILE[path]
    fetching.world.server.pages[f"/{path}"] = page
    fetcher = fetching.fetcher
    if reason in SLOW:
        hurry(fetcher, f"http://site.example/{path}")
    with refused(reason):
        fetcher.page(f"http://site.example/{path}")
    fetching.world.server.pages[f"/{path}"] = answering()
    found = fetching.fetcher.page(f"http://site.example/{path}")
    assert found is not None
    assert found.body == HTML


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("120", 120.0),
        ("", 30.0),
        ("soon", 30.0),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999999", 30.0),
        ("Thu, 99999999999999999999999 Jan 2026 00:00:00 GMT", 30.0),
    ],
)
def test_a_site_that_says_later_is_left_alone(fetching: Fetching, said: str, pause: float) -> None:
    fetching.world.server.pages["/busy"] = answering(status=429, Retry_After=said)
    with refused(Reason.RATE_LIMITED):
        fetching.fetcher.page("http://site.example/busy")
    assert fetching.turns.taken[-1] == ("site.example", 1.0, pause)


def test_a_busy_host_costs_nothing(fetching: Fetching) -> None:
    fetching.turns.busy.add("site.example")
    with pytest.raises(Throttled, match=r"^host_busy: "):
        fetching.fetcher.page("http://site.example/")
    assert fetching.ledger.spent[BudgetGroup.WEB] == 0
    assert fetching.ledger.calls == 0
    assert fetching.world.internet.connects == []


@pytest.mark.parametrize("path", ["endless", "too-large"])
def test_a_small_budget_gives_a_page_a_small_share(internet: World, path: str) -> None:
    fetching = Fetching(internet, job=job("budget-test-small"))
    internet.server.pages[f"/{path}"] = HOSTILE[path][0]
    fetcher = fetching.fetcher
    with refused(Reason.TOO_LARGE):
        fetcher.page(f"http://site.example/{path}")
    assert fetcher.received <= 131_072 + 200, "an eighth of a megabyte, and the robots.txt"
