"""What is known of a run: its execution, its record in the ledger, and its manifest, as far as each is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lambdas.contracts.manifest import Manifest, RunStatus
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound, StageError
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.storage import Storage
from scout.cities import executions
from scout.cities.executions import Execution, asking
from scout.errors import ScoutError

if TYPE_CHECKING:
    from lambdas.contracts.job import RunInput
    from lambdas.runtime.record import RunRecord
    from scout.deployment import Deployment


class Status(StrEnum):
    """How a run stands. ``partial``: a state failed, the rest was kept. ``duplicate``: the job had a run already."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    DUPLICATE = "duplicate"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    ABORTED = "aborted"


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
        execution: Its execution.
        job: What was asked for, as it took effect; None if the execution was started with something else.
        record: Its record in the ledger; None if it was never opened, or is forgotten.
        manifest: What it left behind; None if it was not finalized.
    """

    execution: Execution
    job: RunInput | None
    record: RunRecord | None
    manifest: Manifest | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.execution.run_id

    @property
    def status(self) -> Status:
        """How it stands."""
        if self.execution.status != "SUCCEEDED":
            return Status(self.execution.status.lower())
        if self.manifest is None and self.record is None:
            return Status.DUPLICATE
        partial = self.manifest is not None and self.manifest.status is RunStatus.PARTIAL
        return Status.PARTIAL if partial else Status.SUCCEEDED

    def finished(self) -> Manifest:
        """Its manifest.

        Raises:
            ScoutError: It has none.
        """
        if self.manifest is not None:
            return self.manifest
        if self.status is Status.RUNNING:
            raise ScoutError(f"run {self.run_id} is still running: `scout watch {self.run_id}` follows it to its end")
        if self.status is Status.DUPLICATE:
            raise ScoutError(f"run {self.run_id} did nothing: its job had a run already, which `scout list` shows")
        raise ScoutError(f"run {self.run_id} has no manifest: {self.execution.why}")


def of(deployment: Deployment, run: str) -> RunFacts:
    """What is known of a run.

    Args:
        deployment: Where.
        run: Its id, or ``last``.

    Raises:
        ScoutError: There is none, or AWS refused to say.
    """
    return _Sources(deployment).facts(executions.named(deployment, run))


def of_executions(deployment: Deployment, found: Sequence[Execution]) -> list[RunFacts]:
    """What is known of the runs of executions, which are looked up a few at once.

    Raises:
        ScoutError: AWS refused to say.
    """
    return in_parallel(_Sources(deployment).facts, found)


def ledger_of(deployment: Deployment, run_id: str) -> Ledger:
    """The ledger of a run."""
    return Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))


def storage_of(deployment: Deployment) -> Storage:
    """The workflow bucket."""
    return Storage(deployment.bucket, deployment.session.client("s3"))


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell a refusal of AWS, of the ledger or of the bucket as an error of this command.

    Raises:
        ScoutError: There was one.
    """
    try:
        with asking(what):
            yield
    except StageError as error:
        raise ScoutError(f"{what}: {error}") from error


class _Sources:
    """Where runs are looked up. Clients may be shared by threads, but a session must not make them in several."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._states = deployment.session.client("stepfunctions")
        self._dynamodb = deployment.session.client("dynamodb")
        self._storage = storage_of(deployment)

    def facts(self, execution: Execution) -> RunFacts:
        """What is known of an execution's run."""
        deployment, run_id = self._deployment, execution.run_id
        with told(f"run {run_id} on stack {deployment.stack}"):
            try:
                record = Ledger(deployment.ledger_table, run_id, self._dynamodb).run(max_age=0)
            except InputNotFound:
                record = None
            if record is None and not execution.input:
                # A list of executions does not say what they were started with.
                execution = executions.described(self._states, deployment, run_id)
            job = record.job if record else execution.job()
            ended = execution.status != "RUNNING"
            return RunFacts(execution, job, record, self._manifest(job, run_id) if job and ended else None)

    def _manifest(self, job: RunInput, run_id: str) -> Manifest | None:
        body = self._storage.find(keys.manifest(job.slug, run_id))
        return None if body is None else Manifest.model_validate_json(body)
