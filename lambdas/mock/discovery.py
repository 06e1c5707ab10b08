"""DiscoverWebSources, DiscoverTargets and SeedPrimaries: where to look, and what a city is known for."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from lambdas.contracts.candidate import Candidate
from lambdas.contracts.connectors import Connector, Split
from lambdas.contracts.frontier import WebMessage, WebMetadata
from lambdas.mock.asking import answered, area_of, candidates_of, in_batches, origin_of, results_of
from lambdas.mock.web import QUERY_TEMPLATES
from lambdas.mock.world import TEXT_PAGES, World
from lambdas.places.categories import SIGHTS
from lambdas.places.geo import Disc, Point, offset
from lambdas.runtime import keys
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import to_json
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

MAX_PER_SITE = 10
QUERY_PACK = "v1"
_SEARCH_BYTES = 16_384
_TRACKING = frozenset({"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "fbclid", "gclid"})
_HIGH_TRUST = 0.8
_INTENTS = ("open_data", "heritage", "public_art", "parks", "tourism")
_TEXT_CATEGORIES = tuple(sorted(SIGHTS - {"beach", "bridge", "music", "tower", "water", "zoo"}))
_OTM_RADIUS_SHARE = 0.45


def discover_web_sources(_: StageInput, run: Run) -> StageOutput:
    """Search the web with the query pack, and send the pages found to the frontier.

    Returns:
        The addresses that were sent, in the order of their scores.
    """
    world = World.of(run.job)
    queries = [template.format(city=run.job.city) for template in QUERY_TEMPLATES]
    requests = [
        Request({"world": world.key, "query": number, "q": query}, estimate=_SEARCH_BYTES)
        for number, query in enumerate(queries)
    ]
    fetch = _by_bytes(lambda params: world.search_web(params["query"]))
    replies = run.call(Connector.TAVILY_API, requests, fetch, Split.PRIMARIES)
    hits = [hit for reply in replies for hit in results_of(reply)]
    chosen = list(_chosen(hits))
    new = run.send([_message(run, hit) for hit in chosen])
    return StageOutput(
        data={"hits": len(hits), "urls": [hit["url"] for hit in chosen]},
        records=len(chosen),
        metrics={"hits": len(hits), "pages": len(chosen), "enqueued": new},
    )


def discover_targets(_: StageInput, run: Run) -> StageOutput:
    """Look for portals with data on the city, and write the city's data targets.

    Returns:
        The key of the targets; how many portals and data sets they name.
    """
    world = World.of(run.job)
    queries = [
        {"query": f"{run.job.city} {intent.replace('_', ' ')} data", "intent": intent, "notes": "query pack"}
        for intent in _INTENTS
    ]
    requests = [Request({"world": world.key, **query}, estimate=_SEARCH_BYTES) for query in queries]
    fetch = _by_bytes(lambda params: world.search_portals(params["intent"]))
    replies = run.call(Connector.TAVILY_API, requests, fetch, Split.PRIMARIES)
    portals = [_portal(hit, reply.request.params["intent"]) for reply in replies for hit in results_of(reply)]
    datasets = [_dataset(portal) for portal in portals if portal["has_machine_readable"]]
    targets = {
        "city": run.job.city,
        "country": world.city.naming.country or None,
        "query_pack_version": QUERY_PACK,
        "generated_at": run.record.started_at,
        "queries": queries,
        "candidates": portals,
        "datasets": datasets,
    }
    # The city's latest word: one object for all runs, as the name says, so each run replaces it.
    run.storage.put(keys.targets(run.slug), to_json(targets))
    return StageOutput(
        data={"key": keys.targets(run.slug), "candidates": len(portals), "datasets": len(datasets)},
        records=len(portals),
        metrics={"candidates": len(portals), "datasets": len(datasets)},
    )


def seed_primaries(_: StageInput, run: Run) -> StageOutput:
    """Ask for what the city is known for, and choose the primaries among it.

    Returns:
        ``primaries``: up to 200, in the order of their ranks, each with ``place_id``, ``record_id``, ``name``, ``lat``,
        ``lng`` and ``score``.
    """
    from lambdas.places.dedupe import dedupe  # noqa: PLC0415 - numpy takes a tenth of a second
    from lambdas.places.rank import rank  # noqa: PLC0415

    world, area = World.of(run.job), area_of(run)
    origin = origin_of(run, world)
    seeds: list[Candidate] = []
    outside = 0
    for connector, requests, fetch in _seed_calls(world, area):
        for replies in in_batches(run, connector, requests, fetch, Split.PRIMARIES):
            found, left_out = candidates_of(connector, replies, origin, area)
            run.found(found, calls=len(replies))
            seeds += found
            outside += left_out
    places = dedupe(seeds, city=run.job.city, merged_at=origin.at).places
    ranked = rank(places, area.center)
    primaries = [
        {
            "place_id": place.place_id,
            "record_id": place.record_id,
            "name": place.name,
            "lat": place.lat,
            "lng": place.lng,
            "score": place.score,
        }
        for place in ranked
        if place.tier == "primary"
    ]
    return StageOutput(
        data={"primaries": primaries, "candidates": len(seeds)},
        records=len(primaries),
        metrics={"candidates": len(seeds), "primaries": len(primaries), "rejected": outside},
    )


def _chosen(hits: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each page once, at most ten of one site, the best first."""
    best: dict[str, dict[str, Any]] = {}
    for hit in hits:
        url = normalise_url(hit["url"])
        if url not in best or best[url]["score"] < hit["score"]:
            best[url] = {**hit, "url": url}
    sites: Counter[str] = Counter()
    for hit in sorted(best.values(), key=lambda hit: (-hit["score"], hit["url"])):
        site = urlsplit(hit["url"]).netloc
        sites[site] += 1
        if sites[site] <= MAX_PER_SITE:
            yield hit


def normalise_url(url: str) -> str:
    """An address without fragment and tracking parameters, with the host in small letters; https where none is said."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key not in _TRACKING])
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path, query, ""))


def _message(run: Run, hit: Mapping[str, Any]) -> WebMessage:
    site = urlsplit(hit["url"]).netloc
    return WebMessage(
        city=run.job.city,
        run_id=run.run_id,
        correlation_id=run.correlation_id,
        budget_token=Connector.WEB_FETCH,
        trust_score=hit["score"],
        priority="high" if hit["score"] >= _HIGH_TRUST else "medium",
        source_url=hit["url"],
        source_name=site,
        source_type="html",
        crawl_depth=0,
        metadata=WebMetadata(domain_authority=hit.get("authority", "unknown")),
    )


def _portal(hit: Mapping[str, Any], intent: str) -> dict[str, Any]:
    return {
        "url": hit["url"],
        "title": hit["title"],
        "category": intent,
        "domain_authority": "gov",
        "api_type": "CKAN",
        "has_machine_readable": intent != "tourism",
        "license": "synthetic",
        "score": hit["score"],
        "reasons": ["authority", "structure"],
    }


def _dataset(portal: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source_url": portal["url"],
        "title": portal["title"],
        "category": portal["category"],
        "endpoints": [{"type": "GeoJSON", "url": f"{portal['url']}.geojson"}],
        "fields_hint": ["name", "geometry"],
        "license": portal["license"],
    }


def _seed_calls(world: World, area: Disc) -> Iterator[tuple[Connector, list[Request], Callable[[Request], Reply]]]:
    """The seed requests of each service, those that bring most first."""
    texts = [
        Request({"world": world.key, "category": category, "page": page})
        for page in range(TEXT_PAGES)
        for category in _TEXT_CATEGORIES
    ]
    yield (
        Connector.GOOGLE_TEXT,
        texts,
        lambda request: answered(request, world.text_search(request.params["category"], request.params["page"])),
    )
    items = [Request({"world": world.key, "page": page}) for page in range(2)]
    yield Connector.WIKI, items, lambda request: answered(request, world.sparql(request.params["page"]))
    radius = area.radius_m * _OTM_RADIUS_SHARE
    discs = [Request({"world": world.key, "lat": at.lat, "lng": at.lng, "radius": radius}) for at in _rosette(area)]
    yield Connector.OTM, discs, lambda request: answered(request, world.around(Connector.OTM, _disc(request), SIGHTS))


def _rosette(area: Disc) -> list[Point]:
    """Seven points in a disc: its centre, and six around it."""
    reach = area.radius_m * (1 - _OTM_RADIUS_SHARE)
    angles = [math.radians(60 * number) for number in range(6)]
    return [area.center, *(offset(area.center, reach * math.cos(a), reach * math.sin(a)) for a in angles)]


def _disc(request: Request) -> Disc:
    return Disc.of(request.params["lat"], request.params["lng"], request.params["radius"])


def _by_bytes(answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[[Request], Reply]:
    """A search service that charges by the bytes that it sends."""

    def fetch(request: Request) -> Reply:
        body = answer(request.params)
        sent = len(json.dumps(body).encode())
        return Reply(request, body, units=min(sent, request.estimate), items=len(body["results"]))

    return fetch
