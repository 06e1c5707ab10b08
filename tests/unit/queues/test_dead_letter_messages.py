"""A dead letter is kept and sent again as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scout.queues.message import Message, batches

SYSTEM = {"SentTimestamp": "1767225600500", "ApproximateReceiveCount": "6", "SenderId": "AIDA"}
# What SQS takes: no control characters but three, no halves of surrogate pairs.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff")
)
VALUES = st.one_of(
    st.fixed_dictionaries({"DataType": st.sampled_from(["String", "String.tag"]), "StringValue": TEXTS}),
    st.fixed_dictionaries({"DataType": st.sampled_from(["Number", "Number.int"]), "StringValue": st.just("-1.5e3")}),
    st.fixed_dictionaries({"DataType": st.sampled_from(["Binary", "Binary.png"]), "BinaryValue": st.binary()}),
)


def message(body: str = "{}", attributes: Any = None, **system: str) -> Message:
    return Message("id", body, attributes or {}, {**SYSTEM, **system})


@given(TEXTS, st.dictionaries(st.text(min_size=1), VALUES, max_size=10))
def test_what_is_kept_is_the_same_message(body: str, attributes: dict[str, Any]) -> None:
    sent = message(body, attributes)
    kept = Message.of_document(json.loads(json.dumps(sent.document())))
    assert kept == sent
    assert kept.content == sent.content
    assert kept.entry("0") == sent.entry("0")
    assert kept.entry("0").get("MessageAttributes", {}) == attributes


def test_what_sqs_answers_and_does_not_take_is_not_sent() -> None:
    answer = {
        "MessageId": "id",
        "Body": "b",
        "Attributes": {**SYSTEM, "AWSTraceHeader": "Root=1", "MessageGroupId": "tenant"},
        "MessageAttributes": {"a": {"StringValue": "v", "DataType": "String", "StringListValues": []}},
    }
    assert Message.received(answer).entry("7") == {
        "Id": "7",
        "MessageBody": "b",
        "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v"}},
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
        "MessageGroupId": "tenant",
    }


def test_two_messages_are_the_same_by_what_their_receiver_gets() -> None:
    one = message("b", {"a": {"DataType": "String", "StringValue": "1"}})
    assert one.content == message("b", {"a": {"DataType": "String", "StringValue": "1"}}, SentTimestamp="1").content
    others = [
        message("B", one.attributes),
        message("b"),
        message("b", {"a": {"DataType": "Number", "StringValue": "1"}}),
        message("b", {"a": {"DataType": "Binary", "BinaryValue": b"1"}}),
        message("b", one.attributes, AWSTraceHeader="Root=1"),
        message("b", one.attributes, MessageGroupId="tenant"),
    ]
    assert len({one.content, *(other.content for other in others)}) == 7


def test_a_size_is_what_sqs_counts() -> None:
    attributes = {
        "né": {"DataType": "Binary.x", "BinaryValue": b"12345"},
        "n": {"DataType": "Number", "StringValue": "12"},
    }
    assert message("é", attributes).size == 2 + (3 + 8 + 5) + (1 + 6 + 2)


def test_batches_keep_to_ten_messages_and_256_kib() -> None:
    small, large, huge = message("x"), message("x" * 100_000), message("x" * 700_000)
    assert [len(batch) for batch in batches([small] * 23)] == [10, 10, 3]
    assert [len(batch) for batch in batches([large] * 5)] == [2, 2, 1]
    assert [len(batch) for batch in batches([small, huge, small])] == [1, 1, 1]
    assert list(batches([])) == []
