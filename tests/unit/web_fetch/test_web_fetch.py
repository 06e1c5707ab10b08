"""WebFetch: what it hands to ExtractWithLLM, and what it sends on to the frontier."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.frontier import FrontierMessage, WebMessage
from lambdas.fetching import fetcher as fetching_module
from lambdas.fetching.reasons import Reason
from lambdas.mock.pages import read
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable
from lambdas.runtime.handover import StageInput
from lambdas.runtime.messages import Enqueued
from lambdas.runtime.queue import Queue
from lambdas.web_fetch import state
from tests.unit.fetching.internet import World, world
from tests.unit.fetching.runs import Fetching
from tests.unit.fetching.test_hostile_pages import answering

TEXT = "<p>There is much to see in the old town, and more. " * 40
PAGE = f"<!doctype html><title>Old town</title><main>{TEXT}<a href=/castle>c</a><a href=/kirk>k</a></main>"
MESSAGE = {
    "type": "web",
    "city": "London",
    "run_id": "run-1",
    "correlation_id": "00000000-0000-4000-8000-000000000000",
    "budget_token": "web.fetch",
    "enqueued_at": "2026-01-01T00:00:00.000Z",
    "trust_score": 0.7,
    "source_url": "http://site.example/old-town",
    "source_name": "a search",
    "source_type": "html",
    "crawl_depth": 0,
}

MAPS = {
    **{name: value for name, value in MESSAGE.items() if not name.startswith(("source", "crawl"))},
    "type": "maps",
    "lat": 1.0,
    "lng": 1.0,
    "radius": 100,
}


class Frontier:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[FrontierMessage] = []

    def enqueue(self, messages: list[FrontierMessage], sender: str) -> Enqueued:
        return Enqueued(len(messages), messages)

    def send(self, messages: list[FrontierMessage]) -> None:
        self.sent += messages


@pytest.fixture
def internet() -> Iterator[World]:
    with world() as made:
        made.server.pages["/old-town"] = answering(PAGE.encode())
        yield made
        assert made.internet.denied == []


@pytest.fixture
def fetching(internet: World, monkeypatch: pytest.MonkeyPatch) -> Fetching:
    made = Fetching(internet)
    made.frontier = Frontier()  # type: ignore[attr-defined]
    made.ledger.enqueue = made.frontier.enqueue  # type: ignore[attr-defined]
    made.run._queue = cast(Queue, made.frontier)  # type: ignore[attr-defined]
    monkeypatch.setattr(state, "web_config", lambda *_: internet.web)
    monkeypatch.setattr(state, "Hosts", lambda *_: made.turns)
    return made


def fetch(fetching: Fetching, message: dict[str, Any] = MESSAGE, **changes: Any) -> tuple[Any, dict[str, Any], int]:
    class Given:
        def read(self) -> Any:
            return {**message, **changes}

    output = state.web_fetch(cast(StageInput, Given()), fetching.run)
    return output.data, dict(output.metrics), output.records or 0


def stored(fetching: Fetching, key: str) -> bytes:
    return fetching.s3.objects[key]


def test_a_page_is_handed_on_as_the_mock_does_it_and_with_what_is_known_of_it(fetching: Fetching) -> None:
    fetching.world.server.pages["/old-town"] = answering(
        PAGE.replace("<main>", '<link rel=canonical href="/old-town?from=x&utm_source=y"><main>').encode(),
        X_Robots_Tag="noai",
    )
    data, metrics, records = fetch(fetching)
    page = data["page"]
    assert (data["refused"], records) == (None, 1)
    assert (page["url"], page["trust_score"]) == ("http://site.example/old-town", 0.7)
    assert page["html"] == page["raw"]
    assert page["html"].startswith("raw/html/london/site.example/")
    assert read(stored(fetching, page["html"]), page["url"]).text
    assert page["final_url"] == "http://site.example/old-town"
    assert page["canonical_url"] == "http://site.example/old-town?from=x"
    assert (page["content_type"], page["charset"], page["title"]) == ("text/html", "utf-8", "Old town")
    assert (page["directives"], page["soft_404"], page["unchanged"]) == (["noai"], [], False)
    assert metrics["links"] == metrics["enqueued"] == 2
    assert metrics["bytes"] > len(PAGE)


def test_links_go_to_the_frontier_one_level_deeper(fetching: Fetching) -> None:
    fetch(fetching, crawl_depth=1)
    sent = cast(list[WebMessage], fetching.frontier.sent)  # type: ignore[attr-defined]
    assert [message.source_url for message in sent] == ["http://site.example/castle", "http://site.example/kirk"]
    assert {(message.crawl_depth, message.priority, message.trust_score) for message in sent} == {(2, "low", 0.7)}


@pytest.mark.parametrize(
    "file", ["places.csv", "places.GeoJSON", "places.json?lang=en", "api?format=csv", "q?outputformat=application/json"]
)
def test_links_to_data_are_left_to_who_knows_its_terms(fetching: Fetching, file: str) -> None:
    page = PAGE.replace("/castle", f"/{file}")
    fetching.world.server.pages["/old-town"] = answering(page.encode())
    fetch(fetching)
    sent = cast(list[WebMessage], fetching.frontier.sent)  # type: ignore[attr-defined]
    assert [message.source_url for message in sent] == ["http://site.example/kirk"]


def test_links_of_the_deepest_pages_lead_nowhere(fetching: Fetching) -> None:
    _, metrics, _ = fetch(fetching, crawl_depth=2)
    assert metrics["links"] == 0


def test_a_retry_hands_on_the_same(fetching: Fetching) -> None:
    first, *_ = fetch(fetching)
    fetching_module._ROBOTS.clear()
    again, metrics, _ = fetch(fetching)
    assert again == first
    assert metrics["bytes"] == 0
    assert len(fetching.world.server.visits) == 2


def test_a_page_in_another_charset_is_handed_on_in_utf_8_and_kept_as_it_came(fetching: Fetching) -> None:
    text = PAGE.replace("Old town", "\u6d45\u8349\u5bfa")
    fetching.world.server.pages["/old-town"] = answering(
        text.encode("shift_jis"), content_type="text/html; charset=Shift_JIS"
    )
    page = fetch(fetching)[0]["page"]
    assert (page["charset"], page["title"]) == ("shift_jis", "\u6d45\u8349\u5bfa")
    assert stored(fetching, page["raw"]) == text.encode("shift_jis")
    assert stored(fetching, page["html"]).decode("utf-8") == text


@pytest.mark.parametrize(
    ("sent", "said", "kind"),
    [
        ("json", "application/geo+json", "application/geo+json"),
        ("json", "text/plain", "application/json"),
        ("csv", "text/csv; charset=utf-8", "text/csv"),
        ("csv", "text/plain", "text/csv"),
    ],
)
def test_data_is_handed_on_with_its_type(fetching: Fetching, sent: str, said: str, kind: str) -> None:
    body = json.dumps({"name": "Castle"}).encode()
    fetching.world.server.pages["/old-town"] = answering(body, content_type=said)
    page = fetch(fetching, budget_token="data.fetch", source_type=sent)[0]["page"]
    assert (page["content_type"], page["directives"], page["title"]) == (kind, [], "")
    assert stored(fetching, page["html"]) == body


@pytest.mark.parametrize("kind", ["application/json", "application/geo+json", "text/csv"])
def test_data_that_a_page_turns_out_to_be_is_refused_as_nobody_knows_its_terms(fetching: Fetching, kind: str) -> None:
    fetching.world.server.pages["/old-town"] = answering(b'{"name": "Castle"}', content_type=kind)
    data, _, _ = fetch(fetching)
    assert (data["page"], data["refused"]["reason"]) == (None, Reason.TYPE_DENIED)
    assert "a page was asked for" in data["refused"]["detail"]


def test_a_data_set_is_paid_by_the_request_from_the_budget_for_open_data(fetching: Fetching) -> None:
    fetching.world.server.pages["/old-town"] = answering(b"[]", content_type="application/json")
    fetching.ledger.spent[BudgetGroup.WEB] = 10**12
    data, metrics, _ = fetch(fetching, budget_token="data.fetch", source_type="json")
    assert stored(fetching, data["page"]["html"]) == b"[]"
    assert metrics["bytes"] > 0
    assert fetching.ledger.spent[BudgetGroup.OPEN_DATA] == 2, "its robots.txt, and itself"


def test_a_page_at_the_address_of_a_data_set_is_refused_also_where_the_web_is_not_killed(fetching: Fetching) -> None:
    fetching.world.server.pages["/data"] = answering(status=302, Location="http://other.example/old-town")
    data, _, _ = fetch(fetching, budget_token="data.fetch", source_type="json", source_url="http://site.example/data")
    assert (data["page"], data["refused"]["reason"]) == (None, Reason.TYPE_DENIED)
    assert data["refused"]["detail"] == (
        "http://other.example/old-town has the type 'text/html', and a data set was asked for"
    )
    assert fetching.frontier.sent == []  # type: ignore[attr-defined]


def test_a_page_that_a_search_has_paid_for_is_a_page_of_the_web(fetching: Fetching) -> None:
    _, metrics, _ = fetch(fetching, budget_token="tavily.api")
    assert fetching.ledger.spent[BudgetGroup.WEB] == metrics["bytes"] > 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source_url": "http://169.254.169.254/latest/meta-data/"}, Reason.HOST_IS_ADDRESS),
        ({"source_url": "http://nobody.example/"}, Reason.NAME_NOT_FOUND),
        ({"source_url": "http://site.example/none"}, Reason.NOT_FOUND),
        ({"source_url": "http://site.example/deep"}, Reason.MARKUP_HOSTILE),
        ({"source_url": "http://site.example/sorry"}, Reason.SOFT_404),
    ],
)
def test_a_page_that_is_refused_for_good_ends_well_with_its_reason(
    fetching: Fetching, change: dict[str, Any], reason: Reason
) -> None:
    fetching.world.server.pages["/deep"] = answering(b"<div>" * 10_000)
    fetching.world.server.pages["/sorry"] = answering(b"<title>Page not found</title><p>Sorry.")
    data, metrics, records = fetch(fetching, **change)
    assert data["page"] is None
    assert data["refused"]["reason"] == reason
    assert data["refused"]["detail"]
    assert (records, metrics["refused"]) == (0, 1)


def test_what_may_pass_fails_so_that_the_message_returns(fetching: Fetching) -> None:
    fetching.world.server.pages["/old-town"] = answering(status=500)
    with pytest.raises(ServiceUnavailable, match=r"^server_error: site\.example answered 500"):
        fetch(fetching)


def test_a_message_that_is_no_page_is_refused(fetching: Fetching) -> None:
    with pytest.raises(InvalidInput, match="no page to fetch"):
        fetch(fetching, MAPS)
    with pytest.raises(InvalidInput, match="not valid"):
        fetch(fetching, source_url="ftp://x")


def test_nothing_is_handed_on_where_the_run_may_not_ask(fetching: Fetching) -> None:
    fetching.ledger.spent[BudgetGroup.WEB] = 10**12
    data, _, records = fetch(fetching)
    assert (data, records) == ({"page": None, "refused": None}, 0)
    assert fetching.run.skipped > 0
