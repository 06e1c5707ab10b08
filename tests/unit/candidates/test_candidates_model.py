"""Candidates: identity, dates in one form, what is kept and what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.handed import Header, candidates_of, told
from lambdas.candidates.model import Candidate, Period, candidate_id, instant, last_instant, newest
from lambdas.runtime.errors import InvalidInput
from tests.unit.candidates.records import candidate, handed, record, records


def test_identity_is_the_hash_of_what_names_a_candidate():
    expected = hashlib.sha256(b"reviews|DE|c-1|order|o-1").hexdigest()[:32]
    assert candidate_id("reviews", "DE", "c-1", "order", "o-1") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05", "2026-01-05T00:00:00.000Z"),
        ("2026-01-05T12:30:00", "2026-01-05T12:30:00.000Z"),
        (" 2026-01-05T01:30:00+02:00 ", "2026-01-04T23:30:00.000Z"),
        ("2026-01-05T12:30:00.123456Z", "2026-01-05T12:30:00.123Z"),
        ("20260105", "2026-01-05T00:00:00.000Z"),
    ],
)
def test_dates_have_one_form(text, expected):
    assert instant(text) == expected
    assert instant(expected) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "0001-01-01T00:00:00+05:00", "1770000000"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(ValueError, match="not a date in ISO 8601"):
        instant(text)


def test_a_period_holds_both_of_its_ends():
    period = Period.parse({"start": "2026-01-01", "end": "2026-01-31"})
    assert period.end == last_instant(period.end) == "2026-01-31T23:59:59.999Z"
    assert period.holds("2026-01-01T00:00:00.000Z")
    assert period.holds("2026-01-31T23:59:59.999Z")
    assert not period.holds("2026-02-01T00:00:00.000Z")


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="it ends before it starts"):
        Period.parse({"start": "2026-02-01", "end": "2026-01-31"})


@given(records())
def test_a_candidate_is_the_same_once_it_was_written_and_read(found):
    first = Candidate.parse({**found, "candidateId": "0" * 32})
    assert Candidate.parse(first.document()) == first


def test_unknown_fields_are_kept_and_null_is_no_field():
    found = candidate(locale="de-DE", score=None, timingWindow=None)
    found["attributes"]["giftWrapped"] = [1, {"by": "hand"}]
    document = Candidate.parse(found).document()
    assert document["locale"] == "de-DE"
    assert document["attributes"]["giftWrapped"] == [1, {"by": "hand"}]
    assert document.keys().isdisjoint({"score", "timingWindow"})


def test_one_record_is_refused_with_all_that_is_wrong_with_it():
    with pytest.raises(ValueError, match="validation errors") as refused:
        Candidate.parse({**record(trustScore=2, hasMedia="yes"), "customerId": "", "candidateId": None})
    assert told(refused.value) == (
        "customerId is required; attributes.trustScore: Input should be less than or equal to 1; "
        "attributes.hasMedia: Input should be a valid boolean; candidateId is required"
    )


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", nested(250), nested(100_000)])
def test_what_json_cannot_say_spoils_one_record_alone(value):
    with pytest.raises(ValueError, match=r".+"):
        Candidate.parse(candidate(note=value))


@given(st.lists(records(), max_size=6).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_newest_of_each_stays_in_whatever_order_they_come(pair):
    def kept(found: list[dict[str, Any]]) -> list[Candidate]:
        return newest(Candidate.parse({**one, "candidateId": _id(one)}) for one in found)

    def _id(one: dict[str, Any]) -> str:
        return candidate_id("p", "m", one["customerId"], "order", one["subjectId"])

    one, other = kept(pair[0]), kept(pair[1])
    assert one == other
    assert len({found.candidate_id for found in one}) == len(one)
    latest: dict[str, str] = {}
    for found in pair[0]:
        latest[_id(found)] = max(latest.get(_id(found), ""), instant(found["eventDate"]))
    assert {found.candidate_id: found.event_date for found in one} == latest


def test_the_first_wrong_candidates_of_a_hand_over_are_named():
    with pytest.raises(InvalidInput, match=r"candidates\.1: candidateId is required; .* and 2 more"):
        candidates_of(handed(candidate(), *[record()] * 7))


@pytest.mark.parametrize("data", [[1], {}, {"candidates": {}}, "text"])
def test_a_hand_over_without_a_list_is_refused(data):
    with pytest.raises(InvalidInput, match='no list "candidates"'):
        candidates_of(data)


def test_a_header_says_what_it_lacks_when_it_is_asked():
    header = Header.of({"candidates": []})
    with pytest.raises(InvalidInput, match=r"^programId is required; marketplace is required$"):
        header.program()
    with pytest.raises(InvalidInput, match=r"^dateRange is required$"):
        header.period()


def test_a_wrong_header_is_refused():
    with pytest.raises(InvalidInput, match=r"programId: String should match .*; dateRange.end is required"):
        Header.of({"programId": "a#b", "dateRange": {"start": "2026-01-01"}})
    with pytest.raises(InvalidInput, match="not a JSON object"):
        Header.of([])
