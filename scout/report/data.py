"""What the page of a run shows, gathered from its manifest, its results, its history and its log."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambdas.finalization.outputs import from_lines
from lambdas.runtime import keys
from scout.cities import logs, standing
from scout.cities.logs import Line
from scout.cities.runs import verified_outputs
from scout.cities.standing import Standing
from scout.costs import after
from scout.costs.bill import Bill

if TYPE_CHECKING:
    from lambdas.contracts.candidate import Place
    from lambdas.contracts.manifest import Manifest
    from scout.deployment import Deployment


@dataclass(frozen=True)
class Bar:
    """A stretch of time in which a state was at work; seconds count from the start of the execution."""

    state: str
    begin: float
    end: float
    failed: bool = False


@dataclass(frozen=True)
class Spent:
    """How the spending of one budget grew.

    Attributes:
        group: Whose budget.
        points: Seconds from the start, and what had been spent by then; ascending.
        total: What the manifest says was spent.
    """

    group: str
    points: tuple[tuple[float, int], ...]
    total: int

    @property
    def told(self) -> int:
        """How much of it the log tells."""
        return self.points[-1][1] if self.points else 0


@dataclass(frozen=True)
class SourceLine:
    """What one source has brought.

    Attributes:
        source: Its name.
        sightings: How many of the merged candidates are its own.
        places: How many places it has seen.
        alone: How many of these no other source has seen.
    """

    source: str
    sightings: int
    places: int
    alone: int


@dataclass(frozen=True)
class Report:
    """What the page shows.

    Attributes:
        standing: The run, state by state.
        manifest: What it left behind.
        features: Its places, as GeoJSON features in the order of their ranks; empty if nothing was ranked.
        attribution: Whom the licences of the data name.
        bars: When each state was at work, those of pages too.
        spent: How each budget was spent.
        sources: What each source has brought.
        bill: What it has cost.
    """

    standing: Standing
    manifest: Manifest
    features: Sequence[Mapping[str, Any]]
    attribution: Sequence[str]
    bars: Sequence[Bar]
    spent: Sequence[Spent]
    sources: Sequence[SourceLine]
    bill: Bill

    @property
    def seconds(self) -> float:
        """How long the execution took."""
        return self.standing.facts.execution.seconds


def of(deployment: Deployment, run: str) -> Report:
    """Gather what the page of a run shows.

    Args:
        deployment: Where.
        run: Its id, or ``last``.

    Raises:
        ScoutError: There is no such run, it was not finalized, or a result is not what its manifest says.
    """
    found = standing.of(deployment, run)
    manifest = found.facts.finished()
    bodies = verified_outputs(deployment, manifest)
    slug, run_id = manifest.input.slug, manifest.run_id
    geojson = json.loads(bodies.get(_file(keys.places_geojson(slug, run_id)), b"{}"))
    places = from_lines(bodies.get(_file(keys.places(slug, run_id)), b""))
    lines = list(logs.of(deployment, run_id))
    began = found.facts.execution.started_at
    return Report(
        standing=found,
        manifest=manifest,
        features=geojson.get("features", []),
        attribution=geojson.get("attribution", []),
        bars=[*_visits(found), *_pages(lines, run_id, began)],
        spent=_spending(lines, manifest, began),
        sources=_sources(places),
        bill=after.of_standing(deployment, found),
    )


def _visits(found: Standing) -> list[Bar]:
    began, ended = found.facts.execution.started_at, found.facts.execution.stopped_at
    return [
        Bar(
            span.state,
            (span.entered_at - began).total_seconds(),
            ((span.left_at or ended or span.entered_at) - began).total_seconds(),
            span.failed,
        )
        for span in found.spans
        if span.kind in standing.WORK
    ]


def _pages(lines: Iterable[Line], run_id: str, began: datetime) -> list[Bar]:
    """What the stages of pages say at their end: the Express state machine keeps no history."""
    bars = []
    for line in lines:
        told = line.fields
        ended = "seconds" in told or "errorType" in told
        if ended and "currentStage" in told and told.get("executionId", run_id) != run_id:
            end = (line.at - began).total_seconds()
            bars.append(Bar(line.state, end - float(told.get("seconds", 0)), end, failed=line.is_error))
    return bars


def _spending(lines: Iterable[Line], manifest: Manifest, began: datetime) -> list[Spent]:
    points: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    sums = Counter[str]()
    for line in lines:
        if "units" in line.fields and "group" in line.fields:
            group = str(line.fields["group"])
            sums[group] += int(line.fields["units"])
            points[group].append(((line.at - began).total_seconds(), sums[group]))
    return [Spent(group, tuple(points[group]), use.spent) for group, use in manifest.budgets.items()]


def _sources(places: Sequence[Place]) -> list[SourceLine]:
    sightings = Counter(member.partition(":")[0] for place in places for member in place.members)
    seen = Counter(source.value for place in places for source in place.sources)
    alone = Counter(place.sources[0].value for place in places if len(place.sources) == 1)
    return [SourceLine(source, sightings[source], count, alone[source]) for source, count in seen.most_common()]


def _file(key: str) -> str:
    return key.rpartition("/")[2]
