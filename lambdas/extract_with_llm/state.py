"""ExtractWithLLM: the places that a page speaks of, from its data for machines, or else read by a language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger

from lambdas.connectors.bedrock import Bedrock
from lambdas.connectors.service import Configuration
from lambdas.contracts.candidate import (
    AdditionalContent,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Source,
    WebContent,
)
from lambdas.extract_with_llm.cleaning import CleanText, clean, cleaned, document_of
from lambdas.extract_with_llm.datasets import geojson, table
from lambdas.extract_with_llm.mentions import Mention, distinct, folded, holds
from lambdas.extract_with_llm.reading import Read, read
from lambdas.extract_with_llm.structured import structured
from lambdas.fetching.content import TABLE_TYPE, is_data
from lambdas.places.identity import mention_id
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import ServiceRefused
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

_LOGGER = Logger()
_MAX_SAID = 300
# Of the licences that ``lambdas.discover_targets.datasets`` names.
_SHARE_ALIKE = frozenset({"CC-BY-SA", "ODbL-1.0"})
# A page whose site reserves it from being mined, or wants no model fed with it, is read for its data alone.
_NOT_FOR_MODELS = frozenset({"noai", "tdm-reservation"})
# What a site says in a form for machines it keeps in order; what a model reads may be read wrongly. A position in data
# is used for the site's own map; a printed one was looked up by an author.
_STRUCTURED_CONFIDENCE, _READ_CONFIDENCE = 0.8, 0.7
_STRUCTURED_POSITION, _PRINTED_POSITION = 0.8, 0.75


def extract_with_llm(given: StageInput, run: Run) -> StageOutput:
    """Find the places on a page: in its data for machines, or else by the language model.

    Data counts if the page's visitors see the place's name, too; what a model says, if its evidence stands on the page
    and names the place.

    Returns:
        ``candidates``, with or without positions; how many ``calls`` brought them; how many were ``rejected``; what the
        ``model`` said if it refuses to be asked.

    Raises:
        Throttled: The model's quota is used up for now: the message returns.
        ServiceUnavailable: The model failed: the message returns.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    page = given.read()["page"]
    if page is None:
        return StageOutput(data={"candidates": [], "calls": 0, "rejected": 0}, records=0)
    mentions, text, hidden = _content(page, run.storage.get(page["html"]).decode("utf-8", "replace"))
    reading, denied, refused = Read(), 0, None
    if not mentions and text.lines:
        config = Configuration.of(run)
        if not config.enabled("bedrock") or _NOT_FOR_MODELS & set(page.get("directives") or ()):
            denied = 1
        else:
            try:
                reading = read(run, Bedrock(config.section("bedrock")), text.lines)
            except ServiceRefused as error:
                # It would refuse all pages. What has data for machines is found all the same.
                refused = str(error)[:_MAX_SAID]
                _LOGGER.warning("The model refuses", extra={"runId": run.run_id, "error": refused})
    candidates = list(_candidates([*mentions, *reading.mentions], page, run))
    rejected = hidden + reading.rejected
    return StageOutput(
        data={
            "candidates": [candidate.document() for candidate in candidates],
            "calls": 1,
            "rejected": rejected,
            "model": refused,
        },
        records=len(candidates),
        metrics={
            "listed": len(mentions),
            "read": len(reading.mentions),
            "rejected": rejected,
            "orders": text.orders,
            "unread": reading.unread,
            "denied": denied,
            "model_refused": int(refused is not None),
        },
    )


def _content(page: Mapping[str, Any], written: str) -> tuple[list[Mention], CleanText, int]:
    """The places in a page's data, its text, and how many places of its data its visitors do not see."""
    kind = page.get("content_type") or "text/html"
    if kind.endswith("json"):
        return geojson(written), CleanText((), 0, cut=False), 0
    if kind == TABLE_TYPE:
        return table(written), CleanText((), 0, cut=False), 0
    if not kind.endswith(("html", "xhtml+xml")):
        return [], cleaned(written), 0
    document = document_of(written)
    found = structured(document)
    title = document.select_one("title")
    text = clean(document)
    seen = folded("\n".join([title.text if title is not None else "", *text.lines]))
    shown = [mention for mention in found if holds(seen, folded(mention.name))]
    return shown, text, len(found) - len(shown)


def _candidates(mentions: Sequence[Mention], page: Mapping[str, Any], run: Run) -> Iterator[Candidate]:
    """The candidates, each place once. The first of a name has its record id by the name alone."""
    record, url = run.record, page["url"]
    domain = urlsplit(url).hostname
    source = Source.OPEN_DATA if _is_data(page) else Source.WEB
    licence = _licence(page, domain)
    lineage = Lineage(
        created_at=record.started_at,
        pipeline_version=record.versions["program"],
        correlation_id=record.correlation_id,
    )
    known: Counter[str] = Counter()
    for mention in distinct(mentions):
        known[mention.name] += 1
        number = known[mention.name]
        listed = mention.evidence is None
        sure = _STRUCTURED_CONFIDENCE if listed else _READ_CONFIDENCE
        located = mention.lat is not None
        where = (_STRUCTURED_POSITION if listed else _PRINTED_POSITION) if located else 0.0
        yield Candidate(
            record_id=mention_id(url, mention.name if number == 1 else f"{mention.name}|{number}", source),
            name=mention.name,
            names={
                f"alt.{number}" if number > 1 else "alt": name for number, name in enumerate(mention.other_names, 1)
            },
            source=source,
            lat=mention.lat,
            lng=mention.lng,
            category=mention.category,
            source_url=url,
            coordinates_confidence=where,
            confidences=Confidences(
                overall=sure,
                name=sure,
                location=where if located else None,
                category=sure if mention.category else None,
            ),
            lineage=lineage,
            external_refs=ExternalRefs(wikidata_id=mention.wikidata_id),
            additional_content=AdditionalContent(
                web=WebContent(
                    source_url=url, source_domain=domain, evidence=mention.evidence, trust_score=page["trust_score"]
                ),
                phone=mention.phone,
                website=mention.website,
            ),
            address=mention.address,
            licences=(licence,),
        )


def _is_data(page: Mapping[str, Any]) -> bool:
    return is_data(page.get("content_type") or "")


def _licence(page: Mapping[str, Any], domain: str | None) -> Licence:
    """The terms of what a page or a file says."""
    known = page.get("license") if _is_data(page) else None
    if known is None:
        # Facts have no owner; whoever wrote them down is named.
        return Licence(id="facts-only", attribution=f"Facts from {domain}")
    return Licence(id=known, attribution=f"Open data of {domain}", share_alike=known in _SHARE_ALIKE)
