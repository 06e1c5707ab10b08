"""The kinds of faults, each a rule in JSON: which requests it meets, and what it does to a reply."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Annotated, Final, Literal
from urllib.parse import unquote_plus
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from scout.standin.exchange import Reply, Request

SERVICES: Final = (
    "overpass",
    "nominatim",
    "wikidata",
    "wikipedia",
    "wikivoyage",
    "tavily",
    "google",
    "bedrock",
    "location",
    "dns",
    "web",
)
_BLOCK: Final = 1 << 20


class Fault(BaseModel):
    """Which requests a fault meets.

    Attributes:
        service: One of :data:`SERVICES`, or ``*``.
        path: A pattern that the path holds.
        host: A pattern that the whole name of the site is, or of the name that DNS is asked for.
        text: A pattern that the query or the body holds.
        skip: So many requests go well first.
        times: So many go wrong then; all if not given.
        share: Part of the requests, chosen by their number and the seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    path: str = ""
    host: str = ""
    text: str = ""
    skip: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @field_validator("service")
    @classmethod
    def _known(cls, service: str) -> str:
        if service not in (*SERVICES, "*"):
            raise ValueError(f"is none of {', '.join(SERVICES)}, *")
        return service

    @field_validator("path", "host", "text")
    @classmethod
    def _pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return text

    def meets(self, service: str, request: Request, name: str) -> bool:
        """Whether a request is one of those."""
        if self.service not in (service, "*"):
            return False
        told = f"{unquote_plus(request.raw_query)}\n{request.body.decode('utf-8', 'replace')}" if self.text else ""
        return (
            re.search(self.path, request.path) is not None
            and (not self.host or re.fullmatch(self.host, name) is not None)
            and re.search(self.text, told) is not None
        )

    def shape(self, reply: Reply) -> Reply:
        """The reply as this fault leaves it; a fault that a service itself acts on leaves it as it is."""
        return reply


class Status(Fault):
    """Another status than the service's: 429 with ``retry_after``, 503, 432 and all the others."""

    fault: Literal["status"]
    status: Annotated[int, Field(ge=200, le=599)]
    retry_after: Annotated[int, Field(ge=0)] | None = None
    body: str | None = None
    content_type: str = "text/plain; charset=utf-8"

    def shape(self, reply: Reply) -> Reply:
        """Only the status, or all of the reply if there is a body."""
        told = reply if self.body is None else Reply(body=self.body.encode(), content_type=self.content_type)
        waiting = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return replace(told, status=self.status, headers={**told.headers, **waiting})


class Slow(Fault):
    """``delay`` seconds before the answer, ``pause`` between two bytes of it, ``head`` between two headers."""

    fault: Literal["slow"]
    delay: Annotated[float, Field(ge=0, le=300)] = 0.0
    pause: Annotated[float, Field(ge=0, le=60)] = 0.0
    head: Annotated[float, Field(ge=0, le=60)] = 0.0

    def shape(self, reply: Reply) -> Reply:
        """The same, later."""
        return replace(reply, delay=self.delay, pause=self.pause, slow_head=self.head)


class Cut(Fault):
    """The connection ends after ``after`` bytes of the body; with ``reset``, by a reset."""

    fault: Literal["cut"]
    after: Annotated[int, Field(ge=0)] = 0
    reset: bool = False

    def shape(self, reply: Reply) -> Reply:
        """The same, not to its end."""
        return replace(reply, cut_after=self.after, reset=self.reset)


class Bomb(Fault):
    """A body of ``megabytes`` zeros, compressed: by ``Content-Encoding``, or as a ZIP archive."""

    fault: Literal["bomb"]
    encoding: Literal["gzip", "deflate", "zip"] = "gzip"
    megabytes: Annotated[int, Field(ge=1, le=10_000)] = 300

    def shape(self, reply: Reply) -> Reply:
        """The bomb in place of the body."""
        if self.encoding == "zip":
            return replace(reply, body=_archive(self.megabytes), content_type="application/zip")
        packed = _packed(self.megabytes, 31 if self.encoding == "gzip" else 15)
        return replace(reply, body=packed, headers={**reply.headers, "Content-Encoding": self.encoding})


class Endless(Fault):
    """A body that never ends."""

    fault: Literal["endless"]
    text: str = ""
    filler: str = "and so on, "

    def shape(self, reply: Reply) -> Reply:
        """The same filler, again and again."""
        return replace(reply, body=_endless(self.filler.encode() * 512))


class Charset(Fault):
    """The content type says another charset than the body is in."""

    fault: Literal["charset"]
    declared: str = "utf-16"
    encoded: str | None = None

    def shape(self, reply: Reply) -> Reply:
        """The same text, wrongly declared."""
        body = reply.body
        if self.encoded and isinstance(body, bytes):
            body = body.decode("utf-8", "replace").encode(self.encoded, "replace")
        kind = reply.content_type.partition(";")[0]
        return replace(reply, body=body, content_type=f"{kind}; charset={self.declared}")


class Headers(Fault):
    """``count`` more headers of ``kilobytes`` each."""

    fault: Literal["headers"]
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    kilobytes: Annotated[int, Field(ge=1, le=4096)] = 100

    def shape(self, reply: Reply) -> Reply:
        """The same with more in its head."""
        more = {f"X-Padding-{number}": "p" * (self.kilobytes * 1024) for number in range(self.count)}
        return replace(reply, headers={**reply.headers, **more})


class Redirect(Fault):
    """To another address. ``{n}`` in it is the number of the request, so that each redirect leads to a new address."""

    fault: Literal["redirect"]
    to: str
    status: Annotated[int, Field(ge=301, le=308)] = 302

    def shape(self, reply: Reply) -> Reply:
        """Nothing but the way to elsewhere."""
        return Reply(self.status, b"", headers={"Location": self.to})


class Rate(Fault):
    """More requests than ``per_second`` are answered with 429."""

    fault: Literal["rate"]
    per_second: Annotated[float, Field(gt=0)] = 1.0


class Remark(Fault):
    """Overpass: status 200 with a remark, and ``keep`` of the elements."""

    fault: Literal["remark"]
    remark: str = 'runtime error: Query timed out in "query" at line 3 after 26 seconds.'
    keep: Annotated[int, Field(ge=0)] = 0


class Cap(Fault):
    """At most ``items`` in one answer, without a word about the others."""

    fault: Literal["cap"]
    items: Annotated[int, Field(ge=0)]


class Lag(Fault):
    """MediaWiki: databases that lag by ``seconds``, so that a request with a smaller ``maxlag`` is sent away."""

    fault: Literal["lag"]
    seconds: Annotated[float, Field(ge=0)] = 7.5


class Stop(Fault):
    """Bedrock: the model stops in the middle, after ``tokens``, for a ``reason``."""

    fault: Literal["stop"]
    tokens: Annotated[int, Field(ge=1)] = 200
    reason: Literal["max_tokens", "model_context_window_exceeded", "content_filtered", "malformed_tool_use"] = (
        "max_tokens"
    )


class Invent(Fault):
    """Bedrock: the model adds ``entities`` that no text speaks of."""

    fault: Literal["invent"]
    entities: Annotated[int, Field(ge=1, le=40)] = 3


class Obey(Fault):
    """Bedrock: the model does what a text orders. ``quoting`` gives the order itself as evidence."""

    fault: Literal["obey"]
    quoting: bool = False


class Talk(Fault):
    """Bedrock: the model answers with words in place of data."""

    fault: Literal["talk"]
    words: str = "I'm sorry, I can't help with that."


class Answer(Fault):
    """DNS: other addresses. ``answers`` are given in turn, the last one for ever after."""

    fault: Literal["answer"]
    answers: Annotated[list[list[str]], Field(min_length=1)]
    cname: str | None = None
    rcode: Annotated[int, Field(ge=0, le=23)] = 0
    ttl: Annotated[int, Field(ge=0)] = 60


class Inject(Fault):
    """Web pages: an order to the model. ``where``: in the text, hidden from people, in a comment, or in JSON-LD."""

    fault: Literal["inject"]
    order: str = ""
    where: Literal["text", "hidden", "comment", "data"] = "text"


Rule = Annotated[
    Status
    | Slow
    | Cut
    | Bomb
    | Endless
    | Charset
    | Headers
    | Redirect
    | Rate
    | Remark
    | Cap
    | Lag
    | Stop
    | Invent
    | Obey
    | Talk
    | Answer
    | Inject,
    Field(discriminator="fault"),
]
RULES: Final[TypeAdapter[list[Rule]]] = TypeAdapter(list[Rule])


def _packed(megabytes: int, window: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    block = bytes(_BLOCK)
    for _ in range(megabytes):
        if piece := packer.compress(block):
            yield piece
    yield packer.flush()


def _archive(megabytes: int) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive, archive.open("page.html", "w", force_zip64=True) as file:
        for _ in range(megabytes):
            file.write(bytes(_BLOCK))
    return packed.getvalue()


def _endless(block: bytes) -> Iterator[bytes]:
    while True:
        yield block
