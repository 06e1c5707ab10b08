"""Wikivoyage: the listings of a city's guide, which travellers wrote, and its pages.

A listing is a template whose fields have names: https://en.wikivoyage.org/wiki/Wikivoyage:Listings. A large city has a
page for each of its districts; those are named like ``Tokyo/Shibuya``. What the text speaks of in passing is put on the
map by a marker (https://en.wikivoyage.org/wiki/Template:Marker), which has some of the fields of a listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import mwparserfromhell  # type: ignore[import-untyped,unused-ignore]

from lambdas.connectors.mediawiki import MediaWiki
from lambdas.connectors.protocols import Findings
from lambdas.connectors.service import ServiceInfo
from lambdas.contracts.candidate import (
    AdditionalContent,
    Address,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Signals,
    Source,
    WebContent,
)
from lambdas.contracts.connectors import Connector
from lambdas.places.geo import Disc, Point
from lambdas.runtime.documents import sha256

LICENCE = Licence(id="CC-BY-SA-4.0", attribution="Wikivoyage contributors", share_alike=True)
INFO = ServiceInfo("wikivoyage", Connector.WIKI, "https://en.wikivoyage.org", LICENCE, seconds=20.0)

SITE = "https://en.wikivoyage.org/wiki/"
MAX_PAGES = 60
# Positions in listings are typed from a map, mostly right to a house or two.
POSITION_CONFIDENCE = 0.85
OVERALL_CONFIDENCE = 0.8
_TRUST = 0.7
_MAX_TEXT = 2_000
_MAX_WIKITEXT = 1_000_000
# What a listing is, as far as its kind alone says it; its name may say more.
_KINDS: Mapping[str, str] = {
    "see": "attraction",
    "do": "entertainment",
    "buy": "shop",
    "eat": "restaurant",
    "drink": "bar",
    "sleep": "hotel",
}
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b", re.IGNORECASE), kind)
    for words, kind in (
        ("museum", "museum"),
        ("gallery|galleries", "gallery"),
        ("church|cathedral|chapel|kirk|mosque|synagogue|temple|shrine|abbey|monastery|priory", "religious"),
        ("castle|palace|fort|ruins|manor", "historic"),
        ("statue|sculpture|mural", "artwork"),
        ("monument|memorial|fountain|cemetery", "monument"),
        ("zoo|aquarium", "zoo"),
        ("park|gardens?", "park"),
        ("theatre|theater|opera", "theatre"),
        ("library", "library"),
        ("market", "market"),
        ("viewpoint|observatory|lookout", "viewpoint"),
        ("bridge", "bridge"),
        ("beach", "beach"),
        ("tower", "tower"),
    )
)
_SIGHTS = frozenset({"see", "do"})
# Templates that name their kind in a field.
_OF_TYPE = frozenset({"listing", "marker"})
_ITEM = re.compile(r"Q[1-9]\d*")


class Wikivoyage:
    """The guide to a city for a run.

    Args:
        wiki: Wikivoyage.
    """

    name = "wikivoyage"

    def __init__(self, wiki: MediaWiki) -> None:
        self._wiki = wiki

    def pages(self, city: str) -> Iterator[tuple[str, str]]:
        """The pages of a guide.

        Args:
            city: The city's name.

        Yields:
            The title and the wikitext of each page.

        Raises:
            StageError: As ``MediaWiki.ask``.
        """
        districts: list[str] = []
        for title, text, links in self._parsed([city]):
            districts = sorted({link for link in links if link.startswith(f"{title}/")})[: MAX_PAGES - 1]
            yield title, text
        for title, text, _ in self._parsed(districts):
            yield title, text

    def sights(self, city: str, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """See ``KnowledgeBase``: the listings with a position in a disc.

        Raises:
            StageError: As ``MediaWiki.ask``.
        """
        for title, text in self.pages(city):
            found = [_candidate(title, kind, fields, lineage) for kind, fields in listings(text)]
            yield Findings([place for place in found if place is not None and _inside(place, area)], 1)

    def _parsed(self, titles: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
        queries = [{"action": "parse", "page": title, "prop": "wikitext|links", "redirects": "1"} for title in titles]
        for answer in self._wiki.ask(*queries):
            page: Any = answer.get("parse") or {}
            text, title = page.get("wikitext"), page.get("title")
            if isinstance(text, str) and isinstance(title, str):
                links = [str(link["title"]) for link in page.get("links", []) if isinstance(link, dict)]
                yield title, text[:_MAX_WIKITEXT], links


def listings(wikitext: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The listings on a page: the kind of each, and its fields without markup.

    Args:
        wikitext: The page.
    """
    code = mwparserfromhell.parse(wikitext)
    # Also in tables and boxes of HTML, but not what stands in the fields of another template.
    for template in code.filter_templates(recursive=code.RECURSE_OTHERS):
        kind = str(template.name).strip().lower()
        fields = {
            str(parameter.name).strip().lower(): _plain(parameter.value)
            for parameter in template.params
            if parameter.showkey
        }
        if kind in _OF_TYPE:
            kind = fields.get("type", "").lower()
        if kind in _KINDS and fields.get("name"):
            yield kind, fields


def page_url(title: str) -> str:
    """Where a page of the guide stands."""
    return SITE + quote(title.replace(" ", "_"), safe="/:,()'")


def _plain(value: Any) -> str:  # noqa: ANN401 - of an untyped package
    text = value.strip_code(normalize=True, collapse=True)
    return " ".join(str(text).split())[:_MAX_TEXT]


def _candidate(page: str, kind: str, fields: Mapping[str, str], lineage: Lineage) -> Candidate | None:
    """A listing as a candidate; ``None`` without a position."""
    at = _position(fields)
    if at is None:
        return None
    name, url = fields["name"], page_url(page)
    identity = "|".join((page, name, fields.get("address", "")))
    local = fields.get("alt") or None
    names = {"en": name} | ({"alt": local} if local else {})
    item = fields.get("wikidata", "")
    article = fields.get("wikipedia")
    return Candidate(
        record_id=f"{Source.WEB}:wikivoyage/{sha256(identity.encode())[:20]}",
        name=name,
        names=names,
        source=Source.WEB,
        lat=at.lat,
        lng=at.lng,
        category=_category(kind, name),
        source_url=url,
        coordinates_confidence=POSITION_CONFIDENCE,
        confidences=Confidences(overall=OVERALL_CONFIDENCE, name=0.95, location=POSITION_CONFIDENCE, category=0.7),
        lineage=lineage,
        external_refs=ExternalRefs(
            wikidata_id=item if _ITEM.fullmatch(item) else None,
            wikipedia_url=f"https://en.wikipedia.org/wiki/{quote(article.replace(' ', '_'))}" if article else None,
        ),
        additional_content=AdditionalContent(
            web=WebContent(
                source_url=url,
                source_domain=urlsplit(SITE).hostname,
                evidence=fields.get("content", "")[:500] or None,
                trust_score=_TRUST,
            ),
            signals=Signals(has_wikipedia=True) if article else None,
            phone=fields.get("phone") or None,
            website=_address(fields.get("url")),
        ),
        address=Address(formatted_address=fields["address"]) if fields.get("address") else None,
        licences=(LICENCE,),
    )


def _category(kind: str, name: str) -> str:
    if kind in _SIGHTS:
        return next((found for pattern, found in _WORDS if pattern.search(name)), _KINDS[kind])
    return _KINDS[kind]


def _position(fields: Mapping[str, str]) -> Point | None:
    try:
        at = Point(float(fields.get("lat", "")), float(fields.get("long", "")))
    except ValueError:
        return None
    return at if abs(at.lat) <= 90 and abs(at.lng) <= 180 else None


def _inside(place: Candidate, area: Disc) -> bool:
    return place.lat is not None and place.lng is not None and area.contains((place.lat, place.lng))


def _address(text: str | None) -> str | None:
    return text if text and text.startswith(("http://", "https://")) and urlsplit(text).hostname else None
