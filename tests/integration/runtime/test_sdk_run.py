"""What a stage does with its run, on the embedded AWS: calls within budgets, what is found, what is sent on."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

import pytest

from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults, TokenBucket
from lambdas.contracts.frontier import FrontierMessage, MapsMessage, WebMessage
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime.calls import RawCache, Reply, Request
from lambdas.runtime.errors import ServiceUnavailable, Throttled, TransientStorageError
from lambdas.runtime.queue import Queue
from tests.integration.runtime.ledgers import job, opened
from tests.integration.runtime.stages import Outside, Sleeper, candidate, page, requests, run_of


class TestCalls:
    def test_answers_come_in_order_and_once(self, aws):
        ledger, outside = opened(aws.dynamodb), Outside()
        replies = run_of(aws).call(Connector.WIKI, requests(*range(60)), outside)
        assert [reply.body["about"] for reply in replies] == [str(number) for number in range(60)]
        use = ledger.budgets()["open_data"]
        assert (use.spent, use.calls) == (60, 60)
        again = run_of(aws).call(Connector.WIKI, requests(*range(55, 65)), outside)
        assert [reply.cached for reply in again] == [True] * 5 + [False] * 5
        assert [(reply.units, reply.items) for reply in again[4:6]] == [(0, 2), (1, 2)]
        assert set(outside.asked.values()) == {1}
        assert ledger.budgets()["open_data"].calls == 65

    def test_raw_answers_lie_where_their_lifetime_is_kept(self, aws):
        opened(aws.dynamodb)
        run = run_of(aws)
        run.call(Connector.GOOGLE_TEXT, requests("a"), Outside())
        (key,) = run.storage.keys("raw/")
        assert key.startswith("raw/json/google/edinburgh/")
        assert json.loads(run.storage.get(key))["body"] == {"about": "a"}

    def test_what_a_mock_answers_is_seen_by_its_own_run_alone(self, aws):
        opened(aws.dynamodb)
        opened(aws.dynamodb, "run-2")
        outside, asked = Outside(), requests("a")
        for run_id in ("run-1", "run-1", "run-2"):
            run_of(aws, run_id, state="TileSweep").call(Connector.WIKI, asked, outside)
        assert outside.asked["a"] == 2
        run_of(aws, state="Persist").call(Connector.WIKI, asked, outside)
        (reply,) = run_of(aws, "run-2", state="Persist").call(Connector.WIKI, asked, outside)
        assert reply.cached
        assert outside.asked["a"] == 3

    def test_a_page_is_kept_as_it_came(self, aws):
        opened(aws.dynamodb, of=job("london"))
        run = run_of(aws)
        asked = [Request({"url": "https://example.org/x"}, 100)]
        for _ in range(2):
            (reply,) = run.call(Connector.WEB_FETCH, asked, lambda request: Reply(request, b"<p>\xff", units=4))
            assert reply.body == b"<p>\xff"
        (page_key,) = run.storage.keys("raw/html/london/example.org/")
        assert run.storage.get(page_key) == b"<p>\xff"
        assert run.ledger.budgets()["web"].spent == 4

    def test_the_real_use_is_charged(self, aws):
        ledger = opened(aws.dynamodb, of=job("london"))
        run_of(aws).call(Connector.LLM_TOKENS, requests("a", "b", estimate=8), Outside(units=3))
        use = ledger.budgets()["llm"]
        assert (use.spent, use.calls) == (6, 2)

    def test_a_killed_service_is_not_called_and_its_work_is_counted(self, aws):
        ledger, outside, run = opened(aws.dynamodb), Outside(), run_of(aws)
        assert run.call(Connector.LLM_TOKENS, requests(*range(60)), outside) == []
        assert run.call(Connector.LLM_TOKENS, requests(*range(60)), outside) == []
        assert not outside.asked
        assert ledger.budgets()["llm"].skipped == 60
        assert (run.skipped, run.calls_made) == (120, 0)

    def test_a_kill_switch_acts_between_two_calls(self, aws):
        ledger, run = opened(aws.dynamodb), run_of(aws)

        def killing(request: Request) -> Reply:
            run.ledger.kill([BudgetGroup.OPEN_DATA], on=True)
            return Reply(request, {}, units=1)

        assert len(run.call(Connector.WIKI, requests(*range(60)), killing)) == 1
        use = ledger.budgets()["open_data"]
        assert (use.spent, use.calls, use.skipped, use.killed) == (1, 1, 59, True)

    def test_a_retry_goes_on_where_the_time_ended(self, aws):
        ledger, outside = opened(aws.dynamodb), Outside()
        run = run_of(aws)

        def slow(request: Request) -> Reply:
            if request.params["name"] == "3":
                run.deadline._end = 0  # the time is over after this call
            return outside(request)

        with pytest.raises(ServiceUnavailable, match="21 more calls of wiki"):
            run.call(Connector.WIKI, requests(*range(25)), slow)
        assert ledger.budgets()["open_data"].spent == 4
        assert len(run_of(aws).call(Connector.WIKI, requests(*range(25)), outside)) == 25
        assert set(outside.asked.values()) == {1}
        assert ledger.budgets()["open_data"].spent == 25

    def test_nothing_is_called_once_a_gate_is_closed(self, aws):
        ledger, outside = opened(aws.dynamodb), Outside()
        ledger.close_gate(StoppedBy.EARLY_STOP, 0, 0, "")
        assert run_of(aws).call(Connector.WIKI, requests("a"), outside) == []
        assert not outside.asked

    def test_a_budget_gives_what_it_has_and_closes_the_gate(self, aws):
        few = job(budgets={"open_data": {"calls_per_min": 40, "max_calls_total": 40}})
        ledger, outside = opened(aws.dynamodb, of=few), Outside()
        assert len(run_of(aws).call(Connector.WIKI, requests(*range(100)), outside)) == 40
        assert sum(outside.asked.values()) == 40
        gate = ledger.gate()
        assert gate is not None
        assert gate.name is StoppedBy.BUDGET
        assert ledger.budgets()["open_data"].spent == 40

    def test_what_a_quota_did_not_grant_is_not_called_for_free(self, aws):
        few = job(budgets={"open_data": {"calls_per_min": 20, "max_calls_total": 20}})
        ledger, outside = opened(aws.dynamodb, of=few, defaults=RunDefaults(split_ratio=0.5)), Outside()
        for _ in range(3):
            assert len(run_of(aws).call(Connector.WIKI, requests(*range(25)), outside)) == 10
        assert outside.asked.total() == ledger.budgets()["open_data"].spent == 10
        ledger.share_budgets()
        assert len(run_of(aws).call(Connector.WIKI, requests(*range(25)), outside)) == 20
        assert outside.asked.total() == ledger.budgets()["open_data"].spent == 20

    def test_what_could_not_be_kept_is_paid_for_each_time(self, aws, monkeypatch):
        few = job(budgets={"open_data": {"calls_per_min": 60, "max_calls_total": 60}})
        ledger, outside = opened(aws.dynamodb, of=few), Outside()

        def refuse(cache: RawCache, reply: Reply) -> None:
            raise TransientStorageError("S3 is away")

        monkeypatch.setattr(RawCache, "store", refuse)
        for made in (25, 50, 60, 60):
            with contextlib.suppress(TransientStorageError):
                run_of(aws).call(Connector.WIKI, requests(*range(25)), outside)
            use = ledger.budgets()["open_data"]
            assert outside.asked.total() == use.spent == use.calls == made

    def test_what_fails_ends_the_stage_and_what_was_done_is_kept(self, aws):
        ledger = opened(aws.dynamodb)
        outside = Outside(failing="2")
        with pytest.raises(ServiceUnavailable, match="about 2"):
            run_of(aws).call(Connector.WIKI, requests(*range(5)), outside)
        use = ledger.budgets()["open_data"]
        assert (use.spent, use.calls) == (3, 3)
        outside.failing = ""
        assert len(run_of(aws).call(Connector.WIKI, requests(*range(5)), outside)) == 5
        assert outside.asked == {"0": 1, "1": 1, "2": 2, "3": 1, "4": 1}
        use = ledger.budgets()["open_data"]
        assert (use.spent, use.calls) == (6, 6)

    def test_the_rate_is_waited_for(self, aws):
        sleeper = Sleeper()
        slow = RunDefaults(token_buckets={Connector.WIKI: TokenBucket(capacity=10, refill=120, period_seconds=60)})
        opened(aws.dynamodb, defaults=slow, clock=lambda: sleeper.now)
        outside = Outside()
        assert len(run_of(aws, sleeper=sleeper).call(Connector.WIKI, requests(*range(30)), outside)) == 30
        assert sleeper.waits == [5.0, 5.0]

    @pytest.mark.parametrize(
        "connector", [name for name, bucket in RunDefaults().token_buckets.items() if bucket.refill]
    )
    def test_every_default_bucket_that_is_empty_is_waited_for(self, aws, connector):
        sleeper, outside = Sleeper(), Outside()
        ledger = opened(aws.dynamodb, of=job("london"), defaults=RunDefaults(), clock=lambda: sleeper.now)
        bucket = ledger.run().settings.bucket(connector)
        assert ledger.take(connector, bucket.capacity, "all") == 0
        assert len(run_of(aws, sleeper=sleeper).call(connector, requests(*range(50)), outside)) == 50
        assert sleeper.waits == [pytest.approx(25 / bucket.per_second, abs=0.1)] * 2

    # More than the longest wait; more than is left, without and with the time to settle.
    @pytest.mark.parametrize(("deadline", "refill"), [(60, 15), (6, 120), (22, 30)])
    def test_a_longer_wait_is_left_to_the_state_machine(self, aws, deadline, refill):
        sleeper = Sleeper()
        bucket = TokenBucket(capacity=10, refill=refill, period_seconds=60)
        slow = RunDefaults(token_buckets={Connector.WIKI: bucket})
        ledger = opened(aws.dynamodb, defaults=slow, clock=lambda: sleeper.now)
        run, outside = run_of(aws, sleeper=sleeper, deadline=deadline), Outside()
        with pytest.raises(Throttled, match="wiki"):
            run.call(Connector.WIKI, requests(*range(20)), outside)
        assert ledger.budgets()["open_data"].spent == 10
        sleeper.now += 60
        again = run_of(aws, sleeper=sleeper)
        assert len(again.call(Connector.WIKI, requests(*range(20)), outside)) == 20
        assert ledger.budgets()["open_data"].spent == 20

    def test_an_allowance_that_is_used_up_closes_the_gate(self, aws):
        little = RunDefaults(token_buckets={Connector.WIKI: TokenBucket(capacity=10, refill=0, period_seconds=0)})
        ledger, outside = opened(aws.dynamodb, defaults=little), Outside()
        assert len(run_of(aws).call(Connector.WIKI, requests(*range(20)), outside)) == 10
        gate = ledger.gate()
        assert gate is not None
        assert (gate.name, gate.value) == (StoppedBy.BUDGET, 10)
        assert ledger.budgets()["open_data"].spent == 10


class TestFindings:
    def test_everything_found_is_kept_and_counted(self, aws):
        opened(aws.dynamodb)
        run = run_of(aws)
        first = run.found([candidate(number) for number in range(30)], calls=3)
        assert (first.calls, first.new, first.seen) == (3, 30, 30)
        second = run.found([candidate(number) for number in range(20, 40)], calls=2)
        assert (second.calls, second.new, second.seen) == (5, 40, 50)
        third = run.found([], calls=4)
        assert (third.calls, third.seen) == (9, 50)
        assert len(run.candidates()) == 50
        assert run.candidates()[0].lineage.pipeline_version == "1"

    def test_what_is_found_again_in_a_subdivided_tile_is_not_seen(self, aws):
        opened(aws.dynamodb)
        run = run_of(aws)
        again = frozenset(f"osm/node/{number}" for number in range(10))
        progress = run.found([candidate(number) for number in range(15)], calls=1, refound=again)
        assert (progress.new, progress.seen) == (5, 5)

    def test_a_retry_reports_nothing_twice(self, aws):
        opened(aws.dynamodb)
        for _ in range(2):
            run = run_of(aws)
            for start in (0, 5):
                progress = run.found([candidate(number) for number in range(start, start + 10)], calls=1)
            run.found([], calls=1)
            run.found([], calls=1)
        assert (progress.calls, progress.new, progress.seen) == (4, 15, 20)

    def test_a_city_that_is_known_closes_the_gate(self, aws):
        opened(aws.dynamodb, of=job("early-stop-test"))
        run = run_of(aws)
        places = [candidate(number) for number in range(10)]
        run.found(places, calls=24)
        assert run.gate() is None
        run.found(places, calls=1)
        gate = run.gate()
        assert gate is not None
        assert (gate.name, gate.value, gate.threshold) == (StoppedBy.EARLY_STOP, 0.5, 0.8)

    def test_thousands_take_few_calls_to_the_ledger(self, aws):
        opened(aws.dynamodb)
        calls: list[str] = []

        def count(request: Any, **_: Any) -> None:
            calls.append(request.url)

        aws.dynamodb.meta.events.register("before-send", count)
        run_of(aws).found([candidate(number) for number in range(3000)], calls=25)
        aws.dynamodb.meta.events.unregister("before-send", count)
        assert len(calls) < 50


class TestSending:
    def test_messages_carry_their_run_and_are_sent_once(self, aws, account):
        opened(aws.dynamodb, of=job("london"))
        messages: list[FrontierMessage] = [page(number) for number in range(25)]
        assert run_of(aws).send([*messages, messages[0]]) == 25
        assert run_of(aws, "run-1").send(messages[:3]) == 0
        received = account.drain(
            os.environ["FRONTIER_QUEUE_URL"], 28
        )  # three were sent again, since they may never have arrived
        bodies = [WebMessage.model_validate_json(message["Body"]) for message in received]
        assert {body.key for body in bodies} == {message.key for message in messages}
        attributes = {
            (m["MessageAttributes"]["run_id"]["StringValue"], m["MessageAttributes"]["correlation_id"]["StringValue"])
            for m in received
        }
        assert attributes == {("run-1", "00000000-0000-0000-0000-000000000000")}
        assert len(run_of(aws).ledger.frontier().waiting) == 25

    def test_killed_work_is_not_sent(self, aws):
        ledger = opened(aws.dynamodb)
        maps = MapsMessage(
            city="Edinburgh",
            run_id="run-1",
            correlation_id="00000000-0000-0000-0000-000000000000",
            budget_token=Connector.GOOGLE_NEARBY,
            lat=55.9,
            lng=-3.2,
            radius=500,
        )
        run = run_of(aws)
        assert run.send([page(1), page(2), maps]) == 1
        assert ledger.frontier().waiting == (maps.key,)
        assert (ledger.budgets()["web"].skipped, run.skipped) == (2, 2)

    def test_a_closed_gate_sends_nothing(self, aws):
        ledger = opened(aws.dynamodb, of=job("london"))
        ledger.close_gate(StoppedBy.BUDGET, 1, 1, "")
        assert run_of(aws).send([page(1)]) == 0
        assert ledger.frontier().drained

    def test_without_a_queue_the_failure_has_a_name(self, aws, account):
        opened(aws.dynamodb, of=job("london"))
        run = run_of(aws)
        run._queue = Queue(f"{account.emulator.endpoint_url}/{account.id}/nowhere", aws.sqs)
        with pytest.raises(ServiceUnavailable, match="refused"):
            run.send([page(1)])
