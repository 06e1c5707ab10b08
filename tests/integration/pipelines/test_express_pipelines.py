"""Express pipelines on the embedded AWS: each message by itself, and what becomes of those that fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scout.errors import ScoutError
from tests.integration.account import wait_until
from tests.integration.pipelines.stack import Stack

pytestmark = pytest.mark.xdist_group("pipelines")


def dead(stack: Stack, pipeline: str, *ids: str) -> dict[str, dict[str, Any]]:
    """The messages in the dead-letter queue, by what their bodies hold; nothing else may lie there."""
    found = stack.account.drain(stack[pipeline].dlq_url, len(ids), timeout=240)
    assert {message["MessageId"] for message in found} == set(ids)
    return {message["MessageId"]: message for message in found}


def empty(stack: Stack, pipeline: str) -> None:
    wait_until(lambda: stack.waiting(stack[pipeline].queue_url) == 0)


@pytest.mark.property(15)
def test_a_message_goes_through_all_stages_by_way_of_s3(stack):
    sent = stack.through("express", {"path": []})
    assert sent.data == {"path": ["First", "Second", "Third"]}
    assert [done.key for done in sent.stages] == [
        f"executions/{sent.execution_id}/{stage}/output.json" for stage in ("First", "Second", "Third")
    ]
    assert sent.execution_id.startswith(sent.message_id)
    empty(stack, "express")
    assert stack.waiting(stack["express"].dlq_url) == 0


@pytest.mark.property(16)
def test_a_stage_that_fails_once_succeeds_by_retry(stack):
    sent = stack.through("express", {"fail": {"Second": 1}})
    assert sent.data["path"] == ["First", "Second", "Third"]
    assert [stack.attempts(sent.execution_id, stage) for stage in ("First", "Second", "Third")] == [1, 2, 1]


def test_a_stage_that_fails_twice_succeeds_by_retry(stack):
    sent = stack.through("express", {"fail": {"Third": 2}})
    assert [stack.attempts(sent.execution_id, stage) for stage in ("First", "Second", "Third")] == [1, 1, 3]
    empty(stack, "express")


@pytest.mark.property(6)
@pytest.mark.property(14)
@pytest.mark.property(32)
@pytest.mark.property(33)
def test_a_message_that_always_fails_goes_to_the_dlq_after_three_receives_and_takes_no_other_with_it(stack):
    bad = json.dumps({"fail": {"Second": 100}, "name": "bad"})
    good = [json.dumps({"name": f"good {number}"}) for number in range(3)]
    ids = stack.put("express", good[0], bad, *good[1:])
    message = dead(stack, "express", ids[1])[ids[1]]
    assert message["Body"] == bad
    assert int(message["Attributes"]["ApproximateReceiveCount"]) >= 3
    empty(stack, "express")
    # Three executions have had it; each has left what it had done by then, and no more.
    assert len({key.split("/")[1] for key in stack.keys(f"executions/{ids[1]}-")}) == 3
    assert {key.split("/")[2] for key in stack.keys(f"executions/{ids[1]}-")} == {"First"}
    for message_id in (ids[0], *ids[2:]):
        outputs = stack.keys(f"executions/{message_id}-")
        assert [key.split("/")[2] for key in outputs] == ["First", "Second", "Third"]


def test_who_follows_a_message_is_told_why_it_failed(stack):
    with pytest.raises(ScoutError, match=r"it last failed at Second: \w+: .*\n.*is tried again") as late:
        stack.through("express", {"fail": {"Second": 100}}, timeout=30)
    with pytest.raises(ScoutError, match=r"failed at First of express: InvalidInput: .*\n.*permanent: "):
        stack.through("express", ["no object"], timeout=60)
    message_id = str(late.value).split()[1]
    bodies = stack.account.drain(stack["express"].dlq_url, 2, timeout=240)
    assert message_id in {message["MessageId"] for message in bodies}


@pytest.mark.parametrize("poison", ["this is not JSON", '{"cut', "[" * 3000 + "]" * 3000])
def test_a_message_that_is_not_json_goes_to_the_dlq_by_itself(stack, poison):
    ids = stack.put("express", json.dumps({"name": "before"}), poison, json.dumps({"name": "after"}))
    assert dead(stack, "express", ids[1])[ids[1]]["Body"] == poison
    empty(stack, "express")
    assert stack.keys(f"executions/{ids[1]}-") == []
    for message_id in (ids[0], ids[2]):
        assert len(stack.keys(f"executions/{message_id}-")) == 3


def test_50_mb_pass_from_stage_to_stage(stack):
    size = 50 * 1024 * 1024
    sent = stack.through("large", {"bytes": size}, timeout=120)
    assert sent.stages[0].size > size
    assert sent.data == {"records": size // 1000, "bytes": size // 1000 * 1000}


def test_300_kb_are_refused_by_step_functions(stack):
    message = json.dumps([{"messageId": "m", "initialData": "x" * 300_000}])
    states = stack.account.states
    with pytest.raises(states.exceptions.ClientError, match=r"262144|maximum.*length"):
        states.start_sync_execution(stateMachineArn=stack["express"].arn, input=message)


@pytest.mark.parametrize("bad", ["not JSON" * 6_000, json.dumps({"fail": {"First": 100}, "padding": "x" * 50_000})])
def test_large_messages_share_a_batch_and_a_bad_one_takes_no_other_with_it(stack, bad):
    good = [json.dumps({"number": number, "padding": "x" * 49_000}) for number in range(4)]
    ids = stack.put("express", good[0], bad, *good[1:])
    dead(stack, "express", ids[1])
    empty(stack, "express")
    for message_id in (ids[0], *ids[2:]):
        # Each once, and by one execution.
        assert len(stack.keys(f"executions/{message_id}-")) == 3


def test_a_legacy_stage_that_returns_more_than_a_state_holds_fails_its_own_message_only(stack):
    large, small = json.dumps({"grow": 262_144}), json.dumps({"name": "small"})
    ids = stack.put("hybrid-batch", large, small)
    dead(stack, "hybrid-batch", ids[0])
    empty(stack, "hybrid-batch")
    assert [key.split("/")[2] for key in stack.keys(f"executions/{ids[1]}-")] == ["New", "Newer"]
