"""The world behind one address: which service answers a request, what goes wrong with it, and what is noted of it."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from lambdas.contracts.candidate import Place as FoundPlace
from lambdas.contracts.job import RunInput
from scout.standin import hostile, truth
from scout.standin.addresses import denied
from scout.standin.bedrock import Bedrock
from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.fault_rules import RULES, Inject
from scout.standin.faults import Faults, find, refusal, shaped
from scout.standin.google import Google
from scout.standin.location import Location
from scout.standin.mediawiki import MediaWiki
from scout.standin.names import Resolver
from scout.standin.nominatim import Nominatim
from scout.standin.overpass import Overpass
from scout.standin.sites import MODIFIED, Sites
from scout.standin.tavily import Tavily
from scout.standin.wikidata import QueryService
from scout.standin.world import World

ADMIN: Final = "/_standin/"
_KEPT: Final = 20_000
_ZIPPED_FROM: Final = 1_000

Service = Callable[[Request, list[Any]], Reply]


class App:
    """Answers requests, from as many threads as ask.

    Args:
        world: What there is.
        rules: Faults to begin with.
    """

    def __init__(self, world: World, rules: Sequence[Any] = ()) -> None:
        self.world = world
        self.sites = Sites(world)
        self.faults = Faults(world.seed)
        self.faults.put(rules)
        # The process that this world stands beside, by its id and its mark: it ends when that does.
        self.companion: tuple[int, str] | None = None
        self._services: dict[str, Service] = {
            "overpass": Overpass(world).answer,
            "nominatim": Nominatim(world).answer,
            "wikidata": QueryService(world).answer,
            "wikipedia": MediaWiki(world, "wikipedia").answer,
            "wikivoyage": MediaWiki(world, "wikivoyage").answer,
            "tavily": Tavily(self.sites).answer,
            "bedrock": Bedrock(world.seed).answer,
            "location": Location(world).answer,
            "google": Google(world).answer,
            "dns": Resolver(self.sites).answer,
        }
        self._admins: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "health"): self._health,
            ("GET", "config"): self._config,
            ("GET", "log"): self._log,
            ("DELETE", "log"): self._forget,
            ("GET", "faults"): self._faults_set,
            ("POST", "faults"): self._change_faults,
            ("PATCH", "faults"): self._change_faults,
            ("DELETE", "faults"): self._change_faults,
            ("POST", "measure"): self._measure,
            ("POST", "overture"): self._publish,
            ("POST", "beside"): self._accompany,
        }
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._targets: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._requests: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def connectors(self, url: str) -> dict[str, Any]:
        """The value of ``data-scout:connectors`` that makes a stack use this world at an address."""
        return {
            **{
                name: {"base_url": f"{url}/{name}"}
                for name in ("overpass", "nominatim", "wikidata", "wikipedia", "wikivoyage", "tavily", "google")
            },
            "location": {"endpoint_url": f"{url}/location"},
            "bedrock": {"endpoint_url": f"{url}/bedrock"},
            "web": {"proxy": url, "dns": f"{url}/dns-query"},
        }

    def connect(self, target: str, method: str) -> None:
        """Note what a proxy's client asks to be connected to.

        Args:
            target: Address or name, and port.
            method: ``CONNECT`` or the method of an absolute URI.
        """
        host = target.rpartition(":")[0].strip("[]")
        with self._lock:
            self._targets.append({"target": target, "method": method, "denied": denied(host)})

    def answer(self, request: Request) -> Reply:
        """The reply to a request, with its faults."""
        if request.host:
            return self._page(request)
        if request.path.startswith(ADMIN):
            return self._admin(request)
        name = request.path.split("/")[1]
        if name in ("dns-query", "resolve"):
            name, inner = "dns", request
        else:
            inner = request.below(f"/{name}")
        service = self._services.get(name)
        if service is None:
            return refusal(f"no service answers at {request.path}; these do: {', '.join(self._services)}")
        asked = request.query.get("name", "").rstrip(".").casefold() if name == "dns" else ""
        faults = self.faults.due(name, inner, asked)
        try:
            reply = service(inner, faults)
        except Refused as refused:
            reply = refused.reply
        reply = shaped(reply, faults)
        self._note(name, request, reply)
        return reply

    def _note(self, service: str, request: Request, reply: Reply) -> None:
        with self._lock:
            self._counts[service] += 1
            self._requests.append(
                {
                    "service": service,
                    "method": request.method,
                    "host": request.host,
                    "path": request.path,
                    "status": reply.status,
                    "user_agent": request.headers.get("user-agent", ""),
                }
            )

    def _page(self, request: Request) -> Reply:
        """A page of a web site, as a proxy brings it."""
        if request.address and denied(request.address):
            return hostile.denied(request.address)
        host, path = request.host.casefold(), request.path.removeprefix("/")
        faults = self.faults.due("web", request, host)
        own: tuple[Any, ...] = ()
        if hostile.serves(host):
            found = hostile.get(host, path)
            reply, own = found if found is not None else (_missing(), ())
        else:
            sent = self.sites.get(host, path)
            reply = _missing() if sent is None else Reply(sent.status, sent.body, sent.content_type, sent.headers)
            if sent is not None:
                reply = reply.with_headers(ETag=sent.etag, Last_Modified=MODIFIED)
                known = request.headers.get("if-none-match")
                if (known and sent.etag in known) or request.headers.get("if-modified-since") == MODIFIED:
                    reply = replace(reply, status=304, body=b"")
        if (order := find(faults, Inject)) and isinstance(reply.body, bytes):
            reply = replace(reply, body=hostile.injected(reply.body, order.order or hostile.ORDER, order.where))
        reply = shaped(reply, (*own, *faults))
        self._note("web", request, reply)
        return _zipped(reply, request)

    def _admin(self, request: Request) -> Reply:
        found = self._admins.get((request.method, request.path.removeprefix(ADMIN)))
        if found is None:
            return json_reply({"error": f"{request.method} {request.path} is nothing that this world knows"}, 404)
        return found(request)

    def _health(self, _: Request) -> Reply:
        towns = [place.town.slug for place in self.world]
        return json_reply({"status": "ok", "seed": self.world.seed, "towns": towns})

    def _config(self, request: Request) -> Reply:
        return json_reply(self.connectors(f"http://{request.headers.get('host', '')}"))

    def _log(self, _: Request) -> Reply:
        with self._lock:
            return json_reply(
                {"counts": dict(self._counts), "targets": list(self._targets), "requests": list(self._requests)}
            )

    def _forget(self, _: Request) -> Reply:
        with self._lock:
            self._counts.clear()
            self._targets.clear()
            self._requests.clear()
        return json_reply({})

    def _faults_set(self, _: Request) -> Reply:
        return json_reply(self.faults.report())

    def _change_faults(self, request: Request) -> Reply:
        if request.method == "DELETE":
            self.faults.put([])
            return json_reply(self.faults.report())
        try:
            rules = RULES.validate_json(request.body)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            return refusal("the faults are wrong; none was set", problems)
        self.faults.put(rules, more=request.method == "PATCH")
        return json_reply(self.faults.report())

    def _accompany(self, request: Request) -> Reply:
        """End when another process does: ``{"pid": ..., "mark": ...}``."""
        try:
            asked = json.loads(request.body)
            self.companion = int(asked["pid"]), str(asked["mark"])
        except (KeyError, TypeError, ValueError) as error:
            return refusal("this is no process", [str(error)])
        return json_reply({})

    def _measure(self, request: Request) -> Reply:
        """How good a result is: ``{"job": run input, "places": [...]}``."""
        try:
            asked = json.loads(request.body)
            job = RunInput.parse(asked["job"])
            places = [FoundPlace.parse(place) for place in asked["places"]]
            measured = truth.measure(self.sites, job, places)
        except (KeyError, TypeError, ValueError) as error:
            return refusal("this cannot be measured", [str(error)])
        return json_reply(measured.document())

    def _publish(self, request: Request) -> Reply:
        """Write the world's Overture Maps to S3: ``{"endpoint_url": ...}``."""
        from scout.standin import overture  # noqa: PLC0415 - boto3 takes its time, and only this needs it

        try:
            asked = json.loads(request.body)
            objects = overture.publish(self.world, asked["endpoint_url"], asked.get("cities"))
        except (KeyError, TypeError, ValueError) as error:
            return refusal("Overture Maps cannot be published", [str(error)])
        return json_reply({"bucket": overture.BUCKET, "release": overture.RELEASE, "objects": objects})


def _missing() -> Reply:
    return Reply(404, b"<html><body><h1>Not Found</h1></body></html>")


def _zipped(reply: Reply, request: Request) -> Reply:
    """The reply compressed, as servers of the web send it to who can read that."""
    if (
        not isinstance(reply.body, bytes)
        or len(reply.body) < _ZIPPED_FROM
        or "gzip" not in request.headers.get("accept-encoding", "")
        or "Content-Encoding" in reply.headers
        or not reply.content_type.startswith(("text/", "application/json"))
    ):
        return reply
    packed = replace(reply, body=gzip.compress(reply.body, 1, mtime=0))
    return packed.with_headers(Content_Encoding="gzip", Vary="Accept-Encoding")
