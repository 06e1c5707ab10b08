"""One way to ask an outside service that has an API: in its turn, as the application that asks, within its limits.

Each service is asked by one worker at a time, over all runs of a stack, with pauses in between: the free ones ask for
that, and refuse those who spread out over many machines. Turns are kept as those at web hosts are
(:mod:`lambdas.fetching.hosts`). A service that says "later" is left alone by all workers until then.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn, TypeAlias
from urllib.parse import urlencode

import httpcore2

from lambdas.contracts.candidate import Licence
from lambdas.contracts.connectors import Connector
from lambdas.fetching.answers import retry_after
from lambdas.fetching.config import user_agent
from lambdas.fetching.exchange import Answer, Limits, get
from lambdas.fetching.hosts import HOLD_SECONDS, Hosts
from lambdas.fetching.network import Direct, Wire, dialer
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.runtime.context import Deadline
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled
from lambdas.runtime.run import Run

Failure: TypeAlias = Throttled | ServiceUnavailable | ServiceRefused
FAILURES = (Throttled, ServiceUnavailable, ServiceRefused)
"""What a service can fail by, as opposed to what fails in this stack."""
OFF = "disabled: by the stack"
"""What a state says of a service that its stack has turned off."""
NOT_ASKED = "not asked: a kill switch, a gate or a budget"
"""What a state says of a service that its run may not ask."""

# Left for settling and storing, in seconds.
_SETTLING_SECONDS = 5.0
# The longest wait for one's turn, in seconds. The longest pause that a service asks for by default fits in.
_PATIENCE_SECONDS = 35.0
# A GET with a longer query is no longer taken everywhere (RFC 9110, section 4.1, asks for 8,000 octets).
_MAX_TARGET = 8_000
_SHOWN = 300
# Overpass says 504 where it has no room for a query (a-b-street/speedwalk#55 shows one).
_BUSY = frozenset({429, 503, 504})


@dataclass(frozen=True)
class ServiceInfo:
    """What is fixed of a service.

    Attributes:
        name: As the stack's config calls it.
        connector: Its budget, kill switch and rate.
        base_url: The public instance, without a slash at its end.
        licence: Of what it answers.
        interval: Seconds from the end of one call to the next, over the whole application.
        pause: Seconds for which it is left alone after it said that it is busy without saying for how long.
        seconds: The most that one call may take.
        max_bytes: The most bytes of an answer, decoded.
        failing: What stands in an answer with status 200 where the service failed on the way: then it is no JSON.
    """

    name: str
    connector: Connector
    base_url: str
    licence: Licence
    interval: float = 0.0
    pause: float = 10.0
    seconds: float = 30.0
    max_bytes: int = 20_000_000
    failing: re.Pattern[bytes] | None = None

    def __post_init__(self) -> None:
        if self.seconds >= HOLD_SECONDS:
            raise ValueError(f"{self.name}: a call of {self.seconds} s outlasts its turn")


@dataclass(frozen=True)
class Configuration:
    """What the stack says of the outside services: ``CONNECTORS`` in the environment of the function.

    Attributes:
        said: The sections by name.
        version: Of the program, for the default ``User-Agent``.
    """

    said: Mapping[str, Any]
    version: str

    @classmethod
    def of(cls, run: Run, environment: Mapping[str, str] = os.environ) -> Configuration:
        """The configuration of this function."""
        return cls(json.loads(environment.get("CONNECTORS") or "{}"), run.record.versions["program"])

    def section(self, name: str) -> Mapping[str, Any]:
        """What it says of one service."""
        return self.said.get(name) or {}

    def enabled(self, name: str, *, by_default: bool = True) -> bool:
        """Whether the stack lets a service be used; ``by_default`` where it says nothing of that."""
        return bool(self.section(name).get("enabled", by_default))

    def base_url(self, info: ServiceInfo) -> str:
        """Where a service is, without a slash at its end."""
        return str(self.section(info.name).get("base_url") or info.base_url).rstrip("/")

    @property
    def user_agent(self) -> str:
        """How requests name this application."""
        return user_agent(self.said, self.version)


@dataclass
class Service:
    """One service, as a run asks it.

    Attributes:
        info: What is fixed of it.
        run: The run that asks.
        config: What the stack says of it.
        hosts: Turns at it; by default those in the run's ledger.
        received: Bytes received by this object.
    """

    info: ServiceInfo
    run: Run
    config: Configuration
    hosts: Hosts | None = None
    received: int = field(default=0, init=False)

    @cached_property
    def base_url(self) -> str:
        """Where it is."""
        return self.config.base_url(self.info)

    def ask(
        self,
        path: str,
        query: Mapping[str, object],
        *,
        document: Json | None = None,
        headers: Mapping[str, str] | None = None,
        max_wire: int | None = None,
    ) -> Json:
        """Ask once, in turn.

        Args:
            path: Below the service's address, with its first slash.
            query: The parameters. A long query is sent as a form.
            document: JSON to send along.
            headers: Header fields beside those that name the application.
            max_wire: The most bytes that may be received; by default as many as of the decoded answer.

        Returns:
            The parsed JSON.

        Raises:
            Throttled: It asks to be left alone, or the turn is later than this invocation may wait.
            ServiceUnavailable: It failed, did not answer in time, or cannot be reached.
            ServiceRefused: It does not take what it was asked, or its answer is no JSON.
            LedgerUnavailable: The ledger could not be used.
        """
        text = urlencode({name: value for name, value in query.items() if value is not None})
        content, kind = None, {}
        if document is not None:
            content, kind = json.dumps(document).encode(), {"Content-Type": "application/json"}
        elif len(path) + len(text) > _MAX_TARGET:
            content, kind, text = text.encode(), {"Content-Type": "application/x-www-form-urlencoded"}, ""
        address = f"{self.base_url}{path}{f'?{text}' if text else ''}"
        sent = {"User-Agent": self.config.user_agent, "Accept": "application/json", **kind, **(headers or {})}
        limits = Limits(max_wire or self.info.max_bytes, self.info.max_bytes)
        answer = self._exchange(address, sent, content, limits)
        try:
            return json.loads(answer.body)
        except ValueError as error:
            if self.info.failing is not None and (failure := self.info.failing.search(answer.body)):
                said = answer.body[failure.start() : failure.start() + _SHOWN]
                raise ServiceUnavailable(f"{self._name} failed on the way: {said!r}") from error
            raise ServiceRefused(f"{self._name} answered {answer.body[:_SHOWN]!r}, which is no JSON") from error

    @property
    def _name(self) -> str:
        return f"{self.info.name} at {self.base_url}"

    def _exchange(self, address: str, headers: Mapping[str, str], content: bytes | None, limits: Limits) -> Answer:
        left = self.run.deadline.remaining() - _SETTLING_SECONDS
        if left <= 0:
            raise ServiceUnavailable(f"No time is left in this invocation to ask {self._name}.")
        patience = min(_PATIENCE_SECONDS, max(0.0, left - self.info.seconds))
        hosts = self.hosts or Hosts(self.run.ledger, None, patience=patience)
        wire = Wire(limits.wire)
        try:
            with hosts.turn(self.base_url.partition("://")[2], self.info.interval) as turn:
                deadline = Deadline(min(self.info.seconds, self.run.deadline.remaining() - _SETTLING_SECONDS))
                url = httpcore2.URL(address)
                answer = get(
                    url,
                    [("Host", _host(url)), *headers.items()],
                    backend=Direct(dialer(), deadline, wire),
                    wire=wire,
                    deadline=deadline,
                    limits=limits,
                    wants=lambda head: True,
                    content=content,
                )
                if answer.status in _BUSY:
                    # A service that is busy says when to come back, or is given time.
                    said = retry_after(answer, time.time()) if answer.get("retry-after") else 0.0
                    turn.pause = max(said, self.info.pause)
        except Unfetched as error:
            raise self._failed(error, wire.total) from error
        finally:
            self.received += wire.total
        if answer.status != 200:
            self._refused(answer)
        return answer

    def _failed(self, error: Unfetched, received: int) -> StageError:
        if error.reason is Reason.HOST_BUSY:
            failure: StageError = Throttled(f"{self._name}: {error.detail}")
            # It was not asked.
            failure.units = 0
            return failure
        if error.passing or error.reason in (Reason.TOO_SLOW, Reason.HOST_TOO_SLOW):
            return ServiceUnavailable(f"{self._name}: {error} ({received:,} bytes were received)")
        return ServiceRefused(f"{self._name}: {error} ({received:,} bytes were received)")

    def _refused(self, answer: Answer) -> NoReturn:
        said = f"{self._name} answered {answer.status}: {answer.body[:_SHOWN].decode('utf-8', 'replace')!r}"
        if answer.status == 429:
            raise Throttled(said)
        if answer.status >= 500:
            raise ServiceUnavailable(said)
        refusal = ServiceRefused(said)
        refusal.status = answer.status
        raise refusal


def _host(url: httpcore2.URL) -> str:
    host = url.host.decode("ascii")
    return f"{host}:{url.port}" if url.port else host
