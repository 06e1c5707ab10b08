"""Pages of the synthetic web as HTML, and how a reader gets the text, the listings and the links out of one."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from lambdas.mock.lexicon import ADJECTIVES, THINGS
from lambdas.mock.stream import Stream
from lambdas.mock.web import Mention, Page

HEADING = "### "
"""Begins each line of a page's text that was a heading: what follows is about it."""

FACTS = " · "
"""Separates the category, the address and the position in the line below a heading."""

_SENTENCES = (
    "On {adj} mornings the {thing} sign outside is the first thing to catch the light.",
    "Regulars swear by the {adj} corner seat, and by the story of the {thing} above the door.",
    "Come early: by noon the queue reaches the {adj} {thing} across the street.",
    "The house was once a workshop for {thing} makers, and a {adj} beam still shows it.",
    "Ask for the {adj} room at the back, where an old {thing} hangs on the wall.",
    "It is a short walk from the tram, past a {adj} gate and a stone {thing}.",
    "Opening hours change with the season, as does the {adj} {thing} in the window.",
    "Visitors with children will find the {thing} trail {adj} enough for a rainy day.",
)
_STYLE = "\n".join(
    f".layout-{name} {{ margin: {size}rem auto; padding: {size / 2}rem {size}rem; line-height: 1.{size}; }}"
    for size, name in enumerate(("page", "main", "card", "facts", "aside", "footer", "nav", "hero"), start=1)
)
# What a frontier message takes as an address.
_ADDRESS = re.compile(r"https?://\S{1,2000}")
_BLOCKS = frozenset({"p", "li", "h1", "h2", "h3", "article", "section", "title"})
_SKIPPED = frozenset({"script", "style", "nav", "aside", "footer"})


def render(page: Page, city: str) -> bytes:
    """A page as a server would send it: UTF-8, some 25 KB with all that surrounds the text."""
    stream = Stream(page.url, "prose")
    title = html.escape(page.title)
    links = "".join(f'<li><a href="{html.escape(link)}">More places nearby</a></li>' for link in page.links)
    articles = "\n".join(_article(stream, mention) for mention in page.mentions)
    comments = "\n".join(f"<li class='layout-card'><b>Reader {n}</b> {_prose(stream, 4)}</li>" for n in range(1, 41))
    data = f'<script type="application/ld+json">{_listing(page)}</script>' if page.structured else ""
    document = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>{_STYLE}</style>{data}</head>
<body class="layout-page"><nav class="layout-nav"><ul>{_menu(page.site)}</ul></nav>
<main><h1>{title}</h1>
{"".join(f"<p>{_prose(stream, 5)}</p>" for _ in range(4))}
{articles}
<section><h2>Read on</h2><ul>{links}</ul></section></main>
<aside class="layout-aside"><h2>Comments</h2><ul>{comments}</ul></aside>
<footer class="layout-footer"><p>{html.escape(city)} pages. Synthetic: no such site exists.</p></footer>
</body></html>
"""
    return document.encode()


def _menu(site: str) -> str:
    entries = ("Eat", "Drink", "Sleep", "See", "Shop", "Walk", "Listen", "Plan", "Maps", "About")
    return "".join(f'<li><a href="https://{site}/#{entry.lower()}">{entry}</a></li>' for entry in entries)


def _prose(stream: Stream, sentences: int) -> str:
    chosen = (stream.pick(_SENTENCES) for _ in range(sentences))
    return " ".join(
        text.format(adj=stream.pick(ADJECTIVES).lower(), thing=stream.pick(THINGS).lower()) for text in chosen
    )


def _article(stream: Stream, mention: Mention) -> str:
    name = html.escape(mention.name)
    heading = f"{name} ({html.escape(mention.local_name)})" if mention.local_name else name
    address = f"{mention.house} {html.escape(mention.street)}"
    facts = [mention.category.replace("_", " "), address]
    if mention.at:
        facts.append(f"{mention.at.lat:.5f}, {mention.at.lng:.5f}")
    return (
        f"<article class='layout-card'><h3>{heading}</h3><p class='layout-facts'>{FACTS.join(facts)}</p>"
        f"<p>{name} stands at {address}. {_prose(stream, 4)}</p></article>"
    )


def _listing(page: Page) -> str:
    """The page's places as schema.org data."""
    items = []
    for mention in page.mentions:
        item: dict[str, Any] = {
            "@type": "Place",
            "name": mention.name,
            "keywords": mention.category,
            "address": {"@type": "PostalAddress", "streetAddress": f"{mention.house} {mention.street}"},
        }
        if mention.local_name:
            item["alternateName"] = mention.local_name
        if mention.at:
            item["geo"] = {"@type": "GeoCoordinates", "latitude": mention.at.lat, "longitude": mention.at.lng}
        items.append(item)
    document = {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": items}
    # "</" would end the script element.
    return json.dumps(document, ensure_ascii=False).replace("</", "<\\/")


@dataclass
class PageContent:
    """What a reader gets out of a page: lines of text, schema.org items, and absolute links."""

    text: str = ""
    listings: list[dict[str, Any]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def read(body: bytes, url: str) -> PageContent:
    """Take a page apart.

    Args:
        body: HTML in UTF-8; wrong bytes are replaced.
        url: The page's address, which relative links start from.

    Returns:
        The text without navigation, comments and footers, one line per block, headings marked by :data:`HEADING`; the
        schema.org items, those of malformed data left out; the links to other pages that stand in the text.
    """
    reader = _Reader(url)
    reader.feed(body.decode("utf-8", errors="replace"))
    reader.close()
    return reader.content()


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self._lines: list[str] = []
        self._line: list[str] = []
        self._data: list[str] = []
        self._skipped: list[str] = []
        self._in_data = False
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and values.get("type") == "application/ld+json":
            self._in_data = True
            self._data.append("")
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif tag in _BLOCKS:
            self._end_line()
            if tag in ("h2", "h3"):
                self._line.append(HEADING)
        href = values.get("href")
        if tag == "a" and href and not self._skipped:
            target = urljoin(self._url, href).partition("#")[0]
            if target != self._url and _ADDRESS.fullmatch(target):
                self._links.append(target)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_data = False
        if self._skipped and self._skipped[-1] == tag:
            self._skipped.pop()
        elif tag in _BLOCKS:
            self._end_line()

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self._data[-1] += data
        elif not self._skipped:
            self._line.append(data)

    def content(self) -> PageContent:
        self._end_line()
        return PageContent(
            text="\n".join(self._lines),
            listings=[item for text in self._data for item in _items(text)],
            links=list(dict.fromkeys(self._links)),
        )

    def _end_line(self) -> None:
        line = " ".join("".join(self._line).split())
        self._line.clear()
        if line and line != HEADING.strip():
            self._lines.append(line)


def _items(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:
        # Broken data on a page is the page's fault; its text is still read.
        return []
    items = document.get("itemListElement") if isinstance(document, dict) else None
    named = (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
    return [item for item in named if isinstance(item.get("name"), str) and item["name"].strip()]
