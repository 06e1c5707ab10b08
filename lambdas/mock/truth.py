"""The result of a run measured against the truth, which is made again from the job.

Places are counted by the record ids of their members: what was merged, and not what it is called, decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lambdas.contracts.candidate import Place
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Quality
from lambdas.mock.city import Entity
from lambdas.mock.world import World
from lambdas.places.geo import distance_m

WITHIN_M = 50.0


def entities_by_record(world: World) -> dict[str, Entity | None]:
    """The truth behind every record that any source of a world can return, by record id; ``None`` for false ones."""
    known: dict[str, Entity | None] = dict(world.web.mentioned)
    for register in (world.google, world.osm, world.otm, world.wikidata):
        source = register.profile.source
        known.update((f"{source}:{sighting.id}", sighting.entity) for sighting in register.sightings)
    return known


def measure(job: RunInput, places: Sequence[Place]) -> Quality:
    """Measure a result.

    Args:
        job: What the run was asked for, from which its world follows.
        places: What it found.

    Returns:
        Recall, precision, duplicate rate and the share within 50 m, as ``lambdas.contracts.manifest.Quality`` defines
        them. A place stands for the entity that most of its members are sightings of.
    """
    world = World.of(job)
    known = entities_by_record(world)
    found = [(place, entity) for place in places if (entity := _entity(place.members, known))]
    different = len({entity.number for _, entity in found})
    near = sum(
        place.lat is not None and place.lng is not None and distance_m((place.lat, place.lng), entity.at) <= WITHIN_M
        for place, entity in found
    )
    return Quality(
        recall=_share(different, len(world.city.entities)),
        precision=_share(len(found), len(places)),
        duplicate_rate=_share(len(found) - different, len(places)),
        within_50m=_share(near, len(found)),
    )


def _entity(members: Iterable[str], known: Mapping[str, Entity | None]) -> Entity | None:
    votes: Counter[int] = Counter()
    entities: dict[int, Entity] = {}
    for member in members:
        entity = known.get(member)
        if entity is not None:
            votes[entity.number] += 1
            entities[entity.number] = entity
    if not votes:
        return None
    return entities[max(votes, key=lambda number: (votes[number], -number))]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
