"""The form of a stage's output: whatever is changed of it is seen."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime import envelope
from lambdas.runtime.documents import to_json
from lambdas.runtime.envelope import EnvelopeWriter
from lambdas.runtime.errors import VerificationFailed

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def sealed(data: Any, **fields: Any) -> tuple[bytes, str]:
    file = io.BytesIO()
    writer = EnvelopeWriter(file)
    writer.write_data(to_json(data))
    digest = writer.seal(to_json({"stage": "S", **fields}))
    return file.getvalue(), digest


def streamed(records: list[Any], **around: bytes) -> bytes:
    file = io.BytesIO()
    writer = EnvelopeWriter(file)
    writer.write_records(map(to_json, records), **around)
    assert writer.records == len(records)
    writer.seal(to_json({"stage": "S"}))
    return file.getvalue()


@given(JSON)
def test_what_is_written_is_read_and_is_plain_json(data):
    body, digest = sealed(data, records=3)
    read = envelope.opened(io.BytesIO(body), "it")
    assert read == {"data": data, "stage": "S", "records": 3, "sha256": digest} == json.loads(body)


@given(JSON, st.data())
def test_one_character_less_more_or_other_is_seen_wherever_it_is(data, draw):
    body, _ = sealed(data, records=12, rate=1e16)
    at = draw.draw(st.integers(0, len(body) - 1))
    other = draw.draw(st.integers(0, 255).filter(lambda value: value != body[at]))
    inserted = draw.draw(st.integers(0, 255))
    for changed in (
        body[:at] + body[at + 1 :],
        body[:at] + bytes([other]) + body[at + 1 :],
        body[:at] + bytes([inserted]) + body[at:],
    ):
        if changed != body:
            with pytest.raises(VerificationFailed, match=r"^it (is not|does not match)"):
                envelope.opened(io.BytesIO(changed), "it")


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"data":1}', b'[{"data":1}]', b"x" * 500])
def test_what_is_no_output_of_a_stage_is_told(body):
    with pytest.raises(VerificationFailed):
        envelope.verified(io.BytesIO(body), "it")


HUGE = st.integers(-(10**40), 10**40)


@given(st.lists(JSON | HUGE, max_size=6))
def test_records_are_read_one_by_one_as_they_were_written(records):
    body = streamed(records)
    assert envelope.opened(io.BytesIO(body), "it")["data"] == records
    assert list(envelope.records(io.BytesIO(body))) == records
    assert len(body.splitlines()) == (len(records) + 3 if records else 2)


@given(JSON.filter(lambda data: not isinstance(data, list)))
def test_what_is_no_list_has_no_records(data):
    assert list(envelope.records(io.BytesIO(sealed(data)[0]))) == []


@given(JSON, st.dictionaries(st.text(min_size=1, max_size=5), JSON | HUGE, max_size=3), st.integers(0, 40_000))
def test_what_is_known_of_the_data_is_read_without_the_data(data, metrics, padding):
    fields = {"records": 3, "metrics": metrics, "padding": "x" * padding}
    body, digest = sealed(data, **fields)
    assert envelope.described(io.BytesIO(body)) == {"stage": "S", **fields, "sha256": digest}


def test_records_may_be_a_field_of_the_data():
    body = streamed([1, 2], before=b'{"candidates":', after=b',"programId":"p"}')
    assert envelope.opened(io.BytesIO(body), "it")["data"] == {"candidates": [1, 2], "programId": "p"}


def test_the_data_begins_where_it_is_said_to():
    body = streamed([])
    assert body[envelope.DATA_AT : envelope.DATA_AT + 2] == b"[]"
