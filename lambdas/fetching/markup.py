"""What a page says of itself and where it leads, read from its tokens.

The tokens of a page are found in one pass, however it is nested. A tree is not built: the parsers that build one take a
time that grows with the square of the depth, or of the attributes of one element, and a page of 3 MB can then hold a
function for minutes. Pages like that are refused here, so that no later stage meets one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from turbohtml import TokenType, tokenize

from lambdas.fetching.exchange import Head
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import PageUrl, parse

# Browsers end at 512 (Chromium's and WebKit's maximumHTMLParserDOMTreeDepth).
MAX_DEPTH = 512
MAX_ATTRIBUTES = 500
MAX_LINKS = 50
_MAX_TITLE = 300
_MAX_SEEN_LINKS = 5_000
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
# Elements whose end need not be written: as many of them as a page likes do not nest, save in another vocabulary.
_CLOSING_THEMSELVES = frozenset(
    {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp"}
    | {"colgroup", "caption", "html", "head", "body"}
)
_FOREIGN = frozenset({"svg", "math"})
# What stands around a page's own text.
_AROUND = frozenset({"nav", "header", "footer", "aside", "script", "style", "template", "noscript"})
_NOT_TEXT = frozenset({"script", "style", "template", "noscript", "title"})
_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|pdf|docx?|xlsx?|pptx?|zip|gz|rar|7z|tar|exe|dmg|apk|mp[34]|m4[av]"
    r"|avi|mov|webm|wav|ogg|css|js|mjs|woff2?|ttf|ics|gpx|kmz)$",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b404\b|not found|page (?:does not|doesn't) exist|no longer (?:exists|available)|introuvable|nicht gefunden"
    r"|no encontrad[ao]|non trovata|niet gevonden|ei löytynyt|ikke fundet|hittades inte|見つかりません|存在しません",
    re.IGNORECASE,
)
# A page that says no more than this says little; so does a page that apologises.
_THIN_TEXT = 600
_DIRECTIVES = frozenset(
    {"noindex", "nofollow", "none", "noarchive", "nosnippet", "noai", "noimageai", "tdm-reservation"}
)


@dataclass
class Markup:
    """What a page says.

    Attributes:
        title: Its title.
        canonical: The address that it says it has, if that is on its own site.
        directives: What it asks of those who read it by machine, in order of the alphabet.
        links: Where it leads to on its own site, in the order of the page.
        text_length: Characters of its text.
    """

    title: str = ""
    canonical: PageUrl | None = None
    directives: list[str] = field(default_factory=list)
    links: list[PageUrl] = field(default_factory=list)
    text_length: int = 0


def read(text: str, url: PageUrl, head: Head, agent: str) -> Markup:
    """Read a page.

    Args:
        text: The page.
        url: Where it came from.
        head: The head of the answer.
        agent: The product name under which robots are addressed.

    Raises:
        Unfetched: ``markup_hostile``.
    """
    reader = _Reader(url, agent)
    reader.read(text)
    found = set(directives(head, agent)) | reader.directives
    links = [] if {"nofollow", "none"} & found else reader.links()
    return Markup(
        title=" ".join(reader.title.split())[:_MAX_TITLE],
        canonical=reader.canonical,
        directives=sorted(found),
        links=links,
        text_length=reader.text_length,
    )


def directives(head: Head, agent: str) -> list[str]:
    """What the header fields ask of those who read the page by machine, in order of the alphabet.

    ``X-Robots-Tag`` may be for one robot alone (``otherbot: noindex``); what is for another one is left out.
    """
    found: set[str] = set()
    for value in head.all("x-robots-tag"):
        addressed, colon, rest = value.partition(":")
        name = addressed.strip().lower()
        if not colon or name in _DIRECTIVES or "," in name:
            found |= _named(value)
        elif name == agent.lower():
            found |= _named(rest)
    if (head.get("tdm-reservation") or "").strip() == "1":
        found.add("tdm-reservation")
    return sorted(found)


def soft_404(markup: Markup, asked: PageUrl, answered: PageUrl) -> list[str]:
    """What makes a page look as if it said that it does not exist, although its status is 200.

    Args:
        markup: The page.
        asked: What was asked for.
        answered: Where the answer came from.
    """
    hints = []
    if _MISSING.search(markup.title):
        hints.append("title")
    if markup.text_length < _THIN_TEXT:
        hints.append("thin")
    if answered.target in ("/", "") and asked.target not in ("/", ""):
        hints.append("home")
    return hints


class _Reader:
    def __init__(self, url: PageUrl, agent: str) -> None:
        self.title = ""
        self.canonical: PageUrl | None = None
        self.directives: set[str] = set()
        self.text_length = 0
        self._url = url
        self._base = url
        self._agent = agent.lower()
        self._depth = 0
        self._open: dict[str, int] = {}
        # Of those, what the depth counts: whether an element nests may change between its begin and its end.
        self._nested: dict[str, int] = {}
        self._in_title = False
        # In the main part of the page, and in all of it.
        self._hrefs: tuple[dict[str, None], dict[str, None]] = ({}, {})

    def read(self, text: str) -> None:
        for token in tokenize(text):
            match token.type:
                case TokenType.START_TAG:
                    self._begin(token.tag or "", token.attrs or [], token.self_closing)
                case TokenType.END_TAG:
                    self._end(token.tag or "")
                case TokenType.TEXT:
                    self._text(token.data or "")

    def links(self) -> list[PageUrl]:
        found: dict[str, PageUrl] = {}
        for href in self._hrefs[0] or self._hrefs[1]:
            try:
                link = parse(href, self._base)
            except Unfetched:
                # What may not be asked for is no link to follow.
                continue
            if link.host == self._url.host and link.text != self._url.text and not _FILE.search(_path(link)):
                found.setdefault(link.text, link)
            if len(found) == MAX_LINKS:
                break
        return list(found.values())

    def _begin(self, tag: str, attributes: list[tuple[str, str]], closed: bool) -> None:
        if len(attributes) > MAX_ATTRIBUTES:
            raise Unfetched(
                Reason.MARKUP_HOSTILE, f"an element has {len(attributes):,} attributes; at most {MAX_ATTRIBUTES} may be"
            )
        if tag not in _VOID and not closed:
            self._open[tag] = self._open.get(tag, 0) + 1
            if self._nests(tag):
                self._nested[tag] = self._nested.get(tag, 0) + 1
                self._depth += 1
            if self._depth > MAX_DEPTH:
                raise Unfetched(Reason.MARKUP_HOSTILE, f"the elements are nested more than {MAX_DEPTH} deep")
        values = dict(reversed(attributes))
        match tag:
            case "title":
                self._in_title = not self.title
            case "base" if "href" in values and self._base is self._url:
                self._base = _linked(values["href"], self._url) or self._url
            case "link" if "canonical" in (values.get("rel") or "").lower().split() and self.canonical is None:
                canonical = _linked(values.get("href") or "", self._base)
                self.canonical = canonical if canonical and canonical.host == self._url.host else None
            case "meta":
                self._meta((values.get("name") or "").lower(), values.get("content") or "")
            case "a" | "area":
                self._link(values)

    def _nests(self, tag: str) -> bool:
        return tag not in _CLOSING_THEMSELVES or any(self._open.get(name) for name in _FOREIGN)

    def _meta(self, name: str, content: str) -> None:
        if name == "tdm-reservation":
            self.directives |= {name} if content.strip() == "1" else set()
        elif name in ("robots", self._agent):
            self.directives |= _named(content)

    def _link(self, values: dict[str, str]) -> None:
        href, rel = (values.get("href") or "").strip(), (values.get("rel") or "").lower().split()
        if not href or href.startswith("#") or "nofollow" in rel or any(self._open.get(tag) for tag in _AROUND):
            return
        everywhere = self._hrefs[1]
        if len(everywhere) < _MAX_SEEN_LINKS:
            everywhere[href] = None
            if self._open.get("main") or self._open.get("article"):
                self._hrefs[0][href] = None

    def _end(self, tag: str) -> None:
        if self._open.get(tag):
            self._open[tag] -= 1
            if self._nested.get(tag):
                self._nested[tag] -= 1
                self._depth -= 1
        if tag == "title":
            self._in_title = False

    def _text(self, data: str) -> None:
        if self._in_title:
            self.title += data[: _MAX_TITLE * 2]
        elif not any(self._open.get(tag) for tag in _NOT_TEXT):
            self.text_length += len(data.strip())


def _named(text: str) -> set[str]:
    names = {part.strip().lower() for part in text.split(",")}
    return names & _DIRECTIVES


def _linked(href: str, base: PageUrl) -> PageUrl | None:
    if not href.strip():
        return None
    try:
        return parse(href.strip(), base)
    except Unfetched:
        return None


def _path(url: PageUrl) -> str:
    return url.target.partition("?")[0]
