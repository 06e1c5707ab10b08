"""FilterStage: lets the candidates pass that may be asked, and says of each other which filter rejected it and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import TypeAdapter

from lambdas.candidates import environment
from lambdas.candidates.filters import CHAIN, Case, Filter, Thresholds
from lambdas.candidates.handed import Header, candidates_of
from lambdas.candidates.model import Candidate
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.handler import StageHandler
from lambdas.runtime.handover import StageInput

_THRESHOLDS = TypeAdapter(Thresholds)


class FilterStage(StageHandler):
    """A chain of filters as a stage.

    Args:
        filters: The chain, in any order.
    """

    def __init__(self, filters: Sequence[Filter] = CHAIN) -> None:
        self._filters = sorted(filters, key=lambda link: link.order)

    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        """Let candidates pass."""
        data = given.read()
        header, candidates = Header.of(data), candidates_of(data)
        limits = environment.parsed("FILTER_THRESHOLDS", _THRESHOLDS, Thresholds())
        passed: list[Candidate] = []
        rejected: list[Json] = []
        for candidate in candidates:
            rejection = self._rejection(Case(candidate, limits, header.period().end))
            if rejection is None:
                passed.append(candidate)
            else:
                rejected.append(rejection)
        counts = {"inputCount": len(candidates), "passedCount": len(passed), "rejectedCount": len(rejected)}
        reasons = Counter(rejection["reasonCode"] for rejection in rejected)
        metrics = {**counts, "rejectionReasons": dict(sorted(reasons.items()))}
        return StageOutput(
            header.hand_on(passed, metrics, rejectedCandidates=rejected), len(candidates), {**counts, **reasons}
        )

    def _rejection(self, case: Case) -> dict[str, str] | None:
        """What is said of a candidate by the first filter that rejects it."""
        for link in self._filters:
            verdict = link.judge(case)
            if verdict is not None:
                return {
                    "customerId": case.candidate.customer_id,
                    "subjectId": case.candidate.subject_id,
                    "filterId": link.filter_id,
                    "reason": verdict.text,
                    "reasonCode": verdict.code.value,
                }
        return None


handler = FilterStage()
