"""Portals with data on a city: which pages are some, what they hold, and how good that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lambdas.contracts.base import slug
from lambdas.discover_targets.catalogues import data_sets
from lambdas.discover_targets.datasets import DataSet, data_set, format_of, intent_of, licence_of
from lambdas.fetching import content, markup
from lambdas.fetching.authority import Authority, authority_of
from lambdas.fetching.fetcher import Fetcher, Page
from lambdas.fetching.markup import Markup
from lambdas.fetching.reasons import Unfetched
from lambdas.runtime.errors import ServiceUnavailable, Throttled

MAX_PORTALS = 8
# Of one portal: its first page, and what that leads to, where it has no catalogue.
MAX_PAGES = 12
MAX_DATASETS = 60
# One catalogue or page may fail for many reasons, and none of them ends the run.
_NOT_READ = (Unfetched, Throttled, ServiceUnavailable)

_HOST = re.compile(r"(?:^|[.-])(?:open-?)?data(?:hub|portal|store)?\.|(?:^|\.)opendata|\.opendatasoft\.|hub\.arcgis\.")
_PATH = re.compile(r"/(?:open-?data|datasets?|catalogue?)(?:[/?]|$)", re.IGNORECASE)
_WEIGHTS = {"authority": 0.4, "structure": 0.3, "license": 0.2, "freshness": 0.1}


def looks_like_portal(url: str) -> bool:
    """Whether an address reads like that of a portal with data."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(
        _HOST.search(f"{parts.hostname or ''}.") or _PATH.search(parts.path)
    )


@dataclass(frozen=True)
class Lead:
    """A page that may be a portal.

    Attributes:
        url: Its address.
        via: What led to it.
        official: Whether the city itself names it.
    """

    url: str
    via: str
    official: bool = False


@dataclass
class Portal:
    """What was found at a lead."""

    lead: Lead
    title: str = ""
    license: str | None = None
    updated: str | None = None
    datasets: Sequence[DataSet] = field(default_factory=tuple)
    problem: str | None = None

    @property
    def authority(self) -> Authority:
        """Whose the portal is."""
        return authority_of(urlsplit(self.lead.url).hostname or "")

    @property
    def api_type(self) -> str | None:
        """The kind of its first endpoint."""
        return next((endpoint.type for data in self.datasets for endpoint in data.endpoints), None)

    @property
    def factors(self) -> dict[str, float]:
        """How good it is in each respect, 0 to 1."""
        return {
            "authority": 1.0 if self.authority in ("gov", "edu") else 0.8 if self.lead.official else 0.4,
            "structure": min(1.0, len(self.datasets) / 3),
            "license": 1.0 if self.license else 0.0,
            "freshness": 1.0 if self.updated else 0.0,
        }

    def document(self) -> dict[str, Any]:
        """It as a candidate of the targets manifest."""
        factors = self.factors
        reasons = [name for name, value in factors.items() if value >= 0.5]
        return {
            "url": self.lead.url,
            "title": self.title or self.lead.url,
            "category": intent_of(f"{self.title} {self.lead.url}"),
            "domain_authority": self.authority,
            "api_type": self.api_type,
            "has_machine_readable": bool(self.datasets),
            "license": self.license,
            "last_updated_hint": self.updated,
            "score": round(sum(_WEIGHTS[name] * value for name, value in factors.items()), 4),
            "reasons": [*reasons, *([f"not read: {self.problem}"] if self.problem else []), f"via {self.lead.via}"],
        }


def examine(leads: Iterable[Lead], fetcher: Fetcher, pages: Fetcher, agent: str, city: str) -> list[Portal]:
    """Look at some leads.

    Args:
        leads: They, the best first; what is beyond :data:`MAX_PORTALS` hosts is left out.
        fetcher: Fetches their first pages and their catalogues, as the sites allow it.
        pages: Fetches the pages below of those without a catalogue: that is reading the web.
        agent: The name under which sites address this application.
        city: The city; of portals that are not its own, data sets that speak of it are taken.

    Returns:
        The portals by falling score. One that could not be read says why.

    Raises:
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    hosts: dict[str, Lead] = {}
    for lead in leads:
        hosts.setdefault(urlsplit(lead.url).hostname or "", lead)
    found = [_examined(lead, fetcher, pages, agent, city) for lead in list(hosts.values())[:MAX_PORTALS]]
    return sorted(found, key=lambda portal: (-portal.document()["score"], portal.lead.url))


def _examined(lead: Lead, fetcher: Fetcher, pages: Fetcher, agent: str, city: str) -> Portal:
    portal = Portal(lead)
    try:
        home = _read(lead.url, fetcher, agent)
    except _NOT_READ as error:
        portal.problem = str(error)
        return portal
    if home is None:
        portal.problem = "by a kill switch, a gate or a budget the run may not fetch it"
        return portal
    page, read, text = home
    portal.title, portal.license, portal.updated = read.title, licence_of(text), page.head.get("last-modified")
    of_city = lead.official or slug(city).replace("-", "") in page.url.host.replace("-", "")
    listed = data_sets(page.url.text, lambda url: _text(url, fetcher), None if of_city else city)
    found = listed or [*_on_pages(portal, read, pages, agent)]
    # What holds places comes first, as only so many are kept.
    portal.datasets = sorted(found, key=lambda data: data.readable is None)[:MAX_DATASETS]
    portal.license = portal.license or next((data.license for data in portal.datasets if data.license), None)
    portal.updated = portal.updated or max((data.updated or "" for data in portal.datasets), default="") or None
    return portal


def _on_pages(portal: Portal, home: Markup, pages: Fetcher, agent: str) -> Iterator[DataSet]:
    """The data sets of a portal without a catalogue: the files to which its first page leads, and the pages below."""
    links = [link.text for link in home.links]
    yield from _of_page(portal.lead.url, portal.title, home, portal.license, portal.updated)
    for link in [link for link in links if not format_of(link)][: MAX_PAGES - 1]:
        try:
            below = _read(link, pages, agent)
        except _NOT_READ:
            # Of the pages of a portal some may be gone or forbidden; what the others hold is said all the same.
            continue
        if below is None:
            break
        page, read, text = below
        licence = licence_of(text) or portal.license
        yield from _of_page(link, read.title, read, licence, page.head.get("last-modified"))


def _of_page(url: str, title: str, read: Markup, licence: str | None, updated: str | None) -> Iterator[DataSet]:
    found = data_set(url, title, [(link.text, "") for link in read.links], licence=licence, updated=updated)
    if found:
        yield found


def _read(url: str, fetcher: Fetcher, agent: str) -> tuple[Page, Markup, str] | None:
    page = fetcher.page(url)
    if page is None or page.media_type not in content.HTML_TYPES:
        return None if page is None else (page, Markup(), "")
    text, _ = content.text_of(page.head, page.body, page.url.host.rpartition(".")[2])
    return page, markup.read(text, page.url, page.head, agent), text


def _text(url: str, fetcher: Fetcher) -> str | None:
    """A file of a portal; ``None`` also where its site forbids it or has none: most have one catalogue or the other."""
    try:
        page = fetcher.page(url)
    except _NOT_READ:
        return None
    return None if page is None else content.text_of(page.head, page.body, page.url.host.rpartition(".")[2])[0]
