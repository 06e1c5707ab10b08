"""Messages that a pipeline could not do: why, and back to its queue; its pipe paused, resumed and drained."""

from __future__ import annotations

import json
import threading
import time

import pytest

from scout.errors import ScoutError
from scout.queues import analyzing, inspecting, named, pipes, redriving
from scout.queues.judging import Safety
from scout.queues.selecting import Selection
from tests.integration.account import wait_until
from tests.integration.pipelines.stack import Stack
from tests.integration.queues.letters import Silent

pytestmark = pytest.mark.xdist_group("pipelines")
PROBE = "data-scout-test-probe"


def dead(stack: Stack, count: int) -> named.DeadLetterQueue:
    queue = named.dead_letter_queue(stack.deployment, "express")
    wait_until(lambda: stack.waiting(queue.url) == count, 90)
    return queue


def redrive(stack: Stack, queue: named.DeadLetterQueue, *ids: str) -> redriving.Outcome:
    selection = Selection(message=ids)
    return redriving.redrive(stack.deployment, queue, selection, rate=None, dry_run=False, view=Silent())


def test_why_a_message_failed_is_read_from_the_logs_and_it_goes_through_once_the_cause_is_gone(stack: Stack) -> None:
    functions = stack.account.lambda_
    (failing,) = stack.put("express", json.dumps({"fail": {"Second": 100}}))
    queue = dead(stack, 1)
    functions.put_function_concurrency(FunctionName=PROBE, ReservedConcurrentExecutions=0)
    try:
        (throttled,) = stack.put("express", json.dumps({"name": "throttled"}))
        dead(stack, 2)
    finally:
        functions.delete_function_concurrency(FunctionName=PROBE)

    letters = {letter.message.id: letter for letter in analyzing.analyze(stack.deployment, queue).letters}
    found = {
        message_id: (letter.content.state, letter.content.error, letter.judgement.safety)
        for message_id, letter in letters.items()
    }
    assert found == {
        failing: ("Second", "ServiceUnavailable", Safety.SAFE),
        # It never came to a function that could have said why.
        throttled: (None, None, Safety.FIX_FIRST),
    }
    inspected = inspecting.inspect(stack.deployment, queue, failing).document()
    assert set(inspected["outputs"]) == {"First"}
    assert inspected["detail"].startswith("attempt ")

    assert redrive(stack, queue, throttled).moved[0].messages == 1
    wait_until(lambda: stack.waiting(stack["express"].queue_url) == 0, 60)
    assert [letter.message.id for letter in analyzing.analyze(stack.deployment, queue).letters] == [failing]
    stack.account.drain(queue.url, 1)


def test_a_pipe_is_paused_resumed_and_drained(stack: Stack) -> None:
    session = stack.account.session
    queue = named.fed_queue(stack.deployment, "express")
    pipes.order(session, queue.pipe_name, "stop")
    pipes.wait(session, queue.pipe_name, "stop")
    stack.put("express", *(json.dumps({"name": str(number)}) for number in range(4)))
    time.sleep(0.5)
    assert stack.waiting(queue.url) == 4, "nothing is fetched"
    with pytest.raises(ScoutError, match="nothing else empties its queue: `scout pipe resume express` first"):
        pipes.drain(session, queue, quiet=1, timeout=1, seen=lambda _: None)

    pipes.order(session, queue.pipe_name, "start")
    pipes.wait(session, queue.pipe_name, "start")
    # A message that comes in while the queue is drained is done, too.
    late = threading.Timer(1, lambda: stack.put("express", json.dumps({"name": "late"})))
    late.start()
    depths: list[int] = []
    drained = pipes.drain(session, queue, quiet=3, timeout=60, seen=lambda depth: depths.append(depth.total))
    late.join()
    try:
        assert (drained.left.total, depths[-1]) == (0, 0)
        assert pipes.state(session, queue.pipe_name) == "STOPPED"
        stack.put("express", json.dumps({"name": "after"}))
        time.sleep(0.5)
        assert stack.waiting(queue.url) == 1
    finally:
        pipes.order(session, queue.pipe_name, "start")
        pipes.wait(session, queue.pipe_name, "start")
    wait_until(lambda: stack.waiting(queue.url) == 0, 30)
    stack.put("express", json.dumps({"fail": {"First": 100}}))
    with pytest.raises(ScoutError, match=r"holds 1 messages|holds 0 messages, 1 in flight"):
        pipes.drain(session, queue, quiet=60, timeout=0.5, seen=lambda _: None)
    assert pipes.state(session, queue.pipe_name) == "RUNNING"
    stack.account.drain(stack["express"].dlq_url, 1, timeout=90)
