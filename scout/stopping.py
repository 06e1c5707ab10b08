"""Stop spending while runs go on: kill switches of one run, and an emergency stop of all runs of a stack."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.connectors import BudgetGroup
from lambdas.runtime.errors import InputNotFound, LedgerUnavailable
from lambdas.runtime.ledger import Ledger
from scout.errors import ScoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scout.deployment import Deployment

# StopPipe returns before the pipe has stopped (https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/).
_PIPE_SECONDS = 120
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
        ScoutError: AWS refused a part of it; what was done until then stays done.
    """
    with _as_scout_errors(f"the runs of stack {deployment.stack} could not all be stopped"):
        _pipe(deployment, "stop")
        stopped = Stopped([], [])
        for name, arn in _running(deployment):
            ledger = _ledger(deployment, name)
            try:
                # What is being finalized makes no calls, and has nothing left to keep.
                if not ledger.run(max_age=0).closed_at:
                    ledger.hold()
                stopped.closed.append(name)
            except InputNotFound:
                cause = "stopped by an operator before its run was opened"
                deployment.session.client("stepfunctions").stop_execution(executionArn=arn, error=_ERROR, cause=cause)
                # It may have opened its run meanwhile.
                with contextlib.suppress(InputNotFound):
                    ledger.hold()
                stopped.aborted.append(name)
        return stopped


def start_frontier(deployment: Deployment) -> None:
    """Take up the frontier again after an emergency stop; messages of runs that have ended are dropped.

    Raises:
        ScoutError: AWS refused it.
    """
    with _as_scout_errors(f"the frontier of stack {deployment.stack} could not be started"):
        _pipe(deployment, "start")


def _running(deployment: Deployment) -> list[tuple[str, str]]:
    """Names and ARNs of the executions that are going on."""
    pages = (
        deployment.session.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=deployment.city_discovery_arn, statusFilter="RUNNING")
    )
    return [(execution["name"], execution["executionArn"]) for page in pages for execution in page["executions"]]


def _pipe(deployment: Deployment, order: str) -> None:
    """Start or stop the pipe, and wait until it has."""
    pipes, name = deployment.session.client("pipes"), deployment.pipe_name
    wanted = {"start": "RUNNING", "stop": "STOPPED"}[order]
    deadline = time.monotonic() + _PIPE_SECONDS
    if pipes.describe_pipe(Name=name)["CurrentState"] != wanted:
        (pipes.start_pipe if order == "start" else pipes.stop_pipe)(Name=name)
    while (state := pipes.describe_pipe(Name=name)["CurrentState"]) != wanted:
        if time.monotonic() > deadline:
            raise ScoutError(f"pipe {name} is still {state} after {_PIPE_SECONDS} s")
        time.sleep(1)


def _ledger(deployment: Deployment, run_id: str) -> Ledger:
    return Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))


@contextlib.contextmanager
def _as_scout_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, LedgerUnavailable) as error:
        raise ScoutError(f"{what}: {error}") from error
