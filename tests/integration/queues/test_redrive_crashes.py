"""A redrive that is killed, and started again: nothing is lost, nothing is doubled, nothing else is moved."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from scout.deployment import Deployment
from scout.queues import analyzing, named, redriving
from scout.queues.analyzing import Field
from scout.queues.message import Message
from scout.queues.selecting import Selection
from tests.integration.account import wait_until
from tests.integration.queues.letters import (
    EDINBURGH,
    LONDON,
    MISSING,
    PARIS,
    THROTTLED,
    Silent,
    Stack,
    entry_of,
    event_of,
    message_of,
    report_of_run,
)

PROJECT = Path(__file__).resolve().parents[3]
KILLS = 10


def mixed(stack: Stack) -> None:
    """A thousand dead letters of all kinds, 300 of which are pages of Edinburgh that were throttled."""
    pages = stack.failed(EDINBURGH, "web", 290, THROTTLED)
    letters = [
        *pages,
        *pages[:10],  # the same again: contents need not differ
        *stack.failed(EDINBURGH, "web", 150, MISSING),
        *stack.failed(EDINBURGH, "maps", 100, THROTTLED),
        *stack.failed(LONDON, "maps", 120, THROTTLED),
        *stack.failed(PARIS, "web", 100, THROTTLED),
        *({"MessageBody": f"not JSON {number}"} for number in range(80)),
        *({"MessageBody": f'{{"type": "web", "number": {number}}}'} for number in range(60)),
        *(entry_of(message_of("nobody-1", "web")) for _ in range(40)),
        *(report_of_run(LONDON) for _ in range(25)),
        *(event_of(f"london-{number}") for number in range(25)),
    ]
    assert len(letters) == 1000
    random.shuffle(letters)
    stack.put("frontier-dlq", letters)


class Consumer:
    """Takes all that comes into a queue at once, as its pipe would: nobody finds it there later."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.taken: Counter[str] = Counter()
        self._sqs, self._url = stack.account.emulator.session(stack.account.id).client("sqs"), stack.url(name)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Consumer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            for one in answer.get("Messages", []):
                self.taken[Message.received(one).content] += 1
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])


def moments(stack: Stack) -> list[Callable[[], bool]]:
    """What a kill waits for: nothing, or that a step of the redrive is recorded, so that it falls into the next one."""

    def recorded(name: str) -> Callable[[], bool]:
        return lambda: any(key.endswith(name) for key in stack.objects())

    return [lambda: True, recorded("plan.jsonl"), recorded("staged.json"), recorded("released.json")]


@pytest.mark.xdist_group("queues")
def test_a_thousand_mixed_letters_and_a_mover_that_is_killed_again_and_again(stack: Stack) -> None:
    mixed(stack)
    queue = named.dead_letter_queue(stack.deployment, "frontier")
    reading = analyzing.analyze(stack.deployment, queue)
    groups = analyzing.grouped(queue, reading.letters, {Field.TYPE, Field.RUN, Field.ERROR}, time.time())
    counts = {
        (group.fields["type"], group.fields["run"], group.fields["error"]): len(group.messages) for group in groups
    }
    assert counts["web", EDINBURGH, THROTTLED] == 300
    assert sum(counts.values()) == 1000
    before = {message.id: message for message in stack.messages("frontier-dlq")}
    chosen = {
        letter.message.id
        for letter in reading.letters
        if (letter.content.type, letter.content.run, letter.content.error) == ("web", EDINBURGH, THROTTLED)
    }

    words = [str(stack.account.emulator.state_dir), stack.account.id, "100"]
    command = [sys.executable, "-m", "tests.integration.queues.mover", *words]
    kills = 0
    with Consumer(stack, "frontier") as consumer:
        steps = iter([step for step in moments(stack) for _ in range(KILLS // 3)])
        for kill in range(KILLS):
            mover = subprocess.Popen(command, cwd=PROJECT)
            step = next(steps, lambda: True)
            deadline = time.monotonic() + 60
            while mover.poll() is None and not step() and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(random.uniform(0, 1.5 if kill else 3))  # noqa: S311 - when it is killed
            mover.kill()
            kills += mover.wait() == -9
        subprocess.run(command, cwd=PROJECT, check=True, timeout=300)
        wait_until(lambda: consumer.taken.total() >= 300, timeout=30)
        # Once more, when all is done: there is nothing left to do.
        subprocess.run(command, cwd=PROJECT, check=True, timeout=300)
        time.sleep(1)

    assert kills >= KILLS // 2
    assert consumer.taken == Counter(before[message_id].content for message_id in chosen)
    left = {message.id: message.content for message in stack.messages("frontier-dlq")}
    assert left == {message.id: message.content for message in before.values() if message.id not in chosen}
    assert stack.private_queues() == []
    assert [key.split("/")[-2:] for key in stack.objects() if key.endswith("log.jsonl")] == [["000001", "log.jsonl"]]
    head, *lines = stack.lines(next(key for key in stack.objects() if key.endswith("log.jsonl")))
    assert (head["moved"], {line["message_id"] for line in lines}) == (300, chosen)


@pytest.mark.xdist_group("queues")
def test_several_at_the_same_time_move_each_message_once(stack: Stack) -> None:
    stack.put("frontier-dlq", [*stack.failed(EDINBURGH, "web", 120, THROTTLED), {"MessageBody": "stays"}])
    expected = Counter(message.content for message in stack.messages("frontier-dlq") if EDINBURGH in message.body)
    words = [str(stack.account.emulator.state_dir), stack.account.id, "50"]
    command = [sys.executable, "-m", "tests.integration.queues.mover", *words]
    with Consumer(stack, "frontier") as consumer:
        # Who finds a queue gone that another one needed no more ends with an error, and is started again.
        movers = [subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL) for _ in range(3)]
        for mover in movers:
            mover.wait(180)
        assert any(mover.returncode == 0 for mover in movers)
        subprocess.run(command, cwd=PROJECT, check=True, timeout=180)
        wait_until(lambda: consumer.taken.total() >= 120, timeout=30)
        time.sleep(1)
    assert consumer.taken == expected
    assert [message.body for message in stack.messages("frontier-dlq")] == ["stays"]
    assert stack.private_queues() == []


class Killed(BaseException):
    """What ends the process that is played here."""


CHANGES = {
    "CreateQueue",
    "SendMessageBatch",
    "DeleteMessageBatch",
    "StartMessageMoveTask",
    "DeleteQueue",
    "PutObject",
    "ReceiveMessage",
}


def doom(session: boto3.Session, call: int) -> None:
    """Kill a process at one of its calls that change something: not one call goes out after that.

    AWS has done the call, and only its answer does not come any more: a process that is killed before a call leaves
    the same behind as one that is killed after the call before.

    Args:
        session: The one of which it makes its clients.
        call: Which call, from 0.
    """
    calls = 0
    dead = threading.Event()

    def before(model: Any, **_: Any) -> None:
        if dead.is_set():
            raise Killed

    def after(model: Any, **_: Any) -> None:
        nonlocal calls
        if model.name in CHANGES:
            if calls == call:
                dead.set()
                raise Killed
            calls += 1

    session.events.register("before-call", before)
    session.events.register("after-call", after)


@pytest.mark.xdist_group("queues")
def test_killed_at_every_call_that_changes_something(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only times: what is held comes back sooner, and nothing waits for queues of AWS.
    monkeypatch.setattr("scout.queues.holding._HOLD_SECONDS", 1)
    monkeypatch.setattr("scout.queues.holding._WAIT_SECONDS", 0)
    monkeypatch.setattr("scout.queues.staging._CREATION_SECONDS", 0)
    monkeypatch.setattr("scout.queues.moving._POLL_SECONDS", 0.05)
    queue = named.dead_letter_queue(stack.deployment, "frontier")
    others = stack.put("frontier-dlq", [{"MessageBody": "stays"}, report_of_run(LONDON)])

    def redrive(deployment: Deployment) -> redriving.Outcome:
        return redriving.redrive(
            deployment, queue, Selection(run=(EDINBURGH,)), rate=None, dry_run=False, view=Silent()
        )

    number, ended = 0, False
    expected: Counter[str] = Counter()
    with Consumer(stack, "frontier") as consumer:
        while not ended:
            stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 12, THROTTLED))
            fresh = [message.content for message in stack.messages("frontier-dlq") if EDINBURGH in message.body]
            assert len(fresh) == 12
            expected.update(fresh)
            session = stack.account.emulator.session(stack.account.id)
            doom(session, number)
            try:
                redrive(replace(stack.deployment, session=session))
                ended = True
            except Killed:
                pass
            redrive(stack.deployment)
            wait_until(lambda: consumer.taken.total() >= expected.total(), timeout=20)
            time.sleep(0.1)
            assert consumer.taken == expected, f"killed at call {number}"
            assert {message.id for message in stack.messages("frontier-dlq")} == set(others), f"killed at call {number}"
            # What a process leaves that is killed after its log, the next one takes away.
            redrive(stack.deployment)
            assert stack.private_queues() == [], f"killed at call {number}"
            number += 1
    assert number > 12, "the calls of a redrive"
