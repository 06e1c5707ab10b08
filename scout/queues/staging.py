"""A private queue, from which SQS moves exactly the messages of a redrive.

Nobody else receives from it, so that what it holds can be read back and compared with the plan as often as need be. SQS
moves messages only out of dead-letter queues: a second queue, in which nothing ever lies, makes it one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.policies import document, tls_only
from lambdas.runtime.parallel import in_parallel
from scout.errors import ScoutError
from scout.queues.holding import held
from scout.queues.message import Message, batches
from scout.queues.moving import arn_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from scout.queues.named import DeadLetterQueue

# A queue's name has 80 characters; what is put behind this part of the dead-letter queue's has 30.
_NAME_LENGTH = 50
_SOURCE = "-source"
_RETENTION_SECONDS = 14 * 24 * 3600
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
_CREATION_SECONDS = 1
_ATTEMPTS = 3
_AT_ONCE = 8


@dataclass(frozen=True)
class Staging:
    """The private queues of one redrive.

    Attributes:
        sqs: An SQS client.
        queue: The dead-letter queue.
        number: Which redrive of it.
    """

    sqs: SQSClient
    queue: DeadLetterQueue
    number: int

    def filled(self, messages: Sequence[Message], sent: Callable[[int], None]) -> str:
        """Make a private queue that holds exactly these messages; one that holds anything else is thrown away.

        Args:
            messages: What it is to hold.
            sent: Told how many have been sent.

        Returns:
            Its URL.

        Raises:
            ScoutError: What was read back was never what was sent.
        """
        wanted = Counter(message.content for message in messages)
        for _ in range(_ATTEMPTS):
            url = self._made()
            self._fill(url, list(batches(messages)), sent)
            with held(self.sqs, url) as hold:
                found = Counter(message.content for message in hold.messages(expected=len(messages)))
            if found == wanted:
                return url
            self._delete(url)
        missing, surplus = (wanted - found).total(), (found - wanted).total()
        raise ScoutError(
            f"of {len(messages)} messages that were copied to a private queue, {missing} were missing and {surplus} "
            f"too many, {_ATTEMPTS} times in a row; nothing has left {self.queue.physical_name}"
        )

    def discard(self, but: str | None = None) -> None:
        """Delete the private queues of this redrive, also those that a process left which was killed.

        Args:
            but: The URL of one to keep.
        """
        pages = self.sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=self._prefix, PaginationConfig={"PageSize": 1000}
        )
        for url in [url for page in pages for url in page.get("QueueUrls", [])]:
            if but is None or url.removesuffix(_SOURCE) != but:
                self._delete_one(url)

    @property
    def _prefix(self) -> str:
        name = self.queue.physical_name
        # Names that are cut are told apart by their digest.
        mark = hashlib.sha256(f"{self.queue.url}/{self.number}".encode()).hexdigest()[:8]
        return f"{name[:_NAME_LENGTH]}-redrive-{mark}-"

    def _made(self) -> str:
        arn = arn_of(self.sqs, self.queue.url)
        name = self._prefix + secrets.token_hex(2)
        own, source = (f"{arn.rpartition(':')[0]}:{name}{suffix}" for suffix in ("", _SOURCE))
        tags = self.sqs.list_queue_tags(QueueUrl=self.queue.url).get("Tags", {})
        common = {"MessageRetentionPeriod": str(_RETENTION_SECONDS), "SqsManagedSseEnabled": "true"}

        def make(name: str, arn: str, policies: dict[str, Any]) -> str:
            policy = {"Policy": document([tls_only("sqs:*", (arn,))])}
            attributes: Any = {**common, **policy, **{key: json.dumps(value) for key, value in policies.items()}}
            return self.sqs.create_queue(QueueName=name, Attributes=attributes, tags=tags)["QueueUrl"]

        url = make(name, own, {"RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": [source]}})
        make(name + _SOURCE, source, {"RedrivePolicy": {"deadLetterTargetArn": own, "maxReceiveCount": 1000}})
        time.sleep(_CREATION_SECONDS)
        return url

    def _fill(self, url: str, parts: Sequence[Sequence[Message]], sent: Callable[[int], None]) -> None:
        done = 0
        for start in range(0, len(parts), _AT_ONCE):
            some = parts[start : start + _AT_ONCE]
            in_parallel(lambda batch: self._send(url, batch), some)
            done += sum(map(len, some))
            sent(done)

    def _send(self, url: str, batch: Sequence[Message]) -> None:
        entries: Any = [message.entry(str(index)) for index, message in enumerate(batch)]
        failed = self.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        if failed:
            refused = batch[int(failed[0]["Id"])]
            raise ScoutError(
                f"message {refused.id} cannot be sent: {failed[0]['Code']}: {failed[0].get('Message', '')}; nothing "
                f"has left {self.queue.physical_name}"
            )

    def _delete(self, url: str) -> None:
        for name in (url + _SOURCE, url):
            self._delete_one(name)

    def _delete_one(self, url: str) -> None:
        # Who else takes up the same redrive deletes them, too.
        with contextlib.suppress(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.delete_queue(QueueUrl=url)
