"""StoreStage: keeps each candidate in DynamoDB, once, however often the stage is tried.

A put is done only if it brings something new: no candidate stands there, or one of an older event, or one of the same
time with other content. So a second attempt and a redelivered message change nothing, and a late message never
overwrites what a later event said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter

from lambdas.candidates import environment
from lambdas.candidates.handed import Header, candidates_of
from lambdas.candidates.model import Candidate, newest
from lambdas.candidates.table import ConditionFailed, Item, Table
from lambdas.runtime import reports
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import ExecutionContext, StageOutput
from lambdas.runtime.documents import sha256, to_json
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable, TransientError
from lambdas.runtime.handler import StageHandler
from lambdas.runtime.handover import StageInput
from lambdas.runtime.parallel import in_parallel

BATCH = 25
# So many failures are described; all are counted.
_DESCRIBED = 20
_DAY_SECONDS = 86_400
_DAYS: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=3650)])

_IS_NEW = "attribute_not_exists(#pk) OR #expires_at <= :now OR (#eventDate <= :eventDate AND #contentSha256 <> :digest)"


class Outcome(StrEnum):
    """What became of a candidate."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """What became of a candidate, and why, if it failed."""

    candidate: Candidate
    outcome: Outcome
    error: Exception | None = None


class StoreStage(StageHandler):
    """The store as a stage.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        """Store candidates.

        Raises:
            ServiceUnavailable: Some could not be stored, but all others are. It is raised, not handed on, so that Retry
                sees it: another attempt does no harm to what is stored already.
            InvalidInput: The same, where no attempt would store them: DynamoDB does not take their content.
            Throttled: The table asks to wait longer than botocore does.
        """
        data = given.read()
        header, candidates = Header.of(data), candidates_of(data)
        results = self._stored(header, candidates, aws) if candidates else []
        _raise_failures(given.context, results)
        counts = Counter(result.outcome for result in results)
        metrics = {
            "inputCount": len(candidates),
            "storedCount": counts[Outcome.STORED],
            "unchangedCount": counts[Outcome.UNCHANGED],
            # Also what the input itself had something newer for.
            "supersededCount": counts[Outcome.SUPERSEDED] + len(candidates) - len(results),
            "failedCount": 0,
        }
        # Those that stood already, too: the stage after this one may have failed since they were stored.
        standing = [result.candidate for result in results if result.outcome is not Outcome.SUPERSEDED]
        output = {
            **header.document(),
            "metrics": {**metrics, "failedCandidates": []},
            "stored": [_named(candidate) for candidate in standing],
            "success": True,
        }
        return StageOutput(output, len(candidates), dict(metrics))

    def _stored(self, header: Header, candidates: list[Candidate], aws: Aws) -> list[Result]:
        """Store the newest of each candidate, in the order they were handed over."""
        table = Table(environment.required("CANDIDATES_TABLE"), aws.dynamodb)
        kept = {candidate.candidate_id: candidate for candidate in newest(candidates)}
        chosen = [candidate for candidate in candidates if kept[candidate.candidate_id] is candidate]
        now = int(self._clock())
        expires_at = now + environment.parsed("CANDIDATE_TTL_DAYS", _DAYS, 30) * _DAY_SECONDS

        def put(candidate: Candidate) -> Result:
            return _put(table, candidate, _item(candidate, header.program(), expires_at), now)

        # BatchWriteItem takes no conditions, so that each candidate is a PutItem of its own, a few at once. After a
        # batch that was throttled no other is begun.
        return [
            result
            for start in range(0, len(chosen), BATCH)
            for result in in_parallel(put, chosen[start : start + BATCH])
        ]


def _put(table: Table, candidate: Candidate, item: Item, now: int) -> Result:
    digest = item["contentSha256"]
    try:
        table.put(item, _IS_NEW, now=now, eventDate=candidate.event_date, digest=digest)
    except ConditionFailed as refusal:
        same = refusal.standing["contentSha256"] == digest
        return Result(candidate, Outcome.UNCHANGED if same else Outcome.SUPERSEDED)
    except (ServiceUnavailable, InvalidInput) as error:
        return Result(candidate, Outcome.FAILED, error)
    return Result(candidate, Outcome.STORED)


def _item(candidate: Candidate, program: tuple[str, str], expires_at: int) -> Item:
    """A candidate as it stands in the table. Fields that the model does not know lie together, out of the way."""
    document, extra = candidate.document(), candidate.model_extra or {}
    item = {name: value for name, value in document.items() if name not in extra}
    if len(item) < len(document):
        item["extra"] = {name: value for name, value in document.items() if name in extra}
    program_id, marketplace = program
    return item | {
        "pk": f"PROGRAM#{program_id}#{marketplace}",
        "sk": f"CANDIDATE#{candidate.candidate_id}",
        "programId": program_id,
        "marketplace": marketplace,
        "contentSha256": sha256(to_json(document)),
        "expires_at": expires_at,
    }


def _raise_failures(context: ExecutionContext, results: list[Result]) -> None:
    failed = [result for result in results if result.error is not None]
    if not failed:
        return
    described = [
        {"candidateId": result.candidate.candidate_id, "error": f"{type(result.error).__name__}: {result.error}"}
        for result in failed[:_DESCRIBED]
    ]
    fields = reports.fields(context) | {"failedCount": len(failed), "failedCandidates": described}
    reports.LOGGER.error("Candidates could not be stored", extra=fields)
    kind = ServiceUnavailable if any(isinstance(result.error, TransientError) for result in failed) else InvalidInput
    raise kind(f"{len(failed)} candidates could not be stored, all others are: {to_json(described).decode()}")


def _named(candidate: Candidate) -> dict[str, str | float | None]:
    return {
        "candidateId": candidate.candidate_id,
        "customerId": candidate.customer_id,
        "subjectType": candidate.subject_type,
        "subjectId": candidate.subject_id,
        "score": candidate.score,
    }


handler = StoreStage()
