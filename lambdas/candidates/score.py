"""ScoreStage: gives each candidate a score, best first; what cannot be scored is handed on beside them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from lambdas.candidates import environment
from lambdas.candidates.handed import Header, records_of, told
from lambdas.candidates.model import Candidate
from lambdas.candidates.scoring import Facts, scored
from lambdas.contracts.base import Share
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.handler import stage
from lambdas.runtime.handover import StageInput

DEFAULT_PRIOR = 0.4
"""The score of a candidate of whom too little is known, in a program without a prior of its own: rather not."""
_PRIORS: TypeAdapter[dict[str, Share]] = TypeAdapter(dict[str, Share])


@stage
def handler(given: StageInput, aws: Aws) -> StageOutput:
    """Score candidates; the program's prior stands in where too little is known (``SCORE_PRIORS``, by program)."""
    data = given.read()
    header = Header.of(data)
    prior = environment.parsed("SCORE_PRIORS", _PRIORS, {}).get(header.program_id or "", DEFAULT_PRIOR)
    records = records_of(data)
    candidates: list[Candidate] = []
    unscored: list[Json] = []
    for record in records:
        try:
            candidate = Candidate.parse(record)
        except ValueError as error:
            unscored.append(_unscored(record, told(error)))
        else:
            candidates.append(_scored(candidate, header, prior))
    candidates.sort(key=lambda candidate: (-(candidate.score or 0), candidate.candidate_id))
    metrics = {
        "inputCount": len(records),
        "scoredCount": len(candidates),
        "fallbackCount": sum(candidate.score_source == "fallback" for candidate in candidates),
        "errorCount": len(unscored),
    }
    return StageOutput(header.hand_on(candidates, metrics, unscored=unscored), len(records), dict(metrics))


def _scored(candidate: Candidate, header: Header, prior: float) -> Candidate:
    result = scored(Facts(candidate, header.date_range))
    update: dict[str, Any] = {
        "score": prior if result.is_guess else result.score,
        "score_source": "fallback" if result.is_guess else "model",
        "score_detail": result.detail,
    }
    return candidate.model_copy(update=update)


def _unscored(record: Json, reason: str) -> Json:
    # Spark and some writers of JSON know NaN, infinity and broken characters; the output must be readable by all.
    text = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
    readable = json.loads(text, parse_constant=str)
    identity = readable.get("candidateId") if isinstance(readable, dict) else None
    return {"candidateId": identity, "reason": reason, "record": readable}
