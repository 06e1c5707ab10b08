"""The synthetic web: pages are read back as they were written, and the model is never believed without evidence."""

from __future__ import annotations

import pytest

from lambdas.mock import model, pages
from lambdas.mock.city import City
from lambdas.mock.discovery import normalise_url
from lambdas.mock.web import QUERY_TEMPLATES, Page
from lambdas.mock.world import World
from lambdas.places.geo import Disc

WORLD = World(City.build("Tokyo", Disc.of(35.6762, 139.6503, 3_000)))
PAGES = list(WORLD.web.pages.values())


def content_of(page: Page) -> pages.PageContent:
    body = WORLD.fetch(page.url)
    assert body is not None
    return pages.read(body, page.url)


def test_pages_have_the_size_of_real_ones_and_their_own_places():
    sizes = [len(WORLD.fetch(page.url) or b"") for page in PAGES]
    assert 10_000 < min(sizes) <= max(sizes) < 40_000
    assert all(len(page.mentions) >= 9 for page in PAGES)
    assert WORLD.fetch("https://unknown.example/") is None


def test_structured_pages_are_read_back_as_written():
    structured = [page for page in PAGES if page.structured]
    assert 0.2 < len(structured) / len(PAGES) < 0.7
    for page in structured:
        listings = content_of(page).listings
        assert [item["name"] for item in listings] == [mention.name for mention in page.mentions]
        for item, mention in zip(listings, page.mentions, strict=True):
            assert ("geo" in item) == (mention.at is not None)
            assert item.get("alternateName") == mention.local_name


def test_the_model_finds_most_of_what_the_text_names_and_makes_up_some():
    found = named = made_up = 0
    for page in PAGES:
        text = content_of(page).text
        answer = model.answer(text)
        names = {entity["name"] for entity in answer["entities"] if entity["evidence"] in text}
        mentioned = {mention.name for mention in page.mentions}
        assert names <= mentioned
        named += len(mentioned)
        found += len(names)
        made_up += sum(entity["evidence"] not in text for entity in answer["entities"])
        assert sum(answer["usage"].values()) <= model.tokens_at_most(text)
    assert 0.85 < found / named < 0.99
    assert made_up > 0


def test_the_model_reads_any_text():
    assert model.answer("")["entities"] == []
    assert model.answer("### A heading\nwithout facts\nand prose")["entities"] == []


def test_links_lead_to_pages_that_exist_one_level_deeper():
    with_links = [page for page in PAGES if page.links]
    assert with_links
    for page in with_links:
        assert tuple(content_of(page).links) == page.links
        assert all(link in WORLD.web.pages for link in page.links)


def test_searches_find_each_first_page_and_nothing_deeper():
    hits = [hit for query in range(len(QUERY_TEMPLATES)) for hit in WORLD.web.hits(query, 15)]
    found = {normalise_url(hit["url"]) for hit in hits}
    deeper = {link for page in PAGES for link in page.links}
    assert found == set(WORLD.web.pages) - deeper
    assert len(hits) > len(found)


def test_false_mentions_exist_and_are_few():
    truths = list(WORLD.web.mentioned.values())
    assert 0 < sum(truth is None for truth in truths) < 0.15 * len(truths)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://A.Example/x?utm_source=s&q=1&fbclid=2#top", "https://a.example/x?q=1"),
        ("a.example/x", "https://a.example/x"),
        ("http://a.example/x?gclid=1", "http://a.example/x"),
    ],
)
def test_addresses_lose_what_only_tracks(url: str, normal: str):
    assert normalise_url(url) == normal


def test_broken_pages_give_what_is_left_of_them():
    body = b'<html><script type="application/ld+json">{"broken": </script><h3>Fox</h3><p>bar \xff</p><a href="/x">x</a>'
    content = pages.read(body, "https://a.example/p")
    assert content.listings == []
    assert content.text.splitlines()[0] == "### Fox"
    assert content.links == ["https://a.example/x"]
    odd = b'<script type="application/ld+json">{"itemListElement": [1, {"name": 5}, {"name": "Fox"}]}</script>'
    assert pages.read(odd, "https://a.example/p").listings == [{"name": "Fox"}]
