"""Two runs side by side: what the second found more and less, spent more and less, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.contracts.candidate import Place
from lambdas.contracts.manifest import Manifest
from lambdas.finalization.outputs import from_lines
from lambdas.runtime import keys
from scout.cities import facts
from scout.cities.runs import verified_outputs
from scout.costs import after as costs
from scout.errors import ScoutError

if TYPE_CHECKING:
    from scout.deployment import Deployment


@dataclass(frozen=True)
class Change:
    """A number in both runs.

    Attributes:
        name: What it counts.
        unit: In which unit.
        first: In the first run.
        second: In the second.
    """

    name: str
    unit: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """How much more the second run has."""
        return self.second - self.first

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {**vars(self), "difference": self.difference}


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        first: The manifest of the first.
        second: The manifest of the second.
        changes: Counts, budgets and times of both.
        gained: Places that only the second has, by their ranks.
        lost: Places that only the first has, by their ranks.
        kept: How many both have.
        same_input: Whether they were asked for the same.
    """

    first: Manifest
    second: Manifest
    changes: tuple[Change, ...]
    gained: tuple[Place, ...]
    lost: tuple[Place, ...]
    kept: int
    same_input: bool

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "first": self.first.run_id,
            "second": self.second.run_id,
            "city": self.second.city,
            "same_input": self.same_input,
            "changes": [change.document() for change in self.changes],
            "kept": self.kept,
            "gained": [_brief(place) for place in self.gained],
            "lost": [_brief(place) for place in self.lost],
        }


def of(deployment: Deployment, first: str, second: str) -> Comparison:
    """Compare two runs of one city that were finalized.

    Args:
        deployment: Where both are.
        first: The earlier run's id, or ``last``.
        second: The later one's.

    Raises:
        ScoutError: One of them is not there, was not finalized, or is of another city; or its result is not what its
            manifest says.
    """
    known = [facts.of(deployment, run) for run in (first, second)]
    before, after = (run.finished() for run in known)
    if before.input.slug != after.input.slug:
        raise ScoutError(
            f"{before.run_id} looked for {before.city} and {after.run_id} for {after.city}: only runs of one city can "
            "be compared; `scout list --city CITY` shows them"
        )
    places = [_places(deployment, manifest) for manifest in (before, after)]
    gained, lost, kept = matched(*places)
    return Comparison(
        first=before,
        second=after,
        changes=(*_changes(before, after), _usd(deployment, before, after), *_seconds(before, after)),
        gained=gained,
        lost=lost,
        kept=kept,
        same_input=_asked(before) == _asked(after),
    )


def matched(first: Sequence[Place], second: Sequence[Place]) -> tuple[tuple[Place, ...], tuple[Place, ...], int]:
    """Which places are in one result alone.

    Two places are the same if they have the same id, or share a sighting: as more is found of a place, another of its
    sightings may give it its id.

    Args:
        first: A result.
        second: Another.

    Returns:
        Those of the second alone, those of the first alone, and how many of the second are in the first.
    """
    gained = _without(second, first)
    return gained, _without(first, second), len(second) - len(gained)


def _without(places: Sequence[Place], others: Sequence[Place]) -> tuple[Place, ...]:
    ids = {place.place_id for place in others}
    members = {member for place in others for member in place.members}
    return tuple(place for place in places if place.place_id not in ids and members.isdisjoint(place.members))


def _places(deployment: Deployment, manifest: Manifest) -> list[Place]:
    key = keys.places(manifest.input.slug, manifest.run_id)
    body = verified_outputs(deployment, manifest).get(key.rpartition("/")[2])
    return [] if body is None else from_lines(body)


def _changes(before: Manifest, after: Manifest) -> list[Change]:
    names = ("places", "primaries", "secondaries", "candidates", "duplicates_merged", "rejected")
    counts = [Change(name, "", getattr(before.counts, name), getattr(after.counts, name)) for name in names]
    groups: Mapping[str, None] = dict.fromkeys([*before.budgets, *after.budgets])
    spent = [
        Change(f"{group} {what}", "", *(_use(manifest, group, what) for manifest in (before, after)))
        for group in groups
        for what in ("spent", "calls")
    ]
    pages = Change("pages done", "", before.frontier.done, after.frontier.done)
    return [*counts, *spent, pages]


def _use(manifest: Manifest, group: str, what: str) -> float:
    use = manifest.budgets.get(group)
    return 0 if use is None else float(getattr(use, what))


def _usd(deployment: Deployment, before: Manifest, after: Manifest) -> Change:
    return Change("cost", "USD", *(costs.of_run(deployment, manifest.run_id).usd for manifest in (before, after)))


def _seconds(before: Manifest, after: Manifest) -> list[Change]:
    states: Mapping[str, None] = dict.fromkeys([*before.states, *after.states])
    of_states = [
        Change(f"in {state}", "s", *(_seconds_in(manifest, state) for manifest in (before, after))) for state in states
    ]
    return [Change("time", "s", before.seconds, after.seconds), *(change for change in of_states if change.difference)]


def _seconds_in(manifest: Manifest, state: str) -> float:
    report = manifest.states.get(state)
    return 0 if report is None else report.seconds


def _asked(manifest: Manifest) -> dict[str, Any]:
    document = manifest.input.document()
    document.get("orchestrator", {}).pop("correlation_id", None)
    return document


def _brief(place: Place) -> dict[str, Any]:
    return {
        "place_id": place.place_id,
        "name": place.name,
        "category": place.category,
        "rank": place.rank,
        "lat": place.lat,
        "lng": place.lng,
        "sources": [source.value for source in place.sources],
    }
