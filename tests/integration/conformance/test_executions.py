"""How executions of state machines end, wait and retry."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.account import Account

FAILING = """
class Again(Exception):
    pass

def handler(event, context):
    raise Again()
"""


def states(first: str, **all_states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": first, "States": all_states}


def watched(account: Account) -> str:
    """Send every status change of executions to a queue; return its URL."""
    url, arn = account.queue("events")
    policy = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    events = account.session.client("events")
    pattern = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"]}
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def statuses(account: Account, url: str, count: int) -> list[str]:
    return [json.loads(message["Body"])["detail"]["status"] for message in account.drain(url, count)]


WAIT = states("W", W={"Type": "Wait", "Seconds": 30, "End": True})


def test_a_time_out_of_the_machine_ends_the_execution_and_is_announced(account: Account) -> None:
    url = watched(account)
    ended = account.run(account.machine("m", {**WAIT, "TimeoutSeconds": 1}))
    assert ended["status"] == "TIMED_OUT"
    assert ended["error"] == "States.Timeout"
    history = account.states.get_execution_history(executionArn=ended["executionArn"], reverseOrder=True)["events"]
    assert history[0]["type"] == "ExecutionTimedOut"
    assert sorted(statuses(account, url, 2)) == ["RUNNING", "TIMED_OUT"]


def test_an_express_execution_times_out_too(account: Account) -> None:
    machine = account.machine("m", {**WAIT, "TimeoutSeconds": 1}, express=True)
    answer = account.states.start_sync_execution(stateMachineArn=machine)
    assert answer["status"] == "TIMED_OUT"
    assert answer["error"] == "States.Timeout"
    assert "output" not in answer


def test_after_its_end_an_execution_runs_no_further_state(account: Account) -> None:
    url, _ = account.queue("done")
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody": "late"},
        "End": True,
    }
    inner = states("W", W={"Type": "Wait", "Seconds": 5, "Next": "S"}, S=send)
    item = {"Type": "Map", "ItemProcessor": inner, "End": True}
    machine = account.machine("m", states("M", M=item))
    execution = account.states.start_execution(stateMachineArn=machine, input="[1]")["executionArn"]
    time.sleep(0.5)
    account.states.stop_execution(executionArn=execution, error="Enough", cause="asked to")
    time.sleep(5.2)
    ended = account.ended(execution)
    assert (ended["status"], ended["error"]) == ("ABORTED", "Enough")
    assert "Messages" not in account.sqs.receive_message(QueueUrl=url)


def test_a_stopped_execution_stays_aborted_when_its_task_fails_later(account: Account) -> None:
    slow = "import time\ndef handler(e, c):\n    time.sleep(5)\n    raise ValueError()\n"
    task = {"Type": "Task", "Resource": account.function("f", slow), "End": True}
    execution = account.states.start_execution(stateMachineArn=account.machine("m", states("T", T=task)))
    time.sleep(0.3)
    account.states.stop_execution(executionArn=execution["executionArn"])
    time.sleep(5.5)
    assert account.ended(execution["executionArn"])["status"] == "ABORTED"


def test_a_standard_execution_announces_its_changes_and_an_express_one_does_not(account: Account) -> None:
    url = watched(account)
    done = states("S", S={"Type": "Succeed"})
    express = account.machine("e", done, express=True)
    account.states.start_execution(stateMachineArn=express)
    account.states.start_sync_execution(stateMachineArn=express)
    account.run(account.machine("s", done))
    assert sorted(statuses(account, url, 2)) == ["RUNNING", "SUCCEEDED"]
    time.sleep(0.3)
    assert "Messages" not in account.sqs.receive_message(QueueUrl=url)


def test_an_execution_starts_at_once(account: Account) -> None:
    quick = account.machine("quick", states("S", S={"Type": "Succeed"}), express=True)
    waits = account.machine("waits", states("S", S={"Type": "Wait", "Seconds": 1, "End": True}), express=True)

    def seconds(machine: str) -> float:
        started = time.perf_counter()
        account.states.start_sync_execution(stateMachineArn=machine)
        return time.perf_counter() - started

    assert min(seconds(quick) for _ in range(5)) < seconds(waits) / 5


def retried(account: Account, **retrier: Any) -> tuple[dict[str, Any], float]:
    task = {
        "Type": "Task",
        "Resource": account.function("f", FAILING),
        "Retry": [{"ErrorEquals": ["Again"], **retrier}],
        "End": True,
    }
    machine = account.machine("m", states("T", T=task))
    account.invoke("f")
    started = time.monotonic()
    ended = account.run(machine)
    return ended, time.monotonic() - started


def attempts(account: Account, ended: dict[str, Any]) -> int:
    history = account.states.get_execution_history(executionArn=ended["executionArn"], maxResults=1000)["events"]
    return sum(event["type"] == "TaskScheduled" for event in history)


def waited(account: Account, ended: dict[str, Any]) -> float:
    """The seconds between failures and the attempts after them."""
    history = account.states.get_execution_history(executionArn=ended["executionArn"], maxResults=1000)["events"]
    return sum(
        (event["timestamp"] - before["timestamp"]).total_seconds()
        for before, event in itertools.pairwise(history)
        if event["type"] == "TaskScheduled" and before["type"].endswith("Failed")
    )


def test_retries_wait_longer_and_longer(account: Account) -> None:
    ended, seconds = retried(account, IntervalSeconds=1, BackoffRate=2, MaxAttempts=2)
    assert (ended["status"], ended["error"]) == ("FAILED", "Again")
    assert attempts(account, ended) == 3
    assert 3 <= seconds < 8


def test_a_retry_waits_at_most_its_maximum_delay(account: Account) -> None:
    ended, seconds = retried(account, IntervalSeconds=1, BackoffRate=10, MaxAttempts=3, MaxDelaySeconds=2)
    assert attempts(account, ended) == 4
    assert 5 <= seconds < 15


def test_full_jitter_waits_less(account: Account) -> None:
    ended, _ = retried(account, IntervalSeconds=1, BackoffRate=1, MaxAttempts=8, JitterStrategy="FULL")
    assert attempts(account, ended) == 9
    # Eight waits, each evenly spread over 0 to 1 s: 4 s on average, outside of these bounds once in 100,000 runs.
    assert 0.5 < waited(account, ended) < 7.9


def test_the_first_matching_retrier_decides(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": account.function("f", FAILING),
        "Retry": [{"ErrorEquals": ["Again"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}],
        "End": True,
    }
    assert attempts(account, account.run(account.machine("m", states("T", T=task)))) == 1


def test_retry_count_is_in_the_context_object(account: Account) -> None:
    code = (
        "class Again(Exception): pass\ndef handler(event, context):\n"
        "    if event['n'] < 2: raise Again()\n    return event['n']\n"
    )
    task = {
        "Type": "Task",
        "Resource": account.function("f", code),
        "Parameters": {"n.$": "$$.State.RetryCount"},
        "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxDelaySeconds": 1}],
        "End": True,
    }
    assert account.run(account.machine("m", states("T", T=task)))["output"] == 2


@pytest.mark.parametrize("wildcard", ["States.ALL", "States.TaskFailed"])
def test_a_wildcard_catches_what_a_function_raised(account: Account, wildcard: str) -> None:
    task = {
        "Type": "Task",
        "Resource": account.function("f", FAILING),
        "Catch": [{"ErrorEquals": [wildcard], "ResultPath": "$.error", "Next": "S"}],
        "End": True,
    }
    ended = account.run(account.machine("m", states("T", T=task, S={"Type": "Succeed"})), {"kept": 1})
    assert ended["output"]["kept"] == 1
    assert ended["output"]["error"]["Error"] == "Again"


def test_a_task_time_out_is_named_and_is_not_a_failed_task(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": account.function("f", "import time\ndef handler(e, c):\n    time.sleep(5)\n"),
        "TimeoutSeconds": 1,
        "Catch": [
            {"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"},
            {"ErrorEquals": ["States.Timeout"], "Next": "S"},
        ],
        "End": True,
    }
    definition = states("T", T=task, S={"Type": "Succeed"}, Wrong={"Type": "Fail"})
    assert account.run(account.machine("m", definition))["output"]["Error"] == "States.Timeout"


def test_a_throttled_function_has_the_name_that_is_retried(account: Account) -> None:
    arn = account.function("f", "def handler(e, c):\n    return 1\n")
    account.lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload": {}},
        "Catch": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "S"}],
        "End": True,
    }
    ended = account.run(account.machine("m", states("T", T=task, S={"Type": "Succeed"})))
    assert ended["output"]["Error"] == "Lambda.TooManyRequestsException"


def test_branches_see_their_own_state_in_the_context_object(account: Account) -> None:
    def branch(name: str) -> dict[str, Any]:
        wait = {"Type": "Wait", "Seconds": 1, "Next": name}
        return states(f"W{name}", **{f"W{name}": wait, name: {"Type": "Pass", "Parameters": HERE, "End": True}})

    parallel = {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": True}
    ended = account.run(account.machine("m", states("P", P=parallel)))
    assert ended["output"] == [{"at": "A"}, {"at": "B"}]


HERE = {"at.$": "$$.State.Name"}


def test_wait_takes_its_seconds_from_a_path(account: Account) -> None:
    machine = account.machine("m", states("W", W={"Type": "Wait", "SecondsPath": "$.s", "End": True}))
    started = time.monotonic()
    assert account.run(machine, {"s": 1})["status"] == "SUCCEEDED"
    assert time.monotonic() - started >= 1
    assert account.run(machine, {"s": "soon"})["error"] == "States.Runtime"


def test_the_history_has_the_states_in_order(account: Account) -> None:
    machine = account.machine("m", states("A", A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}))
    ended = account.run(machine)
    history = account.states.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert [event["type"] for event in history] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
