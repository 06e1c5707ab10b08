"""Wikipedia's articles on a city and on what stands in it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from lambdas.connectors.mediawiki import MediaWiki, external_links
from lambdas.connectors.protocols import Findings
from lambdas.connectors.service import ServiceInfo
from lambdas.contracts.candidate import (
    AdditionalContent,
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
from lambdas.places.geo import Disc, Point, offset

LICENCE = Licence(id="CC-BY-SA-4.0", attribution="Wikipedia contributors", share_alike=True)
INFO = ServiceInfo("wikipedia", Connector.WIKI, "https://en.wikipedia.org", LICENCE, seconds=20.0)

DOMAIN = "en.wikipedia.org"
# https://www.mediawiki.org/wiki/API:Geosearch: the most articles in an answer, and the largest radius.
MAX_FOUND = 500
MAX_RADIUS_M = 10_000
# A disc of this size that still holds more articles than an answer is not split any further.
_LEAST_RADIUS_M = 250
_MAX_DISCS = 150
POSITION_CONFIDENCE = 0.9
OVERALL_CONFIDENCE = 0.8
_TRUST = 0.8
_MAX_TITLE = 255


class Wikipedia:
    """The articles of the English Wikipedia for a run.

    Args:
        wiki: Wikipedia.
    """

    name = "wikipedia"

    def __init__(self, wiki: MediaWiki) -> None:
        self._wiki = wiki

    def sights(self, city: str, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """See ``KnowledgeBase``: the articles with a position in a disc.

        An answer has the nearest articles alone, so that a disc with more is asked for in four parts.

        Raises:
            StageError: As ``MediaWiki.ask``.
        """
        known: set[int] = set()
        discs, asked = deque([area]), 0
        while discs and asked < _MAX_DISCS:
            disc = discs.popleft()
            if disc.radius_m > MAX_RADIUS_M:
                discs.extend(_quarters(disc))
                continue
            pages: dict[int, Mapping[str, Any]] = {}
            parts = 0
            for answer in self._wiki.ask_on(_around(disc)):
                parts += 1
                for page in answer.get("query", {}).get("pages", []):
                    pages[int(page["pageid"])] = {**pages.get(int(page["pageid"]), {}), **page}
            if parts == 0:
                return
            asked += parts
            if len(pages) >= MAX_FOUND and disc.radius_m > _LEAST_RADIUS_M:
                discs.extend(_quarters(disc))
            found = [place for key in sorted(pages) if key not in known and (place := _candidate(pages[key], lineage))]
            known.update(pages)
            inside = [place for place in found if area.contains((place.lat or 0.0, place.lng or 0.0))]
            # The city's own article stands in its middle.
            yield Findings([place for place in inside if place.name != city], parts)


def links_of(wiki: MediaWiki, title: str) -> list[str]:
    """Where an article leads to outside of Wikipedia, in the order of the article.

    Args:
        wiki: Wikipedia.
        title: The article. One that does not exist leads nowhere.
    """
    query = {"action": "parse", "page": title, "prop": "externallinks", "redirects": "1"}
    return [link for answer in wiki.ask(query) for link in external_links(answer)]


def _around(disc: Disc) -> dict[str, str]:
    return {
        "action": "query",
        "generator": "geosearch",
        "ggscoord": f"{disc.center.lat:.6f}|{disc.center.lng:.6f}",
        "ggsradius": str(max(10, math.ceil(disc.radius_m))),
        "ggslimit": str(MAX_FOUND),
        "prop": "coordinates|pageprops",
        "colimit": str(MAX_FOUND),
        "ppprop": "wikibase_item",
    }


def _quarters(disc: Disc) -> list[Disc]:
    """Four discs that cover one: around the quarters of the square in which it lies."""
    half, radius = disc.radius_m / 2, disc.radius_m / math.sqrt(2) * 1.001
    return [Disc(offset(disc.center, east, north), radius) for east in (-half, half) for north in (-half, half)]


def _candidate(page: Mapping[str, Any], lineage: Lineage) -> Candidate | None:
    """An article as a candidate; ``None`` for one without a position or a title."""
    try:
        title, where = str(page["title"]).strip()[:_MAX_TITLE], page["coordinates"][0]
        at = Point(float(where["lat"]), float(where["lon"]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    if not title or not (abs(at.lat) <= 90 and abs(at.lng) <= 180):
        return None
    item = str((page.get("pageprops") or {}).get("wikibase_item", ""))
    url = f"https://{DOMAIN}/wiki/{quote(title.replace(' ', '_'))}"
    return Candidate(
        record_id=f"{Source.WEB}:wikipedia/{int(page['pageid'])}",
        # What stands in brackets behind a title tells it from others, and is no part of the name.
        name=title.partition(" (")[0],
        names={"en": title.partition(" (")[0]},
        source=Source.WEB,
        lat=at.lat,
        lng=at.lng,
        source_url=url,
        coordinates_confidence=POSITION_CONFIDENCE,
        confidences=Confidences(overall=OVERALL_CONFIDENCE, name=0.9, location=POSITION_CONFIDENCE),
        lineage=lineage,
        external_refs=ExternalRefs(
            wikidata_id=item if item[:1] == "Q" and item[1:].isdigit() and item.isascii() else None,
            wikipedia_url=url,
        ),
        additional_content=AdditionalContent(
            web=WebContent(source_url=url, source_domain=DOMAIN, trust_score=_TRUST),
            signals=Signals(has_wikipedia=True),
        ),
        licences=(LICENCE,),
    )
