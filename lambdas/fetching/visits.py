"""Earlier fetches of a page, by which it can be asked for again only if it has changed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lambdas.fetching.urls import PageUrl
from lambdas.runtime import keys
from lambdas.runtime.calls import Reply
from lambdas.runtime.documents import sha256, to_json
from lambdas.runtime.run import Run


@dataclass(frozen=True)
class Prior:
    """What an earlier fetch of a page brought.

    Attributes:
        fields: The kept fields of its head.
        body: Its content.
    """

    fields: dict[str, str]
    body: bytes

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """The header fields that ask for the page only if it has changed."""
        named = (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
        return [(name, self.fields[field]) for name, field in named if field in self.fields]


class Visits:
    """The fetches of a page that it can be asked for again by: one object for each day, so that none is overwritten.

    Args:
        run: The run.
        url: The page.
    """

    def __init__(self, run: Run, url: PageUrl) -> None:
        self._run = run
        self._domain = url.host
        self._prefix = keys.page_visits(run.slug, sha256(url.text.encode())[:32])

    def last(self) -> Prior | None:
        """The last one, if its content still stands.

        Raises:
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed or could not be reached.
        """
        storage = self._run.storage
        visits = storage.keys(self._prefix)
        found = storage.find(visits[-1]) if visits else None
        if found is None:
            return None
        visit = json.loads(found)
        body = storage.find(visit["page"])
        return None if body is None else Prior(visit["fields"], body)

    def keep(self, day: str, reply: Reply) -> None:
        """Keep one, if the page can be asked for by it.

        Raises:
            AccessDenied: The role may not write it.
            TransientStorageError: S3 failed or could not be reached.
        """
        fields = dict(reversed(reply.about["fields"]))
        if "etag" in fields or "last-modified" in fields:
            page = keys.raw_html(self._run.slug, self._domain, sha256(reply.body))
            self._run.storage.keep_first(f"{self._prefix}{day}.json", to_json({"page": page, "fields": fields}))
