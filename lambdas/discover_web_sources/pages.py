"""Which of the pages that were found are fetched: each once, few of one site, the most trusted first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lambdas.connectors.protocols import Hit
from lambdas.fetching.authority import Authority, authority_of
from lambdas.fetching.reasons import Unfetched
from lambdas.fetching.urls import PageUrl, parse

MAX_PER_SITE = 10
MAX_PAGES = 500

# What a site is believed for its name alone.
_TRUST: dict[Authority, float] = {"gov": 0.95, "edu": 0.85, "org": 0.7, "com": 0.6, "unknown": 0.55}
# Networks and stores that forbid robots or show nothing without a login, and what holds no page about a city.
_LEFT_OUT = re.compile(
    r"(?:^|\.)(?:facebook|instagram|twitter|x|linkedin|pinterest|tiktok|youtube|vimeo|tripadvisor|booking|expedia"
    r"|google|goo|bing|yelp|airbnb|wikipedia|wikivoyage|wikimedia|wikidata|archive|doi|worldcat|viaf|jstor)"
    r"\.[a-z]{2,3}(?:\.[a-z]{2})?$|(?:^|\.)youtu\.be$"
)
_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|pdf|docx?|xlsx?|pptx?|zip|gz|mp[34]|mov|css|js|kmz?|gpx)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Chosen:
    """A page to fetch.

    Attributes:
        url: Its address.
        trust: How far it is believed, 0 to 1.
        authority: Whose site it is on.
        via: What led to it.
    """

    url: PageUrl
    trust: float
    authority: Authority
    via: str


def chosen(hits: Iterable[Hit]) -> list[Chosen]:
    """Choose among pages.

    Args:
        hits: The pages that were found.

    Returns:
        Each page once, the most trusted first: at most :data:`MAX_PER_SITE` of one site, :data:`MAX_PAGES` in all.
    """
    best: dict[str, Chosen] = {}
    for page in _worth(hits):
        known = best.get(page.url.text)
        if known is None or (page.trust, known.via) > (known.trust, page.via):
            best[page.url.text] = page
    sites: Counter[str] = Counter()
    kept = []
    for page in sorted(best.values(), key=lambda page: (-page.trust, page.url.text)):
        site = page.url.host.removeprefix("www.")
        sites[site] += 1
        if sites[site] <= MAX_PER_SITE:
            kept.append(page)
    return kept[:MAX_PAGES]


def _worth(hits: Iterable[Hit]) -> Iterator[Chosen]:
    for hit in hits:
        text = hit.url if "://" in hit.url else f"https://{hit.url}"
        try:
            url = parse(text)
        except Unfetched:
            # What may not be fetched is no page to send.
            continue
        if _LEFT_OUT.search(url.host) or _FILE.search(url.target.partition("?")[0]):
            continue
        authority = authority_of(url.host)
        yield Chosen(url, round((_TRUST[authority] + hit.score) / 2, 4), authority, hit.via)
