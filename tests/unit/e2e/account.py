"""An AWS account that answers what it is told to: the outside world of the tests of a deployed stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from botocore.exceptions import ClientError

from scout.deployment import Deployment
from scout.pipelines.messages import Pipeline

PIPELINE = Pipeline.of(
    "lane",
    {
        "arn": "arn:lane",
        "type": "EXPRESS",
        "migrationMode": "S3",
        "batchSize": 1,
        "stages": ["First"],
        "legacyStages": [],
        "pipeName": "lane-pipe",
        "queueUrl": "q/lane",
        "dlqUrl": "q/lane-dlq",
    },
)


class Account:
    """Operations of any service, by their names, as functions of their arguments.

    An operation that nobody has said anything of is refused with ``AccessDenied``.
    """

    region_name = "us-east-1"

    def __init__(self, **operations: Callable[..., Any]) -> None:
        self.operations = operations
        self.calls: list[str] = []

    def client(self, _service: str) -> Account:
        return self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(*words: Any, **arguments: Any) -> Any:
            self.calls.append(operation)
            if operation not in self.operations:
                raise refused(operation)
            return self.operations[operation](*words, **arguments)

        return call


def refused(operation: str, code: str = "AccessDenied") -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": f"{operation} is refused"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    return ClientError(answer, operation)


def stack(account: Account, **pipelines: Pipeline) -> Deployment:
    session = cast(Any, account)
    return Deployment("dev", session, "bucket", "ledger", "q/main", "q/dlq", "arn:city", "arn:pages", "pipe", pipelines)
