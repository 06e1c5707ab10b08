"""Stop one run, and take up again one that ended badly.

A run is one execution: its id is the execution's name, the ledger charges reservations to that name, the job's claim in
the ledger names the run that answers it, and its results are written once. A second execution under another name cannot
work for the same run: it would be answered as a duplicate. So there are two ways on:

- RedriveExecution, where Step Functions allows it: the same execution goes on in the state in which it ended. Stages
  whose outputs stand are not entered again, and the ledger is the same.
- A new run of the same job, where the execution came to a state that only fails: a redrive would fail there again. It
  skips the stages whose outputs stand (:mod:`scout.cities.taking_over`), and has budgets of its own. The other stages
  work anew; answers of outside services that are kept in ``raw/`` are not asked, or paid, a second time. The answers of
  mock states are kept for one run alone.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.errors import InputNotFound
from scout.cities import executions, facts, runs, taking_over
from scout.cities.facts import RunFacts, Status, ledger_of, told
from scout.errors import ScoutError

if TYPE_CHECKING:
    from scout.deployment import Deployment

ERROR = "OperatorStop"
_DETAIL = "an operator has stopped the run"


class StopWay(StrEnum):
    """How a run is stopped."""

    CLOSE = "close"
    ABORT = "abort"


@dataclass(frozen=True)
class Stop:
    """How a run is to be stopped, or was.

    Attributes:
        run_id: The run.
        ways: What is done.
        why: In words.
    """

    run_id: str
    ways: tuple[StopWay, ...]
    why: str

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {"run_id": self.run_id, "ways": [way.value for way in self.ways], "why": self.why}


class ResumeWay(StrEnum):
    """How a run is taken up again."""

    REDRIVE = "redrive"
    NEW_RUN = "new_run"


@dataclass(frozen=True)
class Resume:
    """How a run is to be taken up again.

    Attributes:
        facts: The run.
        way: How.
        why: In words.
        skips: The stages that a new run takes over from it, and does not do again.
    """

    facts: RunFacts
    way: ResumeWay
    why: str
    skips: tuple[str, ...] = ()


def plan_stop(deployment: Deployment, run: str, *, abort: bool = False) -> Stop:
    """See how a run can be stopped. Nothing is changed.

    Args:
        deployment: Where.
        run: Its id, or ``last``.
        abort: End its execution at once, too, so that nothing is ranked or reported.

    Raises:
        ScoutError: There is no such run, or it has nothing left to stop.
    """
    known = facts.of(deployment, run)
    going_on = known.status is Status.RUNNING
    is_open = known.record is not None and known.record.closed_at is None and known.record.gate is None
    if going_on and known.record is None:
        return Stop(known.run_id, (StopWay.ABORT,), "it has opened no run yet, so that nothing is lost with it")
    if going_on and abort:
        ways = (StopWay.CLOSE, StopWay.ABORT) if is_open else (StopWay.ABORT,)
        return Stop(known.run_id, ways, "its execution ends at once; what it found is not ranked or reported")
    if going_on and is_open:
        why = "its gate closes: it makes no more calls, and ends with what it has found, ranked and reported"
        return Stop(known.run_id, (StopWay.CLOSE,), why)
    if going_on:
        raise ScoutError(f"run {known.run_id} looks for no more already, and is being finalized; --abort ends that too")
    if is_open:
        why = f"its execution ended {known.execution.status}, but its frontier is open: its pages make no more calls"
        return Stop(known.run_id, (StopWay.CLOSE,), why)
    raise ScoutError(f"run {known.run_id} has ended ({known.status.value}): nothing to stop")


def stop(deployment: Deployment, planned: Stop) -> None:
    """Stop a run as planned; what was done already is not done again.

    Raises:
        ScoutError: AWS refused.
    """
    with told(f"run {planned.run_id} on stack {deployment.stack} could not be stopped"):
        if StopWay.CLOSE in planned.ways:
            _close(deployment, planned.run_id)
        if StopWay.ABORT in planned.ways:
            deployment.session.client("stepfunctions").stop_execution(
                executionArn=executions.arn_of(deployment, planned.run_id), error=ERROR, cause=_DETAIL
            )
            # It may have opened its run meanwhile.
            with contextlib.suppress(InputNotFound):
                _close(deployment, planned.run_id)


def _close(deployment: Deployment, run_id: str) -> None:
    ledger = ledger_of(deployment, run_id)
    # The gate first, so that it says who closed it; the switches also end the batches of calls that are going on.
    ledger.run(max_age=0)
    every = len(BudgetGroup)
    ledger.close_gate(StoppedBy.KILL_SWITCH, every, every, _DETAIL)
    ledger.kill(list(BudgetGroup), True)


def plan_resume(deployment: Deployment, run: str, *, new_run: bool = False) -> Resume:
    """See how a run can be taken up again. Nothing is changed.

    Args:
        deployment: Where.
        run: Its id, or ``last``.
        new_run: As a new run of the same job, also where the execution could go on.

    Raises:
        ScoutError: There is no such run, it has not ended badly, or its input is no run input.
    """
    known = facts.of(deployment, run)
    execution = known.execution
    if known.status is Status.RUNNING:
        raise ScoutError(f"run {known.run_id} is still running: `scout watch {known.run_id}` follows it")
    if execution.status not in executions.ENDED_BADLY:
        partial = known.status is Status.PARTIAL
        advice = "its results are written, once; `scout run` with the same input makes a new run" if partial else ""
        raise ScoutError(f"run {known.run_id} has ended well ({known.status.value}): {advice or 'nothing to resume'}")
    with told(f"run {known.run_id} on stack {deployment.stack}"):
        why_not = _why_no_redrive(deployment, known)
    if why_not is None and not new_run:
        return Resume(
            known, ResumeWay.REDRIVE, f"it goes on in the state in which it ended: {_where(deployment, known)}"
        )
    if execution.job() is None:
        raise ScoutError(
            f"run {known.run_id} was refused, and so would be the same input again: correct it and use `scout run`\n"
            f"{execution.why}"
        )
    with told(f"run {known.run_id} on stack {deployment.stack}"):
        skips = taking_over.stages(deployment, known)
    return Resume(known, ResumeWay.NEW_RUN, why_not or "you have asked for it", skips)


def resume(deployment: Deployment, planned: Resume) -> tuple[str, RunInput]:
    """Take up a run again as planned.

    Returns:
        The run that goes on, which is a new one where it could not be the old one, and its input.

    Raises:
        ScoutError: AWS refused.
    """
    known = planned.facts
    if planned.way is ResumeWay.REDRIVE:
        with told(f"run {known.run_id} on stack {deployment.stack} could not be resumed"):
            if known.record is not None and known.record.gate is None:
                runs.require_frontier(deployment)
            deployment.session.client("stepfunctions").redrive_execution(
                executionArn=known.execution.arn,
                # The same redrive, asked for twice, is one.
                clientToken=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{known.execution.arn}|{known.execution.stopped_at}")),
            )
        assert known.job is not None, "a run that goes on was opened"  # noqa: S101
        return known.run_id, known.job
    document = json.loads(known.execution.input)
    # With the old id it would be answered with the run that failed.
    document.setdefault("orchestrator", {})["correlation_id"] = str(uuid.uuid4())
    job = RunInput.parse(document)
    with told(f"run {known.run_id} on stack {deployment.stack} could not be resumed"):
        return runs.start(deployment, job, partial(taking_over.take_over, deployment, known, planned.skips)), job


def _why_no_redrive(deployment: Deployment, known: RunFacts) -> str | None:
    """Why the execution cannot go on where it ended; None if it can."""
    if known.record is None:
        return "the ledger has no such run: it was never opened, or is forgotten"
    if not known.execution.redrivable:
        return "Step Functions does not redrive it (it does so for 14 days)"
    last = executions.spans(executions.history(deployment, known.execution.arn))[-1]
    if last.kind == "Fail":
        return f"its execution came to {last.state}, which fails again whenever it is entered"
    return None


def _where(deployment: Deployment, known: RunFacts) -> str:
    return executions.spans(executions.history(deployment, known.execution.arn))[-1].state
