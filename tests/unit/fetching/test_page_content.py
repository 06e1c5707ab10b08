"""What a page is, in which charset, what it says of itself, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.fetching.content import check_type, sniffed, text_of
from lambdas.fetching.exchange import Head
from lambdas.fetching.markup import MAX_DEPTH, MAX_LINKS, Markup, directives, read, soft_404
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import parse
from tests.growth import LINEAR, growth

AGENT = "data-scout"
URL = parse("https://site.example/guide/old-town")
JAPANESE = "<html><title>東京の寺</title><p>浅草寺は東京で最も古い寺院である。</p>"


def head(content_type: str = "", **fields: str) -> Head:
    named = [("content-type", content_type)] if content_type else []
    return Head(200, (*named, *((name.replace("_", "-"), value) for name, value in fields.items())))


def markup(text: str, of: Head | None = None) -> Markup:
    return read(text, URL, of or head("text/html"), AGENT)


class TestTypes:
    @pytest.mark.parametrize(
        "named",
        [
            "text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "application/json", "application/ld+json",
            "application/geo+json", "text/xml", "application/rss+xml", "text/plain", "text/csv", "text/html;", "",
        ],
    )  # fmt: skip
    def test_text_is_taken(self, named: str) -> None:
        check_type(head(named))

    @pytest.mark.parametrize(
        "named",
        [
            "application/pdf", "image/png", "image/svg+xml", "application/octet-stream", "video/mp4", "text/css",
            "application/zip", "multipart/form-data", "application/x-httpd-php",
        ],
    )  # fmt: skip
    def test_all_else_is_refused_before_it_is_received(self, named: str) -> None:
        with pytest.raises(Unfetched) as caught:
            check_type(head(named))
        assert caught.value.reason is Reason.TYPE_DENIED

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b"<!DOCTYPE html><p>x", "text/html"),
            (b"\n  <html lang=en>", "text/html"),
            (b"<!-- x --><p>", "text/html"),
            (b"<?xml version='1.0'?><a/>", "text/xml"),
            (b' {"a": 1}', "application/json"),
            (b"just text", "text/plain"),
        ],
    )
    def test_without_a_header_the_first_bytes_tell(self, body: bytes, kind: str) -> None:
        assert sniffed(head(), body) == kind

    @pytest.mark.parametrize(
        "body", [b"\x00\x01\x02", b"GIF89a\x01\x00", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"%!PS-Adobe-3.0"]
    )
    def test_what_is_no_text_is_refused_whatever_the_header_says(self, body: bytes) -> None:
        with pytest.raises(Unfetched) as caught:
            sniffed(head("text/html"), body)
        assert caught.value.reason is Reason.TYPE_MISMATCH

    def test_a_page_may_begin_with_as_many_blank_lines_as_it_likes(self) -> None:
        assert sniffed(head(), b"\r\n" * 2_000 + b"<html><p>x") == "text/html"
        with pytest.raises(Unfetched) as caught:
            sniffed(head("text/html"), b"\r\n" * 2_000)
        assert caught.value.reason is Reason.EMPTY

    def test_text_with_two_bytes_for_each_letter_is_text(self) -> None:
        assert sniffed(head("text/html"), "<p>x".encode("utf-16")) == "text/html"
        assert sniffed(head("text/html; charset=utf-16le"), "<p>x".encode("utf-16-le")) == "text/html"


class TestCharsets:
    @pytest.mark.parametrize(
        ("codec", "declared"),
        [
            ("utf-8", "utf-8"), ("shift_jis", "Shift_JIS"), ("shift_jis", "x-sjis"), ("euc_jp", "EUC-JP"),
            ("iso2022_jp", "iso-2022-jp"), ("utf-16-le", "utf-16"),
        ],
    )  # fmt: skip
    def test_the_header_is_believed(self, codec: str, declared: str) -> None:
        found, charset = text_of(head(f"text/html; charset={declared}"), JAPANESE.encode(codec))
        assert found == JAPANESE
        assert charset in (declared.lower(), "utf-16le")

    @pytest.mark.parametrize("codec", ["shift_jis", "euc_jp", "utf-8"])
    def test_the_page_is_believed_where_the_header_is_silent_or_wrong(self, codec: str) -> None:
        name = codec.replace("euc_jp", "euc-jp")
        text = f'<meta http-equiv="content-type" content="text/html; charset={name}">{JAPANESE}'
        no_name = "text/html; charset*=us-ascii''utf%008"
        for said in ("text/html", "text/html; charset=x-none", 'text/html; charset=""', no_name):
            assert text_of(head(said), text.encode(codec)) == (text, name)

    def test_a_mark_is_believed_before_all_else(self) -> None:
        text = f"<meta charset=shift_jis>{JAPANESE}"
        for codec, name in (("utf-8-sig", "utf-8"), ("utf-16", "utf-16")):
            assert text_of(head("text/html; charset=latin-1"), text.encode(codec)) == (text, name)

    def test_bytes_are_looked_at_where_nobody_says_anything(self) -> None:
        assert text_of(head("text/html"), "<p>Caf\u00e9 \u00c5str\u00f6m".encode()) == (
            "<p>Caf\u00e9 \u00c5str\u00f6m",
            "utf-8",
        )
        text = "<p>" + "Le caf\u00e9 est ouvert tout l'\u00e9t\u00e9, m\u00eame le dimanche. " * 5
        assert text_of(head("text/html"), text.encode("latin-1"))[0] == text
        assert text_of(head("text/html"), (JAPANESE * 5).encode("shift_jis"), "jp")[0] == JAPANESE * 5

    def test_utf_8_that_is_called_utf_16_is_read_as_it_is(self) -> None:
        text = "<p>Caf\u00e9 \u00c5str\u00f6m</p>"
        assert text_of(head("text/html; charset=utf-16"), text.encode()) == (text, "utf-8")

    def test_wrong_bytes_are_replaced(self) -> None:
        assert text_of(head("text/html; charset=utf-8"), b"<p>Caf\xe9</p>") == ("<p>Caf\ufffd</p>", "utf-8")

    @given(st.binary(max_size=300), st.sampled_from(["", "utf-8", "utf-16", "big5", "x-none", "replacement", "rot13"]))
    def test_any_bytes_are_some_text(self, body: bytes, declared: str) -> None:
        text, charset = text_of(head(f"text/html; charset={declared}"), body)
        text.encode("utf-8")
        assert charset


class TestPages:
    def test_links_of_the_main_part_lead_on(self) -> None:
        found = markup(
            """<!doctype html><title> The  old
            town </title><link rel="alternate canonical" href="/guide/"><nav><a href=/nav>n</a></nav>
            <a href=/outside>o</a><main><a href=castle>c</a> <a HREF="castle#top">c</a>
            <a href="?page=2&amp;utm_source=x">2</a>
            <a href="https://other.example/">x</a> <a href=/plan.pdf>p</a> <a href=#x>x</a> <a href=mailto:a@b.c>m</a>
            <a href=/ad rel="sponsored nofollow">a</a> <a href="http://site.example:8080/">p</a> <a href=old-town>me</a>
            </main><footer><a href=/imprint>i</a></footer>"""
        )
        assert found.title == "The old town"
        assert found.canonical is not None
        assert found.canonical.text == "https://site.example/guide/"
        assert [link.text for link in found.links] == [
            "https://site.example/guide/castle",
            "https://site.example/guide/old-town?page=2",
        ]

    def test_without_a_main_part_all_links_lead_on_but_those_around(self) -> None:
        found = markup("<base href=/en/><a href=a>a</a><header><a href=b></header><aside><a href=c></aside><a href=d>")
        assert [link.target for link in found.links] == ["/en/a", "/en/d"]

    def test_links_are_as_many_as_may_be_in_the_order_of_the_page(self) -> None:
        found = markup("".join(f"<a href=/p{n}>x</a>" for n in range(500)))
        assert [link.target for link in found.links] == [f"/p{n}" for n in range(MAX_LINKS)]

    @pytest.mark.parametrize("canonical", ["https://other.example/", "javascript:x", "", "http://10.0.0.1/"])
    def test_a_page_speaks_for_its_own_site_alone(self, canonical: str) -> None:
        assert markup(f'<link rel=canonical href="{canonical}">').canonical is None

    @pytest.mark.parametrize(
        ("fields", "text", "found"),
        [
            ({}, "", []),
            ({"x_robots_tag": "noindex, NoFollow"}, "", ["nofollow", "noindex"]),
            ({"x_robots_tag": "otherbot: noindex"}, "", []),
            ({"x_robots_tag": "data-scout: noai, max-snippet: 3"}, "", ["noai"]),
            ({"x_robots_tag": "unavailable_after: 1 Jan 2030"}, "", []),
            ({"tdm_reservation": "1"}, "", ["tdm-reservation"]),
            ({"tdm_reservation": "0"}, "", []),
            ({}, "<meta name=ROBOTS content='noimageai,noarchive'>", ["noarchive", "noimageai"]),
            ({}, "<meta name=data-scout content=noai>", ["noai"]),
            ({}, "<meta name=googlebot content=noindex>", []),
            ({}, "<meta name=tdm-reservation content=1>", ["tdm-reservation"]),
        ],
    )
    def test_what_a_page_asks_of_robots_is_recorded(self, fields: dict[str, str], text: str, found: list[str]) -> None:
        of = head("text/html", **fields)
        assert markup(text, of).directives == found
        assert set(directives(of, AGENT)) <= set(found)

    def test_links_that_are_not_to_be_followed_are_not(self) -> None:
        assert markup("<meta name=robots content=nofollow><a href=/a>a</a>").links == []

    def test_a_page_that_says_that_it_does_not_exist_is_seen(self) -> None:
        page = markup("<title>404 - Page not found</title><p>Sorry.")
        assert soft_404(page, URL, URL) == ["title", "thin"]
        assert soft_404(page, URL, parse("https://site.example/")) == ["title", "thin", "home"]
        full = markup("<title>Old town</title>" + "<p>There is much to see here, and more. " * 40)
        assert soft_404(full, URL, URL) == []


class TestHostileMarkup:
    @pytest.mark.parametrize("unit", ["<div>", "<b>", "<a href=x>", "<table>", "<svg><td>", "<ul><li>", "<x-y>"])
    def test_a_page_without_a_bottom_is_refused(self, unit: str) -> None:
        with pytest.raises(Unfetched) as caught:
            markup(unit * 500_000)
        assert caught.value.reason is Reason.MARKUP_HOSTILE

    def test_ends_of_what_was_not_counted_do_not_make_room(self) -> None:
        with pytest.raises(Unfetched) as caught:
            markup("<p>" * 2_000 + "<svg>" + "</p>" * 2_000 + "</svg>" + "<div>" * 2_000)
        assert caught.value.reason is Reason.MARKUP_HOSTILE

    def test_an_element_with_endless_attributes_is_refused(self) -> None:
        with pytest.raises(Unfetched) as caught:
            markup("<p " + " ".join(f"a{n}=1" for n in range(250_000)) + ">")
        assert caught.value.reason is Reason.MARKUP_HOSTILE

    @pytest.mark.parametrize(
        "text",
        [
            "<div>" * MAX_DEPTH,
            "<p>x" * 100_000,
            "<li>x" * 100_000,
            "<tr><td>x" * 50_000,
            "<br>" * 100_000,
            "<div></div>" * 100_000,
            "<b></b>" * 100_000,
            "<img/>" * 100_000,
            "</div>" * 100_000,
        ],
        ids=lambda text: text[:12],
    )
    def test_a_long_page_is_not_a_deep_one(self, text: str) -> None:
        markup(text)

    @pytest.mark.parametrize(
        "text",
        [
            "<!--" * 700_000,
            "<a b='" * 500_000,
            "</a " * 700_000,
            "<![CDATA[" * 300_000,
            "&" * 3_000_000,
            "<title>" * 400_000,
        ],
        ids=lambda text: text[:8],
    )
    def test_the_time_for_a_page_grows_no_faster_than_the_page(self, text: str) -> None:
        assert growth(markup, lambda size: text[:size], len(text)) < LINEAR

    @given(st.text(max_size=400))
    def test_any_text_is_some_page(self, text: str) -> None:
        found = markup(text)
        assert all(link.host == URL.host for link in found.links)
