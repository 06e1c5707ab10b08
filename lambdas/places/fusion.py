"""One place out of its sightings: which source is believed for which field."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lambdas.contracts.candidate import (
    AdditionalContent,
    Candidate,
    ExternalRefs,
    Licence,
    Lineage,
    Merge,
    Place,
    Signals,
    Source,
)
from lambdas.places.names import normalise

_Value = TypeVar("_Value")

# The most trusted first, for names and facts; map data is surveyed, pages are written for readers.
_TRUST = (
    Source.OSM,
    Source.WIKIDATA,
    Source.GOOGLE,
    Source.OTM,
    Source.OPEN_DATA,
    Source.WEB,
    Source.TAVILY,
)
_MOST_CERTAIN = 0.99


def fuse(sightings: Sequence[Candidate], reasons: dict[str, str], merged_at: str) -> Place:
    """Make a place of the sightings of it.

    Args:
        sightings: At least one, all of the same place.
        reasons: For each record id that was folded in, why.
        merged_at: The time to note in the lineage (ISO 8601).

    Returns:
        The place. Its position is that of the surest sighting, its name the one that most sightings agree on, as the
        most trusted of them writes it; names, licences, tags and external ids are united; its ``place_id`` is derived
        from the record id of the most stable source, and so the same from run to run.
    """
    ranked = sorted(sightings, key=lambda sighting: (_TRUST.index(sighting.source), sighting.record_id))
    lead = ranked[0]
    located = [sighting for sighting in ranked if sighting.lat is not None and sighting.lng is not None]
    position = max(located, key=lambda sighting: sighting.coordinates_confidence, default=lead)
    unsure = 1.0
    for sighting in ranked:
        unsure *= 1 - sighting.confidences.overall
    history = {merge for sighting in ranked for merge in sighting.lineage.merge_history}
    history.update(
        Merge(merged_at=merged_at, merged_from_id=other.record_id, reason=reasons.get(other.record_id, "same place"))
        for other in ranked[1:]
    )
    return Place(
        record_id=lead.record_id,
        place_id="p_" + hashlib.sha256(lead.record_id.encode()).hexdigest()[:20],
        members=tuple(sorted(sighting.record_id for sighting in ranked)),
        sources=tuple(sorted({sighting.source for sighting in ranked})),
        name=_name(ranked),
        names=_united(sighting.names for sighting in ranked),
        source=lead.source,
        lat=position.lat,
        lng=position.lng,
        category=_category(ranked),
        source_url=_first(ranked, lambda sighting: sighting.source_url),
        coordinates_confidence=position.coordinates_confidence,
        confidences=lead.confidences.model_copy(
            update={"overall": max(lead.confidences.overall, min(1 - unsure, _MOST_CERTAIN))}
        ),
        lineage=Lineage(
            created_at=min(sighting.lineage.created_at for sighting in ranked),
            updated_at=merged_at if len(ranked) > 1 else lead.lineage.updated_at,
            pipeline_version=lead.lineage.pipeline_version,
            correlation_id=lead.lineage.correlation_id,
            merge_history=tuple(sorted(history, key=lambda merge: (merge.merged_from_id, merge.merged_at))),
        ),
        external_refs=_refs(ranked),
        additional_content=_content(ranked),
        address=_first(ranked, lambda sighting: sighting.address),
        licences=_licences(ranked),
    )


def _first(ranked: Iterable[Candidate], pick: Callable[[Candidate], _Value | None]) -> _Value | None:
    return next((value for sighting in ranked if (value := pick(sighting)) is not None), None)


def _united(dictionaries: Iterable[dict[str, str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for dictionary in dictionaries:
        for key, value in dictionary.items():
            result.setdefault(key, value)
    return result


def _name(ranked: Sequence[Candidate]) -> str:
    if len(ranked) == 1:
        return ranked[0].name
    forms = [normalise(sighting.name) for sighting in ranked]
    votes = Counter(forms)
    best = max(range(len(ranked)), key=lambda index: (votes[forms[index]], -index))
    return ranked[best].name


def _category(ranked: Sequence[Candidate]) -> str | None:
    votes: Counter[str] = Counter()
    for sighting in ranked:
        if sighting.category is not None:
            # Counted in hundredths: sums of fractions would depend on their order.
            votes[sighting.category] += round(100 * (sighting.confidences.category or sighting.confidences.overall))
    # Counter keeps the order of arrival, and max() the first of equals: the most trusted source breaks a tie.
    return max(votes, key=lambda category: votes[category], default=None)


def _refs(ranked: Sequence[Candidate]) -> ExternalRefs:
    if len(ranked) == 1:
        return ranked[0].external_refs
    values: dict[str, str] = _united(sighting.external_refs.document() for sighting in ranked)
    typed = next((sighting.external_refs for sighting in ranked if sighting.external_refs.osm_id), None)
    if typed is not None:
        values.update(typed.document())
    return ExternalRefs.model_validate(values)


def _content(ranked: Sequence[Candidate]) -> AdditionalContent:
    if len(ranked) == 1:
        return ranked[0].additional_content
    contents = [sighting.additional_content for sighting in ranked]
    return AdditionalContent(
        web=_first(ranked, lambda sighting: sighting.additional_content.web),
        signals=_signals([content.signals for content in contents if content.signals]),
        tags=_united(content.tags for content in contents),
        phone=_first(ranked, lambda sighting: sighting.additional_content.phone),
        website=_first(ranked, lambda sighting: sighting.additional_content.website),
    )


def _signals(known: Sequence[Signals]) -> Signals | None:
    if not known:
        return None
    rated = max(known, key=lambda signals: (signals.reviews or 0, signals.rating or 0))
    return Signals(
        rating=rated.rating,
        reviews=rated.reviews,
        sitelinks=max((signals.sitelinks for signals in known if signals.sitelinks is not None), default=None),
        has_wikipedia=True if any(signals.has_wikipedia for signals in known) else None,
        novelty=max((signals.novelty for signals in known if signals.novelty is not None), default=None),
    )


def _licences(ranked: Sequence[Candidate]) -> tuple[Licence, ...]:
    return tuple(dict.fromkeys(licence for sighting in ranked for licence in sighting.licences))
