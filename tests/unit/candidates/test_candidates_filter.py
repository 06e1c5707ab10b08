"""FilterStage: every reason, the order of the chain, and the thresholds."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.filter import FilterStage, handler
from lambdas.candidates.filters import CHAIN, Reason
from lambdas.runtime.errors import InvalidInput
from lambdas.testing import run_stage
from tests.unit.candidates.records import candidate, handed, identity, record, records

NO_CHANNEL = {"email": False, "push": False, "sms": False}
REJECTED: dict[str, tuple[str, dict[str, Any]]] = {
    "CHANNEL_INELIGIBLE": ("eligibility", {"channels": NO_CHANNEL}),
    "TIMING_WINDOW_MISSING": ("eligibility", {"timingWindow": None}),
    "TRUST_SCORE_MISSING": ("trust", {"trustScore": None}),
    "TRUST_SCORE_LOW": ("trust", {"trustScore": 0.49}),
    "FRAUD_DETECTED": ("trust", {"fraudSuspected": True}),
    "QUALITY_SCORE_MISSING": ("quality", {"qualityScore": None}),
    "QUALITY_SCORE_LOW": ("quality", {"qualityScore": 0.39}),
    "CONFIDENCE_LOW": ("quality", {"confidence": 0.29}),
    "MEDIA_INELIGIBLE": ("quality", {"hasMedia": False}),
    "ORDER_VALUE_MISSING": ("business_rule", {"orderValue": None}),
    "ORDER_VALUE_LOW": ("business_rule", {"orderValue": 9.99}),
    "EVENT_TOO_OLD": ("business_rule", {"eventDate": "2026-01-01T23:59:59.998Z"}),
    "DELIVERY_DATE_MISSING": ("business_rule", {"deliveryDate": None}),
}


def filtered(*candidates: Any, **more: Any) -> dict[str, Any]:
    return dict(run_stage(handler, handed(*candidates, **more), after="ETLStage").data)


@pytest.mark.parametrize("code", REJECTED)
def test_each_reason(code):
    filter_id, changes = REJECTED[code]
    data = filtered(candidate("good"), candidate("bad", **changes))
    assert [found["customerId"] for found in data["candidates"]] == ["good"]
    (rejected,) = data["rejectedCandidates"]
    assert rejected.pop("reason")
    assert rejected == {"customerId": "bad", "subjectId": "o-1", "filterId": filter_id, "reasonCode": code}
    assert data["metrics"] == {
        "inputCount": 2,
        "passedCount": 1,
        "rejectedCount": 1,
        "rejectionReasons": {code: 1},
    }


def test_there_is_a_test_of_each_reason():
    assert REJECTED.keys() == set(Reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"trustScore": 0.5},
        {"qualityScore": 0.4},
        {"confidence": 0.3},
        {"confidence": None},
        {"hasMedia": None},
        {"orderValue": 10},
        {"eventDate": "2026-01-01T23:59:59.999Z"},
        {"channels": {"email": False, "push": False, "sms": True}},
    ],
)
def test_what_is_at_the_limit_or_not_asked_for_passes(changes):
    assert filtered(candidate(**changes))["metrics"]["passedCount"] == 1


def test_the_first_filter_that_rejects_decides():
    order = list(REJECTED)
    for first, second in pairwise(order):
        changes = REJECTED[second][1] | REJECTED[first][1]
        (rejected,) = filtered(candidate(**changes))["rejectedCandidates"]
        assert rejected["reasonCode"] == first
    chain = FilterStage(list(reversed(CHAIN)))
    data = run_stage(chain, handed(candidate(trustScore=None, timingWindow=None)), after="ETLStage").data
    assert data["rejectedCandidates"][0]["filterId"] == "eligibility"


def test_age_is_counted_from_the_end_of_the_range_and_not_from_now():
    found = candidate(eventDate="2020-05-01")
    assert filtered(found, dateRange={"start": "2020-05-01", "end": "2020-05-20"})["metrics"]["passedCount"] == 1


def test_candidates_without_a_range_cannot_be_filtered():
    with pytest.raises(InvalidInput, match="dateRange is required"):
        run_stage(handler, {"candidates": [candidate()]})


def test_no_candidates_give_none():
    ran = run_stage(handler, {"candidates": []}, after="ETLStage")
    assert (ran.data["candidates"], ran.data["rejectedCandidates"]) == ([], [])
    assert ran.data["metrics"] == {"inputCount": 0, "passedCount": 0, "rejectedCount": 0, "rejectionReasons": {}}


def test_candidates_that_the_stage_before_broke_fail_the_stage():
    with pytest.raises(InvalidInput, match=r"candidates\.0: candidateId is required"):
        filtered(record())


class TestThresholds:
    def test_they_are_set_by_the_environment(self, monkeypatch):
        limits = {"minTrustScore": 0.95, "mediaRequired": False}
        monkeypatch.setenv("FILTER_THRESHOLDS", json.dumps(limits))
        data = filtered(candidate("low"), candidate("high", trustScore=0.95, hasMedia=False))
        assert [found["customerId"] for found in data["candidates"]] == ["high"]
        assert data["rejectedCandidates"][0]["reason"] == "the trust score 0.9 is below 0.95"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"minTrust": 0.5}', "minTrust: Extra inputs are not permitted"),
            ('{"minTrustScore": 2}', "minTrustScore: Input should be less than or equal to 1"),
            ('{"minTrustScore": null}', "minTrustScore: Input should be a valid number"),
            ('{"maxEventAgeDays": "30"}', "maxEventAgeDays: Input should be a valid integer"),
            ("0.5", "the document: Input should be an object"),
            ("{", "the document: Invalid JSON"),
        ],
    )
    def test_a_mistake_fails_the_stage(self, monkeypatch, text, message):
        monkeypatch.setenv("FILTER_THRESHOLDS", text)
        with pytest.raises(InvalidInput, match=f"FILTER_THRESHOLDS is not valid: {message}"):
            filtered(candidate())


def with_identities(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "candidateId": identity(one["customerId"], one["subjectId"])} for one in found]


@given(st.lists(records(), max_size=10).map(with_identities))
def test_every_candidate_is_accounted_for(found):
    data = filtered(*found)
    metrics = data["metrics"]
    assert metrics["inputCount"] == len(found) == metrics["passedCount"] + metrics["rejectedCount"]
    assert metrics["passedCount"] == len(data["candidates"])
    assert metrics["rejectedCount"] == len(data["rejectedCandidates"]) == sum(metrics["rejectionReasons"].values())


@given(
    st.lists(records(), max_size=8)
    .map(with_identities)
    .flatmap(lambda found: st.tuples(st.just(found), st.permutations(found)))
)
def test_the_order_of_candidates_does_not_matter(orders):
    def in_order(data: dict[str, Any]) -> tuple[list[str], list[str]]:
        passed, rejected = data["candidates"], data["rejectedCandidates"]
        return sorted(map(json.dumps, passed)), sorted(map(json.dumps, rejected))

    one, other = (filtered(*order) for order in orders)
    assert in_order(one) == in_order(other)
    assert one["metrics"] == other["metrics"]


@given(st.lists(records(), max_size=6).map(with_identities))
def test_what_has_passed_passes_again(found):
    passed = filtered(*found)["candidates"]
    assert filtered(*passed)["candidates"] == passed
