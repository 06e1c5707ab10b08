"""Standard pipelines on the embedded AWS: one message an execution; failures are reported, and started again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scout.errors import ScoutError
from scout.pipelines.replaying import Failed, failed_stage, replay
from tests.integration.account import wait_until
from tests.integration.pipelines.stack import Stack

pytestmark = pytest.mark.xdist_group("pipelines")


@pytest.fixture(autouse=True)
def _no_reports(stack: Stack) -> None:
    """What an earlier test has left is not this one's."""
    stack.account.sqs.purge_queue(QueueUrl=str(stack["standard"].failure_queue_url))


def replayed(
    stack: Stack, wanted: str, *, dry_run: bool = False, redrive: bool = False
) -> tuple[list[Failed], list[Failed]]:
    """Replay the executions of a name; those that were found, and those that were started."""
    started: list[Failed] = []
    pipeline = stack["standard"]
    found = replay(
        stack.deployment,
        pipeline,
        wanted=lambda failed: failed.name.startswith(wanted),
        dry_run=dry_run,
        started=started.append,
        redrive=redrive,
    )
    return found.wanted, started


def reported(stack: Stack, pipeline: str = "standard") -> dict[str, Any]:
    """What the one report in the failure queue says; it is taken out."""
    url = str(stack[pipeline].failure_queue_url)
    (message,) = stack.account.drain(url, 1, timeout=30)
    return dict(json.loads(message["Body"])["detail"])


@pytest.mark.property(2)
def test_a_message_goes_through_all_stages_and_the_execution_says_where_its_output_lies(stack):
    sent = stack.through("standard", {"path": ["start"]})
    assert sent.data == {"path": ["start", "First", "Second", "Third"]}
    arn = f"{stack['standard'].arn.replace(':stateMachine:', ':execution:')}:{sent.execution_id}"
    described = stack.account.ended(arn)
    assert described["status"] == "SUCCEEDED"
    assert described["output"] == {
        "executionId": sent.execution_id,
        "messageId": sent.message_id,
        "bucket": stack.deployment.bucket,
        "outputKey": f"executions/{sent.execution_id}/Third/output.json",
    }


def test_a_stage_that_fails_twice_succeeds_by_retry(stack):
    sent = stack.through("standard", {"fail": {"Second": 2}})
    assert [stack.attempts(sent.execution_id, stage) for stage in ("First", "Second", "Third")] == [1, 3, 1]


@pytest.mark.property(31)
def test_an_execution_that_fails_is_reported_with_all_that_starting_it_again_takes(stack):
    (message_id,) = stack.put("standard", json.dumps({"fail": {"Second": 100}, "about": "report"}))
    detail = reported(stack)
    assert detail["status"] == "FAILED"
    assert detail["stateMachineArn"] == stack["standard"].arn
    assert detail["error"] == "ServiceUnavailable"
    assert failed_stage(stack.deployment, Failed(detail["executionArn"], "", "", None, None, None)) == "Second"
    assert "attempt 3 was to fail" in detail["cause"]
    assert json.loads(detail["input"]) == [
        {"messageId": message_id, "initialData": {"fail": {"Second": 100}, "about": "report"}}
    ]
    # The history names the stage, too, and what it had done before stays.
    events = stack.account.states.get_execution_history(executionArn=detail["executionArn"])["events"]
    assert events[-1]["executionFailedEventDetails"]["error"] == "ServiceUnavailable"
    assert [key.split("/")[2] for key in stack.keys(f"executions/{detail['name']}/")] == ["First"]
    assert stack.waiting(stack["standard"].queue_url) == 0


def test_a_failed_execution_is_started_again_with_its_input_and_only_once(stack):
    message = {"fail": {"Second": 3}, "about": "replay"}
    stack.account.ended(stack.start("standard", message, "broken"))
    url = str(stack["standard"].failure_queue_url)
    wait_until(lambda: stack.waiting(url) == 1, 30)

    found, started = replayed(stack, "broken", dry_run=True)
    assert [failed.name for failed in found] == ["broken"]
    assert started == []
    assert stack.waiting(url) == 1

    _, started = replayed(stack, "another")
    assert started == []
    assert stack.waiting(url) == 1

    _, started = replayed(stack, "broken")
    assert [failed.replay_name for failed in started] == ["broken-replay-1"]
    again = stack.account.ended(started[0].execution_arn.replace(":broken", ":broken-replay-1"), timeout=30)
    assert again["input"] == found[0].input
    # The replay is an execution of its own, with the same three failures before it; it fails, and is reported.
    assert again["status"] == "FAILED"
    # That report is the only one, and it is only looked at here, as the replay may fail sooner than a look takes.
    wait_until(lambda: stack.waiting(url) == 1, 30)
    _, started = replayed(stack, "broken")
    assert [failed.replay_name for failed in started] == ["broken-replay-2"]
    stack.account.ended(started[0].execution_arn.replace("-replay-1", "-replay-2"), timeout=30)
    reported(stack)


def test_a_replay_that_was_cut_off_is_not_started_twice(stack):
    message = {"fail": {"First": 100}}
    stack.account.ended(stack.start("standard", message, "cut"))
    url = str(stack["standard"].failure_queue_url)
    wait_until(lambda: stack.waiting(url) == 1, 30)
    # As if an earlier replay had ended after it had started the execution and before it took the report out.
    stack.account.ended(stack.start("standard", message, "cut-replay-1"))
    wait_until(lambda: stack.waiting(url) == 2, 30)
    _, started = replayed(stack, "cut")
    assert [failed.replay_name for failed in started] == ["cut-replay-1"]
    names = {
        execution["name"]
        for execution in stack.account.states.list_executions(stateMachineArn=stack["standard"].arn)["executions"]
    }
    assert {name for name in names if name.startswith("cut")} == {"cut", "cut-replay-1"}
    # That this one has failed, too, is for the next time.
    assert reported(stack)["name"] == "cut-replay-1"


def test_another_execution_of_the_same_name_is_not_taken_for_the_replay(stack):
    stack.account.ended(stack.start("standard", {"fail": {"First": 100}}, "taken"))
    wait_until(lambda: stack.waiting(str(stack["standard"].failure_queue_url)) == 1, 30)
    stack.account.ended(stack.start("standard", {"another": "message"}, "taken-replay-1"))
    with pytest.raises(ScoutError, match="another execution of that name has another input"):
        replayed(stack, "taken")
    # Its report has stayed.
    assert reported(stack)["name"] == "taken"


def test_a_failed_execution_goes_on_from_the_stage_that_failed(stack):
    arn = stack.start("standard", {"fail": {"Second": 3}}, "goes-on")
    assert stack.account.ended(arn)["status"] == "FAILED"
    wait_until(lambda: stack.waiting(str(stack["standard"].failure_queue_url)) == 1, 30)
    _, started = replayed(stack, "goes-on", redrive=True)
    assert [failed.name for failed in started] == ["goes-on"]
    wait_until(lambda: stack.account.ended(arn)["status"] == "SUCCEEDED", 30)
    described = stack.account.ended(arn)
    assert described["output"]["outputKey"] == "executions/goes-on/Third/output.json"
    # What had been done was not done again.
    assert [stack.attempts("goes-on", stage) for stage in ("First", "Second", "Third")] == [1, 4, 1]


def test_what_is_no_report_stays_and_is_counted(stack):
    url = str(stack["standard"].failure_queue_url)
    stack.account.sqs.send_message(QueueUrl=url, MessageBody="something else")
    result = replay(stack.deployment, stack["standard"], wanted=lambda _: True, dry_run=False, started=print)
    assert (result.wanted, len(result.foreign)) == ([], 1)
    stack.account.drain(url, 1)


def test_a_message_that_is_not_json_fails_its_execution_and_is_kept_in_its_report(stack):
    stack.put("standard", "this is not JSON")
    detail = reported(stack)
    assert detail["error"] == "InvalidInput"
    assert "is not JSON" in detail["cause"]
    assert json.loads(detail["input"])[0]["initialData"] == "this is not JSON"
    assert stack.attempts(detail["name"], "First") == 0


def test_one_character_that_is_missing_from_an_output_fails_the_next_stage(stack):
    described = stack.account.ended(stack.start("tampered", {"path": []}, "corrupt"))
    assert described["status"] == "FAILED"
    assert described["error"] == "VerificationFailed"
    # It is not tried again, and it has not run on what it could not trust.
    assert stack.attempts("corrupt", "Third") == 0
    assert [key.split("/")[2] for key in stack.keys("executions/corrupt/")] == ["First", "Tamper"]
    reported(stack, "tampered")


def test_an_execution_of_several_messages_is_refused(stack):
    text = json.dumps([{"messageId": str(number), "initialData": {}} for number in range(2)])
    started = stack.account.states.start_execution(stateMachineArn=stack["standard"].arn, name="two", input=text)
    described = stack.account.ended(started["executionArn"])
    assert (described["status"], described["error"]) == ("FAILED", "TooManyMessages")
    assert stack.keys("executions/two/") == []
    reported(stack)


def test_an_input_of_300_kb_is_refused(stack):
    states = stack.account.states
    with pytest.raises(states.exceptions.ClientError, match=r"262144|maximum.*length"):
        stack.start("standard", "x" * 300_000, "large")


def test_an_empty_message_succeeds(stack):
    assert stack.through("standard", {}).data == {}


def test_test_mode_shows_that_every_stage_is_reached(stack):
    sent = stack.through("standard", {"_test": True})
    assert sent.data["stage"] == "Third"
    assert sent.data["message"] == "Third stage completed in test mode"
    assert stack.attempts(sent.execution_id, "First") == 0
