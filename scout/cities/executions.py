"""Executions of the city workflow, as Step Functions knows them: one is one run, by the same name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.job import RunInput
from scout.errors import ScoutError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

    from scout.deployment import Deployment

LAST = "last"
ENDED_BADLY = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
ENDED = ENDED_BADLY | {"SUCCEEDED"}
_PAGE = 1000


@dataclass(frozen=True)
class Execution:
    """One execution.

    Attributes:
        run_id: Its name, which is the run's id.
        arn: Its ARN.
        status: As Step Functions says it.
        started_at: When it was started.
        stopped_at: When it ended; None while it goes on.
        input: What it was started with, as text; empty where it was not asked for.
        error: The name of the error that ended it.
        cause: What that error says.
        redrivable: Whether Step Functions would take it up again where it ended; None if it does not say.
    """

    run_id: str
    arn: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None
    input: str = ""
    error: str | None = None
    cause: str | None = None
    redrivable: bool | None = None

    @classmethod
    def of(cls, described: Any) -> Execution:  # noqa: ANN401 - an answer of boto3
        """Read an answer of DescribeExecution, or an entry of ListExecutions."""
        redrive = described.get("redriveStatus")
        return cls(
            run_id=described["name"],
            arn=described["executionArn"],
            status=described["status"],
            started_at=described["startDate"],
            stopped_at=described.get("stopDate"),
            input=described.get("input") or "",
            error=described.get("error"),
            cause=described.get("cause"),
            redrivable=None if redrive is None else redrive == "REDRIVABLE",
        )

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return ((self.stopped_at or datetime.now(UTC)) - self.started_at).total_seconds()

    @property
    def why(self) -> str:
        """How it ended, in a few lines."""
        lines = [f"run {self.run_id} ended {self.status}"]
        lines += [f"  {name}: {text[:2000]}" for name, text in (("error", self.error), ("cause", self.cause)) if text]
        return "\n".join(lines)

    def job(self) -> RunInput | None:
        """What it was started with; None if that is no run input."""
        try:
            return RunInput.parse(json.loads(self.input))
        except ValueError:
            return None


@dataclass(frozen=True)
class Span:
    """One visit to a state.

    Attributes:
        state: Its name.
        kind: Its type: ``Task``, ``Choice``, ``Wait``, ...
        entered_at: When it was entered.
        left_at: When it was left, or when the execution ended in it; None while it is the one that goes on.
        failed: Whether the execution ended in it.
        attempts: How often its task was scheduled; more than once if it was tried again.
        errors: The names of the errors of those attempts.
    """

    state: str
    kind: str
    entered_at: datetime
    left_at: datetime | None = None
    failed: bool = False
    attempts: int = 0
    errors: tuple[str, ...] = ()


def arn_of(deployment: Deployment, run_id: str) -> str:
    """The ARN of a run's execution."""
    return deployment.city_discovery_arn.replace(":stateMachine:", ":execution:") + f":{run_id}"


def named(deployment: Deployment, run: str) -> Execution:
    """The execution of a run.

    Args:
        deployment: Where.
        run: The run's id, or ``last`` for the one that was started last.

    Raises:
        ScoutError: There is none, or AWS refused to say.
    """
    states = deployment.session.client("stepfunctions")
    with asking(f"run {run} on stack {deployment.stack}"):
        return described(states, deployment, _last(deployment) if run == LAST else run)


def described(states: SFNClient, deployment: Deployment, run_id: str) -> Execution:
    """The execution of a run, asked for by a client that is there already.

    Raises:
        ScoutError: There is none.
    """
    try:
        return Execution.of(states.describe_execution(executionArn=arn_of(deployment, run_id)))
    except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn) as error:
        raise ScoutError(
            f"stack {deployment.stack} has no run {run_id}; `scout list` shows those that it has (Step Functions "
            "forgets an execution 90 days after its end)"
        ) from error


def listed(deployment: Deployment, status: ExecutionStatusType | None = None) -> Iterator[Execution]:
    """Executions by when they were started, newest first, which is the order in which Step Functions lists them.

    They are read page by page, as far as they are asked for
    (https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html).

    Args:
        deployment: Where.
        status: Only those of this status.
    """
    paginator = deployment.session.client("stepfunctions").get_paginator("list_executions")
    arn = deployment.city_discovery_arn
    pages = (
        paginator.paginate(stateMachineArn=arn, statusFilter=status, PaginationConfig={"PageSize": _PAGE})
        if status
        else paginator.paginate(stateMachineArn=arn, PaginationConfig={"PageSize": _PAGE})
    )
    return (Execution.of(execution) for page in pages for execution in page["executions"])


def history(deployment: Deployment, arn: str) -> list[HistoryEventTypeDef]:
    """All events of an execution, oldest first, without its data."""
    pages = (
        deployment.session.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": _PAGE})
    )
    return [event for page in pages for event in page["events"]]


def spans(events: Sequence[HistoryEventTypeDef]) -> list[Span]:
    """The visits to states, in the order in which they were entered.

    States inside of a Map or Parallel are among them; a visit is closed by the first exit of that name after it.

    Args:
        events: The history, oldest first.
    """
    found: list[Span] = []
    open_at: dict[str, int] = {}
    redriven: str | None = None
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if "stateEnteredEventDetails" in event:
            name = event["stateEnteredEventDetails"]["name"]
            # A state that goes on after a redrive may be told as entered again: it is the same visit.
            if name != redriven:
                open_at[name] = len(found)
                found.append(Span(name, kind.removesuffix("StateEntered"), at))
            redriven = None
        elif "stateExitedEventDetails" in event and event["stateExitedEventDetails"]["name"] in open_at:
            redriven = None
            place = open_at.pop(event["stateExitedEventDetails"]["name"])
            found[place] = _changed(found[place], left_at=at)
        elif kind == "ExecutionRedriven" and found and found[-1].failed:
            # It goes on in the state in which it had ended.
            redriven = found[-1].state
            open_at[redriven] = len(found) - 1
            found[-1] = _changed(found[-1], left_at=None, failed=False)
        elif open_at:
            place = max(open_at.values())
            if kind in {"TaskScheduled", "LambdaFunctionScheduled"}:
                found[place] = _changed(found[place], attempts=found[place].attempts + 1)
            elif error := _error_of(event):
                found[place] = _changed(found[place], errors=(*found[place].errors, error))
            if kind in {"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}:
                for place in open_at.values():
                    found[place] = _changed(found[place], left_at=at, failed=True)
                open_at.clear()
    return found


def transitions(events: Sequence[HistoryEventTypeDef]) -> int:
    """How many state transitions Step Functions bills for a history: each entry into a state, each retry, each redrive.

    https://aws.amazon.com/step-functions/pricing/: "a state transition is counted each time a step of your workflow is
    executed", retries among them; a redrive is one
    (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html).
    """
    entered = sum("stateEnteredEventDetails" in event for event in events)
    retried = sum(max(0, span.attempts - 1) for span in spans(events))
    return entered + retried + sum(event["type"] == "ExecutionRedriven" for event in events)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Tell a refusal of AWS as an error of this command.

    Args:
        what: What is asked for.

    Raises:
        ScoutError: AWS refused, or was not reached.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"{what}: {error}") from error


def _last(deployment: Deployment) -> str:
    newest = next(listed(deployment), None)
    if newest is None:
        raise ScoutError(f"stack {deployment.stack} has had no run yet: `scout run --input FILE` starts one")
    return newest.run_id


def _error_of(event: HistoryEventTypeDef) -> str | None:
    """The error that a task ended with, if the event says so."""
    if event["type"] not in {"TaskFailed", "TaskTimedOut", "LambdaFunctionFailed", "LambdaFunctionTimedOut"}:
        return None
    details: Any = next(value for name, value in event.items() if name.endswith("EventDetails"))
    return str(details.get("error", "unknown"))


def _changed(span: Span, **changes: Any) -> Span:  # noqa: ANN401 - the fields of Span
    return Span(**{**vars(span), **changes})
