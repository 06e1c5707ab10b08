"""The faults of the scenarios of docs/runbooks/incidents.md."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import cache

from lambdas.runtime import keys
from scout.cities import executions, runs
from tests.e2e.faults_of_dead_letters import ERROR, OpenRun, abort, oldest, send
from tests.e2e.runbooks import Desk, Fault
from tests.e2e.support import changed, example, read
from tests.integration.account import wait_until

# Not that of the other runbook, which is resumed there.
open_run: Callable[[Desk], OpenRun] = cache(OpenRun)


def started(desk: Desk, city: str, state: str) -> str:
    """A run that has come to a state."""
    job = changed(example(city), orchestrator={"correlation_id": str(uuid.uuid4())})
    run_id = runs.start(desk.stack, job)
    arn = executions.arn_of(desk.stack, run_id)
    wait_until(
        lambda: state in {span.state for span in executions.spans(executions.history(desk.stack, arn))}, 600, every=0.2
    )
    return run_id


def candidates(desk: Desk) -> dict[str, object]:
    """A message for a pipeline that nobody has sent before."""
    document = json.loads((desk.project / "examples/candidates.json").read_text(encoding="utf-8"))
    return {**document, "programId": f"runbook-{uuid.uuid4()}"}


def piled_up(desk: Desk) -> Fault:
    """More pages are dead than anybody can look at one by one."""
    run = open_run(desk)
    run.dead(12)
    return Fault({"RUN": run.id}, ("12 messages", "safe", run.id))


def run_failed(desk: Desk) -> Fault:
    """Somebody ended a run in the console."""
    run_id = started(desk, "edinburgh", "ExpandNeighbors")
    abort(desk, run_id)
    wait_until(lambda: desk.depth(desk.stack.frontier_dlq_url), 120)
    return Fault({"RUN": run_id}, ("aborted", "Console: by hand", run_id))


def throttled(desk: Desk) -> Fault:
    """Somebody has let a function take no calls."""
    run = open_run(desk)
    allow = desk.throttle("mock")
    run.failed(3)
    return Fault({}, ("dead letters", ERROR, "safe"), allow)


def costly(desk: Desk) -> Fault:
    """A run goes on, and nobody wants to pay for more of it."""
    return Fault({"RUN": started(desk, "london", "SeedPrimaries")}, ("google", "USD", "budgets."))


def emergency(desk: Desk) -> Fault:
    """A run goes on that has to stop."""
    run_id = started(desk, "london", "SeedPrimaries")
    return Fault({"RUN": run_id}, (run_id, "running"))


def express_failed(desk: Desk) -> Fault:
    """The third stage of a pipeline takes no calls."""
    pipeline = desk.stack.pipelines["candidate-realtime"]
    allow, sqs = desk.throttle("candidate-score"), desk.client("sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=pipeline.queue_url, AttributeNames=["VisibilityTimeout"])

    def back_after(seconds: str) -> None:
        sqs.set_queue_attributes(QueueUrl=pipeline.queue_url, Attributes={"VisibilityTimeout": seconds})

    # What fails comes back at once, and not only when its execution could have ended at the latest.
    back_after("4")
    for _ in range(2):
        send(desk, pipeline.queue_url, candidates(desk))
    wait_until(lambda: desk.depth(pipeline.dlq_url) == 2, 300)

    def recovered() -> None:
        allow()
        back_after(attributes["Attributes"]["VisibilityTimeout"])

    return Fault({"MESSAGE": oldest(desk, "candidate-realtime")}, ("2 messages", "FilterStage"), recovered)


def standard_failed(desk: Desk) -> Fault:
    """The same of a Standard pipeline, whose executions fail by themselves."""
    allow = desk.throttle("candidate-score")
    pipeline = desk.stack.pipelines["candidate-batch"]
    send(desk, pipeline.queue_url, candidates(desk))
    assert pipeline.failure_queue_url
    failures = pipeline.failure_queue_url
    wait_until(lambda: desk.depth(failures) == 1, 300)
    states = desk.client("stepfunctions")
    (execution,) = states.list_executions(stateMachineArn=pipeline.arn, statusFilter="FAILED")["executions"]
    return Fault({"EXECUTION": execution["name"]}, (execution["name"], "ScoreStage", ERROR), allow)


def not_emptied(desk: Desk) -> Fault:
    """A pipe was paused and forgotten."""
    desk.pipe(desk.stack.pipelines["candidate-realtime"].pipe_name, "STOPPED")
    return Fault({}, ("STOPPED", "scout pipe resume candidate-realtime"))


def damaged(desk: Desk) -> Fault:
    """A result is not what its run wrote."""
    stack = desk.stack
    listed = desk.must("scout list --city edinburgh --status succeeded --limit 1 --json", {})
    run_id = json.loads(listed)["runs"][0]["run_id"]
    key = keys.places("edinburgh", run_id)
    body = read(stack, key)
    desk.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=body.replace(b'"', b"'", 1))
    return Fault({"RUN": run_id}, ("places.jsonl",))


def out(desk: Desk) -> Fault:
    """The embedded AWS is gone."""
    desk.emulator.stop()
    return Fault({}, ("embedded AWS",), desk.forget)


FAULTS = {
    "Dead letters pile up": piled_up,
    "A run fails": run_failed,
    "Something is throttled": throttled,
    "A run costs too much": costly,
    "Emergency stop": emergency,
    "An Express pipeline fails": express_failed,
    "A Standard pipeline fails": standard_failed,
    "A queue is not emptied": not_emptied,
    "Data is damaged": damaged,
    "Everything is out": out,
}
