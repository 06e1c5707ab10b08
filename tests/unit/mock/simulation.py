"""A whole city run in one process: every state in its order, over a bucket and a ledger in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, StateMode, StateReport, StateStatus, StoppedBy
from lambdas.finalization.memory import collector_paused
from lambdas.finalization.outputs import from_lines
from lambdas.mock.handler import STAGES
from lambdas.runtime import keys
from lambdas.runtime.context import Deadline, RunContext
from lambdas.runtime.handover import StageInput, put_out
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.stage import Stage
from lambdas.runtime.storage import Storage
from tests.unit.mock.memory_ledger import MemoryLedger
from tests.unit.runtime.buckets import FailingS3

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
DISCOVERY = ("DiscoverWebSources", "DiscoverTargets", "SeedPrimaries", "ExpandNeighbors", "TileSweep")
FINALIZATION = ("DedupeCanonicalize", "Persist", "Rank", "Finalize")
PAGE = {"web": ("WebFetch", "ExtractWithLLM", "GeocodeValidate"), "maps": ("SearchMaps", "GeocodeValidate")}
STATES = (*DISCOVERY, *PAGE["web"], *FINALIZATION)


def example(name: str) -> RunInput:
    return RunInput.parse(json.loads((EXAMPLES / f"input.{name}.json").read_text()))


class NoQueue:
    """The frontier's messages are taken from the ledger; nothing waits in a queue."""

    def send(self, messages: Sequence[Any]) -> None:
        pass


@dataclass
class Simulation:
    """One run of a job."""

    job: RunInput
    run_id: str = "run-1"
    modes: dict[str, StateMode] = field(default_factory=lambda: dict.fromkeys(STATES, StateMode.MOCK))
    s3: FailingS3 = field(default_factory=FailingS3)
    seconds: dict[str, float] = field(default_factory=dict)
    stages: Mapping[str, Stage] = field(default_factory=lambda: STAGES)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.job, self.modes, self.run_id)
        self.storage = Storage("bucket", cast(Any, self.s3))

    def stage(self, state: str, previous: str | None, data: Any = None, execution: str | None = None) -> dict[str, Any]:
        """Run one state, and put its output where the next one reads it."""
        execution = execution or self.run_id
        context = RunContext.parse(
            {
                "executionId": execution,
                "runId": self.run_id,
                "currentStage": state,
                "previousStage": previous,
                "workflowBucket": "bucket",
                "initialData": data,
            }
        )
        run = Run(
            state=state,
            execution_id=execution,
            ledger=cast(Ledger, self.ledger),
            storage=self.storage,
            queue=cast(Queue, NoQueue()),
            deadline=Deadline(60),
        )
        started = time.process_time()
        output = self.stages[state](StageInput(context, self.storage), run)
        spent = time.process_time() - started
        self.seconds[state] = self.seconds.get(state, 0) + spent
        summary = put_out(self.storage, context, output, {"runId": self.run_id})
        if state in self.modes:
            self.ledger.reports[state] = StateReport(
                mode=self.modes[state], status=StateStatus.SUCCEEDED, seconds=spent, records=summary["records"]
            )
        return {"records": summary["records"], "metrics": output.metrics, **output.result}

    def process_frontier(self, most: int | None = None) -> None:
        """Process what waits in the frontier, and what that brings, until nothing waits or a gate is closed."""
        processed = 0
        while waiting := self.ledger.frontier().waiting:
            for key in waiting:
                if processed == most:
                    return
                message = self.ledger.messages[key]
                if self.ledger.gate() is None:
                    previous = None
                    for state in PAGE[message.type]:
                        data = message.document() if previous is None else None
                        self.stage(state, previous, data, f"{self.run_id}-{key}")
                        previous = state
                self.ledger.done.add(key)
                processed += 1

    @collector_paused()
    def run(self, *, pages_first: bool = False) -> Manifest:
        """The whole run.

        Args:
            pages_first: Process the frontier as soon as there is something in it, and not only after the sweep: on AWS
                both go on at once.
        """
        previous = None
        for state in DISCOVERY:
            self.stage(state, previous, self.job.document())
            previous = state
            if pages_first:
                self.process_frontier()
        self.process_frontier()
        gate = self.ledger.gate()
        self.ledger.close(gate.name if gate else StoppedBy.DRAINED)
        for state in FINALIZATION:
            self.stage(state, previous, {"errors": {}})
            previous = state
        return self.manifest()

    def manifest(self) -> Manifest:
        return Manifest.model_validate_json(self.s3.objects[keys.manifest(self.job.slug, self.run_id)])

    def places(self) -> list[Any]:
        return from_lines(self.s3.objects[keys.places(self.job.slug, self.run_id)])
