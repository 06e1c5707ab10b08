"""Real states and connectors in the stand-in world, over an S3 and a ledger in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from lambdas.connectors import service
from lambdas.connectors.service import Configuration, Service, ServiceInfo
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.frontier import FrontierMessage
from lambdas.contracts.job import RunInput
from lambdas.fetching.fetcher import _ROBOTS
from lambdas.fetching.hosts import Hosts
from lambdas.places.geo import Disc
from lambdas.runtime.context import Deadline, RunContext, StageOutput
from lambdas.runtime.handover import StageInput, put_out
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import Enqueued
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.stage import Stage
from lambdas.runtime.storage import Storage
from lambdas.testing.memory_s3 import MemoryS3
from scout.standin.server import StandIn
from scout.standin.towns import Town
from tests.unit.fetching.runs import Turns
from tests.unit.standin.client import EDINBURGH
from tests.unit.tile_sweep.fake_run import BUCKET, STARTED, FakeLedger

_EXAMPLES = Path(__file__).parents[3] / "examples"
LINEAGE = Lineage(created_at=STARTED, pipeline_version="9.9.9")


def job_of(town: Town, **changes: Any) -> RunInput:
    """A job for a town of the world, with room in its budgets."""
    given = json.loads((_EXAMPLES / "input.edinburgh.json").read_text(encoding="utf-8"))
    center = town.area.center
    seed = {
        "type": "map",
        "center": {"lat": center.lat, "lng": center.lng},
        "radius_km": town.area.radius_m / 1000,
    }
    switches = dict.fromkeys(given["kill_switches"], False)
    return RunInput.parse({**given, "city": town.name, "seed": seed, "kill_switches": switches, **changes})


class Frontier(FakeLedger):
    """A ledger that takes what is sent to the frontier, each message once."""

    def __init__(self, job: RunInput) -> None:
        super().__init__(job)
        self.messages: dict[str, FrontierMessage] = {}

    def enqueue(self, messages: Sequence[FrontierMessage], _: str) -> Enqueued:
        fresh = {message.key: message for message in messages if message.key not in self.messages}
        self.messages |= fresh
        return Enqueued(len(fresh), list(fresh.values()))


class _NoQueue:
    def send(self, messages: Sequence[Any]) -> None:
        pass


@dataclass
class Outside:
    """A run in the stand-in world."""

    standin: StandIn
    monkeypatch: pytest.MonkeyPatch
    town: Town = EDINBURGH
    changes: dict[str, Any] = field(default_factory=dict)
    s3: MemoryS3 = field(default_factory=MemoryS3)
    turns: Turns = field(default_factory=Turns)
    state: str = "DiscoverTargets"
    connectors: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _ROBOTS.clear()
        self.job = job_of(self.town, **self.changes)
        self.ledger = Frontier(self.job)
        self.configure()
        # What the ledger keeps of turns is tested on DynamoDB.
        self.monkeypatch.setattr(service, "Hosts", lambda *_, **__: cast(Hosts, self.turns))
        self.run = self.another_run()

    def configure(self, **sections: Any) -> None:
        """Set what the stack says of connectors, over where the world is."""
        # The world's Overture Maps are on an S3 that only some tests have.
        said = {"overture": {"enabled": False}, **self.standin.connectors, **sections}
        self.monkeypatch.setenv("CONNECTORS", json.dumps(said))

    def another_run(self) -> Run:
        untyped: Any = self.s3
        return Run(
            state=self.state,
            execution_id="run-1",
            ledger=cast(Ledger, self.ledger),
            storage=Storage(BUCKET, untyped),
            queue=cast(Queue, _NoQueue()),
            deadline=Deadline(60),
        )

    @property
    def area(self) -> Disc:
        return self.town.area

    def service(self, info: ServiceInfo) -> Service:
        return Service(info, self.run, Configuration.of(self.run))

    def stage(self, stage: Stage, previous: Any = None, before: str = "DiscoverTargets") -> StageOutput:
        """Run a state, which may read what an earlier one has put out."""
        storage = self.run.storage
        if previous is not None:
            put_out(storage, self._context(before, None), StageOutput(previous, records=0))
        with StageInput(self._context(self.state, before), storage) as given:
            return stage(given, self.run)

    def _context(self, state: str, previous: str | None) -> RunContext:
        return RunContext.parse(
            {
                "executionId": "run-1",
                "runId": "run-1",
                "currentStage": state,
                "previousStage": previous,
                "workflowBucket": BUCKET,
                "initialData": {},
            }
        )

    def spent(self, group: BudgetGroup = BudgetGroup.OPEN_DATA) -> int:
        return self.ledger.spent[group]

    def found(self) -> dict[str, Candidate]:
        return {candidate.record_id: candidate for candidate in self.run.candidates()}
