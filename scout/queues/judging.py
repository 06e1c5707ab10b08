"""Whether moving a dead letter back does any good, why, and what to do instead.

==================================================== =========================================================
What lies there                                      Moved back
==================================================== =========================================================
it failed by an error that passes (throttling,       safe
time-outs, a service that did not answer)
it failed by an error that stays (permissions, a     once that is corrected; it would fail again
missing object, an error of the code, none known)
it does not keep to the contract, or its run is      never; it would fail again, and what sends it is wrong
unknown
it has no correlation id                             never; nobody could follow it
its run takes no more work, has done it, or must     it has no effect; it would be dropped
not call what it needs (a kill switch)
a report of a run or an execution                    it is no work; the run is started again instead
==================================================== =========================================================
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lambdas.runtime.messages import MessageState
from lambdas.runtime.record import RunRecord, moment
from scout.queues.contents import REPORTS, Content, Kind
from scout.queues.facts import Known
from scout.queues.named import DeadLetterQueue
from workflow.retries import TIMEOUT_ERRORS, TRANSIENT_ERRORS

_PASSING = {*TRANSIENT_ERRORS, *TIMEOUT_ERRORS}


class Safety(StrEnum):
    """What moving a dead letter back comes to."""

    SAFE = "safe"
    FIX_FIRST = "fix-first"
    NO_EFFECT = "no-effect"
    NEVER = "never"
    REPORT = "report"


# The word of ``scout dlq`` that deals with letters of each kind; a report has a word of its own.
_WORDS = {
    Safety.SAFE: "redrive",
    Safety.FIX_FIRST: "redrive",
    Safety.NO_EFFECT: "purge",
    Safety.NEVER: "purge",
}


@dataclass(frozen=True)
class Judgement:
    """What is to be done about a dead letter.

    Attributes:
        safety: Whether it may be moved back.
        reason: Why.
        first: A command that has to come before anything else; None if there is none.
    """

    safety: Safety
    reason: str
    first: str | None = None

    @property
    def moves(self) -> bool:
        """Whether a redrive takes it by itself: that its cause is gone, only the operator can know."""
        return self.safety in (Safety.SAFE, Safety.FIX_FIRST)

    @property
    def can_be_forced(self) -> bool:
        """Whether a redrive takes it if it is told to."""
        return self.safety is not Safety.REPORT


def judge(queue: DeadLetterQueue, content: Content, known: Known, now: float) -> Judgement:
    """Say what is to be done about a dead letter.

    Args:
        queue: Where it lies.
        content: What it is.
        known: What is known of its work.
        now: Seconds since the epoch.
    """
    if content.type in REPORTS:
        return Judgement(Safety.REPORT, _REPORTED[queue.pipeline is None])
    if content.type == Kind.INVALID:
        return Judgement(Safety.NEVER, f"its contract refuses it: {content.detail}")
    special = None if content.type == Kind.MESSAGE else _of_frontier(content, known, now)
    return special or _by_error(content.error)


def advice(queue: DeadLetterQueue, judgement: Judgement, fields: Mapping[str, str]) -> str:
    """The command that deals with all dead letters of a kind.

    Args:
        queue: Where they lie.
        judgement: What is to be done about each of them.
        fields: What they have in common, by the names of ``Selection``.
    """
    if judgement.first:
        return judgement.first
    if judgement.safety is Safety.REPORT:
        return _again(queue, fields.get("run"))
    options = [f"--{name.replace('_', '-')} {shlex.quote(value)}" for name, value in fields.items()]
    word = _WORDS[judgement.safety]
    return " ".join([f"scout dlq {word} {queue.name}", *options, f"--safety {judgement.safety.value}"])


_REPORTED = {
    True: "it reports a run that ended badly: the run is taken up again, and the report thrown away then",
    False: "it reports an execution that ended badly: that is started again, and its report goes with it",
}


def _again(queue: DeadLetterQueue, run: str | None) -> str:
    """The command that starts again what a report is about."""
    if queue.pipeline is None:
        return f"scout resume {shlex.quote(run)}" if run else f"scout dlq analyze {queue.name} --by run"
    which = f"--execution {shlex.quote(run)}" if run else "--all"
    return f"scout replay {queue.pipeline.name} {which}"


def _of_frontier(content: Content, known: Known, now: float) -> Judgement | None:
    """What its run says about a message of the frontier; None if its error decides."""
    if known.run is None:
        return Judgement(Safety.NEVER, "the ledger does not know its run")
    if not content.traceable:
        reason = "its attribute correlation_id is missing or differs from its body: nobody could follow it"
        return Judgement(Safety.NEVER, reason)
    if why := _dropped(known.run, known.state, now):
        return Judgement(Safety.NO_EFFECT, why)
    if content.group is not None and known.run.killed(content.group):
        allow = f"scout kill --run {shlex.quote(known.run.run_id)} --connector {content.group.value} --undo"
        return Judgement(Safety.NO_EFFECT, f"the kill switch {content.group.value} of its run is on", allow)
    return None


def _by_error(error: str | None) -> Judgement:
    if error in _PASSING:
        return Judgement(Safety.SAFE, f"{error} passes by itself")
    if error is None:
        return Judgement(Safety.FIX_FIRST, "why it failed is not known: inspect one of them first")
    return Judgement(Safety.FIX_FIRST, f"{error} stays until its cause is removed")


def _dropped(run: RunRecord, state: MessageState | None, now: float) -> str | None:
    """Why the run would drop the message; None if it would not."""
    if state in (MessageState.DONE, MessageState.DROPPED):
        return f"it is {state.value} already"
    if run.closed_at:
        return f"its run takes no more work since {run.closed_at}"
    if run.held_at:
        return f"its run was stopped in an emergency at {run.held_at}"
    if run.gate:
        return f"the gate {run.gate.name.value} of its run closed at {run.gate.at}"
    if now >= moment(run.deadline):
        return f"its run's deadline was {run.deadline}"
    return None
