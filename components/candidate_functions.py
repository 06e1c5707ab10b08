"""The functions of the candidate pipelines as data: what each runs, what it needs, and what it may touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from components.context import StackContext
from components.function_spec import BASE_PACKAGES, FunctionSpec
from components.policies import Statement, list_objects, publish, put_items, read_objects, write_objects

EXECUTIONS, INCOMING = "executions/", "incoming/"
CANDIDATES = "candidates"
NOTIFICATIONS = "notifications"

# Five of them, with their retries, are within the 300 s of an Express execution.
_TIMEOUT_SECONDS = 45

Grant = Callable[[StackContext], Statement]


@dataclass(frozen=True, kw_only=True)
class CandidateFunction(FunctionSpec):
    """A function of the candidate pipelines.

    Attributes:
        reads: Key prefixes below which it reads objects, beside the outputs of stages.
        grants: What else it may do.
    """

    reads: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = field(default=())

    @property
    def uses_bucket(self) -> bool:
        """Every stage hands over through the bucket."""
        return True

    def statements(self, context: StackContext) -> tuple[Statement, ...]:
        """What this function may do, beyond writing its logs."""
        bucket, reads = context.bucket_arn, (EXECUTIONS, *self.reads)
        return (
            read_objects(bucket, reads),
            write_objects(bucket, (EXECUTIONS,)),
            list_objects(bucket, reads),
            *(grant(context) for grant in self.grants),
        )


def _puts_candidates(context: StackContext) -> Statement:
    return put_items(context.arn("table", CANDIDATES))


def _notifies(context: StackContext) -> Statement:
    return publish(context.arn("topic", NOTIFICATIONS))


def _function(
    module: str, description: str, memory_mb: int, *grants: Grant, reads: tuple[str, ...] = ()
) -> CandidateFunction:
    return CandidateFunction(
        name=f"candidate-{module}",
        description=description,
        packages=("lambdas/candidates",),
        shared=BASE_PACKAGES,
        handler=f"lambdas.candidates.{module}.handler",
        timeout_seconds=_TIMEOUT_SECONDS,
        memory_mb=memory_mb,
        reads=reads,
        grants=grants,
    )


FUNCTIONS: dict[str, CandidateFunction] = {
    spec.name: spec
    for spec in (
        _function("etl", "Extracts candidates from JSON and CSV", 1024, reads=(INCOMING,)),
        _function("filter", "Lets pass the candidates that may be asked", 512),
        _function("score", "Scores candidates", 1024),
        _function("store", "Stores candidates in DynamoDB", 512, _puts_candidates),
        _function("reactive", "Notifies of the best candidates, once", 512, _puts_candidates, _notifies),
    )
}

HEAVY_ETL = "candidate-heavy-etl"
