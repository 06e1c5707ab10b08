"""WebFetch: fetch the page of a frontier message, and send the links on it to the frontier."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from lambdas.contracts.connectors import Connector
from lambdas.contracts.frontier import WebMessage, parse_message
from lambdas.fetching import content, markup
from lambdas.fetching.config import web_config
from lambdas.fetching.fetcher import EXCHANGE_SECONDS, Fetcher, Page
from lambdas.fetching.hosts import Hosts
from lambdas.fetching.markup import Markup
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import PageUrl
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json, sha256
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

# How many links away from what was searched for a page may lie.
MAX_DEPTH = 2
# Files of data have terms of their own. DiscoverTargets knows them, and sends those that a run may read.
_DATA = re.compile(
    r"\.(?:csv|tsv|json|geojson|kml|xml|xlsx|ods|zip|parquet)(?:$|[?&])|[?&](?:output)?f(?:ormat)?=[\w/.+-]*(?:csv|json|kml)",
    re.IGNORECASE,
)
_FILES = {"json": "application/json", "csv": content.TABLE_TYPE}
# So many signs that a page does not exist, and it is taken at its word.
_SOFT_404_HINTS = 2


def web_fetch(given: StageInput, run: Run) -> StageOutput:
    """Fetch the page of a frontier message, and send the links on it to the frontier.

    Returns:
        ``page``: where it came from, the key of its HTML in UTF-8 and what is known of it; ``None`` where it was not
        fetched. ``refused``: the reason and the detail of a page that is refused for good, else ``None``.

    Raises:
        InvalidInput: The message is no page to fetch.
        Throttled: The page's turn at its host is later, or the host asks to be left alone: the message returns.
        ServiceUnavailable: Something failed that may be gone at the next try: the message returns.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    message = _message(given)
    config = web_config(os.environ, run.record.versions["program"])
    seconds = min(EXCHANGE_SECONDS, message.timeout_seconds)
    fetcher = Fetcher(run, config, Hosts(run.ledger, message.key), seconds, connector=_paid_by(message))
    try:
        page = fetcher.page(message.source_url)
        if page is None:
            return StageOutput(data={"page": None, "refused": None}, records=0)
        return _output(message, page, run, config.agent)
    except Unfetched as refusal:
        return StageOutput(
            data={"page": None, "refused": {"reason": refusal.reason.value, "detail": refusal.detail}},
            records=0,
            metrics={"bytes": fetcher.received, "refused": 1},
        )


def _output(message: WebMessage, page: Page, run: Run, agent: str) -> StageOutput:
    kind = _kind(message, page)
    text, charset = content.text_of(page.head, page.body, page.url.host.rpartition(".")[2])
    if kind in content.HTML_TYPES:
        read = markup.read(text, page.url, page.head, agent)
        hints = markup.soft_404(read, page.asked, page.url)
        if len(hints) >= _SOFT_404_HINTS:
            raise Unfetched(
                Reason.SOFT_404, f"{page.url} says that it does not exist ({', '.join(hints)}): {read.title!r}"
            )
    else:
        read, hints = Markup(directives=markup.directives(page.head, agent)), []
    raw = keys.raw_html(run.slug, page.url.host, sha256(page.body))
    links = _deeper(message, read.links)
    new = run.send(links)
    data: dict[str, Json] = {
        "url": message.source_url,
        "html": _in_utf_8(run, page, text, charset, raw),
        "trust_score": message.trust_score,
        "license": message.metadata.license if message.metadata else None,
        "raw": raw,
        "final_url": page.url.text,
        "canonical_url": read.canonical.text if read.canonical else None,
        "content_type": kind,
        "charset": charset,
        "title": read.title,
        "directives": read.directives,
        "soft_404": hints,
        "fetched_at": page.fetched_at,
        "unchanged": page.unchanged,
    }
    return StageOutput(
        data={"page": data, "refused": None},
        records=1,
        metrics={
            "bytes": page.received,
            "links": len(links),
            "enqueued": new,
            "redirected": int(page.url != page.asked),
            "unchanged": int(page.unchanged),
        },
    )


def _in_utf_8(run: Run, page: Page, text: str, charset: str, raw: str) -> str:
    """Where the page lies in UTF-8: as it came if it is, so that no later state has to know charsets."""
    if charset == "utf-8":
        return raw
    body = text.encode("utf-8", "replace")
    key = keys.raw_html(run.slug, page.url.host, sha256(body))
    run.storage.keep_first(key, body, "text/html; charset=utf-8")
    return key


def _deeper(message: WebMessage, links: Sequence[PageUrl]) -> list[WebMessage]:
    """Messages for the links to pages, which stay on the page's site, one level deeper."""
    depth = message.crawl_depth + 1
    if depth > MAX_DEPTH:
        return []
    changed = {"crawl_depth": depth, "priority": "low"}
    return [
        WebMessage.model_validate({**message.model_dump(), **changed, "source_url": link.text})
        for link in links
        if not _DATA.search(link.target)
    ]


def _paid_by(message: WebMessage) -> Connector:
    """Whatever is no data set is a page of the web, whichever search has found it."""
    return Connector.DATA_FETCH if message.is_data else Connector.WEB_FETCH


def _kind(message: WebMessage, page: Page) -> str:
    """The media type as which a page or a data set is read.

    Neither passes for the other: each has a budget and a kill switch of its own, and the terms of a data set are known
    only to who has sent it.

    Raises:
        Unfetched: ``type_denied``: a page at the address of a data set, or data at that of a page.
    """
    kind = page.media_type
    if message.is_data and kind == "text/plain":
        # A server that knows no better; the catalogue does.
        kind = _FILES.get(message.source_type, kind)
    if content.is_data(kind) != message.is_data:
        wanted = "a data set" if message.is_data else "a page"
        raise Unfetched(Reason.TYPE_DENIED, f"{page.url} has the type {kind!r}, and {wanted} was asked for")
    return kind


def _message(given: StageInput) -> WebMessage:
    try:
        message = parse_message(json.dumps(given.read()))
    except ValueError as error:
        raise InvalidInput(f"The frontier message is not valid: {error}") from error
    if not isinstance(message, WebMessage):
        raise InvalidInput(f"A {message.type} message is no page to fetch.")
    return message
