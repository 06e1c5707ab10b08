"""The AWS clients of one process: made at their first use, bounded in time, and replaceable in tests."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from lambdas.runtime.context import Deadline

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# Retries happen at one layer: a few quick ones here, the rest by the state machine's Retry.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
)


_Client = TypeVar("_Client", bound=BaseClient)


class Aws:
    """Clients of AWS services; region, credentials and endpoint come from the environment.

    Attributes:
        deadline: No attempt of any call begins after it. A handler sets it anew for each invocation.
    """

    def __init__(self) -> None:
        self.deadline = Deadline(float("inf"))

    @cached_property
    def s3(self) -> S3Client:
        """Objects."""
        return self._in_time(self._session.client("s3", config=_CONFIG))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger."""
        return self._in_time(self._session.client("dynamodb", config=_CONFIG))

    @cached_property
    def sqs(self) -> SQSClient:
        """The frontier."""
        return self._in_time(self._session.client("sqs", config=_CONFIG))

    @cached_property
    def sns(self) -> SNSClient:
        """Notifications."""
        return self._in_time(self._session.client("sns", config=_CONFIG))

    @cached_property
    def secretsmanager(self) -> Any:  # noqa: ANN401 - of no installed type
        """Keys of services and passwords of databases."""
        client: BaseClient = self._session.client("secretsmanager", config=_CONFIG)
        return self._in_time(client)

    @cached_property
    def _session(self) -> boto3.Session:
        # Not boto3's default session, which keeps the credentials that the process began with.
        return boto3.Session()

    def _in_time(self, client: _Client) -> _Client:
        # botocore asks before each attempt, its own retries too.
        client.meta.events.register("before-send", lambda **_: self.deadline.check())
        return client


AWS = Aws()
"""The clients of this process."""
