"""A request to the world and its reply, as services and faults see them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

JSON: Final = "application/json"


class Refused(Exception):
    """A service refuses a request; ``reply`` is what it says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        method: ``GET`` and its like.
        host: The site that is asked for; empty for the world's own services.
        path: Decoded, with the first slash.
        raw_query: What stands behind the question mark.
        headers: By their names in small letters.
        body: Whole, at most :data:`scout.standin.server.MAX_BODY`.
        address: The address that a proxy was asked to connect to.
    """

    method: str
    host: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes = b""
    address: str = ""

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters; of one that is given twice, the last."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The parameters of the query, and over them those of a form in the body."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self.query
        return {**self.query, **dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))}

    def json(self) -> Any:  # noqa: ANN401 - whatever a client sends
        """The body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    def below(self, prefix: str) -> Request:
        """This request as the service sees it that answers below a prefix of the path."""
        return replace(self, path=self.path.removeprefix(prefix) or "/")


@dataclass(frozen=True)
class Reply:
    """A reply.

    Attributes:
        status: HTTP status code.
        body: The bytes, or pieces of them for a body that is made while it is sent.
        content_type: Of the body.
        headers: Further ones.
        delay: Seconds before the first byte.
        pause: Seconds between two bytes; 0 for none.
        cut_after: The connection ends after so many bytes of the body, though more were announced.
        reset: The connection ends with a reset in place of an orderly end.
        slow_head: Seconds between two headers.
    """

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0
    cut_after: int | None = None
    reset: bool = False
    slow_head: float = 0.0

    def with_headers(self, **headers: str) -> Reply:
        """The same with more headers; underscores stand for hyphens."""
        return replace(
            self, headers={**self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        )


def json_reply(document: object, status: int = 200, content_type: str = JSON, **headers: str) -> Reply:
    """A reply of JSON. Headers are named with underscores for hyphens."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Reply(status, body, content_type).with_headers(**headers)


_STOCK_AGENTS: Final = ("python-", "python/", "urllib", "curl/", "wget/", "go-http-client", "java/", "okhttp", "axios")


def anonymous(request: Request) -> bool:
    """Whether a request does not say which application it comes from: no User-Agent, or only a library's."""
    agent = request.headers.get("user-agent", "").strip().casefold()
    return not agent or agent.startswith(_STOCK_AGENTS)
