"""The runs of a stack, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from lambdas.contracts.base import slug
from scout.cities import executions, facts
from scout.cities.facts import RunFacts, Status, told

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

    from scout.deployment import Deployment

# So many runs are looked up at once.
_AT_ONCE = 20
# What Step Functions itself tells apart; for it, the others have succeeded.
_TOLD: dict[Status, ExecutionStatusType] = {
    Status.RUNNING: "RUNNING",
    Status.FAILED: "FAILED",
    Status.TIMED_OUT: "TIMED_OUT",
    Status.ABORTED: "ABORTED",
}


def page(
    deployment: Deployment, *, city: str | None = None, status: Status | None = None, limit: int = 20, number: int = 1
) -> tuple[list[RunFacts], bool]:
    """One page of the runs.

    Args:
        deployment: Where.
        city: Only runs of this city, in any spelling that gives the same name in S3.
        status: Only runs that stand so.
        limit: The most on a page.
        number: Which page, from 1.

    Returns:
        The runs, and whether there are more.

    Raises:
        ScoutError: AWS refused to say.
    """
    first = (number - 1) * limit
    with told(f"the runs of stack {deployment.stack}"):
        chosen = list(islice(_chosen(deployment, city, status), first, first + limit + 1))
    return chosen[:limit], len(chosen) > limit


def _chosen(deployment: Deployment, city: str | None, status: Status | None) -> Iterator[RunFacts]:
    wanted = slug(city) if city else None
    asked: ExecutionStatusType | None = _TOLD.get(status, "SUCCEEDED") if status else None
    listed = executions.listed(deployment, asked)
    while found := list(islice(listed, _AT_ONCE)):
        for run in facts.of_executions(deployment, found):
            of_city = wanted is None or (run.job is not None and run.job.slug == wanted)
            if of_city and status in {None, run.status}:
                yield run
