"""The MediaWiki API (https://www.mediawiki.org/wiki/API) of Wikipedia and Wikivoyage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lambdas.mock.stream import Stream
from lambdas.places.geo import Disc, Point, distance_m
from scout.standin import articles
from scout.standin.articles import Article
from scout.standin.exchange import Refused, Reply, Request, anonymous, json_reply
from scout.standin.fault_rules import Cap, Lag
from scout.standin.faults import find
from scout.standin.world import Place, World

_MAX_TITLES: Final = 50
_MAX_LIMIT: Final = 500
_GEO_RADIUS: Final = (10, 10_000)
_PROPS: Final = frozenset(
    {"pageviews", "pageprops", "coordinates", "extlinks", "info", "extracts", "description", "revisions"}
)
_PARSED: Final = frozenset({"wikitext", "links", "sections", "externallinks", "displaytitle", "properties"})
_VIEW_DAYS: Final = 60
_LAST_DAY: Final = datetime(2026, 11, 1, tzinfo=UTC)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")

Parameters = Mapping[str, str]


class MediaWiki:
    """The API of one wiki, in all its languages.

    Args:
        world: What it writes about.
        project: ``wikipedia`` or ``wikivoyage``.
    """

    def __init__(self, world: World, project: str) -> None:
        self._world = world
        self.project = project

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to ``[/{language}]/w/api.php``.

        Errors have status 200 and a header, as MediaWiki's have.

        Raises:
            Refused: By 403 without a User-Agent of the application's own.
        """
        if anonymous(request):
            raise Refused(Reply(403, b"Please set a user-agent and respect our robot policy", "text/plain"))
        first = request.path.split("/")[1]
        language = first if _LANGUAGE.fullmatch(first) and first != "w" else "en"
        asked = request.form
        if (lag := find(faults, Lag)) and "maxlag" in asked and float(asked["maxlag"]) < lag.seconds:
            told = {
                "code": "maxlag",
                "info": f"Waiting for db1: {lag.seconds} seconds lagged.",
                "host": "db1",
                "lag": lag.seconds,
            }
            return json_reply(
                {"error": told}, MediaWiki_API_Error="maxlag", Retry_After="5", X_Database_Lag=f"{lag.seconds:.0f}"
            )
        try:
            if asked.get("format") != "json":
                raise _Wrong("badformat", "This world answers in JSON only: format=json is needed.")
            match asked.get("action", "help"):
                case "query":
                    return json_reply(self._query(asked, language, find(faults, Cap)))
                case "parse":
                    return json_reply(self._parse(asked, language))
                case other:
                    raise _Wrong("badvalue", f'Unrecognized value for parameter "action": {other}.')
        except _Wrong as error:
            return json_reply({"error": {"code": error.code, "info": error.info}}, MediaWiki_API_Error=error.code)

    def pages(self, place: Place, language: str) -> dict[str, Article]:
        """The pages of this wiki about one town, by title."""
        if self.project == "wikipedia":
            return place.once(f"wikipedia-{language}", lambda: articles.wikipedia(place, language))
        return place.once("wikivoyage", lambda: articles.wikivoyage(place)) if language == "en" else {}

    def _query(self, asked: Parameters, language: str, cap: Cap | None) -> dict[str, Any]:
        modern = asked.get("formatversion") in ("2", "latest")
        result: dict[str, Any] = {"batchcomplete": True if modern else ""}
        query: dict[str, Any] = {}
        lists = _several(asked, "list", frozenset({"geosearch", "search"}))
        if "geosearch" in lists:
            found = self._near(asked, language, "gs")
            query["geosearch"] = [_found(article, distance, modern) for distance, article in found][
                : cap.items if cap else None
            ]
        if "search" in lists:
            query["search"] = [
                {"ns": 0, "title": article.title, "pageid": article.page_id, "snippet": article.wikitext[:80]}
                for article in self._search(asked, language)
            ]
        pages, missing = self._named(asked, language)
        if asked.get("generator") == "geosearch":
            pages = [article for _, article in self._near(asked, language, "ggs")]
        elif "generator" in asked:
            raise _Wrong("badvalue", f'Unrecognized value for parameter "generator": {asked["generator"]}.')
        if pages or missing:
            documents, onward = self._documents(asked, pages, modern)
            documents += [{"ns": 0, "title": title, "missing": True if modern else ""} for title in missing]
            query["pages"] = (
                documents if modern else {str(page.get("pageid", -1 - n)): page for n, page in enumerate(documents)}
            )
            if onward:
                result["continue"] = onward
                if not modern:
                    result.pop("batchcomplete")
        return {**result, "query": query} if query else result

    def _near(self, asked: Parameters, language: str, prefix: str) -> list[tuple[float, Article]]:
        """The pages around a point, the nearest first."""
        try:
            lat, lng = (float(text) for text in asked.get(f"{prefix}coord", "").split("|"))
        except ValueError:
            raise _Wrong(
                "missingparam", f'One of the parameters "{prefix}coord", "{prefix}page" and "{prefix}bbox" is required.'
            ) from None
        radius = _number(asked, f"{prefix}radius", 500)
        if not _GEO_RADIUS[0] <= radius <= _GEO_RADIUS[1]:
            raise _Wrong(
                "badinteger", f'The value {radius} for parameter "{prefix}radius" must be between 10 and 10000.'
            )
        limit = _limit(asked, f"{prefix}limit")
        at = Point(lat, lng)
        found = [
            (round(distance, 1), article)
            for place in self._world.touching(Disc(at, radius))
            for article in self.pages(place, language).values()
            if article.at is not None and (distance := distance_m(at, article.at)) <= radius
        ]
        return sorted(found, key=lambda pair: (pair[0], pair[1].title))[:limit]

    def _search(self, asked: Parameters, language: str) -> list[Article]:
        text = asked.get("srsearch", "").casefold()
        if not text:
            raise _Wrong("missingparam", 'The "srsearch" parameter must be set.')
        prefix = text.removeprefix("prefix:") if text.startswith("prefix:") else None
        limit = _limit(asked, "srlimit")
        found = [
            article
            for place in self._world
            for article in self.pages(place, language).values()
            if (article.title.casefold().startswith(prefix) if prefix else text in article.title.casefold())
        ]
        return sorted(found, key=lambda article: (len(article.title), article.title))[:limit]

    def _named(self, asked: Parameters, language: str) -> tuple[list[Article], list[str]]:
        """The pages that the request names, and the titles that do not exist."""
        titles = [title.replace("_", " ") for title in asked.get("titles", "").split("|") if title]
        ids = {text for text in asked.get("pageids", "").split("|") if text}
        if len(titles) > _MAX_TITLES or len(ids) > _MAX_TITLES:
            raise _Wrong(
                "toomanyvalues", f'Too many values supplied for parameter "titles". The limit is {_MAX_TITLES}.'
            )
        found = [self._page(title, language) for title in titles]
        by_id = [article for article in self._all(language) if str(article.page_id) in ids] if ids else []
        missing = [title for title, article in zip(titles, found, strict=True) if article is None]
        return [*filter(None, found), *by_id], missing

    def _all(self, language: str) -> Iterator[Article]:
        for place in self._world:
            yield from self.pages(place, language).values()

    def _page(self, title: str, language: str) -> Article | None:
        for place in self._world:
            article = self.pages(place, language).get(title)
            if article is not None:
                return article
        return None

    def _documents(
        self, asked: Parameters, pages: list[Article], modern: bool
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        props = _several(asked, "prop", _PROPS)
        documents = [{"pageid": article.page_id, "ns": 0, "title": article.title} for article in pages]
        makers: dict[str, Callable[[Article], dict[str, Any]]] = {
            "pageviews": lambda article: {"pageviews": _views(article, _number(asked, "pvipdays", _VIEW_DAYS))},
            "pageprops": lambda article: {"pageprops": {"wikibase_item": article.item}} if article.item else {},
            "coordinates": lambda article: _coordinates(article, modern),
            "info": lambda article: {"length": len(article.wikitext), "touched": "2026-10-01T00:00:00Z"},
            "extracts": lambda article: {
                "extract": re.sub(r"\{\{.*?\}\}\n?|'''|\[\[|\]\]", "", article.wikitext, flags=re.DOTALL)[:600]
            },
            "description": lambda article: {"description": f"place near {article.at}"} if article.at else {},
            "revisions": lambda article: _revision(article, modern),
        }
        for prop in props:
            if prop in makers:
                for document, article in zip(documents, pages, strict=True):
                    document.update(makers[prop](article))
        onward = _add_links(asked, documents, pages, modern) if "extlinks" in props else {}
        return documents, onward

    def _parse(self, asked: Parameters, language: str) -> dict[str, Any]:
        modern = asked.get("formatversion") in ("2", "latest")
        article = None
        if title := asked.get("page", "").replace("_", " "):
            article = self._page(title, language)
        elif ref := asked.get("pageid"):
            article = next((page for page in self._all(language) if str(page.page_id) == ref), None)
        else:
            raise _Wrong("missingparam", 'The "page" parameter must be set.')
        if article is None:
            raise _Wrong("missingtitle", "The page you specified doesn't exist.")
        props = _several(asked, "prop", _PARSED) or ["wikitext"]
        parsed: dict[str, Any] = {"title": article.title, "pageid": article.page_id}
        if "wikitext" in props:
            parsed["wikitext"] = article.wikitext if modern else {"*": article.wikitext}
        if "links" in props:
            parsed["links"] = [
                {"ns": 0, "title": name, "exists": True} if modern else {"ns": 0, "exists": "", "*": name}
                for name in article.inner
            ]
        if "externallinks" in props:
            parsed["externallinks"] = list(article.links)
        if "sections" in props:
            parsed["sections"] = [
                {"toclevel": 1, "level": "2", "line": line, "number": str(n), "index": str(n), "anchor": line}
                for n, line in enumerate(article.sections, start=1)
            ]
        if "displaytitle" in props:
            parsed["displaytitle"] = article.title
        if "properties" in props and article.item:
            parsed["properties"] = (
                {"wikibase_item": article.item} if modern else [{"name": "wikibase_item", "*": article.item}]
            )
        return {"parse": parsed}


class _Wrong(Exception):
    def __init__(self, code: str, info: str) -> None:
        super().__init__(info)
        self.code = code
        self.info = info


def _several(asked: Parameters, name: str, known: frozenset[str]) -> list[str]:
    values = [value for value in asked.get(name, "").split("|") if value]
    for value in values:
        if value not in known:
            raise _Wrong("badvalue", f'Unrecognized value for parameter "{name}": {value}.')
    return values


def _number(asked: Parameters, name: str, default: int) -> int:
    try:
        return int(asked.get(name, default))
    except ValueError:
        raise _Wrong("badinteger", f'Invalid value "{asked[name]}" for integer parameter "{name}".') from None


def _limit(asked: Parameters, name: str) -> int:
    if asked.get(name) == "max":
        return _MAX_LIMIT
    return max(1, min(_MAX_LIMIT, _number(asked, name, 10)))


def _found(article: Article, distance: float, modern: bool) -> dict[str, Any]:
    at = article.at or Point(0.0, 0.0)
    return {
        "pageid": article.page_id,
        "ns": 0,
        "title": article.title,
        "lat": round(at.lat, 5),
        "lon": round(at.lng, 5),
        "dist": distance,
        "primary": True if modern else "",
    }


def _views(article: Article, days: int) -> dict[str, int | None]:
    stream = Stream("views", article.title)
    first = _LAST_DAY - timedelta(days=max(1, min(_VIEW_DAYS, days)))
    # The newest day has not been counted yet: the real service says null then.
    counted = {
        f"{first + timedelta(days=day):%Y-%m-%d}": round(article.views * stream.between(0.8, 1.2))
        for day in range(max(1, min(_VIEW_DAYS, days)) - 1)
    }
    return {**counted, f"{_LAST_DAY - timedelta(days=1):%Y-%m-%d}": None}


def _coordinates(article: Article, modern: bool) -> dict[str, Any]:
    if article.at is None:
        return {}
    lat, lng = (round(number, 6) for number in article.at)
    return {"coordinates": [{"lat": lat, "lon": lng, "primary": True if modern else "", "globe": "earth"}]}


def _revision(article: Article, modern: bool) -> dict[str, Any]:
    slot = {"contentmodel": "wikitext", "contentformat": "text/x-wiki"}
    content = {"content": article.wikitext} if modern else {"*": article.wikitext}
    return {"revisions": [{"slots": {"main": {**slot, **content}}}]}


def _add_links(
    asked: Parameters, documents: list[dict[str, Any]], pages: list[Article], modern: bool
) -> dict[str, str]:
    """Give each page its links, as many as the limit lets through, and say where to go on."""
    limit, start = _limit(asked, "ellimit"), _number(asked, "elcontinue", 0)
    links = [(index, link) for index, article in enumerate(pages) for link in article.links]
    for index, link in links[start : start + limit]:
        documents[index].setdefault("extlinks", []).append({"url": link} if modern else {"*": link})
    end = start + limit
    return {"elcontinue": str(end), "continue": "||"} if end < len(links) else {}
