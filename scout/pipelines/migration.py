"""Verify a migration: the same inputs through the old pipeline and the new one, and what the two made of them.

The five points of the list: function, performance, cost, observability, error handling (``docs/migration.md``).
"""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deepdiff import DeepDiff

from lambdas.runtime import envelope, keys
from lambdas.runtime.storage import Storage
from scout.errors import ScoutError
from scout.pipelines.messages import VERIFICATION, Pipeline, execution_input
from workflow import prices

if TYPE_CHECKING:
    from scout.deployment import Deployment

_POLL_SECONDS = 0.3
_MOST_DIFFERENCES = 20
# The new one may take a fifth more, which is less than what single executions differ by.
_SLOWER_AT_MOST = 1.2
# By so much an execution takes longer where a function has to be started.
_CHANCE_SECONDS = 0.5
# A synchronous execution answers when it has ended, within 300 s; a second call would start a second one.
_ONE_PATIENT_CALL = Config(read_timeout=310, retries={"total_max_attempts": 1})
_UNTOLD = "the message failed"
_LEVELS = ("OFF", "FATAL", "ERROR", "ALL")


@dataclass(frozen=True)
class Measured:
    """What one pipeline made of one input.

    Attributes:
        execution: The execution's name.
        error: Why it failed; None if it did not.
        data: What came out.
        seconds: From its start to its end.
        usd: What Step Functions bills for it, by list prices.
    """

    execution: str
    error: str | None
    data: Any
    seconds: float
    usd: float


@dataclass(frozen=True)
class Compared:
    """One input through both.

    Attributes:
        name: The input.
        old: What the old pipeline made of it.
        new: What the new one made of it.
        differences: What differs in what came out, a line each; empty if nothing does.
    """

    name: str
    old: Measured
    new: Measured
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """A point of the list.

    Attributes:
        name: The point.
        passed: Whether the new pipeline is at least as good.
        old: The old one, in words.
        new: The new one, in words.
    """

    name: str
    passed: bool
    old: str
    new: str


@dataclass(frozen=True)
class Verification:
    """A migration, verified.

    Attributes:
        inputs: Each input through both.
        checks: The five points.
    """

    inputs: tuple[Compared, ...]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every point holds."""
        return all(check.passed for check in self.checks)


def verify(
    deployment: Deployment,
    old: Pipeline,
    new: Pipeline,
    inputs: Mapping[str, Any],
    *,
    ignored: Sequence[str] = (),
    timeout: float = 900,
) -> Verification:
    """Send the same inputs through both pipelines, one after the other, and compare.

    The executions are started directly, without the queues, so that neither pipeline's messages are touched.

    Args:
        deployment: Where both are.
        old: The pipeline to migrate from.
        new: The one to migrate to.
        inputs: What to send, by names.
        ignored: Regular expressions of paths whose differences do not count, such as ``\\['timestamp'\\]``.
        timeout: Seconds for one execution.

    Returns:
        What was found.

    Raises:
        ScoutError: AWS refused, an execution did not end in time, or an Express pipeline ends with a legacy stage,
            whose result nobody keeps.
    """
    compared = []
    try:
        for name, data in inputs.items():
            before, after = (_run(deployment, pipeline, data, timeout) for pipeline in (old, new))
            compared.append(Compared(name, before, after, tuple(_differences(before, after, ignored))))
        checks = (*_measured(compared), *_described(deployment, old, new))
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"{old.name} and {new.name} on stack {deployment.stack}: {error}") from error
    return Verification(tuple(compared), checks)


def _run(deployment: Deployment, pipeline: Pipeline, data: object, timeout: float) -> Measured:
    if pipeline.express and pipeline.legacy_stages[-1:] == pipeline.stages[-1:]:
        raise ScoutError(
            f"{pipeline.name} is Express and ends with the legacy stage {pipeline.stages[-1]}, whose result nobody "
            "keeps; deploy it with type STANDARD to compare it"
        )
    message_id = f"{VERIFICATION}{uuid.uuid4()}"
    text = execution_input(message_id, data)
    states = deployment.session.client("stepfunctions")
    began = time.monotonic()
    if pipeline.express:
        patient = deployment.session.client("stepfunctions", config=_ONE_PATIENT_CALL)
        ended: Mapping[str, Any] = patient.start_sync_execution(stateMachineArn=pipeline.arn, input=text)
        execution_id = f"{message_id}-{ended['name']}"
        failed = ended["status"] != "SUCCEEDED" or json.loads(ended["output"])["batchItemFailures"]
        error = (ended.get("error") or _UNTOLD) if failed else None
    else:
        arn = states.start_execution(stateMachineArn=pipeline.arn, name=message_id, input=text)["executionArn"]
        ended = _ended(states, arn, timeout)
        execution_id = message_id
        error = None if ended["status"] == "SUCCEEDED" else f"{ended['status']} {ended.get('error') or ''}".strip()
    seconds = (ended["stopDate"] - ended["startDate"]).total_seconds() or time.monotonic() - began
    result = None if error else _result(deployment, pipeline, execution_id, ended)
    return Measured(str(ended["name"]), error, result, seconds, _usd(states, pipeline, ended, seconds))


def _ended(states: Any, arn: str, timeout: float) -> Mapping[str, Any]:  # noqa: ANN401 - a boto3 client
    deadline = time.monotonic() + timeout
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise ScoutError(f"execution {arn} is still RUNNING after {timeout:.0f} s; it goes on")
        time.sleep(_POLL_SECONDS)
    return dict(found)


def _result(deployment: Deployment, pipeline: Pipeline, execution_id: str, ended: Mapping[str, Any]) -> object:
    last = pipeline.stages[-1]
    if last in pipeline.legacy_stages:
        return json.loads(ended["output"])["output"]
    key = keys.stage_output(execution_id, last)
    with Storage(deployment.bucket, deployment.session.client("s3")).fetch(key) as file:
        return envelope.opened(file, key)[envelope.DATA]


def _usd(states: Any, pipeline: Pipeline, ended: Mapping[str, Any], seconds: float) -> float:  # noqa: ANN401
    if pipeline.express:
        billed = ended.get("billingDetails", {})
        gb = billed.get("billedMemoryUsedInMB", prices.EXPRESS_STEP_MB) / 1024
        duration = billed.get("billedDurationInMilliseconds", seconds * 1000) / 1000
        return prices.EXPRESS_REQUESTS.of(1) + prices.EXPRESS_DURATION.of(gb * duration)
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=ended["executionArn"], includeExecutionData=False
    )
    entered = sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
    return prices.STANDARD_TRANSITIONS.of(entered)


def _differences(old: Measured, new: Measured, ignored: Sequence[str]) -> Iterator[str]:
    if old.error or new.error:
        if old.error != new.error:
            yield f"old: {old.error or 'succeeded'}; new: {new.error or 'succeeded'}"
        elif old.error == _UNTOLD:
            yield "both failed; Express does not say why, so look into the logs of both"
        return
    found = DeepDiff(old.data, new.data, exclude_regex_paths=list(ignored) or None, verbose_level=2)
    lines = found.pretty().splitlines()
    yield from lines[:_MOST_DIFFERENCES]
    if len(lines) > _MOST_DIFFERENCES:
        yield f"and {len(lines) - _MOST_DIFFERENCES} more"


def _measured(compared: Sequence[Compared]) -> Iterator[Check]:
    equal = sum(not item.differences for item in compared)
    yield Check("function", equal == len(compared), f"{len(compared)} inputs", f"{equal} with the same output")
    before, after = (
        [getattr(item, side).seconds for item in compared if not getattr(item, side).error] for side in ("old", "new")
    )
    yield Check("performance", bool(after) and _is_fast(before, after), _seconds(before), _seconds(after))
    old_usd, new_usd = (sum(getattr(item, side).usd for item in compared) for side in ("old", "new"))
    yield Check("cost", new_usd <= old_usd * _SLOWER_AT_MOST, f"{old_usd:.7f} USD", f"{new_usd:.7f} USD")


def _is_fast(before: Sequence[float], after: Sequence[float]) -> bool:
    if not before:
        return True
    old, new = statistics.median(before), statistics.median(after)
    return new <= max(_SLOWER_AT_MOST * old, old + _CHANCE_SECONDS)


def _seconds(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} s in the median" if values else "nothing came through"


def _described(deployment: Deployment, old: Pipeline, new: Pipeline) -> Iterator[Check]:
    states = deployment.session.client("stepfunctions")
    before, after = (states.describe_state_machine(stateMachineArn=pipeline.arn) for pipeline in (old, new))
    levels = [_LEVELS.index(machine.get("loggingConfiguration", {}).get("level", "OFF")) for machine in (before, after)]
    traced = [bool(machine.get("tracingConfiguration", {}).get("enabled")) for machine in (before, after)]
    words = [f"logs {_LEVELS[level]}, traces {'on' if on else 'off'}" for level, on in zip(levels, traced, strict=True)]
    yield Check("observability", levels[1] >= levels[0] and traced[1] >= traced[0], *words)
    unhandled = [
        list(_unhandled(json.loads(machine["definition"]), caught=pipeline.express))
        for machine, pipeline in zip((before, after), (old, new), strict=True)
    ]
    told = [
        f"without {_handling(pipeline)}: {', '.join(names)}" if names else f"every Task has {_handling(pipeline)}"
        for names, pipeline in zip(unhandled, (old, new), strict=True)
    ]
    yield Check("error handling", not unhandled[1], *told)


def _handling(pipeline: Pipeline) -> str:
    return "Retry and Catch" if pipeline.express else "Retry"


def _unhandled(scope: Mapping[str, Any], *, caught: bool) -> Iterator[str]:
    """The Tasks of a definition that have no Retry, or no Catch.

    Args:
        scope: A definition, or a part of one.
        caught: Whether a Catch is needed: where a message that fails must not fail the batch. A Standard execution ends
            where it fails, to be reported, and to go on from there.
    """
    for name, state in scope["States"].items():
        if state["Type"] == "Task" and not (state.get("Retry") and (state.get("Catch") or not caught)):
            yield name
        for inner in [*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])]:
            yield from _unhandled(inner, caught=caught)
