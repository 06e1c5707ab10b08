"""One call to an outside service: what is asked, what came back, and how both are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lambdas.contracts.connectors import Connector
from lambdas.runtime import keys
from lambdas.runtime.documents import Json, sha256, to_json
from lambdas.runtime.storage import Storage


@dataclass(frozen=True)
class Request:
    """What is asked of an outside service.

    Attributes:
        params: Everything that the answer depends on; two requests with equal params are the same request. A page's
            address is ``params["url"]``.
        estimate: The most that the call may use, in units of the connector's group, at least 1. The fetching function
            must bound its use by it.
    """

    params: Mapping[str, Json]
    estimate: int = 1

    def __post_init__(self) -> None:
        if self.estimate < 1:
            raise ValueError(f"the estimate of a request must be at least 1, not {self.estimate}")

    def hash(self, connector: Connector) -> str:
        """The identity of this request to a connector: under it the answer is cached."""
        return sha256(to_json({"connector": connector, "params": dict(self.params)}))[:32]


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        request: What was asked.
        body: JSON; or ``bytes``, a page as it came.
        units: What the call used, in units of the connector's group; 0 for a reply from the cache.
        items: How many items it holds, for the logs.
        cached: Whether it was read from the cache.
        about: What else is to be known of it, as JSON; it is kept with it.
    """

    request: Request
    body: Json
    units: int
    items: int = 0
    cached: bool = False
    about: Mapping[str, Json] = field(default_factory=dict)


class RawCache:
    """The raw answers of outside services, by request: an answer that stands is never asked for again.

    An answer in JSON lies in its record at ``keys.raw_json``. A page lies as it came at ``keys.raw_html``, and its
    record names it.

    Args:
        storage: The workflow bucket.
        slug: The city.
        connector: Whose answers.
        scope: Answers of another scope are not seen; empty for what holds for everyone.
    """

    def __init__(self, storage: Storage, slug: str, connector: Connector, scope: str = "") -> None:
        self._storage = storage
        self._slug = slug
        self._connector = connector
        self._scope = scope

    def find(self, request: Request) -> Reply | None:
        """The standing answer to a request, unless the page that its record names is gone: a page that has not changed
        since is kept from its first day on, and so is deleted earlier than the record.

        Raises:
            AccessDenied: The role may not read it.
            TransientStorageError: S3 failed or could not be reached.
        """
        body = self._storage.find(self._key(request))
        if body is None:
            return None
        record = json.loads(body)
        content = self._storage.find(record["page"]) if "page" in record else record["body"]
        if content is None and "page" in record:
            return None
        return Reply(request, content, units=0, items=record["items"], cached=True, about=record.get("about", {}))

    def store(self, reply: Reply) -> None:
        """Keep an answer; one that stands stays.

        Raises:
            AccessDenied: The role may not write it.
            TransientStorageError: S3 failed or could not be reached.
        """
        record: dict[str, Json] = {"params": dict(reply.request.params), "units": reply.units, "items": reply.items}
        if reply.about:
            record["about"] = dict(reply.about)
        if isinstance(reply.body, bytes):
            domain = urlsplit(str(reply.request.params["url"])).hostname or "unknown"
            page = keys.raw_html(self._slug, domain, sha256(reply.body))
            self._storage.keep_first(page, reply.body, "text/html")
            record["page"] = page
        else:
            record["body"] = reply.body
        self._storage.keep_first(self._key(reply.request), to_json(record))

    def _key(self, request: Request) -> str:
        name = request.hash(self._connector)
        if self._scope:
            name = sha256(f"{self._scope}|{name}".encode())[: len(name)]
        return keys.raw_json(self._connector, self._slug, name)
