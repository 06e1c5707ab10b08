"""DiscoverWebSources in the stand-in world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from lambdas.connectors.protocols import Hit
from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.frontier import WebMessage
from lambdas.discover_web_sources.pages import MAX_PER_SITE, chosen
from lambdas.discover_web_sources.state import QUERY_PACK, discover_web_sources
from lambdas.fetching.authority import authority_of
from lambdas.runtime.aws import AWS
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, Throttled
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import Client

Make = Callable[..., Outside]


class Vault:
    """Secrets Manager, as a function may ask it."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - the API's own name
        if SecretId == "forbidden":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")
        if SecretId not in self.values:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self.values[SecretId]}


@pytest.fixture
def looking(outside: Make, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(secret: str | None = None, **options: Any) -> Outside:
        run = outside(state="DiscoverWebSources", **options)
        monkeypatch.setitem(vars(AWS), "secretsmanager", Vault(key="tvly-1", wrong="x", empty=" "))
        if secret:
            run.configure(tavily={**run.standin.connectors["tavily"], "secret": secret})
        return run

    return make


def messages(run: Outside) -> list[WebMessage]:
    found = list(run.ledger.messages.values())
    assert all(isinstance(message, WebMessage) for message in found)
    return [message for message in found if isinstance(message, WebMessage)]


def test_without_a_key_the_guides_and_registers_lead_to_pages(looking: Make):
    run = looking()
    output = run.stage(discover_web_sources, {}, before="Nothing")
    assert output.data["sources"].pop("tavily") == "disabled: no_credentials"
    assert all(count > 0 for count in output.data["sources"].values())
    sent = messages(run)
    assert [message.source_url for message in sent] == output.data["urls"]
    assert len(sent) > 20
    for message in sent:
        assert message.budget_token is Connector.WEB_FETCH
        assert message.source_name == urlsplit(message.source_url).hostname
        assert message.trust_score is not None
        assert message.crawl_depth == 0
    assert run.spent(BudgetGroup.WEB) == 0


def test_the_citys_own_site_and_what_its_article_names_are_sent_first(looking: Make):
    run = looking()
    urls = run.stage(discover_web_sources, {}, before="Nothing").data["urls"]
    assert urls[0] == "http://www.edinburgh-city.example/"
    assert "http://visit-edinburgh.example/" in urls


def test_with_a_key_a_search_adds_pages(looking: Make, client: Client):
    plain = len(looking().stage(discover_web_sources, {}, before="Nothing").data["urls"])
    run = looking("key")
    output = run.stage(discover_web_sources, {}, before="Nothing")
    assert output.data["sources"]["tavily"] > 50
    assert len(output.data["urls"]) > plain
    urls = output.data["urls"]
    assert len(set(urls)) == len(urls)
    assert not [url for url in urls if "utm_" in url or "fbclid" in url or "#" in url]
    assert max(Counter(urlsplit(url).hostname for url in urls).values()) <= MAX_PER_SITE
    searches = [request for request in client.log()["requests"] if request["service"] == "tavily"]
    assert len(searches) == len(QUERY_PACK)
    assert 0 < run.spent(BudgetGroup.WEB) < len(QUERY_PACK) * 262_144


def test_a_retry_sends_nothing_new_and_asks_nothing(looking: Make, client: Client):
    run = looking("key")
    first = run.stage(discover_web_sources, {}, before="Nothing")
    asked, sent = len(client.log()["requests"]), len(messages(run))
    run.run = run.another_run()
    again = run.stage(discover_web_sources, None, before="Nothing")
    assert again.data == first.data
    assert again.metrics["enqueued"] == 0
    assert (len(client.log()["requests"]), len(messages(run))) == (asked, sent)


@pytest.mark.parametrize("secret", ["missing", "empty", "forbidden"])
def test_a_secret_that_is_not_there_is_no_key(looking: Make, secret: str):
    output = looking(secret).stage(discover_web_sources, {}, before="Nothing")
    assert output.data["sources"]["tavily"] == "disabled: no_credentials"


def test_a_wrong_key_is_refused_and_what_the_others_know_is_sent(looking: Make):
    run = looking("wrong")
    output = run.stage(discover_web_sources, {}, before="Nothing")
    assert output.data["sources"]["tavily"].startswith("failed after 0: ServiceRefused: tavily at")
    assert output.metrics["failed_sources"] == 1
    assert len(messages(run)) > 20


def test_a_plan_that_is_used_up_ends_the_search_and_the_run_goes_on(looking: Make, client: Client):
    run = looking("key")
    client.faults({"service": "tavily", "fault": "status", "status": 432, "skip": 2})
    output = run.stage(discover_web_sources, {}, before="Nothing")
    assert output.data["sources"]["tavily"] == "stopped: plan_limit"
    assert any("visit-" in url for url in output.data["urls"])


@pytest.mark.parametrize("status", [429, 503])
def test_a_search_that_fails_once_goes_on_from_where_it_ended(looking: Make, client: Client, status: int):
    run = looking("key")
    client.faults({"service": "tavily", "fault": "status", "status": status, "skip": 2, "times": 1})
    output = run.stage(discover_web_sources, {}, before="Nothing")
    assert output.metrics["failed_sources"] == 0
    searches = [request for request in client.log()["requests"] if request["service"] == "tavily"]
    assert len(searches) == len(QUERY_PACK) + 1


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (500, ServiceUnavailable), (403, ServiceRefused)])
def test_where_nobody_answers_the_state_fails(looking: Make, client: Client, status: int, error: type[Exception]):
    client.faults({"service": "*", "fault": "status", "status": status})
    with pytest.raises(error):
        looking().stage(discover_web_sources, {}, before="Nothing")


def test_under_the_kill_switch_of_the_web_nothing_is_searched_or_sent(looking: Make, client: Client):
    run = looking("key", changes={"kill_switches": {"web": True}})
    run.stage(discover_web_sources, {}, before="Nothing")
    assert messages(run) == []
    assert run.run.skipped > len(QUERY_PACK)
    assert not [request for request in client.log()["requests"] if request["service"] == "tavily"]


def hit(url: str, score: float = 0.5, via: str = "tavily") -> Hit:
    return Hit(url, "a page", score, via)


def test_pages_are_taken_once_the_most_trusted_first():
    pages = chosen(
        [
            hit("https://a.example.com/x?utm_source=s#top", 0.2),
            hit("HTTPS://A.example.com:443/x", 0.9),
            hit("b.example.org/y"),
            hit("https://www.council.gov.uk/"),
        ]
    )
    assert [page.url.text for page in pages] == [
        "https://a.example.com/x",
        "https://www.council.gov.uk/",
        "https://b.example.org/y",
    ]
    assert [page.authority for page in pages] == ["com", "gov", "org"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "ftp://example.org/", "http://127.0.0.1/", "http://[::1]/", "http://user:pw@example.org/",
        "http://example.org:8080/", "https://www.facebook.com/x", "https://en.wikipedia.org/wiki/X",
        "https://maps.google.co.uk/", "https://example.org/map.pdf", "http://0x7f.1/", "https://youtu.be/x",
    ],
)  # fmt: skip
def test_what_is_no_page_to_fetch_is_left_out(url: str):
    assert chosen([hit(url)]) == []


def test_one_site_gets_few_pages():
    assert len(chosen([hit(f"https://www.example.com/{n}") for n in range(30)])) == MAX_PER_SITE


def test_whose_a_site_is():
    hosts = ("www.edinburgh.gov.uk", "www.ed.ac.uk", "a.org", "b.com", "www.metro.tokyo.lg.jp", "x.fi", "cargo.com")
    assert [authority_of(host) for host in hosts] == ["gov", "edu", "org", "com", "gov", "unknown", "com"]
