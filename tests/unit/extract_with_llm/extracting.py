"""A run that extracts, over an S3 and a ledger in memory, with the stand-in world's model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from lambdas.extract_with_llm.state import extract_with_llm
from lambdas.runtime.context import Deadline
from lambdas.runtime.documents import sha256
from lambdas.runtime.handover import StageInput
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage
from lambdas.testing.memory_s3 import MemoryS3
from tests.unit.fetching.runs import job
from tests.unit.tile_sweep.fake_run import BUCKET, FakeLedger

URL = "http://site.example/guide"


@dataclass
class Extracting:
    """A run that extracts, and what it left behind."""

    job: RunInput = field(default_factory=lambda: job("budget-test-small"))
    s3: MemoryS3 = field(default_factory=MemoryS3)
    seconds: float = 600
    ledger: FakeLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(self.job)

    @property
    def run(self) -> Run:
        untyped: Any = self.s3
        return Run(
            state="ExtractWithLLM",
            execution_id="run-1-page",
            ledger=cast(Ledger, self.ledger),
            storage=Storage(BUCKET, untyped),
            queue=cast(Queue, None),
            deadline=Deadline(self.seconds),
        )

    def page(self, html: str, **about: Any) -> Extracted:
        """Extract the places of a page."""
        body = html.encode()
        key = f"raw/html/edinburgh/site.example/{sha256(body)}.html"
        self.s3.objects[key] = body
        page = {"url": URL, "html": key, "trust_score": 0.7, **about}

        class Given:
            def read(self) -> Any:
                return {"page": page}

        output = extract_with_llm(cast(StageInput, Given()), self.run)
        return Extracted(output.data, dict(output.metrics))

    @property
    def units(self) -> int:
        return self.ledger.spent[BudgetGroup.LLM]


@dataclass
class Extracted:
    """What came of a page."""

    data: Any
    metrics: dict[str, int | float]

    @property
    def candidates(self) -> dict[str, dict[str, Any]]:
        return {candidate["name"]: candidate for candidate in self.data["candidates"]}

    @property
    def text(self) -> str:
        return json.dumps(self.data, ensure_ascii=False)
