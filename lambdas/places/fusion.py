"""One place out of its sightings: which source is believed for which field."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

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
from lambdas.places.sources import precedence

_Value = TypeVar("_Value")

_MOST_CERTAIN = 0.99


def lead_of(sightings: Iterable[tuple[Source, str]]) -> str:
    """Of the sightings of a place, by their sources and record ids: the one that the place is named after."""
    return min(sightings, key=lambda sighting: (precedence(sighting[0]), sighting[1]))[1]


def place_id_of(record_id: str, number: int = 0) -> str:
    """The id of a place that is named after a record; ``number`` tells several of them apart."""
    name = f"{record_id}#{number}" if number else record_id
    return "p_" + hashlib.sha256(name.encode()).hexdigest()[:20]


def fuse(
    sightings: Sequence[Candidate], reasons: Mapping[str, str], merged_at: str, place_id: str | None = None
) -> Place:
    """Make a place of the sightings of it.

    Args:
        sightings: At least one, all of the same place.
        reasons: For each record id that was folded in, why.
        merged_at: The time to note in the lineage (ISO 8601).
        place_id: Its id; by default one derived from the record id of the most stable source.

    Returns:
        The place. Its position is that of the surest sighting, its name the one that most sightings agree on, as the
        most trusted of them writes it; names, licences, tags and external ids are united. ``field_provenance`` says of
        the fields of a merged place which sighting each was taken from.
    """
    ranked = sorted(sightings, key=lambda sighting: (precedence(sighting.source), sighting.record_id))
    lead = ranked[0]
    if len(ranked) == 1:
        return _alone(lead, place_id or place_id_of(lead.record_id))
    taken = _Taken(ranked)
    position = taken.position()
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
        place_id=place_id or place_id_of(lead.record_id),
        members=tuple(sorted(sighting.record_id for sighting in ranked)),
        sources=tuple(sorted({sighting.source for sighting in ranked})),
        name=taken.name(),
        names=taken.names(),
        source=lead.source,
        lat=position.lat,
        lng=position.lng,
        category=taken.category(),
        source_url=taken.first("source_url", lambda sighting: sighting.source_url),
        coordinates_confidence=position.coordinates_confidence,
        confidences=lead.confidences.model_copy(
            update={"overall": max(lead.confidences.overall, min(1 - unsure, _MOST_CERTAIN))}
        ),
        lineage=Lineage(
            created_at=min(sighting.lineage.created_at for sighting in ranked),
            updated_at=merged_at,
            pipeline_version=lead.lineage.pipeline_version,
            correlation_id=lead.lineage.correlation_id,
            merge_history=tuple(sorted(history, key=lambda merge: (merge.merged_from_id, merge.merged_at))),
        ),
        external_refs=_refs(ranked),
        additional_content=taken.content(),
        address=taken.first("address", lambda sighting: sighting.address),
        licences=_licences(ranked),
        field_provenance=dict(sorted(taken.provenance.items())),
    )


def _alone(sighting: Candidate, place_id: str) -> Place:
    """The place that only one sighting tells of. All of its fields come from there."""
    fields = {name: getattr(sighting, name) for name in Candidate.model_fields}
    own = {"licences": _licences([sighting]), "place_id": place_id, "members": (sighting.record_id,)}
    return Place(**{**fields, **own, "sources": (sighting.source,)})


class _Taken:
    """Chooses a value for each field, and notes whose it was.

    Args:
        ranked: The sightings, the most trusted first.
    """

    def __init__(self, ranked: Sequence[Candidate]) -> None:
        self._ranked = ranked
        self.provenance: dict[str, str] = {}

    def first(self, field: str, pick: Callable[[Candidate], _Value | None]) -> _Value | None:
        """The value of the most trusted sighting that has one."""
        for sighting in self._ranked:
            if (value := pick(sighting)) is not None:
                self.provenance[field] = sighting.record_id
                return value
        return None

    def position(self) -> Candidate:
        """The sighting whose position is the surest."""
        located = [sighting for sighting in self._ranked if sighting.lat is not None and sighting.lng is not None]
        if not located:
            return self._ranked[0]
        surest = max(located, key=lambda sighting: sighting.coordinates_confidence)
        self.provenance["position"] = surest.record_id
        return surest

    def name(self) -> str:
        """The name that most agree on, as the most trusted of them writes it."""
        forms = [normalise(sighting.name) for sighting in self._ranked]
        votes = Counter(forms)
        best = self._ranked[max(range(len(forms)), key=lambda index: (votes[forms[index]], -index))]
        self.provenance["name"] = best.record_id
        return best.name

    def names(self) -> dict[str, str]:
        """The names in all languages that any sighting has."""
        found: dict[str, str] = {}
        for sighting in self._ranked:
            for language, name in sighting.names.items():
                if found.setdefault(language, name) is name:
                    self.provenance.setdefault(f"names.{language}", sighting.record_id)
        return found

    def category(self) -> str | None:
        """The category with the most votes, each as heavy as its source is sure."""
        votes: Counter[str] = Counter()
        for sighting in self._ranked:
            if sighting.category is not None:
                # Counted in hundredths: sums of fractions would depend on their order.
                votes[sighting.category] += round(100 * (sighting.confidences.category or sighting.confidences.overall))
        # Counter keeps the order of arrival, and max() the first of equals: the most trusted source breaks a tie.
        best = max(votes, key=lambda category: votes[category], default=None)
        return self.first("category", lambda sighting: sighting.category if sighting.category == best else None)

    def content(self) -> AdditionalContent:
        """What does not fit the common fields."""
        return AdditionalContent(
            web=self.first("web", lambda sighting: sighting.additional_content.web),
            signals=self.signals(),
            tags=_united(sighting.additional_content.tags for sighting in self._ranked),
            phone=self.first("phone", lambda sighting: sighting.additional_content.phone),
            website=self.first("website", lambda sighting: sighting.additional_content.website),
        )

    def signals(self) -> Signals | None:
        """The rating with the most reviews, and the most of all else."""
        known = [(sighting, sighting.additional_content.signals) for sighting in self._ranked]
        told = [(sighting.record_id, signals) for sighting, signals in known if signals is not None]
        if not told:
            return None
        record, rated = max(told, key=lambda one: (one[1].reviews or 0, one[1].rating or 0))
        if rated.rating is not None:
            self.provenance["rating"] = record
        return Signals(
            rating=rated.rating,
            reviews=rated.reviews,
            sitelinks=self._most("sitelinks", told),
            has_wikipedia=True if any(signals.has_wikipedia for _, signals in told) else None,
            novelty=self._most("novelty", told),
        )

    def _most(self, name: str, told: Sequence[tuple[str, Signals]]) -> Any:  # noqa: ANN401 - of the field's type
        values = [(value, record) for record, signals in told if (value := getattr(signals, name)) is not None]
        if not values:
            return None
        value, self.provenance[name] = max(values, key=lambda one: one[0])
        return value


def _united(dictionaries: Iterable[dict[str, str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for dictionary in dictionaries:
        for key, value in dictionary.items():
            result.setdefault(key, value)
    return result


def _refs(ranked: Sequence[Candidate]) -> ExternalRefs:
    values: dict[str, str] = _united(sighting.external_refs.document() for sighting in ranked)
    typed = next((sighting.external_refs for sighting in ranked if sighting.external_refs.osm_id), None)
    if typed is not None:
        values.update(typed.document())
    return ExternalRefs.model_validate(values)


def _licences(ranked: Sequence[Candidate]) -> tuple[Licence, ...]:
    return tuple(dict.fromkeys(licence for sighting in ranked for licence in sighting.licences))
