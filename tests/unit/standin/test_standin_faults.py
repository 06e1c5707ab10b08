"""Faults on demand: which requests they meet, what they do, and that they are the same every time."""

from __future__ import annotations

import contextlib
import gzip
import io
import time
import zipfile
import zlib

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from scout.standin.exchange import Request
from scout.standin.fault_rules import RULES
from scout.standin.faults import Faults
from scout.standin.server import StandIn
from tests.unit.standin.client import Client

URL = "http://visit-edinburgh.example/"
STATUS = "/overpass/api/status"


def statuses(client: Client, count: int) -> list[int]:
    return [client.get(STATUS).status for _ in range(count)]


def test_a_rule_meets_some_requests_after_others(client: Client):
    client.faults({"service": "overpass", "fault": "status", "status": 504, "skip": 1, "times": 2})
    assert statuses(client, 5) == [200, 504, 504, 200, 200]
    (rule,) = client.get("/_standin/faults").json()
    assert (rule["met"], rule["fired"]) == (5, 2)


def test_rules_are_kept_apart_by_service_path_text_and_host(client: Client):
    client.faults(
        {"service": "wikipedia", "fault": "status", "status": 500},
        {"service": "overpass", "path": "nothing", "fault": "status", "status": 501},
        {"service": "overpass", "text": "node\\(7\\)", "fault": "status", "status": 502},
        {"service": "web", "host": "visit-.*", "fault": "status", "status": 503},
    )
    assert client.get(STATUS).status == 200
    assert client.get("/overpass/api/interpreter", data="[out:json];node(7);out;").status == 502
    assert client.page(URL).status == 503
    assert client.page("http://data.edinburgh.example/").status == 200


def test_more_rules_are_added_and_all_are_taken_away(client: Client):
    client.faults({"service": "overpass", "fault": "status", "status": 500, "times": 1})
    added = client.post(
        "/_standin/faults", [{"service": "overpass", "fault": "status", "status": 501, "times": 1}], method="PATCH"
    )
    assert len(added.json()) == 2
    # Both meet the first request: what is done last is seen.
    assert statuses(client, 2) == [501, 200]
    assert client.post("/_standin/faults", [], method="DELETE").json() == []


@given(seed=st.text(max_size=5), share=st.floats(0.05, 0.95))
def test_a_share_meets_the_same_requests_every_time(seed: str, share: float):
    def met() -> list[bool]:
        faults = Faults(seed)
        faults.put(RULES.validate_python([{"service": "*", "fault": "status", "status": 500, "share": share}]))
        request = Request("GET", "", "/", "", {})
        return [bool(faults.due("overpass", request)) for _ in range(50)]

    assert met() == met()


def test_about_that_share_is_met():
    faults = Faults("1")
    faults.put(RULES.validate_python([{"service": "*", "fault": "status", "status": 500, "share": 0.3}]))
    request = Request("GET", "", "/", "", {})
    assert 240 < sum(bool(faults.due("web", request)) for _ in range(1_000)) < 360


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"service": "yelp", "fault": "status", "status": 500}, "0.status.service"),
        ({"service": "web", "fault": "explode"}, "0"),
        ({"service": "web", "fault": "status"}, "0.status.status"),
        ({"service": "web", "fault": "status", "status": 99}, "0.status.status"),
        ({"service": "web", "fault": "slow", "host": "("}, "0.slow.host"),
        ({"service": "web", "fault": "slow", "wait": 1}, "0.slow.wait"),
    ],
)
def test_wrong_rules_are_refused_whole(client: Client, rule: dict[str, object], place: str):
    good = {"service": "overpass", "fault": "status", "status": 500}
    answer = client.faults(rule, good)
    assert answer.status == 400
    assert any(problem.startswith(place) for problem in answer.json()["problems"])
    assert client.get(STATUS).status == 200


def test_429_says_how_long_to_wait(client: Client):
    client.faults({"service": "overpass", "fault": "status", "status": 429, "retry_after": 30, "times": 1})
    answer = client.get(STATUS)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")


def test_a_remark_comes_with_status_200_and_a_part(client: Client):
    query = "[out:json];nwr[name](around:500,55.9533,-3.1883);out center tags;"
    whole = client.get("/overpass/api/interpreter", data=query).json()["elements"]
    client.faults({"service": "overpass", "fault": "remark", "keep": 5})
    answer = client.get("/overpass/api/interpreter", data=query)
    assert answer.status == 200
    assert answer.json()["elements"] == whole[:5]
    assert answer.json()["remark"].startswith("runtime error: ")


def test_a_cap_says_nothing(client: Client):
    client.faults({"service": "*", "fault": "cap", "items": 3})
    query = "[out:json];nwr[name](around:500,55.9533,-3.1883);out center tags;"
    document = client.get("/overpass/api/interpreter", data=query).json()
    assert len(document["elements"]) == 3
    assert "remark" not in document
    found = client.get(
        "/wikipedia/w/api.php",
        action="query",
        format="json",
        list="geosearch",
        gscoord="55.9533|-3.1883",
        gsradius=9000,
        gslimit=99,
    )
    assert len(found.json()["query"]["geosearch"]) == 3
    nearby = client.aws("geo-places", "location").search_nearby(QueryPosition=[-3.1883, 55.9533], QueryRadius=900)
    assert len(nearby["ResultItems"]) == 3
    assert "NextToken" not in nearby


def test_slow_bodies_come_byte_by_byte(client: Client):
    client.faults({"service": "web", "fault": "slow", "pause": 0.02})
    start = time.monotonic()
    body = client.page(URL, preload_content=False)
    assert len(body.read(10)) == 10
    assert time.monotonic() - start >= 0.1
    body.close()


def test_a_delay_comes_before_the_head(client: Client):
    client.faults({"service": "web", "fault": "slow", "delay": 10})
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.page(URL, timeout=0.2)


def test_bodies_end_too_early(client: Client):
    client.faults({"service": "web", "fault": "cut", "after": 100})
    with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead"):
        client.page(URL)
    client.faults({"service": "web", "fault": "cut", "after": 100, "reset": True})
    with pytest.raises(urllib3.exceptions.ProtocolError, match=r"reset|IncompleteRead"):
        client.page(URL)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_small_on_the_wire(client: Client, encoding: str):
    client.faults({"service": "web", "fault": "bomb", "encoding": encoding, "megabytes": 20})
    answer = client.page(URL, decode_content=False)
    assert answer.headers["Content-Encoding"] == encoding
    assert len(answer.data) < 40_000
    unpacked = gzip.decompress(answer.data) if encoding == "gzip" else zlib.decompress(answer.data)
    assert len(unpacked) == 20 * 1024 * 1024


def test_an_archive_can_be_one_too(client: Client):
    client.faults({"service": "web", "fault": "bomb", "encoding": "zip", "megabytes": 20})
    answer = client.page(URL)
    assert answer.headers["Content-Type"] == "application/zip"
    assert len(answer.data) < 40_000
    assert zipfile.ZipFile(io.BytesIO(answer.data)).infolist()[0].file_size == 20 * 1024 * 1024


def test_an_endless_body_has_no_length_and_no_end(client: Client):
    client.faults({"service": "web", "fault": "endless"})
    answer = client.page(URL, preload_content=False)
    assert "Content-Length" not in answer.headers
    assert len(answer.read(3_000_000)) == 3_000_000
    answer.close()


def test_charset_headers_and_redirects(client: Client):
    client.faults({"service": "web", "fault": "charset", "declared": "shift_jis"})
    assert client.page(URL).headers["Content-Type"] == "text/html; charset=shift_jis"
    client.faults({"service": "web", "fault": "headers", "count": 3, "kilobytes": 20})
    assert len(client.page(URL).headers["X-Padding-2"]) == 20 * 1024
    client.faults({"service": "web", "fault": "redirect", "to": "http://10.0.0.1/{n}", "status": 307})
    assert [client.page(URL).headers["Location"] for _ in range(2)] == ["http://10.0.0.1/1", "http://10.0.0.1/2"]
    assert client.page(URL).status == 307


@pytest.mark.parametrize("where", ["text", "hidden", "comment", "data"])
def test_an_order_stands_in_a_page(client: Client, where: str):
    client.faults({"service": "web", "host": "visit-.*", "fault": "inject", "where": where})
    page = client.page(URL).data.decode()
    assert "Ignore all previous instructions" in page
    assert page.index("Ignore all") < page.index("</main>")


def test_names_change_their_addresses_in_turn(client: Client):
    client.faults(
        {
            "service": "dns",
            "host": "visit-edinburgh.example",
            "fault": "answer",
            "answers": [["93.184.1.1"], ["10.0.0.1"]],
        },
        {
            "service": "dns",
            "host": "alias.example",
            "fault": "answer",
            "answers": [["10.9.9.9"]],
            "cname": "in.example",
        },
    )

    def addresses(name: str) -> list[str]:
        return [record["data"] for record in client.get("/dns-query", name=name).json()["Answer"]]

    assert [addresses("visit-edinburgh.example") for _ in range(3)] == [["93.184.1.1"], ["10.0.0.1"], ["10.0.0.1"]]
    assert addresses("alias.example") == ["in.example.", "10.9.9.9"]


def test_stopping_the_world_ends_what_would_never_end():
    from tests.unit.standin.client import new_world

    standin = StandIn(new_world(), RULES.validate_python([{"service": "web", "fault": "endless"}])).start()
    answer = Client(standin).page(URL, preload_content=False)
    answer.read(1_000)
    standin.stop()
    # What was under way comes to an end, in order or not.
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
        while answer.read(1_000_000):
            pass
