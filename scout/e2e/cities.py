"""The end-to-end test of city discovery: a golden input from its start to its manifest."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest
from lambdas.runtime import keys
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.storage import Storage
from scout.cities import runs, stopping
from scout.e2e import city_checks, prerequisites
from scout.e2e.checks import CheckFailed, Checks
from scout.e2e.city_checks import Evidence
from scout.e2e.stack_test import StackTest
from scout.errors import ScoutError
from scout.stacks.fingerprint import CITY_DISCOVERY, machines_of

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.e2e.golden import Expectation

# The history of an execution that has just ended may lack its end for a moment: both are eventually consistent
# (https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html).
_HISTORY_SECONDS = 30
_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")
_VERSION_LENGTH = 12


class CityTest(StackTest):
    """Runs a golden input on a deployed stack.

    Args:
        find: Finds the stack.
        city: The golden input's name.
        job: The golden input.
        expected: What its run has to come to.
        view: Makes the observer of the run.
        timeout: Seconds that the run may take.
        fail_fast: The run ends at its first failed state (``orchestrator.fail_fast``).
    """

    def __init__(
        self,
        find: Callable[[], Deployment],
        city: str,
        job: RunInput,
        expected: Expectation,
        *,
        view: Callable[[Deployment], runs.Observer],
        timeout: float,
        fail_fast: bool = False,
    ) -> None:
        super().__init__(find, CITY_DISCOVERY, city)
        document = job.document()
        if fail_fast:
            document["orchestrator"] = {**document.get("orchestrator", {}), "fail_fast": True}
        self._job = RunInput.parse(document)
        self._expected = expected
        self._view = view
        self._timeout = timeout
        self._execution: Mapping[str, Any] = {}
        self._evidence: Evidence | None = None

    def prerequisites(self) -> Mapping[str, Callable[[], str]]:
        """What must hold before the run is started."""
        return self.common() | {
            "state machines": lambda: prerequisites.machines(
                self.deployment,
                {self.deployment.city_discovery_arn: "STANDARD", self.deployment.page_processing_arn: "EXPRESS"},
            ),
            "pipe": lambda: prerequisites.pipe(self.deployment, self.deployment.pipe_name),
            "ledger": lambda: prerequisites.ledger(self.deployment),
        }

    def test(self, checks: Checks, ready: tuple[str, ...]) -> None:
        """Run the input, and check what it left."""
        checks.run("start", self._start, ready)
        checks.run("end", self._follow, ("start",))
        checks.run("execution", self._succeeded, ("end",))
        checks.run("evidence", self._gather, ("end",))
        for name, look, needs in city_checks.CHECKS:
            checks.run(name, partial(self._look, look), ("evidence", *needs))
        checks.run("dead letters", self.no_dead_letters, ("start",))

    def _start(self) -> str:
        self.run_id = runs.start(self.deployment, self._job)
        return f"run {self.run_id}"

    def _follow(self) -> str:
        run_id = str(self.run_id)
        view = self._view(self.deployment)
        view.started(run_id, self._job)
        try:
            self._execution = runs.follow(self.deployment, run_id, view, self._timeout)
        except ScoutError as error:
            raise CheckFailed(f"{error}; {self._halted()}") from error
        finally:
            view.ended()
        took = self._execution["stopDate"] - self._execution["startDate"]
        return f"{self._execution['status']} after {took.total_seconds():.1f} s"

    def _halted(self) -> str:
        """A test that is given up must not go on spending."""
        try:
            stopping.kill(self.deployment, str(self.run_id), list(BudgetGroup), on=True)
        except ScoutError as error:
            return f"and it could not be halted: {error}"
        return "every kill switch of it is on, so that it ends with what it has found"

    def _succeeded(self) -> str:
        found = self._execution
        if found["status"] != "SUCCEEDED":
            said = " ".join(str(found[key])[:1000] for key in ("error", "cause") if found.get(key))
            raise CheckFailed(f"the execution ended {found['status']}: {said or 'it gave no error'}")
        return str(found["executionArn"])

    def _look(self, look: Callable[[Evidence], str]) -> str:
        if self._evidence is None:
            raise CheckFailed("nothing was gathered")
        return look(self._evidence)

    def _gather(self) -> str:
        deployment, run_id = self.deployment, str(self.run_id)
        storage = Storage(deployment.bucket, deployment.session.client("s3"))
        text = storage.find(keys.manifest(self._job.slug, run_id))
        ledger = Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))
        frontier = ledger.frontier()
        self._evidence = Evidence(
            job=self._job,
            expected=self._expected,
            run_id=run_id,
            visited=self._visited(),
            manifest_text=text,
            latest_text=storage.find(keys.latest(self._job.s3_prefix)),
            bodies={key: storage.find(key) for key in _named_outputs(text)},
            budgets=ledger.budgets(),
            frontier=frontier.use(),
            in_flight=frontier.in_flight,
            progress=ledger.progress(),
            deployed=self._definitions(),
        )
        # Of a manifest that is missing or broken its own check says so.
        with contextlib.suppress(CheckFailed):
            self.versions = dict(self._evidence.manifest.versions)
        return f"{len(self._evidence.visited)} states visited, {len(self._evidence.bodies)} outputs"

    def _visited(self) -> tuple[str, ...]:
        pages = self.deployment.session.client("stepfunctions").get_paginator("get_execution_history")
        deadline = time.monotonic() + _HISTORY_SECONDS
        while True:
            found = pages.paginate(executionArn=self._execution["executionArn"], includeExecutionData=False)
            events = [event for page in found for event in page["events"]]
            if events and events[-1]["type"] in _ENDS:
                break
            if time.monotonic() > deadline:
                raise CheckFailed(f"the execution's history lacks its end, {_HISTORY_SECONDS} s after it")
            time.sleep(1)
        return tuple(
            event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event
        )

    def _definitions(self) -> dict[str, str]:
        """The digests of what is deployed, in the form in which manifests have them."""
        states, found = self.deployment.session.client("stepfunctions"), {}
        for name, arn in zip(city_checks.DEFINITIONS, machines_of(self.deployment, CITY_DISCOVERY), strict=True):
            definition = states.describe_state_machine(stateMachineArn=arn)["definition"]
            found[name] = hashlib.sha256(definition.encode()).hexdigest()[:_VERSION_LENGTH]
        return found


def _named_outputs(text: bytes | None) -> list[str]:
    """What a manifest names; nothing of one that is broken, as its own check says."""
    try:
        return [output.key for output in Manifest.model_validate_json(text).outputs] if text is not None else []
    except ValueError:
        return []
