"""The Wikidata Query Service (https://www.mediawiki.org/wiki/Wikidata_Query_Service/User_Manual): items in a box.

Queries are SPARQL, read and answered by rdflib; the services of Wikidata in them (box, around, label) are done here. A
query without a place or a given item is refused: over all of Wikidata it would end in a time-out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from rdflib import RDFS, Graph, Literal, URIRef, Variable
from rdflib.exceptions import ParserError
from rdflib.namespace import SKOS, XSD
from rdflib.plugins.sparql import CUSTOM_EVALS
from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.evaluate import evalPart
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.plugins.sparql.sparql import AlreadyBound, FrozenBindings, QueryContext
from rdflib.query import Result
from rdflib.term import Node

from lambdas.places.geo import Disc, Point, distance_m
from scout.standin.exchange import Refused, Reply, Request, anonymous
from scout.standin.fault_rules import Cap
from scout.standin.faults import find
from scout.standin.wikidata_items import BD, GEO, SCHEMA, WD, WDT, WIKIBASE, graph_of_towns
from scout.standin.world import Place, World

_PREFIXES: Final = {
    "wd": str(WD),
    "wdt": str(WDT),
    "wikibase": str(WIKIBASE),
    "bd": str(BD),
    "schema": str(SCHEMA),
    "geo": str(GEO),
    "rdfs": str(RDFS),
    "skos": str(SKOS),
    "xsd": str(XSD),
}
"""What Wikidata's service knows without being told, as far as this world uses it."""

_POINT: Final = re.compile(r"Point\(\s*(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)\s*\)", re.IGNORECASE)
_LABELS: Final = re.compile(r"[?$](\w+?)(Label|AltLabel|Description)\b")
_LABEL_NODE: Final = "WikibaseLabels"
_OUTER: Final = frozenset(
    {"Project", "OrderBy", "Distinct", "Reduced", "Slice", "Extend", "AggregateJoin", "Group", "Filter"}
)
_MAX_ROWS: Final = 50_000
_JSON: Final = "application/sparql-results+json"


class QueryError(ValueError):
    """A query that is no SPARQL, or outside of what this world answers."""


class QueryService:
    """Answers ``/sparql``.

    Args:
        world: Whose items.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        CUSTOM_EVALS["scout.standin"] = _evaluated

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to a query in ``query``, as JSON where that is asked for, else as XML.

        Raises:
            Refused: By 403 without a User-Agent of the application's own
                (https://foundation.wikimedia.org/wiki/Policy:User-Agent_policy), by 400 a query that is wrong.
        """
        if anonymous(request):
            raise Refused(Reply(403, b"Please set a user-agent and respect our robot policy", "text/plain"))
        text = request.form.get("query", "")
        if request.headers.get("content-type", "").startswith("application/sparql-query"):
            text = request.body.decode("utf-8", "replace")
        try:
            result = self._run(text)
        except (QueryError, ParserError) as error:
            raise Refused(Reply(400, f"SPARQL-QUERY: malformed or refused: {error}".encode(), "text/plain")) from error
        if cap := find(faults, Cap):
            result.bindings = result.bindings[: cap.items]
        wanted = request.headers.get("accept", "")
        as_json = request.form.get("format") == "json" or "json" in wanted
        body = result.serialize(format="json" if as_json else "xml")
        return Reply(
            body=body or b"", content_type=f"{_JSON if as_json else 'application/sparql-results+xml'};charset=utf-8"
        )

    def _run(self, text: str) -> Result:
        try:
            query = translateQuery(parseQuery(text), None, _PREFIXES)
        except Exception as error:
            # rdflib raises what its parser raises, and plain Exception for unknown prefixes.
            raise QueryError(str(error)) from error
        if query.algebra.name != "SelectQuery":
            raise QueryError("only SELECT is answered")
        places = self._places(text)
        languages, query.algebra = _without_labels(query.algebra)
        if languages is not None:
            _add_labels(query.algebra, languages, sorted(set(_LABELS.findall(text))))
        result = graph_of_towns(places).query(query)
        # rdflib evaluates when it is read: here, so that what goes wrong is told.
        rows = result.bindings
        if len(rows) > _MAX_ROWS:
            raise QueryError("too many rows")
        return result

    def _places(self, text: str) -> list[Place]:
        """The towns that a query can mean: those at its points, or all if it names items itself."""
        points = [Point(float(lat), float(lng)) for lng, lat in _POINT.findall(text)]
        if points:
            middle = Point(sum(p.lat for p in points) / len(points), sum(p.lng for p in points) / len(points))
            reach = max(distance_m(middle, point) for point in points)
            return list(self._world.touching(Disc(middle, max(reach, 20_000.0))))
        if re.search(r"\bwd:Q\d+|entity/Q\d+", text):
            return list(self._world)
        raise QueryError("TimeoutException: the query names neither a place nor an item")


def _without_labels(node: CompValue) -> tuple[list[str] | None, CompValue]:
    """The algebra without the label service, and the languages that it was asked for."""
    languages: list[str] | None = None
    for name in ("p", "p1", "p2"):
        child = node.get(name)
        if not isinstance(child, CompValue):
            continue
        if child.name == "Join" and _is_label(child.p2):
            languages = _languages(child.p2)
            child = child.p1
            node[name] = child
        found, changed = _without_labels(child)
        node[name] = changed
        languages = languages if found is None else found
    return languages, node


def _is_label(node: object) -> bool:
    return isinstance(node, CompValue) and node.name == "ServiceGraphPattern" and node.term == WIKIBASE.label


def _languages(service: CompValue) -> list[str]:
    for subject, predicate, value in _triples(service):
        if subject == BD.serviceParam and predicate == WIKIBASE.language:
            return [language.strip() for language in str(value).split(",") if not language.startswith("[AUTO")]
    raise QueryError("the label service needs bd:serviceParam wikibase:language")


def _add_labels(algebra: CompValue, languages: list[str], wanted: list[tuple[str, str]]) -> None:
    """Set labels in below all that can use them: sorting, grouping, projection."""
    node = algebra
    while isinstance(node.p, CompValue) and node.p.name in _OUTER:
        node = node.p
    node["p"] = CompValue(_LABEL_NODE, p=node.p, languages=languages, wanted=wanted, _vars=set())


def _evaluated(ctx: QueryContext, part: CompValue) -> Iterator[FrozenBindings]:
    if part.name == _LABEL_NODE:
        return _labelled(ctx, part)
    if part.name == "ServiceGraphPattern":
        services: dict[Node, Callable[[QueryContext, CompValue], Iterator[FrozenBindings]]] = {
            WIKIBASE.box: _box,
            WIKIBASE.around: _around,
        }
        if part.term not in services:
            raise QueryError(f"the service {part.term} is not known, or not at this place")
        return services[part.term](ctx, part)
    raise NotImplementedError


def _labelled(ctx: QueryContext, part: CompValue) -> Iterator[FrozenBindings]:
    for row in evalPart(ctx, part.p):
        found: dict[Variable, Node] = {}
        for base, kind in part.wanted:
            item = row.get(Variable(base))
            name = Variable(base + kind)
            if isinstance(item, URIRef) and row.get(name) is None:
                found[name] = _label(_graph_of(ctx), item, kind, part.languages)
        yield row.merge(FrozenBindings(ctx, found)) if found else row


def _label(graph: Graph, item: URIRef, kind: str, languages: list[str]) -> Literal:
    predicate = {"Label": RDFS.label, "Description": SCHEMA.description, "AltLabel": SKOS.altLabel}[kind]
    values = {value.language: value for value in graph.objects(item, predicate) if isinstance(value, Literal)}
    for language in languages:
        if language in values:
            return Literal(str(values[language]), lang=language)
    # What has no label in any of the languages is called by its id.
    return Literal(str(item).rpartition("/")[2] if kind == "Label" else "")


def _triples(service: CompValue) -> list[tuple[Node, Node, Node]]:
    flat = [
        term for block in service.graph.part if block.name == "TriplesBlock" for row in block.triples for term in row
    ]
    if any(block.name != "TriplesBlock" for block in service.graph.part):
        raise QueryError(f"only triples may stand in SERVICE {service.term}")
    return [(flat[index], flat[index + 1], flat[index + 2]) for index in range(0, len(flat), 3)]


def _params(service: CompValue) -> tuple[Node, Node, dict[Node, Node]]:
    """Subject and object of the ``wdt:P625`` triple of a service, and its parameters."""
    triples = _triples(service)
    params = {predicate: value for subject, predicate, value in triples if subject == BD.serviceParam}
    located = [(subject, value) for subject, predicate, value in triples if predicate == WDT.P625]
    if len(located) != 1 or len(params) + 1 != len(triples):
        raise QueryError(f"SERVICE {service.term} needs one triple with wdt:P625, and bd:serviceParam")
    return *located[0], params


def _box(ctx: QueryContext, service: CompValue) -> Iterator[FrozenBindings]:
    item, location, params = _params(service)
    corners = [_point(params.get(WIKIBASE[name])) for name in ("cornerSouthWest", "cornerNorthEast")]
    (south, west), (north, east) = corners
    for bound, at in _located(ctx, item, location):
        if south <= at.lat <= north and west <= at.lng <= east:
            yield bound.solution()


def _around(ctx: QueryContext, service: CompValue) -> Iterator[FrozenBindings]:
    item, location, params = _params(service)
    center = _point(params.get(WIKIBASE["center"]))
    radius = float(str(params.get(WIKIBASE.radius, "0"))) * 1000
    measured = params.get(WIKIBASE.distance)
    for bound, at in _located(ctx, item, location):
        distance = distance_m(center, at)
        if distance <= radius:
            if measured is not None:
                bound[measured] = Literal(round(distance / 1000, 4))
            yield bound.solution()


def _located(ctx: QueryContext, item: Node, location: Node) -> Iterator[tuple[Any, Point]]:
    for subject, value in _graph_of(ctx).subject_objects(WDT.P625):
        bound: Any = ctx.push()
        try:
            bound[item], bound[location] = subject, value
        except AlreadyBound:
            continue
        yield bound, _point(value)


def _graph_of(ctx: QueryContext) -> Graph:
    if ctx.graph is None:
        raise QueryError("there is no graph")
    return ctx.graph


def _point(value: Node | None) -> Point:
    found = _POINT.fullmatch(str(value)) if isinstance(value, Literal) else None
    if found is None:
        raise QueryError(f"{value} is no Point(longitude latitude)")
    return Point(float(found[2]), float(found[1]))
