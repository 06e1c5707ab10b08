"""Each hostile page and name of the stand-in world ends with its own reason, in time and with little memory.

All goes by way of the world's DNS over HTTPS and its proxy, as a stack's functions go. The proxy writes down every
address that it is asked for: none of them may be one that nobody may connect to.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import pytest
import urllib3

from lambdas.fetching import content, markup
from lambdas.fetching.config import WebConfig, web_config
from lambdas.fetching.fetcher import Fetcher, Page
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from scout.standin import hostile
from scout.standin.server import StandIn
from tests.unit.fetching.internet import World
from tests.unit.fetching.runs import SLOW, Fetching, hurry
from tests.unit.standin.client import new_world

FETCHED = None
PAGES: Mapping[str, Reason | None] = {
    "gzip-bomb": Reason.DECOMPRESSION_BOMB,
    "deflate-bomb": Reason.ENCODING_DENIED,
    "zip-bomb": Reason.TYPE_DENIED,
    "endless": Reason.TOO_LARGE,
    "slow-body": Reason.TOO_SLOW,
    "slow-head": Reason.TOO_SLOW,
    "late": Reason.TIMED_OUT,
    "reset": Reason.CONNECTION_LOST,
    "short": Reason.CONNECTION_LOST,
    # The world sends it as gzip, of which so dull a page becomes more than the hundredfold.
    "large": Reason.DECOMPRESSION_BOMB,
    "huge-header": Reason.HEADERS_TOO_LARGE,
    "many-headers": Reason.HEADERS_TOO_LARGE,
    "wrong-charset": FETCHED,
    "no-charset": FETCHED,
    "latin": FETCHED,
    "binary": Reason.TYPE_MISMATCH,
    "image": Reason.TYPE_DENIED,
    "pdf": Reason.TYPE_DENIED,
    "forbidden": Reason.ACCESS_REFUSED,
    "gone": Reason.NOT_FOUND,
    "busy": Reason.RATE_LIMITED,
    "broken": Reason.SERVER_ERROR,
    "loop": Reason.REDIRECT_LOOP,
    "ping": Reason.REDIRECT_LOOP,
    "pong": Reason.REDIRECT_LOOP,
    **{f"hop-{n}": Reason.TOO_MANY_REDIRECTS if n < 8 else FETCHED for n in range(1, 13)},
    "plain": FETCHED,
    "to-private": Reason.HOST_IS_ADDRESS,
    "to-loopback": Reason.PORT_DENIED,
    "to-metadata": Reason.HOST_IS_ADDRESS,
    "to-metadata-6": Reason.HOST_IS_ADDRESS,
    "to-mapped": Reason.HOST_IS_ADDRESS,
    "to-nat64": Reason.HOST_IS_ADDRESS,
    "to-6to4": Reason.HOST_IS_ADDRESS,
    "to-decimal": Reason.HOST_IS_ADDRESS,
    "to-octal": Reason.HOST_IS_ADDRESS,
    "to-short": Reason.HOST_IS_ADDRESS,
    "to-zero": Reason.HOST_IS_ADDRESS,
    "to-private-name": Reason.ADDRESS_DENIED,
    "to-file": Reason.SCHEME_DENIED,
    "to-ftp": Reason.SCHEME_DENIED,
    "to-script": Reason.SCHEME_DENIED,
    "to-credentials": Reason.CREDENTIALS_IN_URL,
    "to-port": Reason.PORT_DENIED,
    **dict.fromkeys((path for path in hostile.TRAPS if path.startswith("injected-")), FETCHED),
}
ROBOTS: Mapping[str, Reason | None] = {
    "robots-none": Reason.ROBOTS_DENIED,
    # What comes within the limit is read (RFC 9309, section 2.5); it forbids another page.
    "robots-endless": FETCHED,
    "robots-broken": Reason.ROBOTS_UNAVAILABLE,
    "robots-missing": FETCHED,
    "robots-patient": FETCHED,
    # More than five redirects: taken as missing (section 2.3.1.2).
    "robots-loop": FETCHED,
}
NAMES: Mapping[str, Reason] = {
    **dict.fromkeys((name.partition(".")[0] for name in hostile.NAMES), Reason.ADDRESS_DENIED),
    "alias-loop": Reason.NAME_NOT_FOUND,
    "empty": Reason.NAME_NOT_FOUND,
    # Failed for its robots.txt, without which nothing may be asked for.
    "broken-dns": Reason.ROBOTS_UNAVAILABLE,
}
LARGE = ("gzip-bomb", "deflate-bomb", "zip-bomb", "endless", "large", "huge-header", "many-headers")


@dataclass
class StandInWeb:
    """The stand-in world as a stack's functions are pointed to it."""

    connectors: dict[str, Any]

    @property
    def web(self) -> WebConfig:
        return web_config({"CONNECTORS": json.dumps(self.connectors)}, "0.0.0")


def fetching_in(connectors: dict[str, Any]) -> Fetching:
    return Fetching(cast(World, StandInWeb(connectors)))


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(new_world()) as running:
        yield running
        targets = urllib3.request("GET", f"{running.url}/_standin/log").json()["targets"]
        assert targets
        assert [target for target in targets if target["denied"]] == []


@pytest.fixture
def fetching(standin: StandIn) -> Fetching:
    return fetching_in(standin.connectors)


def outcome(fetcher: Fetcher, url: str) -> tuple[Reason | None, Page | None]:
    """How a page ends: the reason against it, or the page."""
    try:
        page = fetcher.page(url)
    except (Unfetched, ServiceUnavailable, Throttled) as error:
        return Reason(str(error).partition(":")[0]), None
    assert page is not None
    return None, page


def test_no_danger_of_the_world_is_left_out() -> None:
    assert PAGES.keys() == hostile.TRAPS.keys()
    assert {f"{label}.{hostile.DOMAIN}" for label in ROBOTS} == hostile.ROBOTS.keys()
    assert {f"{label}.{hostile.DOMAIN}" for label in NAMES} == hostile.NAMES.keys()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_ends_with_its_own_reason(fetching: Fetching, path: str) -> None:
    fetcher, url = fetching.fetcher, hostile.TRAPS[path].url
    if PAGES[path] in SLOW:
        hurry(fetcher, url)
    began = time.monotonic()
    reason, page = outcome(fetcher, url)
    # One exchange for the robots.txt, and one for each step.
    assert time.monotonic() - began < len(fetching.turns.taken) * fetcher.seconds + 2
    assert reason == PAGES[path], path
    if page is not None:
        text, _ = content.text_of(page.head, page.body)
        assert hostile.CANARY not in text
        assert "Alder House stands at 1 Alder Street." in text
        assert markup.read(text, page.url, page.head, "data-scout").title == "A page"


def test_a_wrong_charset_costs_letters_at_most(fetching: Fetching) -> None:
    _, page = outcome(fetching.fetcher, hostile.TRAPS["latin"].url)
    assert page is not None
    text, charset = content.text_of(page.head, page.body)
    assert charset == "utf-8"
    assert "Caf� �str�m" in text


@pytest.mark.parametrize("label", ROBOTS)
def test_each_robots_file_ends_with_its_own_reason(fetching: Fetching, label: str) -> None:
    reason, _ = outcome(fetching.fetcher, f"http://{label}.{hostile.DOMAIN}/anything")
    assert reason == ROBOTS[label]


def test_a_site_that_wants_patience_is_given_it(fetching: Fetching) -> None:
    host = f"robots-patient.{hostile.DOMAIN}"
    outcome(fetching.fetcher, f"http://{host}/anything")
    assert fetching.turns.taken[-1][:2] == (host, 20.0)


@pytest.mark.parametrize("label", NAMES)
def test_each_name_ends_with_its_own_reason(fetching: Fetching, label: str) -> None:
    url = f"http://{label}.{hostile.DOMAIN}/"
    reason, page = outcome(fetching.fetcher, url)
    assert (reason, page) == (NAMES[label], None)


def test_what_is_large_takes_little_memory(standin: StandIn) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        grown = alone.submit(_memory_for, standin.connectors, LARGE).result(300)
    # The body so far, the copy of it, and the pieces that are decoded: not the 300 MB that a bomb holds.
    assert grown < 24 * 1024


def _memory_for(connectors: dict[str, Any], paths: tuple[str, ...]) -> int:
    """By how many KB a process of its own grew at most."""
    fetching = fetching_in(connectors)
    outcome(fetching.fetcher, hostile.TRAPS["plain"].url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in paths:
        reason, _ = outcome(fetching.fetcher, hostile.TRAPS[path].url)
        assert reason == PAGES[path], f"{path}: {reason}"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
