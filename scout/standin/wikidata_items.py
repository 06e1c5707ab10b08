"""Wikidata's items on the towns of the world and their places, as RDF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rdflib import RDFS, Graph, Literal, Namespace, URIRef
from rdflib.namespace import SKOS

from lambdas.mock.register import Sighting
from lambdas.mock.stream import Stream
from lambdas.places.geo import Point
from scout.standin import facts
from scout.standin.maps import web_address
from scout.standin.world import Place

WD: Final = Namespace("http://www.wikidata.org/entity/")
WDT: Final = Namespace("http://www.wikidata.org/prop/direct/")
WIKIBASE: Final = Namespace("http://wikiba.se/ontology#")
BD: Final = Namespace("http://www.bigdata.com/rdf#")
SCHEMA: Final = Namespace("http://schema.org/")
GEO: Final = Namespace("http://www.opengis.net/ont/geosparql#")
CLASSES: Final = {
    "artwork": "Q838948",
    "attraction": "Q570116",
    "bar": "Q187456",
    "cafe": "Q30022",
    "gallery": "Q1007870",
    "historic": "Q839954",
    "hotel": "Q27686",
    "library": "Q7075",
    "market": "Q330284",
    "monument": "Q4989906",
    "museum": "Q33506",
    "nature": "Q179049",
    "park": "Q22698",
    "religious": "Q1370598",
    "restaurant": "Q11707",
    "service": "Q43229",
    "shop": "Q213441",
    "sports": "Q1076486",
    "theatre": "Q24354",
    "viewpoint": "Q6017969",
}
"""The real class of each category (P31); Wikidata is CC0."""

# What an item is beside that, which says less: an attraction, or the organization that runs it.
_BESIDE: Final = {"historic": "Q570116", "religious": "Q570116", "library": "Q43229", "museum": "Q43229"}
_BESIDE_SHARE: Final = 0.3
# Names that are the same in most languages stand as their default alone
# (https://www.wikidata.org/wiki/Help:Default_values_for_labels_and_aliases).
_DEFAULT_SHARE: Final = 0.1
# What stood beside a place until it was demolished has an item, too.
_GONE_SHARE: Final = 0.05
_GONE_IDS: Final = 9_900_000_000


def item_id(sighting: Sighting) -> str:
    """The item of a sighting: that of the truth behind it, which all services of this world name."""
    return sighting.entity.wikidata_id if sighting.entity and sighting.entity.wikidata_id else sighting.id


def graph_of_towns(places: Sequence[Place]) -> Graph:
    """The items of some towns."""
    if len(places) == 1:
        return places[0].once("items", lambda: _items(places[0]))
    together = Graph()
    for place in places:
        together += graph_of_towns([place])
    return together


def _items(place: Place) -> Graph:
    graph = Graph()
    city = WD[place.town.item]
    _add(graph, city, {"en": place.town.name}, kind="Q515", at=place.town.area.center, links=120)
    graph.add((city, SCHEMA.description, Literal(f"city in {place.town.country.name}", lang="en")))
    graph.add((city, WDT.P856, URIRef(place.town.site)))
    for sighting in place.wikidata.sightings:
        entity = sighting.entity
        if entity is None:
            continue
        item = WD[item_id(sighting)]
        names = {language: name for language, name in sighting.names.items() if language != "ja-Latn"}
        kind = CLASSES.get(entity.category, "Q41176")
        stream = Stream(place.city.key, "item", entity.number)
        if "en" in names and stream.chance(_DEFAULT_SHARE):
            names["mul"] = names.pop("en")
        _add(graph, item, names, kind=kind, at=sighting.at, links=facts.sitelinks(entity))
        if entity.category in _BESIDE and stream.chance(_BESIDE_SHARE):
            graph.add((item, WDT.P31, WD[_BESIDE[entity.category]]))
        if stream.chance(_GONE_SHARE):
            gone = WD[f"Q{_GONE_IDS + entity.number}"]
            _add(graph, gone, {"en": f"Old {entity.name}"}, kind=kind, at=sighting.at, links=2)
            graph.add((gone, WDT.P5816, WD.Q56556915))
        graph.add((item, SCHEMA.description, Literal(facts.description(place.city, entity), lang="en")))
        graph.add((item, WDT.P131, city))
        if "ja-Latn" in entity.names:
            graph.add((item, SKOS.altLabel, Literal(entity.names["ja-Latn"], lang="en")))
        if entity.website:
            graph.add((item, WDT.P856, URIRef(web_address(entity.website))))
        if entity.has_wikipedia:
            title = entity.names.get("en", entity.name).replace(" ", "_")
            article = URIRef(f"https://en.wikipedia.org/wiki/{title}".replace('"', "%22"))
            graph.add((article, SCHEMA.about, item))
            graph.add((article, SCHEMA.isPartOf, URIRef("https://en.wikipedia.org/")))
            graph.add((article, SCHEMA.inLanguage, Literal("en")))
    return graph


def _add(graph: Graph, item: URIRef, names: dict[str, str], *, kind: str, at: Point, links: int) -> None:
    graph.add((item, WDT.P31, WD[kind]))
    graph.add((item, WDT.P625, Literal(f"Point({at.lng} {at.lat})", datatype=GEO.wktLiteral)))
    graph.add((item, WIKIBASE.sitelinks, Literal(links)))
    for language, name in names.items():
        graph.add((item, RDFS.label, Literal(name, lang=language)))
