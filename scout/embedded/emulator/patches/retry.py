"""Retry waits as it says, and wildcards match the errors that they match on AWS.

AWS: a retrier waits `IntervalSeconds * BackoffRate ** attempt`, at most `MaxDelaySeconds`; with `JitterStrategy` FULL
a random time between nothing and that. `States.ALL` and `States.TaskFailed` do not match `States.DataLimitExceeded`;
nothing matches `States.Runtime`, which always fails the execution
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).

The emulator ignores `MaxDelaySeconds` and `JitterStrategy`, waits 60 s at most, and lets the wildcards match all.
"""

from __future__ import annotations

import random
from typing import Any, Final

from scout.embedded.emulator import execution
from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_sfn: Final = service("services.stepfunctions")
_random: Final = random.Random()  # noqa: S311 - spreads retries in time


def apply() -> None:
    """Take over the waiting between attempts, and the matching of names."""
    for retrying in (_sfn._execute_task, _sfn._with_retry_and_catch):
        _PATCH.expect(retrying, "_find_matching_retrier(", 'retrier.get("IntervalSeconds", 1)', "60))")
    _PATCH.expect(_sfn._find_matching_retrier, 'retry_counts.get(idx, 0) >= retrier.get("MaxAttempts", 3)')
    _PATCH.around(_sfn, "_find_matching_retrier", _find_matching_retrier)
    _PATCH.around(_sfn, "_error_matches", _error_matches)


def _find_matching_retrier(original: Untyped, retriers: Untyped, error: str, counts: dict[int, int]) -> Untyped:
    retrier, index = original(retriers, error, counts)
    if retrier is None:
        return retrier, index
    execution.current().sleep(_delay(retrier, counts.get(index, 0)))
    # The caller would wait, too: not at all.
    return {**retrier, "IntervalSeconds": 0}, index


def _delay(retrier: dict[str, Any], attempt: int) -> float:
    delay: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempt
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    return _random.uniform(0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


def _error_matches(_original: Untyped, names: list[str], error: str) -> bool:
    if error == "States.Runtime":
        return False
    if error in names:
        return True
    if error == "States.DataLimitExceeded":
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
