"""Which errors are tried again, how often, and after which waits.

Errors have names: those of the Python classes that handlers raise, and those of Step Functions and Lambda. Each name is
permanent (the same call would fail again), transient (it may well succeed in a moment), or unknown.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workflow.city_states import PHASES, CityState, Phase
from workflow.states import ALL_ERRORS, Retrier

# The run may not spend (any more): not a failure of the state, which leaves its work undone and goes on.
STOP_ERRORS: tuple[str, ...] = ("BudgetExhausted", "KillSwitchOn", "RunClosed")

PERMANENT_ERRORS: tuple[str, ...] = (
    *STOP_ERRORS,
    "InputNotFound",
    "AccessDenied",
    "InvalidInput",
    "InvalidOutput",
    "OutputConflict",
    "ServiceRefused",
    "ExtractNotFound",
    "ExtractCorrupt",
    "VerificationFailed",
)

FRONTIER_BUSY = "FrontierBusy"

# Lambda's own are those that its documentation asks callers to retry:
# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
TRANSIENT_ERRORS: tuple[str, ...] = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "TransientStorageError",
    "Throttled",
    "ServiceUnavailable",
    "LedgerUnavailable",
    FRONTIER_BUSY,
)

# A job that has all of its concurrent runs, or an account that has no workers left for it: to be waited for.
# https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html
BUSY_JOB_ERRORS: tuple[str, ...] = (
    "Glue.ConcurrentRunsExceededException",
    "Glue.ResourceNumberLimitExceededException",
)

# The Task's own time-out, and the name under which Lambda reports that of a function.
TIMEOUT_ERRORS: tuple[str, ...] = ("States.Timeout", "Sandbox.Timedout")


class RetryPolicy(BaseModel):
    """How often something is tried again, and after which waits: exponential, capped, with full jitter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval_seconds: Annotated[int, Field(ge=1)] = 1
    backoff_rate: Annotated[float, Field(ge=1)] = 2.0
    max_attempts: Annotated[int, Field(ge=0)] = 3
    max_delay_seconds: Annotated[int, Field(ge=2, lt=31_622_400)] = 60

    @model_validator(mode="after")
    def _first_wait_below_the_longest(self) -> Self:
        if self.interval_seconds >= self.max_delay_seconds:
            raise ValueError(
                f"interval_seconds is {self.interval_seconds}, which must be less than max_delay_seconds,"
                f" {self.max_delay_seconds}"
            )
        return self

    def on(self, *errors: str) -> Retrier:
        """This policy for these error names."""
        return Retrier(error_equals=errors, **self.model_dump())

    def capped(self, max_delay_seconds: int) -> RetryPolicy:
        """This policy with no wait longer than so many seconds, which are at least 2; the first wait is shorter."""
        longest = min(self.max_delay_seconds, max_delay_seconds)
        return self.model_copy(
            update={"max_delay_seconds": longest, "interval_seconds": min(self.interval_seconds, longest - 1)}
        )


_DISCOVERY = RetryPolicy(interval_seconds=2)
_FINALIZATION = RetryPolicy()

STATE_RETRIES: dict[CityState, RetryPolicy] = {
    **dict.fromkeys(PHASES[Phase.DISCOVERY], _DISCOVERY),
    CityState.WEB_FETCH: RetryPolicy(max_attempts=4),
    CityState.EXTRACT_WITH_LLM: RetryPolicy(interval_seconds=2),
    CityState.GEOCODE_VALIDATE: RetryPolicy(),
    **dict.fromkeys(PHASES[Phase.FINALIZATION], _FINALIZATION),
}

# Calls of the control function are short, and there is one in each turn of the polling loop, whose events are counted.
CONTROL_RETRY = RetryPolicy(max_attempts=2)
TRANSIENT_RETRY = RetryPolicy(max_attempts=3, max_delay_seconds=30)


def retry_block(
    policy: RetryPolicy, *, transient: RetryPolicy = TRANSIENT_RETRY, never: tuple[str, ...] = ()
) -> tuple[Retrier, ...]:
    """The Retry field of a Task.

    Step Functions takes the first retrier that names the error and counts the attempts of each retrier for itself.

    Args:
        policy: For errors that are neither permanent nor known to be transient.
        transient: For the transient ones.
        never: Errors which this Task must not retry either, beside the permanent ones.

    Returns:
        The retriers, in the order in which they are matched.
    """
    return (
        Retrier(error_equals=(*PERMANENT_ERRORS, *never), max_attempts=0),
        transient.on(*TRANSIENT_ERRORS),
        policy.on(ALL_ERRORS),
    )
