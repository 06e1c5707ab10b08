"""ReactiveStage: notifies of the candidates that are worth it, and of none twice within five minutes.

Deduplication fails open: if its table cannot be reached, the notification is sent all the same. That hides no failure.
What the stage is for, to notify, is done; a customer may be asked twice, which is the lesser evil; and each case is
logged as an error and counted in ``dedupUnavailable``, in the output and in the stage's metrics. A table that does not
exist or that the role may not write to is no outage but a mistake in the deployment, and fails the stage.

A crash after publishing and before the claim is marked is the one gap: the next attempt cannot know, and sends again.
With a FIFO topic SNS itself drops the second one; with a standard topic a subscriber can tell it by ``executionId`` and
``candidateId``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lambdas.candidates import environment
from lambdas.candidates.claims import Answer, Claims
from lambdas.candidates.failures import named_failures
from lambdas.candidates.handed import Header
from lambdas.candidates.notices import Notice, notices_of, sorted_out
from lambdas.candidates.table import Table
from lambdas.contracts.base import Share
from lambdas.runtime import reports
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import ExecutionContext, StageOutput
from lambdas.runtime.documents import sha256, to_json
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from lambdas.runtime.handler import StageHandler
from lambdas.runtime.handover import StageInput
from lambdas.runtime.parallel import in_parallel

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

BATCH = 25
_THRESHOLD: TypeAdapter[float] = TypeAdapter(Share)
# A call that is begun at the last moment takes at most so long, with the time-outs of ``lambdas.runtime.aws``.
_LAST_CALL_SECONDS = 10.0
# No claim is made without the time to publish and to mark it.
_NEEDED_SECONDS = 3.0


@dataclass(frozen=True)
class Result:
    """What became of a notice that was due."""

    notice: Notice
    answer: Answer
    dedup_unavailable: bool = False


@dataclass(frozen=True)
class Notifier:
    """Sends notifications for one execution.

    Attributes:
        context: The event of the stage.
        aws: Clients, and the time that is left.
        claims: Who may notify whom.
        sns: An SNS client.
        topic_arn: The topic.
    """

    context: ExecutionContext
    aws: Aws
    claims: Claims
    sns: SNSClient
    topic_arn: str

    def __call__(self, notice: Notice) -> Result:
        """Claim, publish, mark."""
        if self.aws.deadline.remaining() < _NEEDED_SECONDS:
            raise ServiceUnavailable("No time is left in this invocation for another notification.")
        try:
            answer = self.claims.take(notice.pair)
        except (ServiceUnavailable, Throttled) as error:
            self._failed_open(notice, "claimed", error)
            self._publish(notice)
            return Result(notice, Answer.CLAIMED, dedup_unavailable=True)
        if answer is not Answer.CLAIMED:
            return Result(notice, answer)
        self._publish(notice)
        try:
            if not self.claims.mark(notice.pair):
                self._failed_open(notice, "marked", "another execution has claimed it since")
        except (ServiceUnavailable, Throttled) as error:
            # To fail now would send it again for sure; as it is, that can happen only by another message.
            self._failed_open(notice, "marked", error)
            return Result(notice, answer, dedup_unavailable=True)
        return Result(notice, answer)

    def _publish(self, notice: Notice) -> None:
        body = {**notice.body, "executionId": self.context.execution_id}
        message: dict[str, Any] = {
            "TopicArn": self.topic_arn,
            "Message": to_json(body).decode(),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": notice.body[name]} for name in ("programId", "marketplace")
            },
        }
        if self.topic_arn.endswith(".fifo"):
            # SNS drops what has the same id for as long as the window is. A new window starts after a message was
            # published, so that its message is not dropped.
            identity = sha256("|".join(notice.pair).encode())
            message |= {"MessageGroupId": identity, "MessageDeduplicationId": identity}
        with named_failures(f"The topic {self.topic_arn}"):
            self.sns.publish(**message)

    def _failed_open(self, notice: Notice, action: str, why: object) -> None:
        reports.LOGGER.error(
            "Deduplication was not available; the notification is sent",
            extra=reports.fields(self.context)
            | {"candidateId": notice.candidate_id, "notDone": action, "errorMessage": str(why)},
        )


class ReactiveStage(StageHandler):
    """The notifier as a stage.

    Args:
        clock: Seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        """Notify of the candidates whose score reaches the threshold, and of the event of an event rule.

        Raises:
            ServiceUnavailable: Another execution may be sending one of the notifications; all others are sent. Another
                attempt will see whether it did.
            Exception: A notification could not be published.
        """
        data = given.read()
        notices = notices_of(data)
        found = sorted_out(notices, environment.parsed("NOTIFY_THRESHOLD", _THRESHOLD, 0.6))
        results: list[Result] = []
        if found.due:
            notifier = self._notifier(given.context, aws)
            for start in range(0, len(found.due), BATCH):
                results += in_parallel(notifier, found.due[start : start + BATCH])
        answers = Counter(result.answer for result in results)
        if answers[Answer.BUSY]:
            raise ServiceUnavailable(f"Another execution may be sending {answers[Answer.BUSY]} of the notifications.")
        sent = [result.notice.candidate_id for result in results if result.answer in (Answer.CLAIMED, Answer.DONE)]
        metrics = {
            "notified": len(sent),
            "suppressed": answers[Answer.SUPPRESSED] + len(found.repeated),
            "belowThreshold": len(found.below),
            "unscored": len(found.unscored),
            "dedupUnavailable": sum(result.dedup_unavailable for result in results),
        }
        output = {**Header.of(data).document(), **metrics, "candidates": sent}
        return StageOutput(output, len(notices), dict(metrics))

    def _notifier(self, context: ExecutionContext, aws: Aws) -> Notifier:
        claims = Claims(
            Table(environment.required("CANDIDATES_TABLE"), aws.dynamodb),
            f"{context.execution_id}/{context.current_stage}",
            self._clock,
            partial(_lease_seconds, aws),
        )
        return Notifier(context, aws, claims, aws.sns, environment.required("NOTIFICATIONS_TOPIC_ARN"))


def _lease_seconds(aws: Aws) -> float:
    return aws.deadline.remaining() + _LAST_CALL_SECONDS


handler = ReactiveStage()
