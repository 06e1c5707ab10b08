"""Look at dead letters, decide, move them back, throw them away: on queues of the embedded AWS."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lambdas.runtime.messages import MessageState, Settlement
from scout.errors import InputRefused, ScoutError
from scout.queues import analyzing, inspecting, monitoring, moving, named, purging, redriving
from scout.queues.analyzing import Field
from scout.queues.holding import held
from scout.queues.judging import Safety
from scout.queues.message import Message
from scout.queues.selecting import Selection
from tests.integration.account import wait_until
from tests.integration.queues.letters import (
    EDINBURGH,
    LONDON,
    MISSING,
    PARIS,
    SYDNEY,
    THROTTLED,
    Silent,
    Stack,
    entry_of,
    event_of,
    message_of,
    report_of_run,
)

PROJECT = Path(__file__).resolve().parents[3]


def queue_of(stack: Stack, name: str = "frontier") -> named.DeadLetterQueue:
    return named.dead_letter_queue(stack.deployment, name)


def redrive(stack: Stack, name: str = "frontier", rate: int | None = None, **selection: Any) -> redriving.Outcome:
    given: dict[str, Any] = {key: (value,) if isinstance(value, str) else value for key, value in selection.items()}
    return redriving.redrive(
        stack.deployment, queue_of(stack, name), Selection(**given), rate=rate, dry_run=False, view=Silent()
    )


def purge(stack: Stack, name: str = "frontier", **selection: Any) -> purging.Purged:
    return purging.purge(
        stack.deployment, queue_of(stack, name), Selection(**selection), confirmed=lambda _: True, view=Silent()
    )


class TestLooking:
    def test_a_peek_goes_past_ten_shows_each_once_and_hides_nothing(self, stack: Stack) -> None:
        ids = stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 35, THROTTLED))
        for _ in range(2):
            found = analyzing.peek(stack.deployment, queue_of(stack), 100)
            assert sorted(content.message.id for content in found) == sorted(ids)
            assert stack.depth("frontier-dlq") == {"Visible": 35, "NotVisible": 0, "Delayed": 0}
        assert len(analyzing.peek(stack.deployment, queue_of(stack), 12)) == 12
        assert stack.depth("frontier-dlq")["NotVisible"] == 0

    def test_a_queue_that_counts_receives_is_not_looked_into(self, stack: Stack) -> None:
        stack.put("frontier", [{"MessageBody": "{}"}])
        with (
            pytest.raises(ScoutError, match="each look counts as a receive"),
            held(stack.account.sqs, stack.url("frontier")),
        ):
            pass
        message = stack.account.sqs.receive_message(
            QueueUrl=stack.url("frontier"), MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )["Messages"][0]
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_all_is_given_back_when_it_is_interrupted(self, stack: Stack, number: signal.Signals) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 200, THROTTLED))
        code = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from scout.embedded.emulator.instance import Emulator\n"
            "from scout.queues.holding import held\n"
            "sqs = Emulator.attach(Path(sys.argv[1])).session(sys.argv[2]).client('sqs')\n"
            "with held(sqs, sys.argv[3]) as hold:\n"
            "    for batch in hold.batches():\n"
            "        print(len(hold), flush=True)\n"
            "        time.sleep(0.05)\n"
        )
        words = [str(stack.account.emulator.state_dir), stack.account.id, stack.url("frontier-dlq")]
        process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while int(process.stdout.readline()) < 50:
            pass
        assert stack.depth("frontier-dlq")["NotVisible"] >= 50
        process.send_signal(number)
        rest = process.stdout.read().split()
        assert process.wait(30) != 0
        assert len(rest) < 15, "it stopped at once"
        assert stack.depth("frontier-dlq") == {"Visible": 200, "NotVisible": 0, "Delayed": 0}

    def test_status_receives_nothing(self, stack: Stack) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 3, THROTTLED))
        stack.put("frontier", [{"MessageBody": "{}"}])
        found = monitoring.status(stack.deployment, queue_of(stack)).document()
        assert (found["visible"], found["target"]["total"], found["open_redrive"], found["moving"]) == (
            3,
            1,
            None,
            False,
        )
        assert [message.receives for message in stack.messages("frontier-dlq")] == [1, 1, 1]

    def test_a_monitor_tells_depth_and_age(self, stack: Stack) -> None:
        stack.put("frontier-dlq", [{"MessageBody": "{}"}])
        time.sleep(1)
        stack.put("frontier-dlq", [{"MessageBody": "{}"}])
        samples = monitoring.follow(stack.deployment, queue_of(stack), interval=0.5, seconds=None)
        first, second = itertools.islice(samples, 2)
        assert (first.depth.total, first.all_seen, first.depth.in_flight) == (2, True, 0)
        assert first.oldest_seconds is not None
        assert second.oldest_seconds is not None
        assert 1 <= first.oldest_seconds <= second.oldest_seconds < 60


class TestDeciding:
    def test_groups_and_what_each_is_worth(self, stack: Stack) -> None:
        unknown = [entry_of(message_of("nobody-1", "web")) for _ in range(2)]
        untraceable = entry_of(message_of(EDINBURGH, "web"))
        del untraceable["MessageAttributes"]["correlation_id"]
        done = message_of(EDINBURGH, "web")
        stack.ledger(EDINBURGH).enqueue([done], "test")
        stack.ledger(EDINBURGH).settle_messages([Settlement(done.key, MessageState.DONE)])
        stack.put(
            "frontier-dlq",
            [
                *stack.failed(EDINBURGH, "web", 7, THROTTLED),
                *stack.failed(EDINBURGH, "web", 6, MISSING),
                *stack.failed(LONDON, "maps", 5, "States.Timeout"),
                *stack.failed(PARIS, "web", 4, THROTTLED),
                *stack.failed(SYDNEY, "web", 2, THROTTLED),
                *[{"MessageBody": "not JSON"}] * 3,
                *unknown,
                untraceable,
                entry_of(done),
                report_of_run(LONDON),
                event_of("london-2"),
            ],
        )
        reading = analyzing.analyze(stack.deployment, queue_of(stack))
        assert (len(reading.letters), reading.hidden) == (33, 0)
        groups = analyzing.grouped(queue_of(stack), reading.letters, {Field.TYPE, Field.RUN, Field.ERROR}, time.time())
        found = {
            (group.fields["type"], group.fields["run"], group.fields["error"]): (
                len(group.messages),
                group.judgement.safety,
                group.judgement.reason,
            )
            for group in groups
        }
        expected: dict[tuple[str, str, str], tuple[int, Safety, str]] = {
            ("web", EDINBURGH, THROTTLED): (7, Safety.SAFE, "passes by itself"),
            ("web", EDINBURGH, MISSING): (6, Safety.FIX_FIRST, "stays until its cause is removed"),
            ("maps", LONDON, "States.Timeout"): (5, Safety.SAFE, "passes by itself"),
            ("web", PARIS, THROTTLED): (4, Safety.NO_EFFECT, "its run takes no more work since"),
            ("web", SYDNEY, THROTTLED): (2, Safety.NO_EFFECT, "the kill switch web of its run is on"),
            ("invalid", "unknown", "InvalidInput"): (3, Safety.NEVER, "it is not JSON"),
            ("web", "nobody-1", "unknown"): (2, Safety.NEVER, "does not know its run"),
            ("run", LONDON, "ExtractNotFound"): (1, Safety.REPORT, "the run is taken up again"),
            ("execution", "london-2", "TIMED_OUT"): (1, Safety.REPORT, "the run is taken up again"),
        }
        for key, (count, safety, reason) in expected.items():
            assert found[key][:2] == (count, safety), key
            assert reason in found[key][2]
        # Two of one kind that are not to be treated alike: one has no correlation id, and one is done.
        alike = [group for group in groups if group.fields == {"type": "web", "run": EDINBURGH, "error": "unknown"}]
        assert {group.judgement.safety for group in alike} == {Safety.NEVER, Safety.NO_EFFECT}
        # Each advised command chooses exactly its group.
        by_command = {group.command: group for group in groups}
        safe = by_command[f"scout dlq redrive frontier --type web --run {EDINBURGH} --error Throttled --safety safe"]
        assert len(safe.messages) == 7
        assert {f"scout resume {LONDON}", f"scout kill --run {SYDNEY} --connector web --undo"} <= by_command.keys()

    def test_the_state_is_the_first_that_has_put_nothing_out(self, stack: Stack) -> None:
        message = message_of(EDINBURGH, "web")
        stack.ledger(EDINBURGH).enqueue([message], "test")
        stack.ledger(EDINBURGH).settle_messages([Settlement(message.key, MessageState.DEAD, MISSING)])
        stack.put("frontier-dlq", [entry_of(message)])
        key = f"executions/{EDINBURGH}-{message.key}/WebFetch/output.json"
        stack.account.session.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=b"{}")
        (letter,) = analyzing.analyze(stack.deployment, queue_of(stack)).letters
        assert (letter.content.state, letter.content.error) == ("ExtractWithLLM", MISSING)

        found = inspecting.inspect(stack.deployment, queue_of(stack), letter.message.id).document()
        assert found["body"] == entry_of(message)["MessageBody"]
        assert found["contract"] == "valid"
        assert found["ledger"]["message"] == "dead"
        assert found["ledger"]["run"]["city"] == "Edinburgh"
        assert found["outputs"] == {"WebFetch": key}
        assert found["command"] == f"scout dlq redrive frontier --message {letter.message.id} --safety fix-first"
        assert stack.depth("frontier-dlq")["NotVisible"] == 0

    def test_a_message_that_is_not_there_is_said(self, stack: Stack) -> None:
        with pytest.raises(ScoutError, match="shows no message nothing"):
            inspecting.inspect(stack.deployment, queue_of(stack), "nothing")


class TestMovingBack:
    def test_a_filter_moves_exactly_its_own_with_every_attribute(self, stack: Stack) -> None:
        wanted = stack.failed(EDINBURGH, "web", 13, THROTTLED)
        # The same body twice, and all that a sender can set.
        wanted += [wanted[0]] * 2
        trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
        traced = stack.failed(EDINBURGH, "web", 1, THROTTLED)[0] | {"MessageSystemAttributes": trace}
        others = [*stack.failed(LONDON, "maps", 9, THROTTLED), {"MessageBody": "no JSON \r\n\t\U0001f600 é"}]
        stack.put("frontier-dlq", [*wanted, traced, *others])
        before = {message.id: message for message in stack.messages("frontier-dlq")}

        outcome = redrive(stack, run=EDINBURGH)

        assert [moved.messages for moved in outcome.moved] == [16]
        assert outcome.left == []
        expected = Counter(message.content for message in before.values() if EDINBURGH in message.body)
        assert stack.contents("frontier") == expected
        arrived = next(one for one in stack.messages("frontier") if "AWSTraceHeader" in one.system)
        assert arrived.system["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
        assert arrived.attributes["raw"]["BinaryValue"].startswith(b"\x00\xff")
        assert arrived.attributes["tries"] == {"DataType": "Number.int", "StringValue": "5"}
        assert {one.id for one in stack.messages("frontier-dlq")} == {
            one.id for one in before.values() if EDINBURGH not in one.body
        }
        assert stack.private_queues() == []
        head, *lines = stack.lines(outcome.moved[0].log_key)
        assert head["moved"] == 16
        moved_ids = {one.id for one in before.values() if EDINBURGH in one.body}
        assert {line["message_id"] for line in lines} == moved_ids
        assert {(line["from"], line["to"]) for line in lines} == {(stack.url("frontier-dlq"), stack.url("frontier"))}
        plan = [Message.of_document(line) for line in stack.lines(outcome.moved[0].plan_key)[1:]]
        assert {one.id: (one.body, one.attributes) for one in plan} == {
            one.id: (one.body, one.attributes) for one in before.values() if one.id in moved_ids
        }

    def test_what_is_all_there_is_moved_by_sqs_itself(self, stack: Stack) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 12, THROTTLED))
        before = stack.contents("frontier-dlq")
        outcome = redrive(stack)
        assert (outcome.moved[0].messages, outcome.moved[0].by) == (12, "the dead-letter queue")
        assert stack.contents("frontier") == before
        assert stack.depth("frontier-dlq")["Visible"] == 0
        arn = moving.arn_of(stack.account.sqs, stack.url("frontier-dlq"))
        (task,) = stack.account.sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        assert task["DestinationArn"] == moving.arn_of(stack.account.sqs, stack.url("frontier"))

    def test_what_is_not_valid_has_no_effect_or_is_a_report_stays_and_is_named(self, stack: Stack) -> None:
        good = stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 4, MISSING))
        closed = stack.put("frontier-dlq", stack.failed(PARIS, "web", 3, THROTTLED))
        invalid = stack.put("frontier-dlq", [{"MessageBody": '{"type": "web"}'}])
        report = stack.put("frontier-dlq", [report_of_run(LONDON)])

        outcome = redrive(stack)

        assert sorted(letter.message.id for letter in outcome.chosen) == sorted(good)
        safeties = {letter.message.id: letter.judgement.safety for letter in outcome.left}
        assert safeties == {
            **dict.fromkeys(closed, Safety.NO_EFFECT),
            invalid[0]: Safety.NEVER,
            report[0]: Safety.REPORT,
        }
        assert {one.id for one in stack.messages("frontier-dlq")} == {*closed, *invalid, *report}

        forced = redrive(stack, force=True)
        assert [letter.message.id for letter in forced.left] == report
        assert [one.id for one in stack.messages("frontier-dlq")] == report
        assert stack.depth("frontier")["Visible"] == 8

    def test_a_count_takes_the_oldest_and_ids_that_are_not_there_are_said(self, stack: Stack) -> None:
        ids = [stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 1, THROTTLED))[0] for _ in range(5)]
        outcome = redrive(stack, count=2)
        assert [letter.message.id for letter in outcome.chosen] == ids[:2]
        outcome = redrive(stack, message=(ids[3], "nothing"))
        assert ([letter.message.id for letter in outcome.chosen], outcome.missing) == ([ids[3]], ["nothing"])
        assert {one.id for one in stack.messages("frontier-dlq")} == {ids[2], ids[4]}
        assert [key for key in stack.objects() if key.endswith("log.jsonl")][-1].split("/")[-2] == "000002"

    def test_a_dry_run_changes_nothing(self, stack: Stack) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 3, THROTTLED))
        outcome = redriving.redrive(
            stack.deployment, queue_of(stack), Selection(), rate=None, dry_run=True, view=Silent()
        )
        assert (len(outcome.chosen), outcome.moved) == (3, [])
        assert stack.depth("frontier-dlq") == {"Visible": 3, "NotVisible": 0, "Delayed": 0}
        assert (stack.objects(), stack.private_queues()) == ([], [])

    def test_reports_are_no_work(self, stack: Stack) -> None:
        stack.put("batch-failures", [event_of("b-1", error="InputNotFound")])
        with pytest.raises(InputRefused, match="`scout replay batch`"):
            redrive(stack, "batch-failures")
        (letter,) = analyzing.analyze(stack.deployment, queue_of(stack, "batch-failures")).letters
        assert (letter.content.type, letter.content.error) == ("execution", "InputNotFound")

    def test_nothing_begins_while_somebody_else_moves_messages(self, stack: Stack) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 60, THROTTLED))
        sqs = stack.account.sqs
        source = moving.arn_of(sqs, stack.url("frontier-dlq"))
        handle = sqs.start_message_move_task(
            SourceArn=source,
            DestinationArn=moving.arn_of(sqs, stack.url("realtime")),
            MaxNumberOfMessagesPerSecond=1,
        )["TaskHandle"]
        with pytest.raises(ScoutError, match="for somebody else"):
            redrive(stack)
        sqs.cancel_message_move_task(TaskHandle=handle)
        wait_until(lambda: not moving.running(sqs, source))
        assert redrive(stack).moved

    def test_what_somebody_holds_is_waited_for(self, stack: Stack) -> None:
        stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 15, THROTTLED))
        sqs, url = stack.account.sqs, stack.url("frontier-dlq")
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3)
        assert redrive(stack, run=EDINBURGH).moved[0].messages == 15

    def test_a_redrive_that_was_cut_off_can_be_given_up_until_something_has_left(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack.put("frontier-dlq", [*stack.failed(EDINBURGH, "web", 3, THROTTLED), {"MessageBody": "x"}])

        def cut(*_: Any, **__: Any) -> str:
            raise KeyboardInterrupt

        assert redriving.give_up(stack.deployment, queue_of(stack)) is None
        with monkeypatch.context() as patch:
            patch.setattr("scout.queues.staging.Staging.filled", cut)
            with pytest.raises(KeyboardInterrupt):
                redrive(stack, run=EDINBURGH)
        assert monitoring.status(stack.deployment, queue_of(stack)).open_redrive == 1
        with pytest.raises(ScoutError, match="redrive 1 of frontier was cut off"):
            purge(stack)
        assert redriving.give_up(stack.deployment, queue_of(stack)) == 1
        assert stack.depth("frontier-dlq")["Visible"] == 4

        with monkeypatch.context() as patch:
            patch.setattr("scout.queues.redriving.take_out", cut)
            with pytest.raises(KeyboardInterrupt):
                redrive(stack, run=EDINBURGH)
        with pytest.raises(ScoutError, match="cannot be given up any more"):
            redriving.give_up(stack.deployment, queue_of(stack))
        # Another choice finishes the one that is open, and then does its own.
        outcome = redrive(stack, run=LONDON)
        assert [(moved.number, moved.messages, moved.taken_up) for moved in outcome.moved] == [(2, 3, True)]
        assert (stack.depth("frontier")["Visible"], stack.depth("frontier-dlq")["Visible"]) == (3, 1)


class TestThrowingAway:
    def test_exactly_what_is_in_the_backup_is_deleted(self, stack: Stack) -> None:
        stack.put("frontier-dlq", [*stack.failed(EDINBURGH, "web", 23, MISSING), {"MessageBody": "x"}])
        late: list[str] = []

        def confirmed(letters: list[analyzing.Letter]) -> bool:
            assert len(letters) == 23
            late.extend(stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 5, MISSING)))
            return True

        before = {one.id: one for one in stack.messages("frontier-dlq")}
        done = purging.purge(
            stack.deployment, queue_of(stack), Selection(error=(MISSING,)), confirmed=confirmed, view=Silent()
        )

        assert done.backup_key is not None
        assert done.backup_key.startswith("dead-letters/data-scout-test-frontier-dlq/purges/")
        backup = {one.id: one for one in map(Message.of_document, stack.lines(done.backup_key)[1:])}
        assert {one.id: (one.body, one.attributes) for one in backup.values()} == {
            one.id: (one.body, one.attributes) for one in before.values() if one.body != "x"
        }
        left = stack.messages("frontier-dlq")
        assert {one.id for one in left if one.body != "x"} == set(late)
        assert len(left) == 6

    def test_nothing_is_deleted_without_a_yes_or_if_the_backup_is_not_what_was_written(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack.put("frontier-dlq", [{"MessageBody": "x"}])
        asked = purging.purge(stack.deployment, queue_of(stack), Selection(), confirmed=lambda _: False, view=Silent())
        assert (len(asked.letters), asked.backup_key, stack.objects()) == (1, None, [])

        from lambdas.runtime.storage import Storage

        real = Storage.get
        monkeypatch.setattr(Storage, "get", lambda self, key: real(self, key).replace(b'"x"', b'"y"'))
        with pytest.raises(ScoutError, match="is not what was written: nothing is deleted"):
            purge(stack)
        assert stack.depth("frontier-dlq")["Visible"] == 1


class TestPipelineQueues:
    def test_a_message_that_no_execution_could_take_stays(self, stack: Stack) -> None:
        good = stack.put("batch-dlq", [{"MessageBody": json.dumps({"programId": "p"})}])
        bad = stack.put("batch-dlq", [{"MessageBody": "no JSON"}, {"MessageBody": json.dumps("x" * 262_200)}])
        reading = analyzing.analyze(stack.deployment, queue_of(stack, "batch"))
        types = {letter.message.id: (letter.content.type.value, letter.judgement.safety) for letter in reading.letters}
        assert types == {
            good[0]: ("message", Safety.FIX_FIRST),
            **dict.fromkeys(bad, ("invalid", Safety.NEVER)),
        }
        assert redrive(stack, "batch").moved[0].messages == 1
        assert stack.depth("batch")["Visible"] == 1
        assert {one.id for one in stack.messages("batch-dlq")} == set(bad)

    def test_names(self, stack: Stack) -> None:
        assert list(named.dead_letter_queues(stack.deployment)) == ["frontier", "realtime", "batch", "batch-failures"]
        with pytest.raises(ScoutError, match="has no dead-letter queue 'nope'; it has: frontier, realtime, batch"):
            queue_of(stack, "nope")
