"""ScoreStage: scores that can be checked by hand, what stands in for what is not known, and what cannot be scored."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.score import DEFAULT_PRIOR, handler
from lambdas.candidates.scoring import MODEL, TOTAL_WEIGHT
from lambdas.runtime.errors import InvalidInput
from lambdas.testing import run_stage
from tests.unit.candidates.records import candidate, handed, identity, record, records

FEATURES = {"customerEventCount": 2, "subjectPopularity": 0.1, "customerOrderValueMean": 31.6}
SPARK = tuple(FEATURES)
END = "2026-01-31T23:59:59.999Z"


def scored(*candidates: Any, **more: Any) -> dict[str, Any]:
    return dict(run_stage(handler, handed(*candidates, **more), after="FilterStage").data)


def one(**changes: Any) -> dict[str, Any]:
    (found,) = scored(candidate(**changes))["candidates"]
    return dict(found)


def test_a_score_is_what_the_documented_formula_says():
    changes = {"eventDate": "2026-01-17T23:59:59.999Z", "orderValue": 1000, "features": FEATURES}
    found = one(trustScore=0.9, qualityScore=0.8, confidence=0.7, hasMedia=True, **changes)
    normalised = {
        "trust": (1.2, 0.5, 0.9),
        "quality": (1.0, 0.5, 0.8),
        "confidence": (1.2, 0.5, 0.7),
        "orderValue": (0.5, 0.5, 1.0),
        "recency": (0.5, 0.5, 0.5),
        "media": (0.6, 0.3, 1.0),
        "customerEventCount": (0.8, 0.3, math.log(3) / math.log(51)),
        "subjectPopularity": (0.6, 0.1, 0.1),
        "customerOrderValueMean": (0.4, 0.5, math.log(32.6) / math.log(1001)),
    }
    parts = {name: weight * (value - prior) for name, (weight, prior, value) in normalised.items()}
    assert found["scoreDetail"]["contributions"] == pytest.approx(parts, abs=1e-6)
    assert found["score"] == pytest.approx(1 / (1 + math.exp(-sum(parts.values()))), abs=1e-6)
    assert found["scoreDetail"]["missing"] == []
    assert found["scoreSource"] == "model"


def test_a_feature_that_is_missing_adds_nothing_and_is_named():
    found = one(confidence=None)
    assert found["scoreDetail"]["missing"] == ["confidence", *SPARK]
    assert found["scoreSource"] == "model"


def test_too_little_is_known_for_the_model(monkeypatch):
    bare = {"confidence": None, "hasMedia": None}
    found = one(**bare)
    assert (found["score"], found["scoreSource"]) == (DEFAULT_PRIOR, "fallback")
    assert found["scoreDetail"]["missing"] == ["confidence", "media", *SPARK]
    assert one(**bare, features=FEATURES)["scoreSource"] == "model"
    monkeypatch.setenv("SCORE_PRIORS", '{"reviews": 0.25, "another": 0.9}')
    assert one(**bare)["score"] == 0.25


@pytest.mark.parametrize("text", ['{"reviews": 2}', "[]", '{"reviews": null}'])
def test_a_wrong_prior_fails_the_stage(monkeypatch, text):
    monkeypatch.setenv("SCORE_PRIORS", text)
    with pytest.raises(InvalidInput, match="SCORE_PRIORS is not valid"):
        one()


def test_without_a_range_recency_is_not_known():
    (found,) = run_stage(handler, {"candidates": [candidate(features=FEATURES)]}).data["candidates"]
    assert found["scoreDetail"]["missing"] == ["recency"]


def test_what_the_spark_stage_adds_is_used_and_kept():
    features = {**FEATURES, "ordersPerWeek": 3}
    found = one(features=features)
    assert found["features"] == features
    assert "customerEventCount" in found["scoreDetail"]["contributions"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        # As Spark's toJSON writes a NaN.
        (candidate(features={"customerOrderValueMean": "NaN"}), "features.customerOrderValueMean: Input should be"),
        (candidate(features={"customerEventCount": -1}), "features.customerEventCount: Input should be"),
        (record("c-1"), "candidateId is required"),
        ("text", "the document: Input should be an object"),
    ],
)
def test_a_record_that_cannot_be_scored_is_handed_on_apart(bad, reason):
    data = scored(candidate("good"), bad)
    assert [found["customerId"] for found in data["candidates"]] == ["good"]
    assert data["metrics"] == {"inputCount": 2, "scoredCount": 1, "fallbackCount": 0, "errorCount": 1}
    (unscored,) = data["unscored"]
    assert unscored["reason"].startswith(reason)
    assert unscored["record"] == bad


def test_numbers_that_json_does_not_have_are_spelled_out():
    # json.loads, which reads the event, makes an infinity of 1e999; the envelope of an output would be refused.
    from lambdas.candidates.score import _unscored

    found = _unscored(json.loads('{"candidateId": "x\\ud800", "features": {"a": 1e999, "b": NaN}}'), "why")
    expected = {"candidateId": "x?", "features": {"a": "Infinity", "b": "NaN"}}
    assert found == {"candidateId": "x?", "reason": "why", "record": expected}


def test_the_best_come_first_and_equals_by_their_ids():
    data = scored(*(candidate(f"c-{number}") for number in range(5)), candidate("best", trustScore=1))
    found = data["candidates"]
    assert found[0]["customerId"] == "best"
    assert [one["candidateId"] for one in found[1:]] == sorted(identity(f"c-{number}") for number in range(5))


def test_no_candidates_give_none():
    data = run_stage(handler, {"candidates": []}, after="FilterStage").data
    assert (data["candidates"], data["unscored"]) == ([], [])
    assert set(data["metrics"].values()) == {0}


def test_scores_stay_within_the_documented_bounds():
    worst = dict.fromkeys(SPARK, 0)
    best = {"customerEventCount": 1e9, "subjectPopularity": 1, "customerOrderValueMean": 1e9}
    low = one(
        trustScore=0, qualityScore=0, confidence=0, hasMedia=False, orderValue=0, eventDate="1970-01-01", features=worst
    )
    high = one(trustScore=1, qualityScore=1, confidence=1, hasMedia=True, orderValue=1e9, eventDate=END, features=best)
    assert low["score"] == pytest.approx(0.05, abs=0.005)
    assert high["score"] == pytest.approx(0.98, abs=0.005)
    assert pytest.approx(6.8) == TOTAL_WEIGHT == sum(feature.weight for feature in MODEL)


def with_identities(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "candidateId": identity(one["customerId"], one["subjectId"])} for one in found]


@given(st.lists(records(), max_size=8).map(with_identities), st.lists(st.sampled_from([None, 7, {}]), max_size=3))
def test_every_candidate_is_accounted_for(good, bad):
    data = scored(*good, *bad)
    metrics = data["metrics"]
    assert metrics["inputCount"] == len(good) + len(bad) == metrics["scoredCount"] + metrics["errorCount"]
    assert metrics["scoredCount"] == len(data["candidates"])
    assert metrics["errorCount"] == len(data["unscored"])
    assert all(0 <= found["score"] <= 1 for found in data["candidates"])
    assert metrics["fallbackCount"] == sum(found["scoreSource"] == "fallback" for found in data["candidates"])


@given(records(), st.floats(0, 1), st.floats(0, 1))
def test_more_trust_never_lowers_the_score(found, one_trust, other_trust):
    def score(trust: float) -> float:
        changed = {**found, "attributes": {**found["attributes"], "trustScore": trust}}
        return float(scored(*with_identities([changed]))["candidates"][0]["score"])

    low, high = sorted([one_trust, other_trust])
    assert score(low) <= score(high)


@given(
    st.lists(records(), max_size=6, unique_by=lambda one: (one["customerId"], one["subjectId"]))
    .map(with_identities)
    .flatmap(lambda found: st.tuples(st.just(found), st.permutations(found)))
)
def test_the_order_of_candidates_does_not_matter(orders):
    one, other = (scored(*order) for order in orders)
    assert one == other
