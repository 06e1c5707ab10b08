"""SeedPrimaries: ask knowledge bases and the map for what the city is known for, and choose the primaries among it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lambdas.connectors import nominatim, overpass, wikidata, wikipedia, wikivoyage
from lambdas.connectors.mediawiki import MediaWiki
from lambdas.connectors.nominatim import Nominatim
from lambdas.connectors.overpass import Overpass
from lambdas.connectors.protocols import Findings, KnowledgeBase
from lambdas.connectors.service import FAILURES, NOT_ASKED, OFF, Configuration, Failure, Service
from lambdas.connectors.wikidata import Wikidata
from lambdas.connectors.wikipedia import Wikipedia
from lambdas.connectors.wikivoyage import Wikivoyage
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.places.geo import Disc
from lambdas.places.languages import languages_of
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

_ATTEMPTS = 2


def seed_primaries(given: StageInput, run: Run) -> StageOutput:
    """Ask for what the city is known for, and choose the primaries among it.

    A knowledge base that fails is asked again after the others. Should it fail once more, the run goes on with what the
    others know, since a state that fails would end the search; the output and the metric ``failed_sources`` say so.

    Returns:
        ``primaries``: up to 200, in the order of their ranks, each with ``place_id``, ``record_id``, ``name``, ``lat``,
        ``lng`` and ``score``; and ``sources``: how many places each knowledge base gave, or why it gave none.

    Raises:
        Throttled: No service gave anything, and the first one that failed asks to be left alone.
        ServiceUnavailable: The same, and it failed.
        ServiceRefused: The same, and it does not take what it is asked.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    config = Configuration.of(run)
    center = run.job.seed.center
    area = Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
    lineage = Lineage(
        created_at=run.record.started_at,
        pipeline_version=run.record.versions["program"],
        correlation_id=run.correlation_id,
    )
    languages = languages_of(_country(given, run, config, area))
    seeds: list[Candidate] = []
    sources: dict[str, Json] = {}
    failures: list[Failure] = []
    for name, answer in _answers(_knowledge(run, config, languages), run.job.city, area, lineage).items():
        for found in answer.found:
            run.found(found.candidates, calls=found.calls)
            seeds += found.candidates
        count = sum(len(found.candidates) for found in answer.found)
        if answer.failure is not None:
            failures.append(answer.failure)
            sources[name] = f"failed after {count}: {type(answer.failure).__name__}: {answer.failure}"
        else:
            sources[name] = answer.off or (count if answer.found else NOT_ASKED)
    if failures and not seeds:
        raise failures[0]
    primaries = _primaries(seeds, run.job.city, lineage.created_at, area)
    metrics = {f"from_{name}": count for name, count in sources.items() if isinstance(count, int)}
    return StageOutput(
        data={"primaries": primaries, "candidates": len(seeds), "sources": sources},
        records=len(primaries),
        metrics={
            "candidates": len(seeds),
            "primaries": len(primaries),
            "failed_sources": len(failures),
            **metrics,
        },
    )


@dataclass
class _Answer:
    """What a knowledge base gave.

    Attributes:
        found: The answers.
        failure: What ended them, if they did not end by themselves.
        off: Why it was not asked at all.
    """

    found: list[Findings] = field(default_factory=list)
    failure: Failure | None = None
    off: str | None = None


def _answers(
    bases: Iterable[tuple[str, KnowledgeBase | None]], city: str, area: Disc, lineage: Lineage
) -> dict[str, _Answer]:
    """What each knowledge base gives; those that fail are asked a second time, and then find what they gave before."""
    asked = dict(bases)
    answers = {name: _Answer(off=OFF) if known is None else _Answer() for name, known in asked.items()}
    pending = [name for name, known in asked.items() if known is not None]
    for _ in range(_ATTEMPTS):
        for name in pending:
            answers[name] = answer = _Answer()
            known = asked[name]
            try:
                for found in known.sights(city, area, lineage) if known else ():
                    answer.found.append(found)
            except FAILURES as error:
                answer.failure = error
        pending = [name for name in pending if answers[name].failure]
    return answers


def _knowledge(
    run: Run, config: Configuration, languages: tuple[str, ...]
) -> Iterator[tuple[str, KnowledgeBase | None]]:
    """The knowledge bases, those that bring most first; ``None`` for one that the stack has turned off."""
    bases: dict[str, KnowledgeBase] = {
        wikidata.INFO.name: Wikidata(Service(wikidata.INFO, run, config), languages),
        wikivoyage.INFO.name: Wikivoyage(MediaWiki(Service(wikivoyage.INFO, run, config))),
        wikipedia.INFO.name: Wikipedia(MediaWiki(Service(wikipedia.INFO, run, config))),
        overpass.INFO.name: Overpass(Service(overpass.INFO, run, config)),
    }
    for name, base in bases.items():
        yield name, base if config.enabled(name) else None


def _country(given: StageInput, run: Run, config: Configuration, area: Disc) -> str | None:
    """The city's country, which DiscoverTargets has found, or else Nominatim knows."""
    before = given.read_optional() or {}
    border = before.get("boundary")
    if border:
        return str(border["country_code"]) if border.get("country_code") else None
    if not config.enabled(nominatim.INFO.name):
        return None
    boundary = Nominatim(Service(nominatim.INFO, run, config)).boundary(run.job.city, area)
    return boundary.country_code if boundary else None


def _primaries(seeds: list[Candidate], city: str, merged_at: str, area: Disc) -> list[dict[str, Any]]:
    from lambdas.places.dedupe import dedupe  # noqa: PLC0415 - numpy takes a tenth of a second
    from lambdas.places.rank import rank  # noqa: PLC0415

    places = dedupe(seeds, city=city, merged_at=merged_at).places
    return [
        {
            "place_id": place.place_id,
            "record_id": place.record_id,
            "name": place.name,
            "lat": place.lat,
            "lng": place.lng,
            "score": place.score,
        }
        for place in rank(places, area.center)
        if place.tier == "primary"
    ]
