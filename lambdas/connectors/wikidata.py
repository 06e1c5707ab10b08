"""The Wikidata Query Service: what Wikidata knows in a box, and what it says of a city.

A query may take 60 s, and all queries of one application 60 s of processor time a minute
(https://www.mediawiki.org/wiki/Wikidata_Query_Service/User_Manual#Query_limits). So a query asks for a box and for what
items say themselves; what their classes are is judged here, since to follow subclasses takes longest. When its time is
over on the way, the answer has status 200, and a Java stack trace in the middle of the JSON
(osm-search/wikipedia-wikidata#4).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from lambdas.connectors.protocols import Findings
from lambdas.connectors.service import Service, ServiceInfo
from lambdas.connectors.wikidata_classes import category
from lambdas.contracts.candidate import (
    AdditionalContent,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Signals,
    Source,
)
from lambdas.contracts.connectors import Connector, Split
from lambdas.places.geo import Disc, Point, offset
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused

LICENCE = Licence(id="CC0-1.0", attribution="Wikidata")
INFO = ServiceInfo(
    "wikidata",
    Connector.WIKI,
    "https://query.wikidata.org",
    LICENCE,
    pause=30.0,
    seconds=44.0,
    failing=re.compile(rb"java\.util\.concurrent\.|SPARQL-QUERY: "),
)

# Half the side of the largest box of a query, in metres.
MAX_REACH_M = 4_000.0
# Rows, of which an item has one for each of its classes. What has fewer links than the last is not known for much.
MAX_ROWS = 6_000
# A position of Wikidata is mostly right to a second of arc, and now and then to a minute.
POSITION_CONFIDENCE = 0.9
OVERALL_CONFIDENCE = 0.85
_MAX_NAME = 200
# The label of an item for all languages in which it has none of its own
# (https://www.wikidata.org/wiki/Help:Default_values_for_labels_and_aliases).
_ANY_LANGUAGE = "mul"
# What is gone keeps its item: its state of conservation or of use is "demolished or destroyed"
# (https://www.wikidata.org/wiki/Property:P5816, commons-app/apps-android-commons#3357). A date of dissolution (P576)
# says less: an abbey that was dissolved may be a ruin to visit.
_GONE = "wdt:P5816|wdt:P5817 wd:Q56556915"
_ITEM = re.compile(r"https?://www\.wikidata\.org/entity/(Q[1-9]\d*)")
_POINT = re.compile(r"Point\((-?\d+(?:\.\d+)?(?:[eE]-?\d+)?) (-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)\)", re.IGNORECASE)
_WEB = ("http://", "https://")

Row = Mapping[str, str]


@dataclass
class _Item:
    """An item, gathered from its rows."""

    ref: str
    at: Point
    links: int
    names: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    article: str | None = None
    site: str | None = None


class Wikidata:
    """Wikidata for a run.

    Args:
        service: The query service.
        languages: In which languages names are wanted, the local ones first, the one of most of the world last.
    """

    name = "wikidata"

    def __init__(self, service: Service, languages: Sequence[str] = ("en",)) -> None:
        self._service = service
        self._languages = tuple(languages)

    def sights(self, city: str, area: Disc, lineage: Lineage) -> Iterator[Findings]:
        """See ``KnowledgeBase``: the items in a disc that are places, still stand and have an article anywhere.

        Raises:
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is no result of SPARQL.
        """
        known: set[str] = set()
        # An item on the border of two boxes is in both.
        for rows in (rows for box in _boxes(area) for rows in self._select(sights_query(box, self._languages))):
            items = [item for item in _items(rows, self._languages) if item.ref not in known]
            known.update(item.ref for item in items)
            found = [
                _candidate(item, kind, lineage, self._languages)
                for item in items
                if area.contains(item.at) and item.names and (kind := category(item.classes))
            ]
            yield Findings(found, 1)

    def sites_of(self, item: str) -> list[tuple[str, str]]:
        """The sites that an item names: of what kind (``official`` or ``open_data``), and where.

        Args:
            item: Such as ``Q23436``.
        """
        query = (
            "SELECT ?official ?open_data WHERE { "
            f"{{ wd:{item} wdt:P856 ?official }} UNION {{ wd:{item} wdt:P8402 ?open_data }} }}"
        )
        found = {
            (kind, url)
            for rows in self._select(query)
            for row in rows
            for kind, url in row.items()
            if url.startswith(_WEB)
        }
        return sorted(found)

    def _select(self, query: str) -> Iterator[list[Row]]:
        request = Request({"service": self._service.base_url, "query": query})
        for reply in self._service.run.call(Connector.WIKI, [request], self._fetch, Split.PRIMARIES):
            yield _rows(reply.body)

    def _fetch(self, request: Request) -> Reply:
        body = self._service.ask(
            "/sparql",
            {"query": request.params["query"]},
            headers={"Accept": "application/sparql-results+json"},
        )
        return Reply(request, body, units=1, items=len(_rows(body)))


def _boxes(area: Disc) -> Iterator[Disc]:
    """Discs whose boxes cover a disc: a query for a large box takes too long."""
    parts = math.ceil(area.radius_m / MAX_REACH_M)
    reach = area.radius_m / parts
    steps = [(2 * number + 1 - parts) * reach for number in range(parts)]
    for east in steps:
        for north in steps:
            box = Disc(offset(area.center, east, north), reach)
            if area.touches(Disc(box.center, reach * math.sqrt(2))):
                yield box


def sights_query(area: Disc, languages: Sequence[str]) -> str:
    """The query for what lies in the box around a disc, what most is written about first.

    Args:
        area: The disc.
        languages: In which languages names are wanted.
    """
    reach = area.radius_m
    corners = {
        "SouthWest": offset(area.center, -reach, -reach),
        "NorthEast": offset(area.center, reach, reach),
    }
    box = " ".join(
        f'bd:serviceParam wikibase:corner{name} "Point({at.lng:.6f} {at.lat:.6f})"^^geo:wktLiteral .'
        for name, at in corners.items()
    )
    asked = (*languages, _ANY_LANGUAGE)
    labels = " ".join(
        f'OPTIONAL {{ ?item rdfs:label ?name_{language} . FILTER(LANG(?name_{language}) = "{language}") }}'
        for language in asked
    )
    names = " ".join(f"?name_{language}" for language in asked)
    return (
        f"SELECT ?item ?at ?links ?class ?class_name ?article ?site {names} WHERE {{ "
        f"SERVICE wikibase:box {{ ?item wdt:P625 ?at . {box} }} "
        "?item wikibase:sitelinks ?links . FILTER(?links > 0) "
        f"FILTER NOT EXISTS {{ ?item {_GONE} }} "
        "?item wdt:P31 ?class . "
        'OPTIONAL { ?class rdfs:label ?class_name . FILTER(LANG(?class_name) = "en") } '
        f"{labels} "
        "OPTIONAL { ?article schema:about ?item . ?article schema:isPartOf <https://en.wikipedia.org/> } "
        "OPTIONAL { ?item wdt:P856 ?site } "
        f"}} ORDER BY DESC(?links) ?item LIMIT {MAX_ROWS}"
    )


def _rows(body: Any) -> list[Row]:  # noqa: ANN401 - whatever came
    try:
        bindings = body["results"]["bindings"]
        return [{name: str(term["value"]) for name, term in row.items()} for row in bindings]
    except (KeyError, TypeError, AttributeError) as error:
        raise ServiceRefused("wikidata answered with what is no result of SPARQL") from error


def _items(rows: Sequence[Row], languages: Sequence[str]) -> list[_Item]:
    """The items in some rows, each once, in their order; a row that names no item or no position is left out."""
    items: dict[str, _Item] = {}
    for row in rows:
        named, placed = _ITEM.fullmatch(row.get("item", "")), _POINT.fullmatch(row.get("at", ""))
        if not named or not placed:
            continue
        at = Point(float(placed[2]), float(placed[1]))
        if abs(at.lat) > 90 or abs(at.lng) > 180:
            continue
        item = items.setdefault(named[1], _Item(named[1], at, _whole(row.get("links", ""))))
        if kind := _ITEM.fullmatch(row.get("class", "")):
            item.classes[kind[1]] = row.get("class_name", "")[:_MAX_NAME]
        for language in languages:
            if name := row.get(f"name_{language}", "").strip():
                item.names.setdefault(language, name[:_MAX_NAME])
        # In the country's own language a place is not called what it is called everywhere else.
        if languages[-1] not in item.names and (name := row.get(f"name_{_ANY_LANGUAGE}", "").strip()):
            item.names[languages[-1]] = name[:_MAX_NAME]
        item.article = item.article or _address(row.get("article"))
        item.site = item.site or _address(row.get("site"))
    return list(items.values())


def _candidate(item: _Item, kind: str, lineage: Lineage, languages: Sequence[str]) -> Candidate:
    local = next(language for language in languages if language in item.names)
    signals = Signals(sitelinks=item.links, has_wikipedia=item.article is not None)
    return Candidate(
        record_id=f"{Source.WIKIDATA}:{item.ref}",
        name=item.names[local],
        names=item.names,
        source=Source.WIKIDATA,
        lat=item.at.lat,
        lng=item.at.lng,
        category=kind,
        source_url=f"https://www.wikidata.org/wiki/{item.ref}",
        coordinates_confidence=POSITION_CONFIDENCE,
        confidences=Confidences(
            overall=OVERALL_CONFIDENCE, name=0.95, location=POSITION_CONFIDENCE, category=OVERALL_CONFIDENCE
        ),
        lineage=lineage,
        external_refs=ExternalRefs(wikidata_id=item.ref, wikipedia_url=item.article),
        additional_content=AdditionalContent(signals=signals, website=item.site),
        licences=(LICENCE,),
    )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _address(text: str | None) -> str | None:
    """An address of the web, or nothing."""
    if not text or not text.startswith(_WEB) or len(text) > 2048 or not urlsplit(text).hostname:
        return None
    return text
