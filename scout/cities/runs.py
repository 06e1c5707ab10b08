"""Start a run of a city, follow it in the ledger and in the execution's history, and verify what it left."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.contracts.manifest import BudgetUse, FrontierUse, Manifest, RunStatus
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.ledger import Ledger
from scout import local
from scout.cities import inputs
from scout.cities.executions import ENDED, Execution, arn_of
from scout.cities.facts import told
from scout.errors import Interrupted, ScoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

    from lambdas.contracts.job import RunInput
    from scout.deployment import Deployment

# Looks at the run: often at first, rarer as it takes longer, so that a run of hours costs few requests.
_POLL_SECONDS = 0.4
_POLL_AT_MOST = 10.0
# Beyond the run's own wall clock: the last pages in flight, and finalization.
_GRACE_SECONDS = 900


@dataclass(frozen=True)
class StateEntered:
    """A state of the state machine, and when it was entered, in seconds from the start."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Snapshot:
    """How a run stands at one moment; ``seconds`` counts from its start."""

    seconds: float
    status: str
    states: list[StateEntered] = field(default_factory=list)
    frontier: FrontierUse = field(default_factory=FrontierUse)
    waiting: int = 0
    in_flight: int = 0
    budgets: dict[str, BudgetUse] = field(default_factory=dict)
    new_unique_rate: float | None = None
    gate: str | None = None


@dataclass(frozen=True)
class RunResult:
    """A run that has ended, its outputs verified, and copied to a folder if one was given."""

    run_id: str
    manifest: Manifest
    manifest_key: str
    copied_to: Path | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of ``scout run``."""
        return {RunStatus.SUCCEEDED: 0, RunStatus.PARTIAL: 3, RunStatus.FAILED: 1}[self.manifest.status]


class Observer(Protocol):
    """Who wants to know how a run goes on."""

    def started(self, run_id: str, job: RunInput) -> None:
        """The execution has been accepted."""

    def update(self, snapshot: Snapshot) -> None:
        """The run as it stands; called a few times a second."""

    def ended(self) -> None:
        """Nothing more will come."""


def run(
    deployment: Deployment, job: RunInput, *, view: Observer, timeout: float | None = None, out: Path | None = None
) -> RunResult:
    """Run a city to its end.

    Args:
        deployment: Where.
        job: What; see ``scout.cities.inputs.load``.
        view: Told how the run goes on.
        timeout: Seconds to follow the run before giving up on it (it is not stopped); by default its own wall clock
            and a quarter of an hour.
        out: Copy manifest and outputs to ``out/RUN_ID``.

    Returns:
        The manifest, whose outputs were read back and compared with their digests.

    Raises:
        ScoutError: The run did not end in time, or failed, or an output is missing or differs from the manifest.
        Interrupted: The person at the terminal has had enough of following it.
    """
    return watch(deployment, start(deployment, job), job, view=view, timeout=timeout, out=out)


def watch(
    deployment: Deployment,
    run_id: str,
    job: RunInput,
    *,
    view: Observer,
    timeout: float | None = None,
    out: Path | None = None,
) -> RunResult:
    """Follow a run that has been started, to its end.

    Args:
        deployment: Where.
        run_id: Which.
        job: What it was started with.
        view: Told how the run goes on.
        timeout: As for :func:`run`.
        out: As for :func:`run`.

    Returns:
        As :func:`run`.

    Raises:
        ScoutError: As :func:`run`.
    """
    view.started(run_id, job)
    try:
        with told(f"run {run_id} on stack {deployment.stack} goes on, but could not be followed"):
            last = follow(deployment, run_id, view, timeout or job.timeouts.wall_clock_seconds + _GRACE_SECONDS)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"run {run_id} goes on without being followed: `scout watch {run_id}` follows it again, "
            f"`scout stop {run_id}` ends it"
        ) from error
    finally:
        view.ended()
    if last["status"] != "SUCCEEDED":
        advice = f"`scout status {run_id}` says more, `scout resume {run_id} --dry-run` how it can be taken up again"
        raise ScoutError(f"{Execution.of(last).why}\n  {advice}")
    key = keys.manifest(job.slug, run_id)
    body = read_object(deployment, key)
    manifest = Manifest.model_validate_json(body)
    outputs = verified_outputs(deployment, manifest)
    folder = copied({"manifest.json": body, **outputs}, out / run_id) if out else None
    return RunResult(run_id=run_id, manifest=manifest, manifest_key=key, copied_to=folder)


def start(deployment: Deployment, job: RunInput, prepare: Callable[[str], None] | None = None) -> str:
    """Upload what the job brings, and start its execution.

    Args:
        deployment: Where.
        job: What; see ``scout.cities.inputs.load``.
        prepare: Called with the run's id before its execution is started.

    Returns:
        The run's id, which is the execution's name.

    Raises:
        ScoutError: A local source is missing, the frontier is stopped, or AWS refused the execution.
    """
    run_id = f"{job.slug[:40]}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        require_frontier(deployment)
        job = inputs.prepared(job, bucket=deployment.bucket, s3=deployment.session.client("s3"))
        if prepare is not None:
            prepare(run_id)
        deployment.session.client("stepfunctions").start_execution(
            stateMachineArn=deployment.city_discovery_arn,
            name=run_id,
            input=json.dumps(job.document(), ensure_ascii=False),
        )
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"the run could not be started on stack {deployment.stack}: {error}") from error
    return run_id


def check(deployment: Deployment, job: RunInput) -> None:
    """See whether a run could be started. Nothing is changed.

    Raises:
        ScoutError: A local source is missing, or the frontier is stopped.
    """
    inputs.local_source(job)
    with told(f"stack {deployment.stack}"):
        require_frontier(deployment)


def require_frontier(deployment: Deployment) -> None:
    """After an emergency stop a run would wait for its pages until its deadline.

    Raises:
        ScoutError: The frontier is stopped.
    """
    pipe = deployment.session.client("pipes").describe_pipe(Name=deployment.pipe_name)
    if pipe["DesiredState"] == "STOPPED":
        raise ScoutError(
            f"the frontier of stack {deployment.stack} is stopped: `scout emergency-stop --undo` starts it again"
        )


def follow(deployment: Deployment, run_id: str, view: Observer, timeout: float) -> dict[str, Any]:
    """Watch a run until it ends.

    Returns:
        What DescribeExecution says of the ended execution.

    Raises:
        ScoutError: It did not end within ``timeout`` seconds.
    """
    watcher = _Watcher(deployment, run_id)
    began = time.monotonic()
    while True:
        execution = watcher.execution()
        view.update(watcher.snapshot(execution["status"], execution.get("stopDate")))
        if execution["status"] in ENDED:
            return execution
        if time.monotonic() - began > timeout:
            raise ScoutError(
                f"run {run_id} is still {execution['status']} after {timeout:.0f} s; it goes on without being followed"
            )
        time.sleep(min(_POLL_AT_MOST, _POLL_SECONDS + (time.monotonic() - began) / 60))


class _Watcher:
    """Reads how one run stands: the execution and its history from Step Functions, the rest from the ledger."""

    def __init__(self, deployment: Deployment, run_id: str) -> None:
        self._states = deployment.session.client("stepfunctions")
        self._arn = arn_of(deployment, run_id)
        self._ledger = Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))
        self._entered: list[StateEntered] = []
        self._last_event = 0
        self._began: datetime | None = None

    def execution(self) -> dict[str, Any]:
        return dict(self._states.describe_execution(executionArn=self._arn))

    def snapshot(self, status: str, stopped_at: datetime | None = None) -> Snapshot:
        self._read_history()
        seconds = ((stopped_at or datetime.now(UTC)) - self._began).total_seconds() if self._began else 0.0
        try:
            gate = self._ledger.run().gate
        except InputNotFound:  # OpenRun has not opened the run's ledger yet
            return Snapshot(seconds=seconds, status=status, states=self._entered)
        frontier = self._ledger.frontier()
        return Snapshot(
            seconds=seconds,
            status=status,
            states=self._entered,
            frontier=frontier.use(),
            waiting=len(frontier.waiting),
            in_flight=frontier.in_flight,
            budgets=self._ledger.budgets(),
            new_unique_rate=self._ledger.progress().rate,
            gate=gate.name.value if gate else None,
        )

    def _read_history(self) -> None:
        for event in reversed(list(self._new_events())):
            self._last_event = event["id"]
            self._began = self._began or event["timestamp"]
            if "stateEnteredEventDetails" in event:
                name = event["stateEnteredEventDetails"]["name"]
                self._entered.append(StateEntered(name, (event["timestamp"] - self._began).total_seconds()))

    def _new_events(self) -> Iterator[HistoryEventTypeDef]:
        # Newest first: a long run has thousands of events, and only the last few are new.
        pages = self._states.get_paginator("get_execution_history").paginate(
            executionArn=self._arn, includeExecutionData=False, reverseOrder=True, PaginationConfig={"PageSize": 100}
        )
        for page in pages:
            for event in page["events"]:
                if event["id"] <= self._last_event:
                    return
                yield event


def verified_outputs(deployment: Deployment, manifest: Manifest) -> dict[str, bytes]:
    """Read back every output that a manifest names.

    Returns:
        The outputs by file name.

    Raises:
        ScoutError: One is missing, or is not what the manifest says.
    """
    outputs = {}
    for output in manifest.outputs:
        body = read_object(deployment, output.key)
        if len(body) != output.bytes or hashlib.sha256(body).hexdigest() != output.sha256:
            raise ScoutError(
                f"s3://{deployment.bucket}/{output.key} is not what the manifest of {manifest.run_id} names: it has "
                f"{len(body):,} bytes, and another digest or length is recorded there"
            )
        outputs[output.key.rpartition("/")[2]] = body
    return outputs


def copied(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write files into a folder, which is made if it is not there."""
    local.folder(folder)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def read_object(deployment: Deployment, key: str) -> bytes:
    """An object of the workflow bucket.

    Raises:
        ScoutError: It is not there, or cannot be read.
    """
    try:
        return deployment.session.client("s3").get_object(Bucket=deployment.bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(f"s3://{deployment.bucket}/{key} cannot be read: {error}") from error
