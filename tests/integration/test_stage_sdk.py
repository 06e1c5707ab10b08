"""The stage SDK on the embedded AWS: calls within budgets, what is found, what is sent on, and the base handler."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.contracts.candidate import Candidate, Confidences, ExternalRefs, Lineage, Source
from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.defaults import RunDefaults, TokenBucket
from lambdas.contracts.frontier import FrontierMessage, MapsMessage, WebMessage
from lambdas.contracts.manifest import StateStatus, StoppedBy
from lambdas.runtime import record
from lambdas.runtime.aws import Aws
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import Deadline, StageOutput
from lambdas.runtime.errors import InputNotFound, InvalidInput, ServiceUnavailable, Throttled, VerificationFailed
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.stage import StageInput, handle
from lambdas.runtime.storage import Storage
from tests.integration.account import Account
from tests.integration.ledgers import TABLE, job, make_table, opened

if TYPE_CHECKING:
    from scout.embedded.emulator import Emulator

BUCKET = "data-scout-test"
ACCOUNT = "100000000004"
ROOT_KEY = ("AWS_ACCESS_KEY_ID", ACCOUNT), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(scope="module")
def account(emulator: Emulator) -> Account:
    return Account(emulator, ACCOUNT)


@pytest.fixture
def aws(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Clients as a function makes them: everything comes from the environment."""
    for name, value in ROOT_KEY:
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", account.emulator.endpoint_url)
    monkeypatch.setenv("LEDGER_TABLE", TABLE)
    client = make_table(account)
    s3 = account.session.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    url = account.sqs.create_queue(QueueName="frontier")["QueueUrl"]
    monkeypatch.setenv("FRONTIER_QUEUE_URL", url)
    yield Aws()
    account.sqs.delete_queue(QueueUrl=url)
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    client.delete_table(TableName=TABLE)
    record._CACHE.clear()


class Outside:
    """An outside service that counts what is asked of it."""

    def __init__(self, units: int = 1, failing: str = "") -> None:
        self.asked: Counter[str] = Counter()
        self.units = units
        self.failing = failing

    def __call__(self, request: Request) -> Reply:
        name = str(request.params["name"])
        self.asked[name] += 1
        if name == self.failing:
            raise ServiceUnavailable(f"no answer about {name}")
        return Reply(request, {"about": name}, units=self.units, items=2)


class Sleeper:
    def __init__(self) -> None:
        self.waits: list[float] = []
        self.now = 1000.0

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def run_of(aws: Aws, run_id: str = "run-1", *, deadline: float = 60, sleeper: Sleeper | None = None) -> Run:
    ledger = Ledger(TABLE, run_id, aws.dynamodb, **({"clock": lambda: sleeper.now} if sleeper else {}))
    queue = Queue(aws.sqs.get_queue_url(QueueName="frontier")["QueueUrl"], aws.sqs)
    arguments: dict[str, Any] = {"sleep": sleeper} if sleeper else {}
    return Run(
        state="TileSweep",
        execution_id=run_id,
        ledger=ledger,
        storage=Storage(BUCKET, aws.s3),
        queue=queue,
        deadline=Deadline(deadline),
        **arguments,
    )


def requests(*names: object, estimate: int = 1) -> list[Request]:
    return [Request({"name": str(name)}, estimate) for name in names]


def candidate(number: int, **changes: Any) -> Candidate:
    plain = Candidate(
        record_id=f"osm/node/{number}",
        name=f"Place {number}",
        source=Source.OSM,
        lat=55.95,
        lng=-3.19 + number / 1e4,
        coordinates_confidence=1.0,
        confidences=Confidences(overall=0.9),
        lineage=Lineage(created_at="2026-01-01T00:00:00.000Z", pipeline_version="1"),
        external_refs=ExternalRefs(osm_id=str(number), osm_type="node"),
    )
    return plain.model_copy(update=changes)


def page(number: int, **changes: Any) -> WebMessage:
    plain = WebMessage(
        city="Edinburgh",
        run_id="run-1",
        correlation_id="00000000-0000-0000-0000-000000000000",
        budget_token=Connector.WEB_FETCH,
        source_url=f"https://example.org/{number}",
        source_name="example",
        source_type="html",
        crawl_depth=0,
        enqueued_at="2026-01-01T00:00:00.000Z",
    )
    return plain.model_copy(update=changes)


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

    def test_a_kill_switch_acts_between_two_batches(self, aws):
        ledger, run = opened(aws.dynamodb), run_of(aws)

        def killing(request: Request) -> Reply:
            run.ledger.kill(BudgetGroup.OPEN_DATA, on=True)
            return Reply(request, {}, units=1)

        assert len(run.call(Connector.WIKI, requests(*range(60)), killing)) == 25
        use = ledger.budgets()["open_data"]
        assert (use.calls, use.skipped, use.killed) == (25, 35, True)

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
        opened(aws.dynamodb, settings=slow, clock=lambda: sleeper.now)
        outside = Outside()
        assert len(run_of(aws, sleeper=sleeper).call(Connector.WIKI, requests(*range(30)), outside)) == 30
        assert sleeper.waits == [5.0, 5.0]

    @pytest.mark.parametrize(("deadline", "refill"), [(60, 30), (3, 120)])
    def test_a_longer_wait_is_left_to_the_state_machine(self, aws, deadline, refill):
        sleeper = Sleeper()
        bucket = TokenBucket(capacity=10, refill=refill, period_seconds=60)
        slow = RunDefaults(token_buckets={Connector.WIKI: bucket})
        ledger = opened(aws.dynamodb, settings=slow, clock=lambda: sleeper.now)
        run, outside = run_of(aws, sleeper=sleeper, deadline=deadline), Outside()
        with pytest.raises(Throttled, match="wiki"):
            run.call(Connector.WIKI, requests(*range(20)), outside)
        assert ledger.budgets()["open_data"].spent == 10
        sleeper.now += 60
        assert len(run.call(Connector.WIKI, requests(*range(20)), outside)) == 20
        assert ledger.budgets()["open_data"].spent == 20

    def test_an_allowance_that_is_used_up_closes_the_gate(self, aws):
        little = RunDefaults(token_buckets={Connector.WIKI: TokenBucket(capacity=10, refill=0, period_seconds=0)})
        ledger, outside = opened(aws.dynamodb, settings=little), Outside()
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
        aws.dynamodb.meta.events.register("before-send", lambda request, **_: calls.append(request.url))
        run_of(aws).found([candidate(number) for number in range(3000)], calls=25)
        assert len(calls) < 50


class TestSending:
    def test_messages_carry_their_run_and_are_sent_once(self, aws, account):
        opened(aws.dynamodb, of=job("london"))
        messages: list[FrontierMessage] = [page(number) for number in range(25)]
        assert run_of(aws).send([*messages, messages[0]]) == 25
        assert run_of(aws, "run-1").send(messages[:3]) == 0
        url = account.sqs.get_queue_url(QueueName="frontier")["QueueUrl"]
        received = account.drain(url, 28)  # three were sent again, since they may never have arrived
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
        run._queue = Queue(f"{account.emulator.endpoint_url}/{ACCOUNT}/nowhere", aws.sqs)
        with pytest.raises(ServiceUnavailable, match="refused"):
            run.send([page(1)])


class Invocation:
    """The context object of an invocation."""

    aws_request_id = "request-1"

    def __init__(self, seconds: float = 60) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self._seconds * 1000)


def event(stage: str = "TileSweep", previous: str | None = None, data: Any = None) -> dict[str, Any]:
    return {
        "executionId": "run-1",
        "runId": "run-1",
        "currentStage": stage,
        "previousStage": previous,
        "workflowBucket": BUCKET,
        "initialData": data,
    }


def answering(data: Any, records: int = 1) -> Callable[[StageInput, Run], StageOutput]:
    return lambda stage_input, run: StageOutput(data, records)


class TestHandler:
    def test_stages_hand_over_through_the_bucket(self, aws):
        ledger = opened(aws.dynamodb)
        stages = {
            "TileSweep": lambda given, run: StageOutput({"got": given.read()}, 3, {"tiles": 2}),
            "Rank": lambda given, run: StageOutput(given.read(), 4, result={"runStatus": "SUCCEEDED"}),
        }
        first = handle(event(data={"a": 1}), Invocation(), stages, aws)
        assert first["status"] == "SUCCESS"
        assert (first["stage"], first["recordsProcessed"], first["metrics"]) == ("TileSweep", 3, {"tiles": 2})
        assert first["outputKey"] == "executions/run-1/TileSweep/output.json"
        second = handle(event("Rank", "TileSweep"), Invocation(), stages, aws)
        assert second["runStatus"] == "SUCCEEDED"
        envelope = json.loads(Storage(BUCKET, aws.s3).get(second["outputKey"]))
        assert envelope["data"] == {"got": {"a": 1}}
        assert envelope["sha256"] == second["outputSha256"]
        report = ledger.states()["Rank"]
        assert (report.status, report.records) == (StateStatus.SUCCEEDED, 4)

    def test_a_stage_that_has_put_out_is_not_done_again(self, aws):
        opened(aws.dynamodb)
        first = handle(event(), Invocation(), {"TileSweep": answering({"a": 1})}, aws)

        def never(given: StageInput, run: Run) -> StageOutput:
            raise AssertionError

        assert handle(event(), Invocation(), {"TileSweep": never}, aws) == first

    def test_of_two_at_once_the_first_output_stands_and_both_answer_with_it(self, aws):
        opened(aws.dynamodb)
        aws.s3, aws.dynamodb, aws.sqs  # noqa: B018 - made here, since boto3 makes clients in one thread only
        barrier = threading.Barrier(2)

        def stage(given: StageInput, run: Run) -> StageOutput:
            barrier.wait(10)
            return StageOutput({"by": threading.get_ident()}, 1)

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(lambda _: handle(event(), Invocation(), {"TileSweep": stage}, aws), range(2))
        assert one == two

    def test_empty_input_is_input(self, aws):
        opened(aws.dynamodb)
        stages = {"TileSweep": lambda given, run: StageOutput(given.read(), 0)}
        assert handle(event(data={}), Invocation(), stages, aws)["recordsProcessed"] == 0

    @pytest.mark.parametrize("stage", ["TileSweep", "Rank"])
    def test_a_failure_is_raised_and_recorded(self, aws, stage):
        ledger = opened(aws.dynamodb)

        def failing(given: StageInput, run: Run) -> StageOutput:
            raise Throttled("wait")

        with pytest.raises(Throttled):
            handle(event(stage), Invocation(), {stage: failing}, aws)
        report = ledger.states()[stage]
        assert (report.status, report.error) == (StateStatus.FAILED, "Throttled: wait")
        assert Storage(BUCKET, aws.s3).keys("executions/") == []
        handle(event(stage), Invocation(), {stage: answering(1)}, aws)
        assert ledger.states()[stage].status is StateStatus.SUCCEEDED

    def test_a_failure_is_raised_even_if_it_cannot_be_recorded(self, aws):
        with pytest.raises(InputNotFound, match="no run 'run-1'"):
            handle(event(), Invocation(), {"TileSweep": answering(1)}, aws)

    def test_a_missing_previous_output_is_explained(self, aws):
        opened(aws.dynamodb)
        reading = {"Rank": lambda given, run: StageOutput(given.read(), 0)}
        with pytest.raises(InputNotFound) as caught:
            handle(event("Rank", "TileSweep"), Invocation(), reading, aws)
        assert str(caught.value) == (
            "Input data not found in S3. Previous stage 'TileSweep' may have failed or not written output. "
            f"Path: s3://{BUCKET}/executions/run-1/TileSweep/output.json"
        )
        optional = {"Rank": lambda given, run: StageOutput({"got": given.read_optional()}, 0)}
        assert handle(event("Rank", "TileSweep"), Invocation(), optional, aws)["status"] == "SUCCESS"

    def test_a_first_stage_needs_initial_data_if_it_reads(self, aws):
        opened(aws.dynamodb)
        with pytest.raises(InvalidInput, match="initialData is null for the first stage, TileSweep"):
            handle(event(), Invocation(), {"TileSweep": lambda given, run: StageOutput(given.read(), 0)}, aws)

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b'{"data": 1}', b'{"data": {"a": 2}, "sha256": "' + b"0" * 64 + b'"}', b"\xff"],
    )
    def test_an_output_that_was_changed_is_not_read(self, aws, body):
        opened(aws.dynamodb)
        Storage(BUCKET, aws.s3).put("executions/run-1/TileSweep/output.json", body)
        reading = {"Rank": lambda given, run: StageOutput(given.read(), 0)}
        with pytest.raises(VerificationFailed, match="executions/run-1/TileSweep"):
            handle(event("Rank", "TileSweep"), Invocation(), reading, aws)

    def test_a_stage_that_a_kill_switch_left_idle_is_skipped(self, aws):
        ledger = opened(aws.dynamodb)

        def idle(given: StageInput, run: Run) -> StageOutput:
            return StageOutput([], len(run.call(Connector.LLM_TOKENS, requests("a"), Outside())))

        handle(event(), Invocation(), {"TileSweep": idle}, aws)
        assert ledger.states()["TileSweep"].status is StateStatus.SKIPPED

    def test_an_unknown_stage_is_refused(self, aws):
        with pytest.raises(InvalidInput, match="'Rank' is none of TileSweep"):
            handle(event("Rank"), Invocation(), {"TileSweep": answering(1)}, aws)

    def test_without_time_nothing_is_begun(self, aws):
        opened(aws.dynamodb)
        with pytest.raises(ServiceUnavailable, match="No time is left"):
            handle(event(), Invocation(seconds=1), {"TileSweep": answering(1)}, aws)


class Crash(BaseException):
    """The process ends."""


class Crashing:
    """Ends the process at the n-th call to AWS: before it is sent, or once it was done."""

    def __init__(self, aws: Aws, moment: str, number: int) -> None:
        self.calls = 0
        self._number = number
        self._event = {"before": "before-call", "after": "after-call"}[moment]
        self._clients = (aws.s3, aws.dynamodb, aws.sqs)
        self._lock = threading.Lock()

    def __enter__(self) -> Crashing:
        for client in self._clients:
            client.meta.events.register(self._event, self._strike)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.meta.events.unregister(self._event, self._strike)

    def _strike(self, **_: Any) -> None:
        with self._lock:
            self.calls += 1
            if self.calls == self._number:
                raise Crash


def everything(given: StageInput, run: Run) -> StageOutput:
    """A stage that uses all of the SDK."""
    outside = Outside(units=2)
    asked = requests("a", "b", "c", estimate=3)
    replies = run.call(Connector.WIKI, asked[:2], outside) + run.call(Connector.WIKI, asked[2:], outside)
    run.found([candidate(number) for number in range(len(replies) * 2)], calls=len(replies))
    run.send([page(number) for number in range(2)])
    return StageOutput({"bodies": [reply.body for reply in replies]}, len(replies))


def outcome(aws: Aws) -> dict[str, Any]:
    """Everything that a run has left behind, but for the order of things and the tokens of its rates."""
    ledger = Ledger(TABLE, "run-1", aws.dynamodb)
    storage = Storage(BUCKET, aws.s3)
    progress = ledger.progress()
    return {
        "objects": {key: storage.get(key) for key in storage.keys("")},
        "budgets": ledger.budgets(),
        "progress": (progress.calls, progress.new, progress.seen),
        "frontier": sorted(ledger.frontier().waiting),
        "state": (ledger.states()["TileSweep"].status, ledger.states()["TileSweep"].records),
    }


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_any_call_and_a_retry_leave_what_an_undisturbed_stage_leaves(aws, account, moment):
    stages = {"TileSweep": everything}

    def start_anew() -> None:
        for found in account.session.resource("s3").Bucket(BUCKET).objects.all():
            found.delete()
        aws.dynamodb.delete_table(TableName=TABLE)
        make_table(account)
        opened(aws.dynamodb, of=job("london"))
        record._CACHE.clear()

    start_anew()
    with Crashing(aws, moment, 0) as counting:
        handle(event(), Invocation(), stages, aws)
    expected = outcome(aws)
    assert (expected["budgets"]["open_data"].spent, counting.calls > 15) == (6, True)
    for number in range(1, counting.calls + 1):
        start_anew()
        with Crashing(aws, moment, number), pytest.raises(Crash):
            handle(event(), Invocation(), stages, aws)
        record._CACHE.clear()
        handle(event(), Invocation(), stages, aws)
        assert outcome(aws) == expected, f"after a crash {moment} call {number}"
