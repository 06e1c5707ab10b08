"""DiscoverWebSources: gather the pages that guides, registers and a search lead to, and send on the best."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.connectors import nominatim, tavily, wikidata, wikipedia, wikivoyage
from lambdas.connectors.mediawiki import MediaWiki
from lambdas.connectors.nominatim import Nominatim
from lambdas.connectors.protocols import Boundary, Hit
from lambdas.connectors.secrets import NO_CREDENTIALS, key_of
from lambdas.connectors.service import FAILURES, OFF, Configuration, Failure, Service, ServiceInfo
from lambdas.connectors.tavily import Tavily
from lambdas.connectors.wikidata import Wikidata
from lambdas.connectors.wikivoyage import Wikivoyage, listings
from lambdas.contracts.candidate import Lineage
from lambdas.contracts.connectors import Connector
from lambdas.contracts.frontier import WebMessage, WebMetadata
from lambdas.discover_web_sources.pages import Chosen, chosen
from lambdas.places.geo import Disc
from lambdas.places.languages import languages_of
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

QUERY_PACK = (
    "{city} restaurants",
    "{city} cafes coffee",
    "{city} bars pubs nightlife",
    "{city} things to do attractions",
    "{city} events venues",
    "{city} tourism tourist information",
    "{city} official city website",
    "{city} heritage and historic sites",
    "{city} hotels accommodation",
    "{city} museums galleries",
    "{city} hidden gems locals",
)
"""Query pack v1: what a search is asked for a city."""

_HIGH_TRUST = 0.8
# How far a page is believed for what led to it, 0 to 1.
_OF_THE_CITY, _LISTED, _OFFICIAL, _LINKED = 0.9, 0.7, 0.65, 0.5
_USED_UP = "stopped: plan_limit"
_ATTEMPTS = 2


def discover_web_sources(_: StageInput, run: Run) -> StageOutput:
    """Gather the pages that others lead to, and send the best of them to the frontier.

    Without any key there are the city's own site, and those that Wikivoyage's listings, Wikidata's items and
    Wikipedia's article on the city name. With Tavily's key a search adds to them. A source that fails is asked again
    after the others. Should it fail once more, the run goes on with what the others lead to, since a state that fails
    would end the search; the output and the metric ``failed_sources`` say so.

    Returns:
        ``urls``: the addresses that were sent, the most trusted first; and ``sources``: how many pages each source led
        to, or why it led to none.

    Raises:
        Throttled: No source led anywhere, and the first one that failed asks to be left alone.
        ServiceUnavailable: The same, and it failed.
        ServiceRefused: The same, and it does not take what it is asked.
        AccessDenied: The role may not read the key that the stack names.
        LedgerUnavailable: The ledger could not be used.
    """
    sources = _Sources(run, Configuration.of(run))
    hits = list(sources.hits())
    pages = chosen(hits)
    new = run.send([_message(run, page) for page in pages])
    if sources.failures and not hits:
        raise next(iter(sources.failures.values()))
    return StageOutput(
        data={"hits": len(hits), "urls": [page.url.text for page in pages], "sources": sources.said},
        records=len(pages),
        metrics={
            "hits": len(hits),
            "pages": len(pages),
            "enqueued": new,
            "failed_sources": len(sources.failures),
        },
    )


class _Sources:
    """What leads to pages.

    Attributes:
        said: What each source gave: how many pages, or why none.
        failures: The errors of those that failed.
    """

    def __init__(self, run: Run, config: Configuration) -> None:
        self.said: dict[str, Json] = {}
        self.failures: dict[str, Failure] = {}
        self._run = run
        self._config = config
        center = run.job.seed.center
        self._area = Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
        self._boundary: Boundary | None = None

    def hits(self) -> Iterator[Hit]:
        """All pages."""
        makers = {
            nominatim.INFO.name: self._border,
            wikivoyage.INFO.name: self._guide,
            wikidata.INFO.name: self._known_sites,
            wikipedia.INFO.name: self._article,
            tavily.INFO.name: self._search,
        }
        found: dict[str, list[Hit]] = {}
        pending = []
        for name in makers:
            if self._config.enabled(name):
                pending.append(name)
            else:
                self.said[name] = OFF
        for _ in range(_ATTEMPTS):
            for name in pending:
                self.failures.pop(name, None)
                found[name] = []
                try:
                    # What was found before a failure is kept.
                    for hit in makers[name]():
                        found[name].append(hit)
                except FAILURES as error:
                    self.failures[name] = error
            pending = [name for name in pending if name in self.failures]
        for name, failure in self.failures.items():
            self.said[name] = f"failed after {len(found[name])}: {type(failure).__name__}: {failure}"
        for name in makers:
            self.said.setdefault(name, len(found.get(name, ())))
            yield from found.get(name, ())
        # It tells the country, and leads to no page.
        if nominatim.INFO.name not in self.failures:
            self.said.pop(nominatim.INFO.name)

    def _service(self, info: ServiceInfo) -> Service:
        return Service(info, self._run, self._config)

    def _border(self) -> Iterator[Hit]:
        self._boundary = Nominatim(self._service(nominatim.INFO)).boundary(self._run.job.city, self._area)
        return iter(())

    def _guide(self) -> Iterator[Hit]:
        """The sites that travellers name in their listings."""
        guide = Wikivoyage(MediaWiki(self._service(wikivoyage.INFO)))
        for _, text in guide.pages(self._run.job.city):
            for _, fields in listings(text):
                if url := fields.get("url"):
                    yield Hit(url, fields["name"], _LISTED, guide.name)

    def _known_sites(self) -> Iterator[Hit]:
        """The city's own sites, and those of what Wikidata knows in it."""
        record = self._run.record
        lineage = Lineage(created_at=record.started_at, pipeline_version=record.versions["program"])
        country = self._boundary.country_code if self._boundary else None
        known = Wikidata(self._service(wikidata.INFO), languages_of(country))
        if self._boundary and self._boundary.wikidata_id:
            for kind, site in known.sites_of(self._boundary.wikidata_id):
                if kind == "official":
                    yield Hit(site, self._run.job.city, _OF_THE_CITY, known.name)
        for found in known.sights(self._run.job.city, self._area, lineage):
            for place in found.candidates:
                if url := place.additional_content.website:
                    yield Hit(url, place.name, _OFFICIAL, known.name)

    def _article(self) -> Iterator[Hit]:
        """Where the city's article leads."""
        city = self._boundary.name if self._boundary else self._run.job.city
        for url in wikipedia.links_of(MediaWiki(self._service(wikipedia.INFO)), city):
            yield Hit(url, url, _LINKED, wikipedia.INFO.name)

    def _search(self) -> Iterator[Hit]:
        key = key_of(self._config, tavily.INFO.name)
        if key is None:
            self.said[tavily.INFO.name] = NO_CREDENTIALS
            return
        search = Tavily(self._service(tavily.INFO), key)
        yield from search.pages([query.format(city=self._run.job.city) for query in QUERY_PACK])
        if search.used_up:
            self.said[tavily.INFO.name] = _USED_UP


def _message(run: Run, page: Chosen) -> WebMessage:
    return WebMessage(
        city=run.job.city,
        run_id=run.run_id,
        correlation_id=run.correlation_id,
        budget_token=Connector.WEB_FETCH,
        trust_score=page.trust,
        priority="high" if page.trust >= _HIGH_TRUST else "medium",
        source_url=page.url.text,
        source_name=page.url.host,
        source_type="html",
        crawl_depth=0,
        metadata=WebMetadata(domain_authority=page.authority),
    )
