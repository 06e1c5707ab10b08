"""Tavily (https://docs.tavily.com/documentation/api-reference/introduction): a search of the world's own web."""

from __future__ import annotations

import html
import re
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.fault_rules import Cap
from scout.standin.faults import find
from scout.standin.sites import Sites, Written

KEY_PREFIX: Final = "tvly-"
"""What every key begins with; the world takes any such key."""

PLAN_LIMIT: Final = 1_000
_MAX_RESULTS: Final = 20
_MAX_URLS: Final = 20
_DEPTHS: Final = {"basic": 1, "fast": 1, "ultra-fast": 1, "advanced": 2}
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
_SEARCH: Final = frozenset(
    {
        "query",
        "auto_parameters",
        "topic",
        "search_depth",
        "chunks_per_source",
        "max_results",
        "time_range",
        "days",
        "start_date",
        "end_date",
        "include_answer",
        "include_raw_content",
        "include_images",
        "include_image_descriptions",
        "include_favicon",
        "include_domains",
        "exclude_domains",
        "country",
        "include_usage",
    }
)
_EXTRACT: Final = frozenset(
    {
        "urls",
        "query",
        "chunks_per_source",
        "extract_depth",
        "include_images",
        "include_favicon",
        "format",
        "timeout",
        "include_usage",
    }
)


class Tavily:
    """Answers ``/search``, ``/extract`` and ``/usage``.

    Args:
        sites: The web.
    """

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._lock = threading.Lock()
        self._spent: Counter[str] = Counter()

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to a request with a key.

        Raises:
            Refused: By 401 without a key, 400 with wrong parameters, 432 where the plan's credits are used up.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not key.startswith(KEY_PREFIX):
            raise _refused(401, "Unauthorized: missing or invalid API key.")
        endpoint = request.path.rstrip("/").rpartition("/")[2]
        if endpoint == "usage" and request.method == "GET":
            return json_reply(self._usage(key))
        if endpoint not in ("search", "extract") or request.method != "POST":
            raise _refused(404, "Not Found")
        try:
            asked = request.json()
        except ValueError:
            raise _refused(400, "The body is not JSON.") from None
        known = _SEARCH if endpoint == "search" else _EXTRACT
        if not isinstance(asked, dict) or not asked.keys() <= known:
            raise _refused(400, f"Unknown parameters: {', '.join(sorted(set(asked) - known))}")
        document = self._search(key, asked, find(faults, Cap)) if endpoint == "search" else self._extract(key, asked)
        return json_reply(document)

    def _search(self, key: str, asked: Mapping[str, Any], cap: Cap | None) -> dict[str, Any]:
        query = asked.get("query")
        if not isinstance(query, str) or not query.strip():
            raise _refused(400, "Query is missing.")
        limit = asked.get("max_results", 5)
        depth = asked.get("search_depth", "basic")
        if not isinstance(limit, int) or not 0 <= limit <= _MAX_RESULTS or depth not in _DEPTHS:
            raise _refused(400, "Invalid max_results or search_depth.")
        cost = self._spend(key, _DEPTHS[depth])
        place = self._sites.world.named_in(query)
        found = self._sites.of(place).find(query, 60) if place else []
        wanted, unwanted = asked.get("include_domains") or [], asked.get("exclude_domains") or []
        kept = [
            (score, page)
            for score, page in found
            if (not wanted or _within(page.host, wanted)) and not _within(page.host, unwanted)
        ][: min(limit, cap.items if cap else limit)]
        document: dict[str, Any] = {
            "query": query,
            "follow_up_questions": None,
            "answer": None,
            "images": [],
            "results": [self._result(number, score, page, asked) for number, (score, page) in enumerate(kept)],
            "response_time": 0.42,
            "request_id": "00000000-0000-4000-8000-000000000000",
        }
        if asked.get("include_usage"):
            document["usage"] = {"credits": cost}
        return document

    def _result(self, number: int, score: float, page: Written, asked: Mapping[str, Any]) -> dict[str, Any]:
        raw = self._text(page.url) if asked.get("include_raw_content") else None
        names = ", ".join(mention.name for mention in page.mentions[:6])
        # Now and then an address comes with what a campaign has hung on it.
        tracking = f"?utm_source=search&fbclid=x{number}#top" if number % 4 == 3 else ""
        return {
            "url": page.url + tracking,
            "title": page.title,
            "content": f"{page.title}. {names} and more.",
            "score": score,
            "raw_content": raw,
        }

    def _extract(self, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        urls = asked.get("urls")
        wanted = [urls] if isinstance(urls, str) else urls
        if (
            not isinstance(wanted, list)
            or not 0 < len(wanted) <= _MAX_URLS
            or not all(isinstance(u, str) for u in wanted)
        ):
            raise _refused(400, f"urls must be 1 to {_MAX_URLS} addresses.")
        texts = {url: self._text(url) for url in wanted}
        # One credit for five pages that were read.
        cost = self._spend(key, -(-sum(text is not None for text in texts.values()) // 5))
        document: dict[str, Any] = {
            "results": [
                {"url": url, "raw_content": text, "images": []} for url, text in texts.items() if text is not None
            ],
            "failed_results": [
                {"url": url, "error": "Failed to fetch url"} for url, text in texts.items() if text is None
            ],
            "response_time": 0.9,
            "request_id": "00000000-0000-4000-8000-000000000000",
        }
        if asked.get("include_usage"):
            document["usage"] = {"credits": cost}
        return document

    def _text(self, url: str) -> str | None:
        host, _, path = url.partition("://")[2].partition("/")
        sent = self._sites.get(host, path.partition("?")[0].partition("#")[0])
        if sent is None or not sent.content_type.startswith("text/html"):
            return None
        text = html.unescape(_TAG.sub("\n", sent.body.decode()))
        return "\n".join(line for line in (line.strip() for line in text.splitlines()) if line)

    def _spend(self, key: str, cost: int) -> int:
        with self._lock:
            if self._spent[key] + cost > PLAN_LIMIT:
                raise _refused(
                    432,
                    "This request exceeds your plan's set usage limit. Please upgrade your plan or contact "
                    "support@tavily.com",
                )
            self._spent[key] += cost
        return cost

    def _usage(self, key: str) -> dict[str, Any]:
        with self._lock:
            used = self._spent[key]
        return {
            "key": {"usage": used, "limit": PLAN_LIMIT},
            "account": {
                "current_plan": "Researcher",
                "plan_usage": used,
                "plan_limit": PLAN_LIMIT,
                "paygo_usage": 0,
                "paygo_limit": None,
            },
        }


def _refused(status: int, error: str) -> Refused:
    return Refused(json_reply({"detail": {"error": error}}, status))


def _within(host: str, domains: list[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
