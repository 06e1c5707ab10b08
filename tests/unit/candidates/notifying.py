"""What stands around ReactiveStage in its tests."""

from __future__ import annotations

from typing import Any

from lambdas.candidates.reactive import ReactiveStage
from lambdas.testing import LocalAws
from tests.unit.candidates.records import HEADER, identity
from tests.unit.candidates.standins import Clock, Faults, MemoryTable, MemoryTopic, run_as

WINDOW = 300


class World:
    """A table, a topic and the function, whose invocations have 45 seconds."""

    def __init__(self) -> None:
        self.clock, self.faults = Clock(), Faults()
        self.table = MemoryTable(self.faults)
        self.topic = MemoryTopic(self.clock, self.faults)
        self.handler = ReactiveStage(self.clock)
        self.aws = LocalAws(dynamodb=self.table, sns=self.topic)

    def run(self, data: Any, execution: str = "e-1", seconds: float = 45) -> dict[str, Any]:
        return dict(run_as(execution, self.handler, data, self.aws, seconds))


def one(customer: str = "c-1", subject: str = "o-1", score: float | None = 0.9, **more: Any) -> dict[str, Any]:
    named = {"customerId": customer, "subjectType": "order", "subjectId": subject, "score": score}
    return {"candidateId": identity(customer, subject), **named, **more}


def stored(*found: dict[str, Any]) -> dict[str, Any]:
    return {**HEADER, "stored": list(found), "success": True, "metrics": {}}


def numbers(data: dict[str, Any]) -> tuple[int, ...]:
    names = ("notified", "suppressed", "belowThreshold", "unscored", "dedupUnavailable")
    return tuple(data[name] for name in names)
