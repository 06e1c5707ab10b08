"""The web pages about a synthetic city: what they mention, how they link, and which search finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lambdas.contracts.base import slug
from lambdas.mock.city import City, Entity
from lambdas.mock.naming import variant
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point, offset
from lambdas.places.identity import mention_id

QUERY_TEMPLATES = (
    "{city} restaurants",
    "{city} cafes coffee",
    "{city} bars pubs nightlife",
    "{city} things to do attractions",
    "{city} events venues",
    "{city} tourism tourist information",
    "official city website {city}",
    "{city} heritage and historic sites",
    "{city} hotels accommodation",
    "{city} museums galleries",
)
"""Query pack v1: what the city's sources are searched with."""

_PLACES_PER_PAGE = 35
_LEAST_PAGES, _MOST_PAGES = 4, 90
_DEEPER_SHARE = 0.3
_STRUCTURED_SHARE = 0.45
_POSITION_SHARE = 0.8
_FAMOUS_FROM = 0.5
_DISCOVERIES = 3
_VARIANT_SHARE = 0.12
_INVENTED_SHARE = 0.03
_ELSEWHERE_SHARE = 0.02
_SITES = (
    ("visit-{city}.example", "org", 0.9),
    ("www.{city}-city.example", "gov", 0.95),
    ("{city}-heritage.example", "org", 0.85),
    ("guide.{city}-weekly.example", "com", 0.7),
    ("www.eating-in-{city}.example", "com", 0.6),
    ("{city}-on-foot.example", "com", 0.6),
    ("blog.two-days-in-{city}.example", "com", 0.5),
    ("hidden-{city}.example", "com", 0.55),
    ("www.{city}-university.example", "edu", 0.8),
    ("{city}-for-families.example", "com", 0.6),
)
_TITLES = ("A day on {street}", "The best of {street}", "Around {street}", "{street} and beyond")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place as a page writes about it; ``entity`` is the truth behind it, ``at`` the position that is printed."""

    name: str
    local_name: str | None
    category: str
    street: str
    house: int
    at: Point | None
    entity: Entity | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``structured`` ones carry their places as schema.org data too; ``links`` lead to deeper ones."""

    number: int
    url: str
    title: str
    authority: str
    trust: float
    structured: bool
    mentions: tuple[Mention, ...]
    links: tuple[str, ...] = ()

    @property
    def site(self) -> str:
        """The host name."""
        return self.url.split("/")[2]


class Web:
    """All pages about one city."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._seeds: list[Page] = []
        self.pages: dict[str, Page] = {}
        for page, deeper in self._plan():
            self._seeds.append(page)
            self.pages.update((known.url, known) for known in (page, *deeper))

    def hits(self, query: int, limit: int) -> list[dict[str, Any]]:
        """What a web search answers to one of the query templates: addresses, as messy as they come."""
        topics = len(QUERY_TEMPLATES)
        own = [page for page in self._seeds if page.number % topics == query]
        shared = [page for page in self._seeds if page.number % topics == (query + 1) % topics][:3]
        urls = [page.url for page in own] + [f"{page.url}?utm_source=search&fbclid=x{query}#top" for page in shared]
        found = zip((*own, *shared), urls, strict=True)
        return [
            {"url": url, "title": page.title, "score": page.trust, "authority": page.authority} for page, url in found
        ][:limit]

    @cached_property
    def mentioned(self) -> dict[str, Entity | None]:
        """The truth behind each mention, by record id."""
        return {
            mention_id(page.url, mention.name): mention.entity
            for page in self.pages.values()
            for mention in reversed(page.mentions)
        }

    def _plan(self) -> Iterator[tuple[Page, list[Page]]]:
        writer = _Writer(self._city)
        count = max(_LEAST_PAGES, min(_MOST_PAGES, len(self._city.entities) // _PLACES_PER_PAGE))
        written = count
        for seed in range(count):
            deeper = []
            if writer.stream.chance(_DEEPER_SHARE):
                deeper.append(writer.page(written, seed))
                written += 1
            yield writer.page(seed, seed, tuple(page.url for page in deeper)), deeper


class _Writer:
    """Writes pages, one after the other."""

    def __init__(self, city: City) -> None:
        self.stream = Stream(city.key, "web")
        self._city = city
        self._streets: defaultdict[str, list[Entity]] = defaultdict(list)
        for entity in city.entities:
            self._streets[entity.street].append(entity)
        self._famous = [entity for entity in city.entities if entity.prominence > _FAMOUS_FROM]
        self._off_map = [entity for entity in city.entities if entity.off_map]

    def page(self, number: int, site: int, links: tuple[str, ...] = ()) -> Page:
        """A page about a street; ``site`` chooses where it stands."""
        stream, city = self.stream, slug(self._city.name)
        host, authority, trust = _SITES[site % len(_SITES)]
        street = stream.pick(self._city.entities).street
        wanted = stream.whole(9, 14)
        # Every page has discoveries of its own, which no other source knows; then the famous, then what lies around.
        own = [self._off_map.pop() for _ in range(min(_DISCOVERIES, len(self._off_map)))]
        chosen = [*own, *stream.sample(self._famous, wanted // 3), *stream.sample(self._streets[street], wanted)]
        while len(chosen) < wanted:
            chosen.append(stream.pick(self._city.entities))
        numbers = dict.fromkeys(entity.number for entity in chosen[:wanted])
        title = stream.pick(_TITLES).format(street=street)
        return Page(
            number=number,
            url=f"https://{host.format(city=city)}/{slug(title)}-{number}",
            title=f"{title}: {self._city.name}",
            authority=authority,
            trust=trust,
            structured=stream.chance(_STRUCTURED_SHARE),
            mentions=tuple(self._mention(self._city.entities[entity]) for entity in numbers),
            links=links,
        )

    def _mention(self, entity: Entity) -> Mention:
        stream, fate = self.stream, self.stream.random()
        if fate < _INVENTED_SHARE:
            return self._invented(entity)
        elsewhere = fate < _INVENTED_SHARE + _ELSEWHERE_SHARE
        # A place of the same name in another town: what the page says of it is not about this city.
        east = 4 * self._city.area.radius_m if elsewhere else stream.gauss(8)
        name = entity.names.get("en", entity.name)
        if "ja-Latn" in entity.names and stream.chance(0.4):
            name = entity.names["ja-Latn"]
        if stream.chance(_VARIANT_SHARE):
            name = variant(stream, name)
        printed = elsewhere or entity.off_map or stream.chance(_POSITION_SHARE)
        return Mention(
            name=name,
            local_name=entity.name if "ja" in entity.names and stream.chance(0.85) else None,
            category=entity.category,
            street=entity.street,
            house=entity.house,
            at=_printed(entity, east, stream.gauss(8)) if printed else None,
            entity=None if elsewhere else entity,
        )

    def _invented(self, beside: Entity) -> Mention:
        stream = self.stream
        return Mention(
            name=self._city.naming.place(stream, beside.category)["en"],
            local_name=None,
            category=beside.category,
            street=beside.street,
            house=beside.house,
            at=_printed(beside, stream.gauss(30), stream.gauss(30)) if stream.chance(0.3) else None,
            entity=None,
        )


def _printed(entity: Entity, east_m: float, north_m: float) -> Point:
    """A position beside a place, with the five decimals that people write."""
    position = offset(entity.at, east_m, north_m)
    return Point(round(position.lat, 5), round(position.lng, 5))
