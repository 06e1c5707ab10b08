"""What tests of the stand-in world ask it with."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import boto3
import urllib3
from botocore.config import Config

from lambdas.places.geo import Disc
from scout.standin.server import StandIn
from scout.standin.towns import Town
from scout.standin.world import Place, World
from tests.unit.connectors.extracts import helsinki

AGENT = "data-scout-tests/1.0 (+mailto:tests@example.org)"
EDINBURGH = Town("Edinburgh", Disc.of(55.9533, -3.1883, 2_000))
TOKYO = Town("Tokyo", Disc.of(35.6762, 139.6503, 4_000))
HELSINKI = Town("Helsinki", Disc.of(60.1716, 24.9443, 1_200), helsinki())


def new_world(seed: str = "1") -> World:
    """Three towns: one on a street grid, one with names in two scripts, one with real places."""
    return World([EDINBURGH, TOKYO, HELSINKI], seed)


class Client:
    """A client of a running world, which says who it is."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self.url = standin.url
        self._http = urllib3.PoolManager(headers={"User-Agent": AGENT}, retries=False)
        self._proxy = urllib3.ProxyManager(standin.url, headers={"User-Agent": AGENT}, retries=False)

    @property
    def world(self) -> World:
        return self.standin.app.world

    def place(self, name: str) -> Place:
        return self.world.places[name]

    def get(self, path: str, headers: Any = None, **query: object) -> Answer:
        suffix = f"?{urlencode(query)}" if query else ""
        sent = {"User-Agent": AGENT} if headers is None else headers
        return Answer(self._http.request("GET", f"{self.url}{path}{suffix}", headers=sent))

    def post(self, path: str, body: object, method: str = "POST", **headers: str) -> Answer:
        sent = {"User-Agent": AGENT, "Content-Type": "application/json", **headers}
        return Answer(self._http.request(method, self.url + path, body=json.dumps(body).encode(), headers=sent))

    def form(self, path: str, **fields: str) -> Answer:
        sent = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        return Answer(self._http.request("POST", self.url + path, body=urlencode(fields).encode(), headers=sent))

    def page(self, url: str, headers: dict[str, str] | None = None, **options: Any) -> urllib3.BaseHTTPResponse:
        """A page of the world's web, through its proxy."""
        sent = {"User-Agent": AGENT, **(headers or {})}
        return self._proxy.request("GET", url, headers=sent, redirect=False, **options)

    def faults(self, *rules: dict[str, Any]) -> Answer:
        return self.post("/_standin/faults", list(rules))

    def log(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/_standin/log").json()
        return found

    def aws(self, service: str, prefix: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"{self.url}/{prefix}",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )


class Answer:
    """An answer, read to its end."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.data

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)
