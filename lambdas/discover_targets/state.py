"""DiscoverTargets: ask for the city's border, look at the portals that the city and its friends name, write it down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from lambdas.connectors import nominatim, wikidata, wikipedia
from lambdas.connectors.mediawiki import MediaWiki
from lambdas.connectors.nominatim import Nominatim
from lambdas.connectors.protocols import Boundary
from lambdas.connectors.service import Configuration, Service, ServiceInfo
from lambdas.connectors.wikidata import Wikidata
from lambdas.contracts.connectors import Connector, Split
from lambdas.contracts.frontier import WebMessage, WebMetadata
from lambdas.discover_targets.portals import Lead, Portal, examine, looks_like_portal
from lambdas.fetching.config import web_config
from lambdas.fetching.fetcher import Fetcher
from lambdas.fetching.hosts import Hosts
from lambdas.places.geo import Disc
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json, to_json
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

QUERY_PACK = "v1"
# Data sets that a run reads; a portal of a large city has some hundreds, and most hold no places.
MAX_FILES = 40


def discover_targets(_: StageInput, run: Run) -> StageOutput:
    """Find the city's border and the portals with data on it, write the city's data targets, and send the data sets
    that hold places to the frontier.

    Returns:
        The key of the targets; how many portals and data sets they name; and ``boundary``, the city's border with its
        centre, its item in Wikidata and the licence, or ``None`` where no source knows it.

    Raises:
        Throttled: A service asks to be left alone.
        ServiceUnavailable: A service failed.
        ServiceRefused: A service does not take what it is asked.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    config = Configuration.of(run)
    center = run.job.seed.center
    area = Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
    boundary = None
    if config.enabled(nominatim.INFO.name):
        boundary = Nominatim(Service(nominatim.INFO, run, config)).boundary(run.job.city, area)
    leads = list(_leads(run, config, boundary))
    web = web_config(os.environ, run.record.versions["program"])
    fetcher = Fetcher(run, web, Hosts(run.ledger, None), split=Split.PRIMARIES, connector=Connector.DATA_FETCH)
    pages = replace(fetcher, connector=Connector.WEB_FETCH)
    portals = examine(leads, fetcher, pages, web.agent, run.job.city)
    candidates = [portal.document() for portal in portals]
    datasets = [dataset for portal in portals for dataset in portal.datasets]
    messages = list(_messages(run, portals))
    new = run.send(messages)
    border = None if boundary is None else _document(boundary, nominatim.INFO)
    targets: dict[str, Json] = {
        "city": run.job.city,
        "country": boundary.country_code.upper() if boundary and boundary.country_code else None,
        "query_pack_version": QUERY_PACK,
        "generated_at": run.record.started_at,
        "queries": _queries(run.job.city),
        "candidates": candidates,
        "datasets": [dataset.document() for dataset in datasets],
        "boundary": border,
    }
    # The city's latest word: one object for all runs, as the name says, so each run replaces it.
    run.storage.put(keys.targets(run.slug), to_json(targets))
    counts = {"candidates": len(candidates), "datasets": len(datasets)}
    return StageOutput(
        data={"key": keys.targets(run.slug), **counts, "boundary": border},
        records=len(candidates),
        metrics={
            **counts,
            "leads": len(leads),
            "boundary": int(boundary is not None),
            "bytes": fetcher.received + pages.received,
            "files": len(messages),
            "enqueued": new,
        },
    )


def _leads(run: Run, config: Configuration, boundary: Boundary | None) -> Iterator[Lead]:
    """What may be portals: what the city's item in Wikidata names, and to what its article in Wikipedia leads."""
    if boundary is not None and boundary.wikidata_id and config.enabled(wikidata.INFO.name):
        known = Wikidata(Service(wikidata.INFO, run, config))
        for kind, url in known.sites_of(boundary.wikidata_id):
            if kind == "open_data" or looks_like_portal(url):
                yield Lead(url, "wikidata", official=True)
    if config.enabled(wikipedia.INFO.name):
        wiki = MediaWiki(Service(wikipedia.INFO, run, config))
        for url in wikipedia.links_of(wiki, boundary.name if boundary else run.job.city):
            if looks_like_portal(url):
                yield Lead(url, "wikipedia")


def _messages(run: Run, portals: Sequence[Portal]) -> Iterator[WebMessage]:
    """The files that are to be read, each once, those of the best portals first."""
    read: set[str] = set()
    for portal in portals:
        score = portal.document()["score"]
        for dataset in portal.datasets:
            file = dataset.readable
            if file is None or file[0] in read or len(read) == MAX_FILES:
                continue
            read.add(file[0])
            yield WebMessage(
                city=run.job.city,
                run_id=run.run_id,
                correlation_id=run.correlation_id,
                budget_token=Connector.DATA_FETCH,
                trust_score=score,
                source_url=file[0],
                source_name=dataset.title,
                source_type=file[1],
                crawl_depth=0,
                metadata=WebMetadata(
                    domain_authority=portal.authority, last_updated=dataset.updated, license=dataset.license
                ),
            )


def _queries(city: str) -> list[dict[str, str]]:
    return [
        {"query": f"{city}: P856, P8402", "intent": "wikidata", "notes": "sites that the city's item names"},
        {"query": f"{city}: external links", "intent": "open_data", "notes": "of the city's article in Wikipedia"},
    ]


def _document(boundary: Boundary, source: ServiceInfo) -> dict[str, Json]:
    licence = source.licence
    return {
        **asdict(boundary),
        "source": source.name,
        "license": licence.id,
        "attribution": licence.attribution,
    }
