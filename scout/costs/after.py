"""What a run has cost, from its history, its log and what it left; and the same for an execution of a pipeline."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from lambdas.contracts.manifest import StateMode
from lambdas.runtime import keys
from scout.cities import executions, logs, outputs, standing
from scout.cities.executions import Execution
from scout.cities.facts import Status, told
from scout.cities.standing import Standing
from scout.costs import invocations
from scout.costs.bill import Bill
from scout.costs.invocations import Invocation
from scout.errors import ScoutError
from workflow import prices
from workflow.city_costs import (
    LEDGER_READS,
    LEDGER_WRITES_A_BATCH,
    LEDGER_WRITES_A_MESSAGE,
    LEDGER_WRITES_A_RUN,
    QUEUE_BATCH,
)
from workflow.prices import Basis, Item, Price

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.pipelines.messages import Pipeline

_GB = 1024**3
_SETTLED = "Calls settled"
_TIMES = "Durations are those of where it ran: on the embedded AWS, this machine's, whatever else it did meanwhile."
# The states that ask a model.
_MODEL_STATES = ("DiscoverTargets", "ExtractWithLLM")


def of_run(deployment: Deployment, run: str, llm: Price = prices.LLM_TOKENS) -> Bill:
    """What a run of the city workflow has cost.

    Args:
        deployment: Where.
        run: Its id, or ``last``.
        llm: What a thousand tokens cost.

    Raises:
        ScoutError: There is no such run, or AWS refused to say.
    """
    return of_standing(deployment, standing.of(deployment, run), llm)


def of_standing(deployment: Deployment, found: Standing, llm: Price = prices.LLM_TOKENS) -> Bill:
    """The same for a run that has been looked up."""
    known, execution = found.facts, found.facts.execution
    with told(f"the cost of run {known.run_id} on stack {deployment.stack}"):
        events = executions.history(deployment, execution.arn)
        called = invocations.about(deployment, logs.functions_of(deployment), known.run_id, *_window(execution))
        items = [
            Item(
                "State transitions",
                executions.transitions(events),
                prices.STANDARD_TRANSITIONS,
                Basis.COUNTED,
                "states entered, retries and redrives in the execution's history",
            ),
            *_jobs(deployment, execution),
            *_express(called, known.run_id),
            *_lambda(called),
            *_queue(found, called, known.run_id),
            *_bucket(deployment, found),
            *_ledger(found, called),
            *_logs(called),
            *_model(found, llm),
        ]
    return Bill(f"Run {known.run_id}", [item for item in items if item.units], list(_notes(found, called)))


def of_execution(deployment: Deployment, pipeline: Pipeline, execution_id: str) -> Bill:
    """What one message of a pipeline has cost.

    Args:
        deployment: Where.
        pipeline: Which.
        execution_id: The execution of a Standard pipeline by its name; for an Express one the folder of its outputs,
            as ``scout send`` names it.

    Raises:
        ScoutError: There is no such execution, or AWS refused to say.
    """
    with told(f"the cost of {execution_id} of {pipeline.name} on stack {deployment.stack}"):
        functions = logs.called_by(deployment, pipeline.arn)
        written = list(outputs.objects(deployment, f"executions/{execution_id}/"))
        if pipeline.express:
            since, until, workflow = *_written_between(deployment, execution_id), []
        else:
            execution = _execution(deployment, pipeline, execution_id)
            (since, until), workflow = _window(execution), list(_standard(deployment, execution))
        called = invocations.about(deployment, functions, execution_id, since, until)
        if not called and not workflow:
            raise ScoutError(
                f"nothing is known of execution {execution_id} of {pipeline.name}: `scout send {pipeline.name} --json` "
                "names that of a message, and its log may be gone"
            )
        if pipeline.express:
            workflow = list(_express_message(called))
        size = sum(size for _, size in written)
        items = [
            *workflow,
            *_lambda(called),
            Item("Pipe", 1, prices.PIPE_REQUESTS, note="a message of at most 64 KB"),
            Item("Queue", 3, prices.SQS_REQUESTS, note="sent, received and deleted; in a batch, less"),
            Item("S3 writes", len(written), prices.S3_WRITES, Basis.COUNTED, "outputs of its stages"),
            Item(
                "S3 reads",
                max(0, 2 * len(written) - 1),
                prices.S3_READS,
                note="each stage looks for its own, and reads",
            ),
            Item("S3 storage", size / _GB, prices.S3_STORAGE, note="for a month, as if nothing expired in it"),
            *_logs(called),
        ]
    notes = [_TIMES, "It leaves out what the services cost that stages call."]
    return Bill(f"{pipeline.name}, {execution_id}", [item for item in items if item.units], notes)


def _window(execution: Execution) -> tuple[datetime, datetime]:
    return execution.started_at - logs.BEFORE, (execution.stopped_at or datetime.now(UTC)) + logs.AFTER


def _express(called: Sequence[Invocation], run_id: str) -> Iterator[Item]:
    """The batches of the frontier: each is one execution, of which Step Functions keeps no history."""
    admitted: dict[str, list[Invocation]] = defaultdict(list)
    settled: dict[str, list[Invocation]] = defaultdict(list)
    for invocation in called:
        for line in invocation.lines:
            if run_id in line.get("runIds", ()) and "batch" in line:
                kind = {"AdmitBatch": admitted, "SettleBatch": settled}.get(str(line.get("operation")))
                if kind is not None:
                    kind[line["batch"]].append(invocation)
    batches = sum(map(len, admitted.values()))
    steps = 0
    for batch, begins in admitted.items():
        for begin, end in zip(begins, settled.get(batch, ()), strict=False):
            seconds = (end.at - begin.at) / 1000 + end.billed_seconds
            steps += ceil(max(seconds, prices.EXPRESS_STEP_SECONDS) / prices.EXPRESS_STEP_SECONDS)
    memory = ceil(prices.EXPRESS_BASE_MB / prices.EXPRESS_STEP_MB) * prices.EXPRESS_STEP_MB
    yield Item(
        "Express requests",
        batches,
        prices.EXPRESS_REQUESTS,
        Basis.MEASURED,
        "batches with messages of this run, by their admission in the log; one with those of several runs counts whole",
    )
    yield Item(
        "Express duration",
        steps * prices.EXPRESS_STEP_SECONDS * memory / 1024,
        prices.EXPRESS_DURATION,
        Basis.MEASURED,
        f"from the admission of each batch to its settlement, in steps of 100 ms; its memory is taken as {memory} MB",
    )


def _lambda(called: Sequence[Invocation]) -> Iterator[Item]:
    yield Item(
        "Lambda invocations",
        len(called),
        prices.LAMBDA_REQUESTS,
        Basis.COUNTED,
        "REPORT lines of those that speak of it",
    )
    for architecture, price in prices.LAMBDA_DURATION.items():
        seconds = sum(one.gb_seconds for one in called if one.architecture == architecture)
        yield Item(f"Lambda duration, {architecture}", seconds, price, Basis.COUNTED, "billed duration in REPORT lines")


def _queue(found: Standing, called: Sequence[Invocation], run_id: str) -> Iterator[Item]:
    messages = found.frontier.enqueued
    admissions = [
        line
        for invocation in called
        for line in invocation.lines
        if line.get("operation") == "AdmitBatch" and run_id in line.get("runIds", ())
    ]
    sends = ceil(messages / QUEUE_BATCH)
    yield Item(
        "Queue",
        sends + 2 * len(admissions),
        prices.SQS_REQUESTS,
        note="sends of ten messages; each batch received, deleted",
    )
    yield Item("Pipe", messages, prices.PIPE_REQUESTS, note="at most one for each message")


def _bucket(deployment: Deployment, found: Standing) -> Iterator[Item]:
    known, job = found.facts, found.facts.job
    if job is None:
        return
    run_id, slug = known.run_id, job.slug
    prefixes = (
        f"executions/{run_id}/",
        f"executions/{run_id}-",
        keys.extracted_prefix(slug, run_id),
        f"cities/{slug}/{run_id}/",
        keys.manifest(slug, run_id),
    )
    sizes = [size for prefix in prefixes for _, size in outputs.objects(deployment, prefix)]
    calls = sum(use.calls for use in found.budgets.values())
    stages = sum(1 for _ in outputs.objects(deployment, f"executions/{run_id}"))
    yield Item(
        "S3 writes",
        len(sizes) + calls + 1,
        prices.S3_WRITES,
        Basis.MEASURED,
        "objects that it left, a raw answer for each call, and the pointer to the manifest",
    )
    yield Item(
        "S3 reads",
        2 * stages + 2 * calls + len(sizes),
        prices.S3_READS,
        note="each stage looks for its own output and reads one, each call looks for its answer, and the end reads all",
    )
    yield Item(
        "S3 storage", sum(sizes) / _GB, prices.S3_STORAGE, Basis.MEASURED, "for a month, as if nothing expired in it"
    )


def _ledger(found: Standing, called: Sequence[Invocation]) -> Iterator[Item]:
    batches = sum(line.get("message") == _SETTLED for one in called for line in one.lines)
    stages = sum("currentStage" in line and "seconds" in line for one in called for line in one.lines)
    writes = LEDGER_WRITES_A_RUN + LEDGER_WRITES_A_MESSAGE * found.frontier.enqueued
    writes += LEDGER_WRITES_A_BATCH * batches + 2 * stages
    yield Item(
        "DynamoDB writes",
        writes,
        prices.DYNAMODB_WRITES,
        note=f"from {found.frontier.enqueued} messages, {batches} batches of calls and {stages} stages",
    )
    yield Item(
        "DynamoDB reads", LEDGER_READS * len(called), prices.DYNAMODB_READS, note=f"{LEDGER_READS} an invocation"
    )


def _logs(called: Sequence[Invocation]) -> Iterator[Item]:
    size = sum(one.log_bytes for one in called) / _GB
    yield Item(
        "Logs", size, prices.LOG_INGESTION, Basis.COUNTED, "the lines of those invocations, 26 bytes more for each"
    )


def _model(found: Standing, price: Price) -> Iterator[Item]:
    use = found.budgets.get("llm")
    if use is not None and _asks_a_model(found):
        yield Item(
            "LLM tokens",
            use.spent,
            price,
            Basis.MEASURED,
            f"from the ledger, each call's begun thousand counted whole; the price is that of {prices.LLM_MODEL}"
            if price is prices.LLM_TOKENS
            else "from the ledger, each call's begun thousand counted whole",
        )


def _asks_a_model(found: Standing) -> bool:
    record = found.facts.record
    modes = record.modes if record else {}
    if found.facts.manifest is not None:
        modes = {name: report.mode for name, report in found.facts.manifest.states.items()}
    return any(modes.get(state) is StateMode.REAL for state in _MODEL_STATES)


def _notes(found: Standing, called: Sequence[Invocation]) -> Iterator[str]:
    if found.facts.status is Status.RUNNING:
        yield "The run goes on: this is what it has cost so far."
    if not called:
        yield "Its log is gone, or not there yet: what Lambda, Express and the log cost is missing."
    use = found.budgets.get("llm")
    if use is not None and use.spent and not _asks_a_model(found):
        yield f"{use.spent:,} thousand model tokens are what mock states pretend to use; they cost nothing."
    yield _TIMES
    yield "It leaves out what the other outside services cost that real states call, and the stack's standing costs."


def _standard(deployment: Deployment, execution: Execution) -> Iterator[Item]:
    states = deployment.session.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution.arn)
    events = [event for page in pages for event in page["events"]]
    yield Item(
        "State transitions",
        executions.transitions(events),
        prices.STANDARD_TRANSITIONS,
        Basis.COUNTED,
        "states entered, retries and redrives in the execution's history",
    )
    yield _glue(events)


def _jobs(deployment: Deployment, execution: Execution) -> Iterator[Item]:
    """What a run has cost whose sightings were too many for a function."""
    states = deployment.session.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution.arn)
    yield _glue([event for page in pages for event in page["events"]])


def _glue(events: Sequence[Any]) -> Item:
    hours = sum(
        _dpu_hours(event["taskSucceededEventDetails"]) for event in events if "taskSucceededEventDetails" in event
    )
    return Item("Glue jobs", hours, prices.GLUE_DPU_HOURS, Basis.MEASURED, "time and capacity of its job runs")


def _dpu_hours(details: Any) -> float:  # noqa: ANN401 - an event of boto3
    """What a job run is billed, by the answer of ``glue:startJobRun.sync``; 0 for another task."""
    if details.get("resourceType") != "glue" and "glue:startJobRun" not in details.get("resource", ""):
        return 0
    run = json.loads(details.get("output") or "{}")
    if "DPUSeconds" in run:
        return float(run["DPUSeconds"]) / 3600
    seconds = max(float(run.get("ExecutionTime", 0)), prices.GLUE_LEAST_SECONDS)
    workers = prices.GLUE_DPUS.get(run.get("WorkerType", ""), 1) * float(run.get("NumberOfWorkers") or 0)
    return seconds / 3600 * float(run.get("MaxCapacity") or workers)


def _express_message(called: Sequence[Invocation]) -> Iterator[Item]:
    """One execution, of which Step Functions keeps no history: from its first function on to the end of its last."""
    if not called:
        return
    seconds = max(one.at / 1000 + one.billed_seconds for one in called) - min(one.at for one in called) / 1000
    steps = ceil(max(seconds, prices.EXPRESS_STEP_SECONDS) / prices.EXPRESS_STEP_SECONDS)
    memory = ceil(prices.EXPRESS_BASE_MB / prices.EXPRESS_STEP_MB) * prices.EXPRESS_STEP_MB
    yield Item("Express requests", 1, prices.EXPRESS_REQUESTS, note="at most: messages of a batch share one")
    yield Item(
        "Express duration",
        steps * prices.EXPRESS_STEP_SECONDS * memory / 1024,
        prices.EXPRESS_DURATION,
        Basis.MEASURED,
        f"from its first line to its last; its memory is taken as {memory} MB",
    )


def _execution(deployment: Deployment, pipeline: Pipeline, name: str) -> Execution:
    states = deployment.session.client("stepfunctions")
    arn = f"{pipeline.arn.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        return Execution.of(states.describe_execution(executionArn=arn))
    except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn) as error:
        raise ScoutError(f"{pipeline.name} has no execution {name}") from error


def _written_between(deployment: Deployment, execution_id: str) -> tuple[datetime, datetime]:
    """When an Express execution was at work, by the outputs of its stages."""
    pages = (
        deployment.session.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=deployment.bucket, Prefix=f"executions/{execution_id}/")
    )
    times = [found["LastModified"] for page in pages for found in page.get("Contents", ())]
    if not times:
        raise ScoutError(f"no stage of execution {execution_id} has put out: nothing tells when it was at work")
    # An Express execution ends within five minutes.
    return min(times) - 5 * logs.BEFORE, max(times) + 5 * logs.BEFORE
