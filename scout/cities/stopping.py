"""Stop spending while runs go on: kill switches of one run, and an emergency stop of all runs of a stack."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.connectors import BudgetGroup
from lambdas.runtime.errors import InputNotFound, LedgerUnavailable
from lambdas.runtime.ledger import Ledger
from scout.errors import ScoutError
from scout.queues import pipes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scout.deployment import Deployment

_ERROR = "EmergencyStop"


@dataclass(frozen=True)
class Stopped:
    """What an emergency stop did.

    Attributes:
        closed: The runs that end now, and keep what they found.
        aborted: Executions that had opened no run yet.
    """

    closed: list[str]
    aborted: list[str]


def kill(deployment: Deployment, run_id: str, groups: Collection[BudgetGroup], *, on: bool) -> dict[str, bool]:
    """Flip kill switches of a run; no call of these connectors begins more than five seconds later.

    Args:
        deployment: Where the run is.
        run_id: Which.
        groups: Which switches.
        on: Whether to kill, or to allow again.

    Returns:
        All kill switches of the run as they are now.

    Raises:
        ScoutError: There is no such run, or it makes no more calls.
    """
    ledger = _ledger(deployment, run_id)
    try:
        record = ledger.run(max_age=0)
        if record.closed_at:
            raise ScoutError(f"run {run_id} makes no more calls since {record.closed_at}: nothing to change")
        ledger.kill(groups, on)
        record = ledger.run(max_age=0)
    except InputNotFound as error:
        raise ScoutError(f"stack {deployment.stack} has no run {run_id}") from error
    except LedgerUnavailable as error:
        raise ScoutError(str(error)) from error
    return {group.value: record.killed(group) for group in BudgetGroup}


def emergency_stop(deployment: Deployment) -> Stopped:
    """Close all runs of a stack: no more calls, what was found is ranked and reported, what waits stays in the queue.

    The pipe is stopped with them, so that the frontier is kept as it is, until :func:`start_frontier`.

    Raises:
        ScoutError: The pipe or some runs could not be stopped; it names each. Everything else was stopped.
    """
    stopped = Stopped([], [])
    failures: dict[str, Exception] = {}
    pipe = f"pipe {deployment.pipe_name}"
    with _noted(failures, pipe):
        pipes.order(deployment.session, deployment.pipe_name, "stop")
    with _noted(failures, "the list of runs"):
        for name, arn in _running(deployment):
            with _noted(failures, f"run {name}"):
                (stopped.closed if _stop(deployment, name, arn) else stopped.aborted).append(name)
    # Only now: runs go on spending until they are held, however long the pipe takes.
    if pipe not in failures:
        with _noted(failures, pipe):
            pipes.wait(deployment.session, deployment.pipe_name, "stop")
    if failures:
        found = "; ".join(f"{what}: {error}" for what, error in failures.items())
        raise ScoutError(f"stack {deployment.stack} could not be stopped as a whole: {found}")
    return stopped


def start_frontier(deployment: Deployment) -> None:
    """Take up the frontier again after an emergency stop; messages of runs that have ended are dropped.

    Raises:
        ScoutError: AWS refused it.
    """
    try:
        pipes.order(deployment.session, deployment.pipe_name, "start")
        pipes.wait(deployment.session, deployment.pipe_name, "start")
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"the frontier of stack {deployment.stack} could not be started: {error}") from error


def _running(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Names and ARNs of the executions that are going on."""
    pages = (
        deployment.session.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=deployment.city_discovery_arn, statusFilter="RUNNING")
    )
    return ((execution["name"], execution["executionArn"]) for page in pages for execution in page["executions"])


def _stop(deployment: Deployment, run_id: str, arn: str) -> bool:
    """Hold a run, or abort an execution that has opened none yet; whether there was a run."""
    ledger = _ledger(deployment, run_id)
    try:
        # What is being finalized makes no calls, and has nothing left to keep.
        if not ledger.run(max_age=0).closed_at:
            ledger.hold()
    except InputNotFound:
        cause = "stopped by an operator before its run was opened"
        deployment.session.client("stepfunctions").stop_execution(executionArn=arn, error=_ERROR, cause=cause)
        # It may have opened its run meanwhile.
        with contextlib.suppress(InputNotFound):
            ledger.hold()
        return False
    return True


def _ledger(deployment: Deployment, run_id: str) -> Ledger:
    return Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))


@contextlib.contextmanager
def _noted(failures: dict[str, Exception], what: str) -> Iterator[None]:
    """Keep an error for later: in an emergency none may leave the rest running."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - raised once everything was tried
        failures[what] = error
