"""ReactiveStage: who is notified, nobody twice within the window, and what an outage does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.reactive import ReactiveStage
from lambdas.runtime.errors import AccessDenied, InputNotFound, InvalidInput, ServiceUnavailable, Throttled
from lambdas.testing import LocalAws
from tests.unit.candidates.notifying import WINDOW, World, numbers, one, stored
from tests.unit.candidates.records import HEADER, identity
from tests.unit.candidates.standins import TABLE, TOPIC, client_error, run_as


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("CANDIDATES_TABLE", TABLE)
    monkeypatch.setenv("NOTIFICATIONS_TOPIC_ARN", TOPIC)


@pytest.fixture
def world() -> World:
    return World()


class TestInput:
    def test_candidates_at_the_threshold_are_notified(self, world):
        data = world.run(stored(one("c-1"), one("c-2", score=0.6), one("c-3", score=0.59), one("c-4", score=None)))
        assert numbers(data) == (2, 0, 1, 1, 0)
        assert data["candidates"] == [identity("c-1"), identity("c-2")]
        assert sorted(world.topic.ids()) == sorted(data["candidates"])
        assert (data["programId"], data["marketplace"]) == ("reviews", "DE")

    def test_what_a_notification_says(self, world):
        world.run(stored(one()))
        ((_, message),) = world.topic.delivered
        assert message == {**one(), "programId": "reviews", "marketplace": "DE", "executionId": "e-1"}

    def test_the_threshold_can_be_set(self, world, monkeypatch):
        monkeypatch.setenv("NOTIFY_THRESHOLD", "0.95")
        assert numbers(world.run(stored(one()))) == (0, 0, 1, 0, 0)

    @pytest.mark.parametrize("threshold", ["2", "high", "NaN"])
    def test_but_not_anyhow(self, world, monkeypatch, threshold):
        monkeypatch.setenv("NOTIFY_THRESHOLD", threshold)
        with pytest.raises(InvalidInput, match="NOTIFY_THRESHOLD is not valid"):
            world.run(stored(one()))

    def test_an_event_that_a_rule_chose_is_notified(self, world):
        detail = {
            "customerId": "c-1",
            "eventType": "delivered",
            "subjectType": "order",
            "subjectId": "o-1",
            "programId": "reviews",
            "marketplace": "DE",
            "eventDate": "2026-01-20",
            "metadata": {"carrier": "x"},
        }
        data = world.run({"version": "0", "detail-type": "Order Delivered", "detail": detail})
        assert numbers(data) == (1, 0, 0, 0, 0)
        ((_, message),) = world.topic.delivered
        expected = {**detail, "eventDate": "2026-01-20T00:00:00.000Z", "candidateId": identity(), "executionId": "e-1"}
        assert message == expected
        scored = world.run({"detail": {**detail, "customerId": "c-2", "score": 0.5}}, "e-2")
        assert numbers(scored) == (0, 0, 1, 0, 0)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"programId": "reviews"}, "stored or detail is required"),
            ({**HEADER, "candidates": [{}]}, "stored or detail is required"),
            ({**HEADER, "stored": {}}, "stored: it is not a list"),
            ({**HEADER, "stored": [one(), {}]}, r"stored\.1: candidateId is required; customerId is required"),
            ({"stored": [one()]}, "programId is required; marketplace is required"),
            ({"detail": {"customerId": "c-1"}}, "detail: eventType is required; .*; marketplace is required"),
            ({"detail": "text"}, "detail: the document: Input should be an object"),
            ([1], "not a JSON object"),
        ],
    )
    def test_anything_else_fails_the_stage(self, world, data, message):
        with pytest.raises(InvalidInput, match=message):
            world.run(data)

    @pytest.mark.parametrize("data", [{"stored": []}, {"candidates": []}, stored()])
    def test_nothing_needs_nothing(self, monkeypatch, data):
        monkeypatch.delenv("CANDIDATES_TABLE")
        monkeypatch.delenv("NOTIFICATIONS_TOPIC_ARN")
        ran = run_as("e-1", ReactiveStage(), data, LocalAws())
        assert (numbers(ran), ran["candidates"]) == ((0, 0, 0, 0, 0), [])

    @given(st.lists(st.sampled_from([None, 0.1, 0.6, 0.7, 0.99]), max_size=30))
    def test_every_candidate_is_accounted_for(self, scores):
        world = World()
        found = [one(f"c-{number % 7}", score=score) for number, score in enumerate(scores)]
        data = world.run(stored(*found))
        assert sum(numbers(data)) == len(found)
        assert data["notified"] == len(data["candidates"]) == len(world.topic.delivered)


class TestWindow:
    def test_nobody_is_notified_twice_about_the_same_within_it(self, world):
        world.run(stored(one()))
        world.clock.now += WINDOW - 1
        assert numbers(world.run(stored(one()), "e-2")) == (0, 1, 0, 0, 0)
        world.clock.now += 1
        assert numbers(world.run(stored(one()), "e-3")) == (1, 0, 0, 0, 0)
        assert len(world.topic.delivered) == 2

    def test_other_subjects_and_customers_are_no_repetition(self, world):
        world.run(stored(one()))
        assert numbers(world.run(stored(one(subject="o-2"), one("c-2")), "e-2")) == (2, 0, 0, 0, 0)

    def test_it_holds_within_an_input_too_and_the_better_score_wins(self, world):
        other = one(score=0.95, subjectType="visit", candidateId="f" * 32)
        data = world.run(stored(one(score=0.7), other))
        assert (numbers(data), data["candidates"]) == ((1, 1, 0, 0, 0), ["f" * 32])

    def test_a_claim_lives_for_two_windows(self, world):
        world.run(stored(one()))
        (item,) = world.table.items.values()
        assert (item["pk"], item["sk"]) == ("DEDUP#c-1|o-1", "CLAIM")
        assert item["expires_at"] == int(world.clock.now) + 2 * WINDOW


class TestOutage:
    @pytest.fixture(
        params=[
            EndpointConnectionError(endpoint_url="https://dynamodb"),
            client_error("InternalServerError", status=500),
            client_error("ThrottlingException"),
        ]
    )
    def outage(self, request) -> Exception:
        return request.param  # type: ignore[no-any-return]

    def test_without_the_table_notifications_are_sent_and_it_is_said(self, world, outage, caplog):
        world.faults.refusals["put_item"] = outage
        assert numbers(world.run(stored(one("c-1"), one("c-2")))) == (2, 0, 0, 0, 2)
        assert len(world.topic.delivered) == 2
        lines = [record for record in caplog.records if "not available" in record.message]
        assert {line.levelname for line in lines} == {"ERROR"}
        assert {vars(line)["candidateId"] for line in lines} == {identity("c-1"), identity("c-2")}

    def test_so_it_is_if_only_the_mark_is_not_made(self, world, outage):
        publish = world.topic.publish

        def published(**message: Any) -> Any:
            world.faults.refusals["put_item"] = outage
            return publish(**message)

        world.topic.publish = published
        assert numbers(world.run(stored(one()))) == (1, 0, 0, 0, 1)
        assert world.topic.ids() == [identity()]

    @pytest.mark.parametrize(
        ("code", "kind"),
        [("AccessDeniedException", AccessDenied), ("ResourceNotFoundException", InputNotFound)],
    )
    def test_a_mistake_of_the_deployment_is_no_outage(self, world, code, kind):
        world.faults.refusals["put_item"] = client_error(code)
        with pytest.raises(kind):
            world.run(stored(one()))
        assert not world.topic.delivered

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (client_error("Throttled", status=429), Throttled),
            (client_error("InternalError", status=500), ServiceUnavailable),
            (client_error("AuthorizationError", status=403), AccessDenied),
            (client_error("NotFound", status=404), InputNotFound),
            (client_error("InvalidParameter"), InvalidInput),
        ],
    )
    def test_a_topic_that_does_not_take_it_fails_the_stage_and_a_retry_sends_it(self, world, answer, kind):
        world.faults.refusals["publish"] = answer
        with pytest.raises(kind, match="topic"):
            world.run(stored(one()))
        world.faults.refusals.clear()
        assert numbers(world.run(stored(one()))) == (1, 0, 0, 0, 0)
        assert world.topic.ids() == [identity()]

    def test_no_claim_is_made_without_the_time_to_publish(self, world):
        with pytest.raises(ServiceUnavailable, match="No time is left"):
            world.run(stored(one()), seconds=3)
        assert not world.table.items
