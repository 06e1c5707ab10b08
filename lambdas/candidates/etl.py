"""ETLStage: records of any source become candidates; each record that does not is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import ConfigDict

from lambdas.candidates.handed import Header, told
from lambdas.candidates.model import Candidate, Event, Name, Period, Record, candidate_id, newest
from lambdas.candidates.sources import INCOMING, Raw, Source, inline, read
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handler import stage
from lambdas.runtime.handover import StageInput
from lambdas.runtime.storage import Storage

MAX_DESCRIBED = 20
"""So many bad records are described; all are counted."""
_MAX_REASON = 300


class Task(Record):
    """What the message asks for."""

    model_config = ConfigDict(extra="ignore")

    program_id: Name
    marketplace: Name
    date_range: Period
    sources: tuple[Source, ...] = ()

    @classmethod
    def of(cls, data: Json) -> Self:
        """Read the message.

        Raises:
            InvalidInput: A field is missing or wrong; the message names all of them.
        """
        if not isinstance(data, dict):
            raise InvalidInput("The message is not a JSON object.")
        wrong = []
        if (data.get("records") is None) == (data.get("sources") is None):
            wrong.append("either records or sources is required")
        if not isinstance(data.get("records", []), list | None):
            wrong.append("records: it is not a list")
        try:
            # Not the records: one that is wrong is not to spoil the others.
            names = {field.alias for field in cls.model_fields.values()}
            task = cls.parse({name: value for name, value in data.items() if name in names})
        except ValueError as error:
            raise InvalidInput("; ".join([told(error), *wrong])) from error
        wrong += [f"{source.key} does not lie below {INCOMING}" for source in task.sources if not source.is_incoming]
        if wrong:
            raise InvalidInput("; ".join(wrong))
        return task


@dataclass
class Extraction:
    """What has become of the records so far."""

    task: Task
    candidates: list[Candidate] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)
    processed: int = 0
    failed: int = 0
    out_of_range: int = 0

    def take(self, raw: Raw) -> None:
        """Turn a record into a candidate, or count why not."""
        self.processed += 1
        if raw.problem:
            self._refuse(raw, raw.problem)
            return
        try:
            candidate = _candidate(raw.record, self.task)
        except ValueError as error:
            self._refuse(raw, told(error))
            return
        if self.task.date_range.holds(candidate.event_date):
            self.candidates.append(candidate)
        else:
            self.out_of_range += 1

    def _refuse(self, raw: Raw, reason: str) -> None:
        self.failed += 1
        if len(self.errors) < MAX_DESCRIBED:
            self.errors.append({**raw.place, "reason": reason[:_MAX_REASON]})


@stage
def handler(given: StageInput, aws: Aws) -> StageOutput:
    """Extract candidates; of those with the same identity the latest stays."""
    data = given.read()
    task = Task.of(data)
    extraction = Extraction(task)
    for raw in _records(data, task, given.storage):
        extraction.take(raw)
    candidates = newest(extraction.candidates)
    metrics = {
        "processedCount": extraction.processed,
        "transformedCount": len(candidates),
        "errorCount": extraction.failed,
        "outOfRangeCount": extraction.out_of_range,
        "duplicateCount": len(extraction.candidates) - len(candidates),
    }
    output = Header.of(data).hand_on(candidates, metrics, errors=extraction.errors)
    return StageOutput(output, extraction.processed, dict(metrics))


def _records(data: dict[str, Any], task: Task, storage: Storage) -> Iterator[Raw]:
    if data.get("records") is not None:
        yield from inline(data["records"])
    for source in task.sources:
        yield from read(source, storage)


def _candidate(record: Json, task: Task) -> Candidate:
    """The candidate that a record is.

    Raises:
        ValueError: It is none, or it says that it belongs to something else.
    """
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    event = Event.parse({name: value for name, value in record.items() if name != "candidateId"})
    identity = candidate_id(task.program_id, task.marketplace, event.customer_id, event.subject_type, event.subject_id)
    ours = {"programId": task.program_id, "marketplace": task.marketplace, "candidateId": identity}
    for name, value in ours.items():
        if record.get(name, value) not in (None, value):
            raise ValueError(f"{name}: it is {record[name]!r}, not {value!r}")
    return Candidate.parse({**event.document(), "candidateId": identity})
