"""Who is to be named where a result is shown, and the part of a result that no share-alike licence is on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lambdas.contracts.candidate import Candidate, Licence, Place
from lambdas.finalization.spool import Spooled
from lambdas.places.dedupe import richness
from lambdas.places.fusion import fuse


def attribution(places: Sequence[Place], *, city: str, run_id: str) -> dict[str, Any]:
    """The licences of a result, as ``ATTRIBUTION.json``.

    Args:
        places: All of its places.
        city: The city.
        run_id: The run.

    Returns:
        ``notice``: one text to show beside the data. ``licences``: each with its attribution, whether what is made of
        it has to be shared alike, how long it may be kept, and the number of places with data under it.
        ``unlicensed``: how many places have no data whose terms are known.
    """
    counted: Counter[Licence] = Counter()
    unlicensed = 0
    for place in places:
        counted.update(place.licences)
        unlicensed += not place.licences
    ordered = sorted(counted, key=lambda licence: (licence.id, licence.attribution))
    return {
        "city": city,
        "run_id": run_id,
        "notice": "; ".join(dict.fromkeys(licence.attribution for licence in ordered)),
        "licences": [{**licence.document(), "places": counted[licence]} for licence in ordered],
        "places": len(places),
        "unlicensed": unlicensed,
    }


def without_share_alike(places: Sequence[Place], candidates: Iterable[Candidate]) -> Iterator[Place]:
    """The result as it would be without the data that has to be shared alike.

    It is made anew from the other sightings of each place: a fused place has names and positions of all of them. Ranks,
    scores, tiers and anchors are left out, since every place of the run had a part in them.

    Args:
        places: The result, which need not fit into memory.
        candidates: The sightings that it was made of; more than one with the same record id may be among them.

    Yields:
        The places that are left, under the same ids and in their order. A sighting of which nobody said the terms is
        left out, too.
    """
    of_record = {record: number for number, place in enumerate(places) for record in place.members}
    free = Spooled(Candidate)
    kept: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for candidate in candidates:
        number = of_record.get(candidate.record_id)
        if number is not None and is_free(candidate):
            known = kept[number].get(candidate.record_id)
            if known is None or richness(free[known]) < richness(candidate):
                kept[number][candidate.record_id] = len(free)
                free.append(candidate)
    for number in sorted(kept):
        yield _fused(places[number], [free[sighting] for sighting in kept[number].values()])


def is_free(candidate: Candidate) -> bool:
    """Whether its terms are known, and none of them is share-alike."""
    return bool(candidate.licences) and not any(licence.share_alike for licence in candidate.licences)


def _fused(place: Place, sightings: Sequence[Candidate]) -> Place:
    reasons = {merge.merged_from_id: merge.reason for merge in place.lineage.merge_history}
    merged_at = place.lineage.updated_at or place.lineage.created_at
    return fuse(sightings, reasons, merged_at, place.place_id)
