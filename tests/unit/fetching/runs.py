"""A run that fetches pages, over an S3 and a ledger in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lambdas.contracts.job import RunInput
from lambdas.fetching.fetcher import _ROBOTS, Fetcher
from lambdas.fetching.hosts import Hosts, Turn
from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import parse
from lambdas.runtime.context import Deadline
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage
from lambdas.testing.memory_s3 import MemoryS3
from tests.unit.fetching.internet import World
from tests.unit.tile_sweep.fake_run import BUCKET, FakeLedger

_EXAMPLES = Path(__file__).parents[3] / "examples"
SECONDS = 10.0
"""The deadline of an exchange in tests: so long that a busy machine does not decide how a page ends."""
SHORT_SECONDS = 2.0
"""The deadline where a page is to reach it."""
SLOW = frozenset({Reason.TOO_SLOW, Reason.TIMED_OUT})
"""How a page ends that reaches the deadline."""


def job(name: str = "london") -> RunInput:
    return RunInput.parse(json.loads((_EXAMPLES / f"input.{name}.json").read_text(encoding="utf-8")))


@dataclass
class Turns:
    """Turns at hosts, of which every one is free at once: what the ledger keeps of them is tested on DynamoDB.

    Attributes:
        taken: The turns so far: host, interval, and the pause that was asked for.
    """

    taken: list[tuple[str, float, float]] = field(default_factory=list)
    pages: dict[str, set[str]] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)

    @contextmanager
    def turn(self, host: str, interval: float) -> Iterator[Turn]:
        if host in self.busy:
            raise Unfetched(Reason.HOST_BUSY, f"the next turn at {host} is in 7 s")
        turn = Turn()
        try:
            yield turn
        finally:
            self.taken.append((host, interval, turn.pause))

    def count_page(self, host: str, page: str) -> None:
        self.pages.setdefault(host, set()).add(page)


@dataclass
class Fetching:
    """A run that fetches, and what it left behind."""

    world: World
    job: RunInput = field(default_factory=job)
    s3: MemoryS3 = field(default_factory=MemoryS3)
    turns: Turns = field(default_factory=Turns)
    seconds: float = SECONDS
    ledger: FakeLedger = field(init=False)
    run: Run = field(init=False)

    def __post_init__(self) -> None:
        _ROBOTS.clear()
        self.ledger = FakeLedger(self.job)
        untyped: Any = self.s3
        self.run = Run(
            state="WebFetch",
            execution_id="run-1-page",
            ledger=cast(Ledger, self.ledger),
            storage=Storage(BUCKET, untyped),
            queue=cast(Queue, None),
            deadline=Deadline(60),
        )

    @property
    def fetcher(self) -> Fetcher:
        return Fetcher(self.run, self.world.web, cast(Hosts, self.turns), self.seconds)


def hurry(fetcher: Fetcher, url: str) -> None:
    """Give a page a short deadline, after its robots.txt had a long one."""
    fetcher.robots(parse(url))
    fetcher.seconds = SHORT_SECONDS
