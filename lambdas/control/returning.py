"""How soon a message that failed comes back: the frontier queue, as the settling of a batch uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.errors import PERMANENT, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

_LOGGER = Logger()
# Seconds for each time that a message was received. What fails for good is soon out of the way; what may pass must
# outlast a rate, which refills within a minute.
_PERMANENT_SECONDS = 2
_OTHER_SECONDS = 10
# A function that has all of its reserved invocations did not even look at the message: that lasts for as long as the
# pages before it take, which can be many minutes, and must not use up the message's tries meanwhile.
_BUSY = "Lambda.TooManyRequestsException"
_BUSY_WAITS = (10, 30, 90, 270)
# A message is hidden for at most twelve hours in all
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html).
MAX_WAIT_SECONDS = 39_600


def wait_of(error: str | None, receives: int) -> int:
    """Seconds until a message that failed is tried again.

    Args:
        error: The name of the error.
        receives: How often the message was received.
    """
    if error == _BUSY:
        return _BUSY_WAITS[min(receives, len(_BUSY_WAITS)) - 1]
    return receives * (_PERMANENT_SECONDS if error in PERMANENT else _OTHER_SECONDS)


class ReturningQueue:
    """The queue to which failed messages return.

    Args:
        url: The queue's address.
        client: An SQS client.
    """

    def __init__(self, url: str, client: SQSClient) -> None:
        self._url = url
        self._client = client

    def hasten(self, waits: Mapping[str, int]) -> None:
        """Let messages come back sooner than by the queue's visibility time-out, as far as SQS allows it.

        Args:
            waits: Seconds from now, by receipt handle; of one batch, which has at most ten.
        """
        if not waits:
            return
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for index, (handle, seconds) in enumerate(waits.items())
        ]
        # An error here must not undo what was settled: the queue's own time-out still brings the message back.
        try:
            answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError, ServiceUnavailable) as error:
            _LOGGER.warning("Failed messages return late", extra={"error": str(error)})
            return
        if refused := answer.get("Failed"):
            _LOGGER.warning("Failed messages return late", extra={"refused": refused})
