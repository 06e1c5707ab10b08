"""How soon a message that failed is tried again, and that SQS may refuse it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.control.returning import ReturningQueue, wait_of
from lambdas.runtime.errors import ServiceUnavailable


@pytest.mark.parametrize(
    ("error", "receives", "seconds"),
    [("InvalidInput", 1, 2), ("InvalidInput", 5, 10), ("Throttled", 1, 10), ("ValueError", 3, 30), (None, 2, 20)],
)
def test_each_try_waits_longer_and_a_hopeless_one_is_soon_over(error: str | None, receives: int, seconds: int) -> None:
    assert wait_of(error, receives) == seconds


def test_a_message_outlasts_a_function_that_is_busy_for_minutes() -> None:
    waits = [wait_of("Lambda.TooManyRequestsException", receives) for receives in range(1, 6)]
    assert waits == [10, 30, 90, 270, 270]


class Sqs:
    """SQS that raises, or that answers."""

    def __init__(self, error: Exception | None = None, **answer: Any) -> None:
        self.error = error
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.error:
            raise self.error
        return self.answer


def test_one_request_names_all_messages() -> None:
    sqs: Any = Sqs(Successful=[])
    ReturningQueue("url", sqs).hasten({"a": 2, "b": 10})
    entries = [
        {"Id": "0", "ReceiptHandle": "a", "VisibilityTimeout": 2},
        {"Id": "1", "ReceiptHandle": "b", "VisibilityTimeout": 10},
    ]
    assert sqs.asked == [{"QueueUrl": "url", "Entries": entries}]


def test_nothing_is_asked_for_nothing() -> None:
    sqs: Any = Sqs()
    ReturningQueue("url", sqs).hasten({})
    assert sqs.asked == []


@pytest.mark.parametrize(
    "sqs",
    [
        Sqs(ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ChangeMessageVisibilityBatch")),
        Sqs(EndpointConnectionError(endpoint_url="http://nowhere")),
        Sqs(ServiceUnavailable("no time is left")),
        Sqs(Failed=[{"Id": "0", "SenderFault": True, "Code": "MessageNotInflight"}]),
    ],
    ids=["refused", "unreachable", "too-late", "gone"],
)
def test_a_refusal_is_logged_and_harms_nothing(sqs: Any, caplog: pytest.LogCaptureFixture) -> None:
    ReturningQueue("url", sqs).hasten({"a": 2})
    assert len(sqs.asked) == 1
    assert caplog.messages == ["Failed messages return late"]
