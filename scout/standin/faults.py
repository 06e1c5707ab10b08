"""Faults on demand: rules that say which requests go wrong, how, and how often. All by count and seed, none by chance.

A rule is JSON, as ``POST /_standin/faults`` and ``scout aws world --faults`` take it::

    {"service": "overpass", "fault": "status", "status": 429, "retry_after": 30, "times": 2}
    {"service": "web", "host": "visit-.*", "fault": "slow", "pause": 0.5}
    {"service": "dns", "host": "rebind.test", "fault": "answer", "answers": [["93.184.0.1"], ["10.0.0.1"]]}
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from scout.standin.exchange import Reply, Request, json_reply
from scout.standin.fault_rules import Answer, Fault, Rate, Redirect, Status

_Kind = TypeVar("_Kind", bound=Fault)


class Faults:
    """The rules in force, and how often each was met.

    Args:
        seed: Chooses the requests of rules with a share.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._rules: list[Any] = []
        self._met: list[int] = []
        self._fired: list[int] = []
        self._last: dict[int, float] = {}

    def put(self, rules: Sequence[Any], *, more: bool = False) -> None:
        """Set the rules, or add more."""
        with self._lock:
            if not more:
                self._rules, self._met, self._fired, self._last = [], [], [], {}
            self._rules += rules
            self._met += [0] * len(rules)
            self._fired += [0] * len(rules)

    def report(self) -> list[dict[str, Any]]:
        """Each rule, how many requests it met, and how many went wrong by it."""
        with self._lock:
            told = zip(self._rules, self._met, self._fired, strict=True)
            return [{**rule.model_dump(exclude_defaults=True), "met": met, "fired": fired} for rule, met, fired in told]

    def due(self, service: str, request: Request, name: str = "") -> list[Any]:
        """The faults of a request. Asking counts it.

        Args:
            service: Who is asked.
            request: For what.
            name: The site, or the name that DNS is asked for.

        Returns:
            The rules in their order, those of a rate with the status that they answer with now.
        """
        if not self._rules:
            return []
        with self._lock:
            found = []
            for number, rule in enumerate(self._rules):
                if not rule.meets(service, request, name):
                    continue
                index = self._met[number]
                self._met[number] += 1
                if index < rule.skip or (rule.times is not None and self._fired[number] >= rule.times):
                    continue
                if rule.share < 1 and not self._chosen(number, index, rule.share):
                    continue
                due = self._now(number, rule, index)
                if due is not None:
                    self._fired[number] += 1
                    found.append(due)
            return found

    def _chosen(self, number: int, index: int, share: float) -> bool:
        digest = hashlib.sha256(f"{self._seed}|{number}|{index}".encode()).digest()
        return int.from_bytes(digest[:4], "big") < share * 2**32

    def _now(self, number: int, rule: Fault, index: int) -> Fault | None:
        """A rule as it acts on this request."""
        if isinstance(rule, Redirect):
            return rule.model_copy(update={"to": rule.to.replace("{n}", str(index + 1))})
        if isinstance(rule, Answer):
            turn = min(index - rule.skip, len(rule.answers) - 1)
            return rule.model_copy(update={"answers": [rule.answers[turn]]})
        if isinstance(rule, Rate):
            now, last = time.monotonic(), self._last.get(number)
            if last is not None and now - last < 1 / rule.per_second:
                return Status(service=rule.service, fault="status", status=429, retry_after=1, body="Too many requests")
            self._last[number] = now
            return None
        return rule


def find(faults: Sequence[Any], kind: type[_Kind]) -> _Kind | None:
    """The first fault of a kind."""
    return next((fault for fault in faults if isinstance(fault, kind)), None)


def shaped(reply: Reply, faults: Sequence[Any]) -> Reply:
    """A reply with all faults done to it that have to do with how it is sent."""
    for fault in faults:
        reply = fault.shape(reply)
    return reply


def refusal(error: str, problems: Sequence[str] = ()) -> Reply:
    """What the world itself says of a request that it cannot make sense of."""
    return json_reply({"error": error, "problems": list(problems)}, 400)
