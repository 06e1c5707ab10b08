"""What the run's own maps know: the positions of places by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from lambdas.contracts.candidate import CANDIDATES, Candidate, Source
from lambdas.places.geo import Point, distance_m
from lambdas.places.names import normalise
from lambdas.runtime import keys
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.run import Run

# Pages are what is to be located; all other sources have positions of their own.
_LEAST_CONFIDENCE = 0.7
# The same name in two sources, or a building and its entrance.
SAME_PLACE_M = 100.0
_ALIKE = 90
_MOST = 12


@dataclass(frozen=True)
class Known:
    """A place that a map knows.

    Attributes:
        at: Where it is.
        street: The street it stands in, in normal form.
        confidence: How sure the map is of its position.
        likeness: Of its name to the one that was looked for, 0 to 1.
    """

    at: Point
    street: str | None
    confidence: float
    likeness: float = 1.0


class Gazetteer:
    """The places of a run's maps.

    Args:
        city: The city, whose own name in that of a place tells nothing.
    """

    def __init__(self, city: str) -> None:
        self._own = frozenset(normalise(city).split())
        self._by_name: dict[str, list[Known]] = {}
        self._taken: set[str] = set()

    def take(self, candidates: Iterable[Candidate]) -> None:
        """Learn the places of maps among some candidates."""
        for candidate in candidates:
            if candidate.source is Source.WEB or candidate.lat is None or candidate.lng is None:
                continue
            if candidate.coordinates_confidence < _LEAST_CONFIDENCE:
                continue
            street = candidate.address.street_name if candidate.address else None
            known = Known(
                Point(candidate.lat, candidate.lng), street_form(street) or None, candidate.coordinates_confidence
            )
            for form in dict.fromkeys(map(self._form, (candidate.name, *candidate.names.values()))):
                if form:
                    self._by_name.setdefault(form, []).append(known)

    def catch_up(self, run: Run) -> None:
        """Learn what the run's states have found since the last time."""
        new = [key for key in run.storage.keys(keys.extracted_prefix(run.slug, run.run_id)) if key not in self._taken]
        for start in range(0, len(new), 16):
            batch = new[start : start + 16]
            for body in in_parallel(run.storage.get, batch):
                self.take(CANDIDATES.validate_json(body))
            self._taken.update(batch)

    def find(self, names: Sequence[str]) -> list[Known]:
        """The places with such a name, each once, the most alike first; of equals the surest."""
        found: list[Known] = []
        for form in dict.fromkeys(map(self._form, names)):
            if not form:
                continue
            hits = [(form, 100.0)] if form in self._by_name else []
            if not hits:
                hits = [
                    (name, score)
                    for name, score, _ in process.extract(
                        form, self._by_name.keys(), scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=_MOST
                    )
                ]
            for name, score in hits:
                found += [Known(known.at, known.street, known.confidence, score / 100) for known in self._by_name[name]]
        found.sort(key=lambda known: (-known.likeness, -known.confidence, known.at))
        places: list[Known] = []
        for known in found:
            if all(distance_m(known.at, other.at) > SAME_PLACE_M for other in places):
                places.append(known)
        return places

    def _form(self, name: str) -> str:
        return " ".join(sorted(normalise(name, self._own).split()))


def street_form(street: str | None) -> str:
    """The normal form of a street's name, in which two spellings are one."""
    return normalise(street) if street else ""


_GAZETTEERS: dict[str, Gazetteer] = {}


def gazetteer_of(run: Run) -> Gazetteer:
    """The gazetteer of a run, with all that was found until now; kept by this process as long as it serves the run.

    Raises:
        AccessDenied: The role may not read the candidates.
        TransientStorageError: S3 could not be used.
    """
    if run.run_id not in _GAZETTEERS:
        # One run at a time: another one's is read anew when it comes back.
        _GAZETTEERS.clear()
        _GAZETTEERS[run.run_id] = Gazetteer(run.job.city)
    gazetteer = _GAZETTEERS[run.run_id]
    gazetteer.catch_up(run)
    return gazetteer
