"""All web sites of the world: guides, places' own sites, data portals; which search finds which page."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final

from lambdas.mock.city import Entity
from lambdas.mock.web import Mention, Page, Web
from lambdas.places.geo import Point
from scout.standin.maps import web_address
from scout.standin.pages import STYLES, Guide, document, json_ld, noise
from scout.standin.world import Place, World

_PER_PAGE: Final = 12
_OWN_SITE: Final = re.compile(r"www\..+-(\d{1,7})\.example")
# 2026-01-05, for every page: nothing in this world changes.
MODIFIED: Final = formatdate(1_767_600_000, usegmt=True)
_DATASETS: Final[Mapping[str, tuple[str, ...]]] = {
    "heritage": ("historic", "religious", "monument"),
    "open_data": ("library", "market", "sports"),
    "parks": ("park", "nature"),
    "public_art": ("artwork",),
    "tourism": ("attraction", "museum", "viewpoint"),
}
# A city's registers of its monuments, parks and works of art list every second place of these kinds.
_DATASET_EVERY: Final = 2
_CKAN: Final = "api/3/action/package_search"
_DCAT: Final = "data.json"
# The catalogue of a portal by its country; elsewhere portals have pages alone.
_CATALOGUES: Final[Mapping[str, str]] = {"GB": _CKAN, "JP": _DCAT}
_MODIFIED_DAY: Final = "2026-01-05"
_WORD: Final = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True)
class Sent:
    """A page as its server sends it."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """A validator that changes with the body."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Written:
    """A page that speaks of places: where it is, how it looks, and what a search knows of it."""

    url: str
    title: str
    style: str
    trust: float
    mentions: tuple[Mention, ...]
    links: tuple[str, ...]
    words: frozenset[str]

    @property
    def host(self) -> str:
        """Its host name."""
        return self.url.split("/")[2]


class TownSites:
    """The sites about one town."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.guide = Guide(place.town, place.city)
        web = Web(place.city)
        written = [self._written(page) for page in web.pages.values()]
        mentioned = {
            mention.entity.number for page in web.pages.values() for mention in page.mentions if mention.entity
        }
        written += self._locals([e for e in place.city.entities if e.off_map and e.number not in mentioned])
        self.pages: Mapping[str, Written] = {page.url: page for page in written}
        self.hosts = frozenset(page.host for page in written)
        self.portal = f"data.{place.town.slug}.example"

    def get(self, host: str, path: str) -> Sent | None:
        """The page of one of these sites, or ``None`` if it has none there."""
        if host == self.portal:
            return self._portal(path)
        page = self.pages.get(f"http://{host}/{path}")
        if page is not None:
            return Sent(self.guide.page(page.title, page.style, page.mentions, page.links, host))
        if path == "":
            return Sent(self._index(host))
        return Sent(body) if (body := noise(host, path)) else None

    def mentions(self) -> Iterator[tuple[str, Mention]]:
        """Every place that a page speaks of, with the page's address."""
        return ((page.url, mention) for page in self.pages.values() for mention in page.mentions)

    def find(self, query: str, limit: int) -> list[tuple[float, Written]]:
        """The pages that a search finds, the best first: how well each fits (0 to 1), and the page."""
        asked = set(_WORD.findall(query.casefold())) - set(_WORD.findall(self.place.town.name.casefold()))
        singular = asked | {word.removesuffix("s") for word in asked}
        scored = [
            (
                round(min(0.99, 0.35 * page.trust + 0.15 + 0.5 * len(singular & page.words) / max(1, len(asked))), 4),
                page,
            )
            for page in self.pages.values()
        ]
        return sorted(scored, key=lambda pair: (-pair[0], pair[1].url))[:limit]

    def _written(self, page: Page) -> Written:
        style = STYLES[page.number % 2] if page.structured else STYLES[2 + page.number % 3]
        sites = [
            web_address(mention.entity.website)
            for mention in page.mentions
            if mention.entity and mention.entity.website
        ]
        links = (*(web_address(link) for link in page.links), *sites[:3])
        return _page(web_address(page.url), page.title, style, page.trust, mentions=page.mentions, links=links)

    def _locals(self, unknown: Sequence[Entity]) -> Iterator[Written]:
        """Pages by people who live there, about places that no other source of this world knows."""
        host, name = f"{self.place.town.slug}-locals.example", self.place.town.name
        for start in range(0, len(unknown), _PER_PAGE):
            number = start // _PER_PAGE
            mentions = tuple(_plainly(entity) for entity in unknown[start : start + _PER_PAGE])
            title = f"What only locals know, part {number + 1}: {name}"
            yield _page(
                f"http://{host}/part-{number + 1}", title, STYLES[number % len(STYLES)], 0.55, mentions=mentions
            )

    def _index(self, host: str) -> bytes:
        own = [page for page in self.pages.values() if page.host == host]
        items = "".join(f'<li><a href="{page.url}">{html.escape(page.title)}</a></li>' for page in own)
        return document(f"{host}: all pages", f"<ul>{items}</ul>", site=host)

    def _portal(self, path: str) -> Sent | None:
        name = self.place.town.name
        if path == _CATALOGUES.get(self.place.town.country.code):
            return _json(self._catalogue(path))
        if path == "":
            items = "".join(f'<li><a href="/{intent}">{intent.replace("_", " ")}</a></li>' for intent in _DATASETS)
            return Sent(document(f"Open data of {name}", f"<ul>{items}</ul>", site=self.portal))
        intent, _, suffix = path.partition(".")
        if intent not in _DATASETS or suffix not in ("", "geojson", "csv"):
            return None
        records = [
            entity
            for entity in self.place.city.entities
            if entity.category in _DATASETS[intent] and not entity.off_map and entity.number % _DATASET_EVERY == 0
        ]
        if suffix == "geojson":
            return _json({"type": "FeatureCollection", "features": [_feature(entity) for entity in records]})
        if suffix == "csv":
            return Sent(_table(records), "text/csv; charset=utf-8")
        links = "".join(f'<li><a href="/{intent}.{kind}">{kind}</a></li>' for kind in ("geojson", "csv"))
        text = f"<p>{len(records)} records. Licence: CC0-1.0.</p><ul>{links}</ul>"
        return Sent(document(f"{name}: {intent.replace('_', ' ')}", text, site=self.portal))

    def _catalogue(self, path: str) -> Mapping[str, Any]:
        """The portal's data sets, in the form of CKAN or of DCAT-US."""
        base, name = f"http://{self.portal}", self.place.town.name
        forms = (("GeoJSON", "geojson"), ("CSV", "csv"))
        if path == _DCAT:
            entries = [
                {
                    "title": f"{name}: {intent.replace('_', ' ')}",
                    "landingPage": f"{base}/{intent}",
                    "license": "https://creativecommons.org/publicdomain/zero/1.0/",
                    "modified": _MODIFIED_DAY,
                    "keyword": list(kinds),
                    "distribution": [
                        {"format": form, "downloadURL": f"{base}/{intent}.{suffix}"} for form, suffix in forms
                    ],
                }
                for intent, kinds in _DATASETS.items()
            ]
            return {"conformsTo": "https://project-open-data.cio.gov/v1.1/schema", "dataset": entries}
        packages = [
            {
                "name": intent,
                "title": f"{name}: {intent.replace('_', ' ')}",
                "license_id": "cc-zero",
                "license_title": "Creative Commons CCZero",
                "metadata_modified": f"{_MODIFIED_DAY}T09:20:00",
                "tags": [{"name": kind} for kind in kinds],
                "resources": [{"format": form, "url": f"{base}/{intent}.{suffix}"} for form, suffix in forms],
            }
            for intent, kinds in _DATASETS.items()
        ]
        return {"success": True, "result": {"count": len(packages), "results": packages}}


class Sites:
    """All sites of all towns, found by host name."""

    def __init__(self, world: World) -> None:
        self.world = world

    def of(self, place: Place) -> TownSites:
        """The sites about one town."""
        return place.once("sites", lambda: TownSites(place))

    def knows(self, host: str) -> bool:
        """Whether a site with this name exists."""
        return host.endswith(".example") and (bool(self._owners(host)) or self._town(host) is not None)

    def get(self, host: str, path: str) -> Sent | None:
        """The page at an address.

        Args:
            host: Of the site.
            path: Without the first slash.

        Returns:
            It, or ``None`` where the site has no such page.
        """
        if path == "robots.txt":
            return _robots(host)
        owners = self._owners(host)
        if owners:
            return self._own_site(host, path, owners)
        sites = self._town(host)
        return sites.get(host, path) if sites else None

    def _town(self, host: str) -> TownSites | None:
        named = [place for place in self.world if place.town.slug in host]
        for place in sorted(named, key=lambda place: -len(place.town.slug)):
            sites = self.of(place)
            if host in sites.hosts or host == sites.portal:
                return sites
        return None

    def _owners(self, host: str) -> list[tuple[Place, Entity]]:
        """The places whose own site this is: branches of a chain can share one."""
        number = _OWN_SITE.fullmatch(host)
        if number is None:
            return []
        index = int(number[1])
        return [
            (place, place.city.entities[index])
            for place in self.world
            if index < len(place.city.entities) and _host(place.city.entities[index].website) == host
        ]

    def _own_site(self, host: str, path: str, owners: Sequence[tuple[Place, Entity]]) -> Sent | None:
        if path not in ("", "contact"):
            return Sent(body) if (body := noise(host, path)) else None
        written = [self.of(place).guide.official(entity) for place, entity in owners]
        texts, data = "".join(text for text, _ in written), [item for _, item in written]
        first = owners[0][1]
        # Every third site has no data for machines.
        head = json_ld(data if len(data) > 1 else data[0]) if first.number % 3 else ""
        title = first.names.get("en", first.name)
        return Sent(document(title, texts, head=head, site=host))


def _page(
    url: str, title: str, style: str, trust: float, *, mentions: tuple[Mention, ...], links: tuple[str, ...] = ()
) -> Written:
    kinds = Counter(mention.category for mention in mentions)
    words = {
        word for text in (title, *(name.replace("_", " ") for name in kinds)) for word in _WORD.findall(text.casefold())
    }
    return Written(url, title, style, trust, mentions, links, frozenset(words))


def _plainly(entity: Entity) -> Mention:
    name = entity.names.get("en", entity.name)
    at = Point(round(entity.at.lat, 5), round(entity.at.lng, 5))
    return Mention(
        name, entity.name if entity.name != name else None, entity.category, entity.street, entity.house, at, entity
    )


def _host(website: str | None) -> str | None:
    return website.split("/")[2] if website else None


def _robots(host: str) -> Sent | None:
    """What a site asks of robots: most allow nearly all; some want patience, some have no such file."""
    kind = int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big") % 10
    if kind == 0:
        return None
    lines = ["User-agent: *", "Disallow: /private/", "Allow: /"]
    if kind == 1:
        lines.insert(1, "Crawl-delay: 1")
    return Sent("\n".join([*lines, ""]).encode(), "text/plain; charset=utf-8")


def _json(document: Mapping[str, Any]) -> Sent:
    return Sent(json.dumps(document, ensure_ascii=False).encode(), "application/json")


def _feature(entity: Entity) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [entity.at.lng, entity.at.lat]},
        "properties": {"name": entity.names.get("en", entity.name), "category": entity.category},
    }


def _table(records: Sequence[Entity]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("name", "category", "latitude", "longitude"))
    table.writerows((e.names.get("en", e.name), e.category, e.at.lat, e.at.lng) for e in records)
    return text.getvalue().encode()
