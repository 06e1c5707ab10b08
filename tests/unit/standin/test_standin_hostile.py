"""The hostile sites: each page and each name does just what it says."""

from __future__ import annotations

import time
from typing import Any

import pytest
import urllib3

from scout.standin import hostile
from scout.standin.addresses import denied
from tests.unit.standin.client import Client

REDIRECTS = sorted(path for path in hostile.TRAPS if path.startswith("to-"))
INJECTED = sorted(path for path in hostile.TRAPS if path.startswith("injected-"))


@pytest.mark.parametrize("path", REDIRECTS)
def test_redirects_lead_to_where_nobody_may_go(client: Client, path: str):
    answer = client.page(hostile.TRAPS[path].url)
    assert answer.status == 302
    location = urllib3.util.parse_url(answer.headers["Location"])
    host = (location.host or "").strip("[]")
    elsewhere = location.scheme not in ("http", "https") or location.auth or location.port == 6379
    numeric = host in ("2130706433", "0177.0.0.1", "127.1", "0")
    assert elsewhere or numeric or denied(host)


def test_redirects_without_an_end_and_with_one(client: Client):
    def follow(path: str, most: int) -> list[str]:
        seen: list[str] = []
        url = hostile.TRAPS[path].url
        for _ in range(most):
            answer = client.page(url)
            if answer.status != 302:
                return seen
            url = answer.headers["Location"]
            seen.append(url)
        return seen

    assert len(follow("loop", 20)) == len(follow("ping", 20)) == 20
    assert len(follow("hop-1", 20)) == 12


@pytest.mark.parametrize("path", INJECTED)
def test_orders_stand_in_pages_beside_a_real_place(client: Client, path: str):
    page = client.page(hostile.TRAPS[path].url).data.decode()
    assert "Alder House stands at 1 Alder Street." in page
    shown = "".join(chr(ord(letter) - 0xE0000) if 0xE0000 < ord(letter) < 0xE0080 else letter for letter in page)
    assert hostile.ORDER in shown


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("image", "image/png"),
        ("pdf", "application/pdf"),
        ("zip-bomb", "application/zip"),
        ("binary", "text/html; charset=utf-8"),
    ],
)
def test_what_is_no_page(client: Client, path: str, kind: str):
    assert client.page(hostile.TRAPS[path].url).headers["Content-Type"] == kind


@pytest.mark.parametrize(("path", "status"), [("forbidden", 403), ("gone", 410), ("busy", 429), ("broken", 503)])
def test_what_is_not_given(client: Client, path: str, status: int):
    assert client.page(hostile.TRAPS[path].url).status == status


def test_a_large_page_and_many_headers(client: Client):
    assert len(client.page(hostile.TRAPS["large"].url).data) > 8_000_000
    with pytest.raises(urllib3.exceptions.ProtocolError, match="header"):
        client.page(hostile.TRAPS["many-headers"].url)


def test_a_head_that_comes_line_by_line(client: Client):
    start = time.monotonic()
    client.page(hostile.TRAPS["slow-head"].url)
    assert time.monotonic() - start > 1.5


@pytest.mark.parametrize("host", sorted(hostile.ROBOTS))
def test_robots_files_of_the_worst_kind(client: Client, host: str):
    answer = client.page(f"http://{host}/robots.txt", preload_content=False)
    expected = {"broken": 503, "missing": 404, "loop": 302}
    assert answer.status == expected.get(host.partition(".")[0].removeprefix("robots-"), 200)
    if "endless" in host:
        assert len(answer.read(2_000_000)) == 2_000_000
    answer.close()
    assert client.page(f"http://{host}/anything").status == 200


def answers(client: Client, name: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/dns-query", name=name, type=kind).json()
    return found


@pytest.mark.parametrize("name", sorted(hostile.NAMES))
def test_hostile_names_lead_to_what_they_say(client: Client, name: str):
    expected = hostile.NAMES[name][-1]
    for _ in hostile.NAMES[name]:
        four, six = answers(client, name, "A"), answers(client, name, "AAAA")
    assert four["Status"] == six["Status"] == expected.rcode
    records = [*four.get("Answer", []), *six.get("Answer", [])]
    assert [record["data"] for record in records if record["type"] != 5] == sorted(
        expected.addresses, key=lambda text: ":" in text
    )
    if expected.cname:
        assert {record["data"] for record in records if record["type"] == 5} == {f"{expected.cname}."}


def test_a_name_is_public_first_and_private_then():
    names = hostile.Names()
    name = f"rebinding.{hostile.DOMAIN}"
    turns = [names.answer(name, 1) for _ in range(3)]
    assert [turn.addresses for turn in turns if turn] == [["93.184.7.9"], ["127.0.0.1"], ["127.0.0.1"]]


def test_no_ordinary_page_leads_to_a_hostile_one(client: Client):
    sites = client.standin.app.sites
    for place in client.world:
        for page in sites.of(place).pages.values():
            assert not any(hostile.DOMAIN in link for link in page.links)
