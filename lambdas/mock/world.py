"""The outside world of a city: the services that states call, answering from the synthetic truth.

Each answer is JSON as a service would send it. Nothing in it tells what is true; :mod:`lambdas.mock.truth` does, by
making the same world again.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from typing import Any

from rapidfuzz import fuzz, process

from lambdas.contracts.base import slug
from lambdas.contracts.connectors import Connector
from lambdas.contracts.job import RunInput
from lambdas.mock.city import DEFAULT_SEED, City
from lambdas.mock.pages import render
from lambdas.mock.register import GOOGLE, OSM, OTM, WIKIDATA, Profile, Register, Sighting
from lambdas.mock.web import Web
from lambdas.places.geo import Disc
from lambdas.places.names import normalise

NEARBY_CAP = 20
"""Records in one answer of Google's Nearby Search
(https://developers.google.com/maps/documentation/places/web-service/nearby-search)."""

TEXT_PAGE = 20
TEXT_PAGES = 3
OVERPASS_CAP = 100
OTM_CAP = 60
SPARQL_CAP = 500
_GEOCODER_SCORE = 88
_HITS = 15

Answer = dict[str, Any]


class World:
    """The services of one city. Registers and pages are made when they are first needed."""

    def __init__(self, city: City) -> None:
        self.city = city

    @classmethod
    def of(cls, job: RunInput, seed: str = DEFAULT_SEED) -> World:
        """The world of a job, made once per process."""
        center = job.seed.center
        return _world(job.city, center.lat, center.lng, job.seed.radius_km * 1000, seed)

    @property
    def key(self) -> str:
        """Names the world in the parameters of every request: two worlds of one city share no cached answer."""
        return self.city.key

    @cached_property
    def google(self) -> Register:
        """Google's records."""
        return self._register(GOOGLE)

    @cached_property
    def osm(self) -> Register:
        """OpenStreetMap's records."""
        return self._register(OSM)

    @cached_property
    def otm(self) -> Register:
        """OpenTripMap's records."""
        return self._register(OTM)

    @cached_property
    def wikidata(self) -> Register:
        """Wikidata's records."""
        return self._register(WIKIDATA)

    @cached_property
    def web(self) -> Web:
        """The pages about the city."""
        return Web(self.city)

    def _register(self, profile: Profile) -> Register:
        return Register(self.city, profile)

    def text_search(self, category: str, page: int) -> Answer:
        """Google Text Search for a category in the city: page 0 to 2 of the most prominent."""
        known = self.google.known_for((category,))[: TEXT_PAGE * TEXT_PAGES]
        chosen = known[page * TEXT_PAGE : (page + 1) * TEXT_PAGE]
        return {"results": [_rated(sighting) for sighting in chosen], "more": len(known) > (page + 1) * TEXT_PAGE}

    def around(self, connector: Connector, disc: Disc, categories: Collection[str] = ()) -> Answer:
        """What a map service returns around a point, the nearest first, cut off at its cap.

        Args:
            connector: ``google.nearby``, ``otm`` or ``overpass``.
            disc: Where.
            categories: Only these; all if empty.

        Returns:
            ``results``, and ``farthest_m``: how far the last of them is from the centre.
        """
        register, cap = {
            Connector.GOOGLE_NEARBY: (self.google, NEARBY_CAP),
            Connector.OTM: (self.otm, OTM_CAP),
            Connector.OVERPASS: (self.osm, OVERPASS_CAP),
        }[connector]
        found = register.near(disc, cap, categories)
        rated = connector is Connector.GOOGLE_NEARBY
        return {
            "results": [_rated(sighting) if rated else sighting.document() for _, sighting in found],
            "farthest_m": found[-1][0] if found else None,
        }

    def sparql(self, page: int) -> Answer:
        """Wikidata's items in the city with the number of their articles, the best known first."""
        known = sorted(self.wikidata.sightings, key=lambda sighting: (-sighting.prominence, sighting.id))
        chosen = known[page * SPARQL_CAP : (page + 1) * SPARQL_CAP]
        return {"results": [_linked(sighting) for sighting in chosen], "more": len(known) > (page + 1) * SPARQL_CAP}

    def search_web(self, query: int) -> Answer:
        """A web search with one of the query pack's templates: up to 15 addresses with scores."""
        return {"results": self.web.hits(query, _HITS)}

    def search_portals(self, intent: str) -> Answer:
        """A web search for machine-readable data about the city."""
        host = f"data.{slug(self.city.name)}.example"
        return {"results": [{"url": f"https://{host}/{intent}", "title": f"{self.city.name}: {intent}", "score": 0.9}]}

    def fetch(self, url: str) -> bytes | None:
        """The page at an address as it is sent, or ``None`` where there is none."""
        page = self.web.pages.get(url)
        return None if page is None else render(page, self.city.name)

    def geocode(self, name: str, street: str | None) -> Answer:
        """Nominatim: the position of a named place, from OpenStreetMap's records; no result for an unknown one."""
        matches = process.extract(
            _sorted_words(name), self._gazetteer, scorer=fuzz.ratio, score_cutoff=_GEOCODER_SCORE, limit=5
        )
        found = [(score, self.osm.sightings[self._index[place]]) for _, score, place in matches]
        on_street = [hit for hit in found if street is None or hit[1].street == street]
        best = max(on_street or found[:1], key=lambda hit: (hit[0], hit[1].id), default=None)
        return {"results": [best[1].document()] if best and (on_street or len(found) == 1) else []}

    @cached_property
    def _gazetteer(self) -> Sequence[str]:
        return [_sorted_words(name) for sighting in self.osm.sightings for name in sighting.names.values()]

    @cached_property
    def _index(self) -> Sequence[int]:
        return [number for number, sighting in enumerate(self.osm.sightings) for _ in sighting.names]


@lru_cache(maxsize=4)
def _world(name: str, lat: float, lng: float, radius_m: float, seed: str) -> World:
    return World(City.build(name, Disc.of(lat, lng, radius_m), seed))


def _sorted_words(name: str) -> str:
    return " ".join(sorted(normalise(name).split()))


def _rated(sighting: Sighting) -> Answer:
    """A record with what visitors say: the more prominent, the more reviews, and the ratings a little better."""
    spread = (sighting.at.lat * 1e6 % 97) / 97
    reviews = round(math.exp(1.5 + 8 * sighting.prominence * (0.6 + 0.4 * spread)))
    rating = round(min(5.0, 3.4 + 0.9 * sighting.prominence + 0.6 * spread), 1)
    return {**sighting.document(), "rating": rating, "reviews": reviews}


def _linked(sighting: Sighting) -> Answer:
    return {**sighting.document(), "sitelinks": round(1 + 60 * max(0.0, sighting.prominence - 0.55) ** 2)}
