"""Move dead letters back to the queue that they came from, once each, whatever is killed and whenever.

SQS has no step that takes a message out of one queue and puts it into another for a client: between the sending and the
deletion a client can be killed, and a message that was sent to a queue with a consumer can be gone when somebody looks
for it. So no message is sent to the target here. SQS moves it there by itself (StartMessageMoveTask), out of one of two
queues:

- of the dead-letter queue, if all that it holds is to move;
- otherwise of a private queue (``scout.queues.staging``), which holds copies of exactly the messages that are to move,
  read back and compared, and from which nothing is moved before the last original is deleted.

Each step is recorded in the bucket before the next begins (``scout.queues.journal``), and can be done again: a private
queue that may be incomplete is thrown away, a deletion of what is gone does nothing, and SQS goes on with a move
whoever asked for it. The next ``redrive`` of the same queue finishes one that was cut off, with the messages that it
had chosen; until anything has left the dead-letter queue it can be given up instead. Two at the same time do the same
steps, of which each has its effect once.

**Guaranteed**, wherever the process is killed, and however often: each chosen message is at every moment in the
dead-letter queue, or in the private queue and, whole, in the bucket, or has been moved by SQS; it is moved to its
target once; all others stay.

**Not guaranteed** is what SQS itself does not: a standard queue may deliver a message twice, and may in rare cases show
one again whose deletion it has confirmed; that its own move takes each message once is not documented, either. Nor is
anything if somebody else takes messages out of the dead-letter queue during a redrive. Where SQS moves all of a
dead-letter queue, it may also move what comes in meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lambdas.contracts.base import utc_now
from lambdas.runtime.storage import Storage
from scout.errors import InputRefused, ScoutError
from scout.queues import moving
from scout.queues.analyzing import Letter, explained, judged
from scout.queues.holding import depth, held, settle
from scout.queues.journal import Journal, Plan
from scout.queues.removing import take_out
from scout.queues.staging import Staging

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue
    from scout.queues.selecting import Selection


class Observer(Protocol):
    """Who wants to know how a redrive goes on."""

    def waiting(self, messages: int) -> None:
        """Messages are held by somebody else, or by a process that was killed, and will be back."""

    def taken_up(self, plan: Plan) -> None:
        """A redrive that was cut off goes on."""

    def planned(self, plan: Plan) -> None:
        """It is written down what moves."""

    def step(self, name: str, done: int, total: int) -> None:
        """Messages have been copied, deleted or moved."""


@dataclass(frozen=True)
class Moved:
    """A redrive that has come to its end.

    Attributes:
        number: Which redrive of its queue it is.
        messages: How many messages have moved.
        by: ``StartMessageMoveTask`` of the dead-letter queue itself, or of a private queue.
        plan_key: Where its plan lies.
        log_key: Where its log lies.
        taken_up: Whether an earlier command had begun it.
    """

    number: int
    messages: int
    by: str
    plan_key: str
    log_key: str
    taken_up: bool = False


@dataclass
class Outcome:
    """What a redrive did, or with a dry run would do.

    Attributes:
        moved: The redrives that ended, one that was cut off before included.
        chosen: What is to move; empty where a redrive that was cut off had chosen the same.
        left: What was asked for and stays, since moving it is not advised or not possible.
        missing: Ids that were asked for and are not there.
        open: The redrive that was cut off and would be finished first, of a dry run.
    """

    moved: list[Moved] = field(default_factory=list)
    chosen: list[Letter] = field(default_factory=list)
    left: list[Letter] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    open: Plan | None = None

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "moved": [asdict(moved) for moved in self.moved],
            "chosen": [letter.message.id for letter in self.chosen],
            "left": [letter.document() for letter in self.left],
            "missing": self.missing,
            "open": self.open.number if self.open else None,
        }


_ITSELF, _STAGED = "the dead-letter queue", "a private queue"


def redrive(
    deployment: Deployment,
    queue: DeadLetterQueue,
    selection: Selection,
    *,
    rate: int | None,
    dry_run: bool,
    view: Observer,
) -> Outcome:
    """Move dead letters back; finish a redrive that was cut off first.

    Args:
        deployment: The stack.
        queue: The dead-letter queue.
        selection: Which letters. If a redrive that was cut off had the same selection, finishing it is all.
        rate: Messages a second at most, 1 to 500; None for as fast as SQS does it.
        dry_run: Only say what would move.
        view: Told how it goes on.

    Returns:
        What moved, and what stays.

    Raises:
        InputRefused: The queue holds reports alone.
        ScoutError: AWS refused, or somebody else moves its messages. Give the command
            again: it goes on where it was.
    """
    if queue.target_url is None:
        advice = f"`scout replay {queue.pipeline.name}` starts executions again" if queue.pipeline else ""
        raise InputRefused(queue.name, [f"it holds reports of executions, which are no work for a queue: {advice}"])
    with explained(deployment, queue.name):
        return _Redrive(deployment, queue, queue.target_url, view).run(selection, rate, dry_run=dry_run)


def give_up(deployment: Deployment, queue: DeadLetterQueue) -> int | None:
    """Give up a redrive that was cut off before anything left the dead-letter queue.

    Returns:
        Its number; None if no redrive is open.

    Raises:
        ScoutError: Its messages are on their way: it can only be finished.
    """
    with explained(deployment, queue.name):
        journal = Journal(Storage(deployment.bucket, deployment.session.client("s3")), queue.physical_name)
        last, is_open = journal.last()
        if not is_open:
            return None
        if not journal.give_up(last):
            raise ScoutError(
                f"redrive {last} of {queue.name} cannot be given up any more, its messages are on their way: "
                f"`scout dlq redrive {queue.name}` finishes it"
            )
        Staging(deployment.session.client("sqs"), queue, last).discard()
        return last


class _Redrive:
    """Redrives of one queue."""

    def __init__(self, deployment: Deployment, queue: DeadLetterQueue, target_url: str, view: Observer) -> None:
        self._deployment = deployment
        self._queue = queue
        self._target_url = target_url
        self._view = view
        self._sqs: SQSClient = deployment.session.client("sqs")
        self._journal = Journal(Storage(deployment.bucket, deployment.session.client("s3")), queue.physical_name)

    def run(self, selection: Selection, rate: int | None, *, dry_run: bool) -> Outcome:
        """Finish what is open, then do what is asked for."""
        outcome = Outcome()
        last, is_open = self._journal.last()
        if is_open:
            plan = self._journal.planned(last)
            if dry_run:
                outcome.open = plan
            else:
                self._view.taken_up(plan)
                outcome.moved.append(self._finished(plan, taken_up=True))
                if plan.selection == selection.document():
                    return outcome
        elif last and not dry_run:
            self._staging(last).discard()
        whole = self._choose(selection, outcome, patient=not dry_run)
        if outcome.chosen and not dry_run:
            plan = Plan(
                number=last + 1,
                target_url=self._target_url,
                selection=selection.document(),
                rate=rate,
                whole=whole,
                planned_at=utc_now(),
                messages=[letter.message for letter in outcome.chosen],
                about=[letter.content.document() for letter in outcome.chosen],
            )
            self._journal.plan(plan)
            self._view.planned(plan)
            outcome.moved.append(self._finished(plan))
        return outcome

    def _choose(self, selection: Selection, outcome: Outcome, *, patient: bool) -> bool:
        """Choose the letters; whether they are all that the queue holds, and SQS can move them by itself."""
        self._require_nobody_moves()
        if patient:
            settle(self._sqs, self._queue.url, self._view.waiting)
        there = depth(self._sqs, self._queue.url)
        with held(self._sqs, self._queue.url) as hold:
            messages = hold.messages(expected=there.visible)
        letters = judged(self._deployment, self._queue, messages)
        asked = selection.chosen(letters)
        ready = [
            letter for letter in asked if letter.judgement.moves or (selection.force and letter.judgement.can_be_forced)
        ]
        outcome.chosen = ready[: selection.count]
        outcome.left = [letter for letter in asked if letter not in ready]
        outcome.missing = sorted(set(selection.message) - {letter.message.id for letter in letters})
        everything = len(outcome.chosen) == len(letters) >= there.total
        return everything and moving.has_sources(self._sqs, self._queue.url)

    def _finished(self, plan: Plan, *, taken_up: bool = False) -> Moved:
        """Go through the steps of a redrive that are not done yet."""
        if plan.whole:
            self._move_whole(plan)
        else:
            self._move_staged(plan)
        by = _ITSELF if plan.whole else _STAGED
        log_key = self._journal.log(plan, self._queue.url, f"StartMessageMoveTask of {by}")
        self._staging(plan.number).discard()
        return Moved(plan.number, len(plan.messages), by, self._journal.key(plan.number), log_key, taken_up)

    def _move_whole(self, plan: Plan) -> None:
        self._journal.stage(plan.number, self._queue.url)
        ids = {message.id for message in plan.messages}

        def left() -> bool:
            settle(self._sqs, self._queue.url, self._view.waiting)
            with held(self._sqs, self._queue.url) as hold:
                return any(message.id in ids for message in hold.messages())

        self._move(plan, self._queue.url, left)

    def _move_staged(self, plan: Plan) -> None:
        number, staging = plan.number, self._staging(plan.number)
        url = self._journal.staged(number)
        if url is None:
            url = self._journal.stage(number, staging.filled(plan.messages, self._stepper(plan, "copied")))
        if not self._journal.released(number):
            self._require_nobody_moves()
            ids = [message.id for message in plan.messages]
            deleted = self._stepper(plan, "taken out")
            take_out(self._sqs, self._queue.url, ids, deleted=deleted, waiting=self._view.waiting)
            self._journal.release(number)
        staging.discard(but=url)
        try:
            self._move(plan, url)
        except self._sqs.exceptions.QueueDoesNotExist as error:
            raise ScoutError(
                f"redrive {number} cannot be finished: a queue is gone ({error}). Its messages stand whole in "
                f"{self._journal.key(number)}"
            ) from error

    def _move(self, plan: Plan, source_url: str, left: Callable[[], bool] | None = None) -> None:
        moved = self._stepper(plan, "moved")
        moving.move_all(self._sqs, source_url, plan.target_url, rate=plan.rate, moved=moved, left=left)

    def _require_nobody_moves(self) -> None:
        if moving.running(self._sqs, moving.arn_of(self._sqs, self._queue.url)):
            raise ScoutError(
                f"SQS is moving messages out of {self._queue.physical_name} for somebody else: wait for its end, or "
                "cancel that move (CancelMessageMoveTask)"
            )

    def _stepper(self, plan: Plan, name: str) -> Callable[[int], None]:
        return lambda done: self._view.step(name, done, len(plan.messages))

    def _staging(self, number: int) -> Staging:
        return Staging(self._sqs, self._queue, number)
