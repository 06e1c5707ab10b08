"""What SQS may do and the embedded AWS never does: a message is there twice, or is not seen at first."""

from __future__ import annotations

from typing import Any

import pytest

from scout.errors import ScoutError
from scout.queues.holding import held
from scout.queues.message import Message
from scout.queues.named import DeadLetterQueue
from scout.queues.staging import Staging

QUEUE = DeadLetterQueue("frontier", "https://sqs/1/frontier-dlq", "https://sqs/1/frontier")
MESSAGES = [
    Message(str(number), f"body {number}", {}, {"SentTimestamp": str(number), "ApproximateReceiveCount": "1"})
    for number in range(25)
]


class FakeSqs:
    """One SQS. Of each queue in turn, ``sends`` says how often it takes each message that is sent to it once."""

    class exceptions:  # noqa: N801 - as boto3 names it
        class QueueDoesNotExist(Exception):
            pass

    def __init__(self, *sends: dict[int, int], empties: int = 0) -> None:
        self.queues: dict[str, list[dict[str, Any]]] = {QUEUE.url: []}
        self.made: list[str] = []
        self._sends = list(sends)
        self._empties = empties
        self._number = 0

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        counts = {f"ApproximateNumberOfMessages{kind}": "0" for kind in ("", "NotVisible", "Delayed")}
        return {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:1:frontier-dlq", **counts}}

    def list_queue_tags(self, **_: Any) -> dict[str, Any]:
        return {}

    def create_queue(self, *, QueueName: str, **_: Any) -> dict[str, str]:  # noqa: N803
        url = f"https://sqs/1/{QueueName}"
        self.queues[url] = []
        if not QueueName.endswith("-source"):
            self.made.append(url)
        return {"QueueUrl": url}

    def delete_queue(self, *, QueueUrl: str) -> None:  # noqa: N803
        del self.queues[QueueUrl]

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        times = self._sends[len(self.made) - 1]
        for entry in Entries:
            number = int(entry["MessageBody"].split()[1])
            for _ in range(times.get(number, 1)):
                self._number += 1
                system = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"}
                found = {"MessageId": str(self._number), "Body": entry["MessageBody"], "Attributes": system}
                self.queues[QueueUrl].append({**found, "ReceiptHandle": f"r{self._number}"})
        return {"Successful": Entries}

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        if self._empties:
            self._empties -= 1
            return {}
        found, self.queues[QueueUrl] = (
            self.queues[QueueUrl][:MaxNumberOfMessages],
            self.queues[QueueUrl][MaxNumberOfMessages:],
        )
        return {"Messages": found}

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        assert all(entry["VisibilityTimeout"] == 0 for entry in Entries)
        return {}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scout.queues.staging._CREATION_SECONDS", 0)


def filled(sqs: Any) -> str:
    return Staging(sqs, QUEUE, 1).filled(MESSAGES, lambda _: None)


def test_what_holds_exactly_the_messages_is_taken() -> None:
    sqs = FakeSqs({}, empties=2)
    assert [filled(sqs)] == sqs.made


@pytest.mark.parametrize("wrong", [{3: 2}, {3: 0}, {3: 0, 4: 2}])
def test_what_holds_one_too_many_or_too_few_is_thrown_away_and_made_anew(wrong: dict[int, int]) -> None:
    sqs = FakeSqs(wrong, {})
    assert filled(sqs) == sqs.made[1]
    assert set(sqs.queues) == {QUEUE.url, sqs.made[1], f"{sqs.made[1]}-source"}


def test_nothing_goes_on_with_a_queue_that_is_never_right() -> None:
    sqs = FakeSqs({0: 2}, {0: 2}, {0: 2, 1: 0})
    with pytest.raises(
        ScoutError, match=r"1 were missing and 1 too many, 3 times in a row; nothing has left frontier-dlq"
    ):
        filled(sqs)
    assert list(sqs.queues) == [QUEUE.url]


def test_names_of_private_queues_fit_and_differ_by_queue_and_redrive() -> None:
    long = DeadLetterQueue("x", f"https://sqs/1/{'q' * 80}", "t")
    other = DeadLetterQueue("y", f"https://sqs/1/{'q' * 79}x", "t")
    sqs: Any = FakeSqs({}, {}, {})
    for queue, number in ((long, 1), (long, 2), (other, 1)):
        Staging(sqs, queue, number).filled([], lambda _: None)
    names = [url.rpartition("/")[2] for url in sqs.made]
    assert all(len(f"{name}-source") <= 80 for name in names)
    assert len({name.rpartition("-")[0] for name in names}) == 3


def test_a_look_ends_when_its_first_messages_are_back() -> None:
    """A hold that ends before the look does: the same messages come again and again."""

    class Returning(FakeSqs):
        def receive_message(self, **_: Any) -> dict[str, Any]:
            system = {"SentTimestamp": "1", "ApproximateReceiveCount": "1"}
            self._number += 1
            return {
                "Messages": [
                    {
                        "MessageId": str(number),
                        "Body": "b",
                        "Attributes": system,
                        "ReceiptHandle": f"{number}.{self._number}",
                    }
                    for number in range(10)
                ]
            }

    sqs: Any = Returning()
    with held(sqs, QUEUE.url) as hold:
        assert len(hold.messages()) == 10
