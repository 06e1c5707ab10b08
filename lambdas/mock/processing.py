"""WebFetch, ExtractWithLLM and GeocodeValidate: from a page to candidates with positions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lambdas.contracts.candidate import (
    CANDIDATES,
    AdditionalContent,
    Candidate,
    Confidences,
    Source,
    WebContent,
)
from lambdas.contracts.connectors import Connector, Split, llm_units
from lambdas.contracts.frontier import WebMessage
from lambdas.mock import model
from lambdas.mock.asking import answered, area_of, message_of, origin_of, results_of
from lambdas.mock.pages import read
from lambdas.mock.records import LICENCES, Origin
from lambdas.mock.world import World
from lambdas.places.geo import Point
from lambdas.places.identity import mention_id
from lambdas.places.validation import Rejection, validate
from lambdas.runtime import keys
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import sha256
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

MAX_PAGE_BYTES = 65_536
MAX_DEPTH = 2
_MODEL = "mock-reader-1"
_PROMPT_VERSION = "1"
# What is printed on a page was looked up by its author; what a geocoder says of a name is a guess.
_PRINTED_CONFIDENCE, _GEOCODED_CONFIDENCE = 0.75, 0.7
_STRUCTURED_CONFIDENCE, _READ_CONFIDENCE = 0.8, 0.7


def web_fetch(given: StageInput, run: Run) -> StageOutput:
    """Fetch the page of a frontier message, and send the links on it to the frontier.

    Returns:
        ``page``: the page's address and the key of its raw HTML; ``None`` where it could not be fetched.
    """
    message = _message(given)
    if message.is_data:
        # A real DiscoverTargets has sent it; the synthetic web has no data sets.
        return StageOutput(data={"page": None}, records=0)
    world = World.of(run.job)
    request = Request({"world": world.key, "url": message.source_url}, estimate=MAX_PAGE_BYTES)

    def fetch(request: Request) -> Reply:
        body = (world.fetch(message.source_url) or b"")[:MAX_PAGE_BYTES]
        return Reply(request, body, units=len(body), items=int(bool(body)))

    body = next((reply.body for reply in run.call(Connector.WEB_FETCH, [request], fetch, Split.FRONTIER)), b"")
    if not isinstance(body, bytes) or not body:
        return StageOutput(data={"page": None}, records=0)
    links = _deeper(message, read(body, message.source_url).links)
    new = run.send(links)
    page = {
        "url": message.source_url,
        "html": keys.raw_html(run.slug, urlsplit(message.source_url).hostname or "unknown", sha256(body)),
        "trust_score": message.trust_score,
    }
    return StageOutput(
        data={"page": page}, records=1, metrics={"bytes": len(body), "links": len(links), "enqueued": new}
    )


def extract_with_llm(given: StageInput, run: Run) -> StageOutput:
    """Find the places on a page: in its structured data, or else by the language model.

    What the model says counts only if its evidence stands in the text and names the place.

    Returns:
        ``candidates``, with or without positions; how many ``calls`` brought them; how many were ``rejected``.
    """
    page = given.read()["page"]
    if page is None:
        return StageOutput(data={"candidates": [], "calls": 0, "rejected": 0}, records=0)
    content = read(run.storage.get(page["html"]), page["url"])
    origin = origin_of(run, World.of(run.job))
    entities = [_listed(item) for item in content.listings]
    made_up = 0
    if not entities:
        answers = _ask_model(run, content.text)
        grounded = [entity for entity in answers if _is_grounded(entity, content.text)]
        entities, made_up = grounded, len(answers) - len(grounded)
    candidates = list(_candidates(entities, page, origin))
    return StageOutput(
        data={
            "candidates": [candidate.document() for candidate in candidates],
            "calls": 1,
            "rejected": made_up,
        },
        records=len(candidates),
        metrics={"listed": len(content.listings), "rejected": made_up},
    )


def geocode_validate(given: StageInput, run: Run) -> StageOutput:
    """Give positions to the candidates that have none, reject those that cannot be right, and report the others.

    Returns:
        How many were accepted, and how many rejected for which reason. The metric ``rejected`` also counts what the
        states before turned down.
    """
    data = given.read()
    candidates = CANDIDATES.validate_json(json.dumps(data["candidates"]))
    area = area_of(run)
    accepted: list[Candidate] = []
    rejected: Counter[str] = Counter()
    for candidate in _located(run, candidates):
        match validate(candidate, area):
            case Rejection() as reason:
                rejected[reason.value] += 1
            case Candidate() as valid:
                accepted.append(valid)
    if data["calls"]:
        run.found(accepted, calls=data["calls"])
    return StageOutput(
        data={"accepted": len(accepted), "rejected": dict(sorted(rejected.items()))},
        records=len(accepted),
        metrics={"rejected": rejected.total() + data.get("rejected", 0)},
    )


def _message(given: StageInput) -> WebMessage:
    message = message_of(given)
    if not isinstance(message, WebMessage):
        raise InvalidInput(f"A {message.type} message is no page to fetch.")
    return message


def _deeper(message: WebMessage, links: Sequence[str]) -> list[WebMessage]:
    """Messages for the links that stay on the page's site, one level deeper."""
    depth = message.crawl_depth + 1
    site = urlsplit(message.source_url).netloc
    if depth > MAX_DEPTH:
        return []
    changed = {"crawl_depth": depth, "priority": "low"}
    return [
        WebMessage.model_validate({**message.model_dump(), **changed, "source_url": link})
        for link in links
        if urlsplit(link).netloc == site
    ]


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """A schema.org item in the form of the model's entities. Pages put all kinds of things where objects belong."""
    address = item.get("address")
    line = address.get("streetAddress") if isinstance(address, dict) else address
    house, _, street = line.partition(" ") if isinstance(line, str) else ("", "", "")
    geo = item.get("geo")
    lat, lng = (geo.get("latitude"), geo.get("longitude")) if isinstance(geo, dict) else (None, None)
    other, kind = item.get("alternateName"), item.get("keywords")
    return {
        "name": item["name"],
        "local_name": other if isinstance(other, str) else None,
        "category": kind if isinstance(kind, str) else None,
        "house": house or None,
        "street": street or None,
        "lat": lat,
        "lng": lng,
        "evidence": None,
    }


def _position(lat: object, lng: object) -> Point | None:
    """A position as a page gives it, if it is one on the globe."""
    try:
        point = Point(float(str(lat)), float(str(lng)))
    except ValueError:
        return None
    return point if abs(point.lat) <= 90 and abs(point.lng) <= 180 else None


def _ask_model(run: Run, text: str) -> list[dict[str, Any]]:
    request = Request(
        {"model": _MODEL, "prompt": _PROMPT_VERSION, "text": sha256(text.encode())},
        estimate=llm_units(model.tokens_at_most(text)),
    )

    def fetch(request: Request) -> Reply:
        answer = model.answer(text)
        units = llm_units(sum(answer["usage"].values()))
        return Reply(request, answer, units=units, items=len(answer["entities"]))

    bodies: list[Any] = [reply.body for reply in run.call(Connector.LLM_TOKENS, [request], fetch, Split.FRONTIER)]
    return [entity for body in bodies for entity in body["entities"]]


def _is_grounded(entity: Mapping[str, Any], text: str) -> bool:
    evidence = entity["evidence"]
    return bool(evidence) and evidence in text and entity["name"] in evidence


def _candidates(entities: Sequence[Mapping[str, Any]], page: Mapping[str, Any], origin: Origin) -> Iterator[Candidate]:
    for entity in {entity["name"]: entity for entity in reversed(entities)}.values():
        sure = _READ_CONFIDENCE if entity["evidence"] else _STRUCTURED_CONFIDENCE
        printed = _position(entity["lat"], entity["lng"])
        names = {"local": entity["local_name"]} if entity["local_name"] else {}
        yield Candidate(
            record_id=mention_id(page["url"], entity["name"]),
            name=entity["name"],
            names=names,
            source=Source.WEB,
            lat=printed.lat if printed else None,
            lng=printed.lng if printed else None,
            category=entity["category"],
            source_url=page["url"],
            coordinates_confidence=_PRINTED_CONFIDENCE if printed else 0.0,
            confidences=Confidences(overall=sure, name=sure, category=sure),
            lineage=origin.lineage,
            additional_content=AdditionalContent(
                web=WebContent(
                    source_url=page["url"],
                    source_domain=urlsplit(page["url"]).hostname,
                    evidence=entity["evidence"],
                    trust_score=page["trust_score"],
                )
            ),
            address=origin.address(entity["street"], entity["house"]),
            licences=(LICENCES[Source.WEB],),
        )


def _located(run: Run, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """The candidates, those without a position with the geocoder's, if it knows one."""
    world = World.of(run.job)
    asked: dict[tuple[str, str | None], Request] = {}
    for candidate in candidates:
        if candidate.lat is None:
            street = candidate.address.street_name if candidate.address else None
            params = {"world": world.key, "q": candidate.name, "street": street, "city": run.job.city}
            asked[candidate.name, street] = Request(params)
    replies = run.call(
        Connector.NOMINATIM,
        list(asked.values()),
        lambda request: answered(request, world.geocode(request.params["q"], request.params["street"])),
        Split.FRONTIER,
    )
    hits = {
        (reply.request.params["q"], reply.request.params["street"]): hit
        for reply in replies
        for hit in results_of(reply)
    }
    for candidate in candidates:
        street = candidate.address.street_name if candidate.address else None
        hit = hits.get((candidate.name, street)) if candidate.lat is None else None
        if hit is None:
            yield candidate
        else:
            found = {"lat": hit["lat"], "lng": hit["lng"], "coordinates_confidence": _GEOCODED_CONFIDENCE}
            yield candidate.model_copy(update=found)
