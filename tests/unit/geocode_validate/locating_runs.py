"""A run that locates, over an S3 and a ledger in memory, with the stand-in world's Nominatim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from lambdas.contracts.candidate import CANDIDATES, Address, Candidate, Confidences, Lineage, Source
from lambdas.contracts.job import RunInput
from lambdas.fetching.hosts import Turn
from lambdas.geocode_validate.state import geocode_validate
from lambdas.places.identity import mention_id
from lambdas.runtime import keys
from lambdas.runtime.context import Deadline
from lambdas.runtime.handover import StageInput
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage
from lambdas.testing.memory_s3 import MemoryS3
from tests.unit.fetching.runs import job
from tests.unit.tile_sweep.fake_run import BUCKET, FakeLedger

URL = "http://site.example/guide"
LINEAGE = Lineage(created_at="2026-01-01T00:00:00.000Z", pipeline_version="9.9.9")
KEY = "0123456789abcdef01234567"


def candidate(
    name: str,
    at: tuple[float, float] | None = None,
    *,
    street: str | None = None,
    source: Source = Source.WEB,
    sure: float = 0.75,
    **more: Any,
) -> Candidate:
    return Candidate(
        record_id=mention_id(URL, name) if source is Source.WEB else f"{source}:{name}",
        name=name,
        source=source,
        lat=at[0] if at else None,
        lng=at[1] if at else None,
        coordinates_confidence=sure if at else 0.0,
        confidences=Confidences(overall=0.7),
        lineage=LINEAGE,
        address=Address(street_name=street) if street else None,
        **more,
    )


@dataclass
class Turns:
    """Turns at hosts, of which every one is free at once."""

    taken: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def turn(self, host: str, interval: float) -> Iterator[Turn]:
        self.taken.append((host, interval))
        yield Turn()


@dataclass
class Locating:
    """A run that locates, and what it left behind."""

    job: RunInput = field(default_factory=lambda: job("budget-test-small"))
    s3: MemoryS3 = field(default_factory=MemoryS3)
    turns: Turns = field(default_factory=Turns)
    ledger: FakeLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(self.job)

    def run(self, page: str = KEY) -> Run:
        untyped: Any = self.s3
        return Run(
            state="GeocodeValidate",
            execution_id=f"run-1-{page}",
            ledger=cast(Ledger, self.ledger),
            storage=Storage(BUCKET, untyped),
            queue=cast(Queue, None),
            deadline=Deadline(60),
        )

    def known(self, *candidates: Candidate) -> None:
        """What the run's maps have found."""
        body = CANDIDATES.dump_json(list(candidates), exclude_none=True)
        self.s3.objects[keys.extracted("edinburgh", "run-1", f"map{len(self.s3.objects)}")] = body

    def locate(self, *candidates: Candidate, page: str = KEY, rejected: int = 0) -> Located:
        """Locate the candidates of a page."""
        before = set(self.s3.objects)
        documents = [candidate.document() for candidate in candidates]

        class Given:
            def read(self) -> Any:
                return {"candidates": documents, "calls": 1, "rejected": rejected}

        output = geocode_validate(cast(StageInput, Given()), self.run(page))
        reported = [key for key in self.s3.objects if key.startswith("extracted/") and key not in before]
        found = [found for key in reported for found in CANDIDATES.validate_json(self.s3.objects[key])]
        return Located(output.data, dict(output.metrics), found)


@dataclass
class Located:
    """What came of a page."""

    data: Any
    metrics: dict[str, int | float]
    reported: Sequence[Candidate]

    @property
    def one(self) -> Candidate:
        [found] = self.reported
        return found
