"""The frontier queue, as senders use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.frontier import FrontierMessage
from lambdas.runtime.errors import AccessDenied, ServiceUnavailable
from lambdas.runtime.parallel import in_parallel

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_MAX_ENTRIES = 10
_ATTEMPTS = 3


class Queue:
    """An SQS queue for frontier messages.

    Args:
        url: The queue's address.
        client: An SQS client.
    """

    def __init__(self, url: str, client: SQSClient) -> None:
        self._url = url
        self._client = client

    def send(self, messages: Sequence[FrontierMessage]) -> None:
        """Send messages, each with its correlation id and its run as attributes.

        Raises:
            AccessDenied: The role may not send.
            ServiceUnavailable: Some were not taken. A retry may send others twice, which their receiver allows for.
        """
        batches = [messages[start : start + _MAX_ENTRIES] for start in range(0, len(messages), _MAX_ENTRIES)]
        in_parallel(self._send_batch, batches)

    def _send_batch(self, messages: Sequence[FrontierMessage]) -> None:
        left = {str(index): _entry(str(index), message) for index, message in enumerate(messages)}
        for _ in range(_ATTEMPTS):
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=list(left.values()))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                    raise AccessDenied(f"Access denied to the frontier queue: {error}") from error
                raise ServiceUnavailable(f"The frontier queue refused messages: {error}") from error
            except BotoCoreError as error:
                raise ServiceUnavailable(f"The frontier queue could not be reached: {error}") from error
            failed = answer.get("Failed", [])
            if not failed:
                return
            left = {entry["Id"]: left[entry["Id"]] for entry in failed}
        raise ServiceUnavailable(f"The frontier queue did not take {len(left)} of {len(messages)} messages: {failed}")


def _entry(entry_id: str, message: FrontierMessage) -> SendMessageBatchRequestEntryTypeDef:
    attributes = {"correlation_id": message.correlation_id, "run_id": message.run_id}
    return {
        "Id": entry_id,
        "MessageBody": message.model_dump_json(exclude_none=True),
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
