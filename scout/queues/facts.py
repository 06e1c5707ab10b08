"""What is known elsewhere of dead letters: in the ledger, in the bucket, and in the logs of functions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState
from lambdas.runtime.record import RunRecord
from lambdas.runtime.storage import Storage
from scout.queues.contents import Content, Kind
from workflow.city_states import CityState
from workflow.page_processing import SEARCH_MAPS

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.pipelines.messages import Pipeline

# The stages of a frontier message, in their order.
STAGES: dict[Kind, tuple[str, ...]] = {
    Kind.WEB: (CityState.WEB_FETCH.value, CityState.EXTRACT_WITH_LLM.value, CityState.GEOCODE_VALIDATE.value),
    Kind.MAPS: (SEARCH_MAPS, CityState.GEOCODE_VALIDATE.value),
}
# Where the ledger keeps a message (``lambdas.runtime.ledger``).
_LEDGER_PREFIX = "MSG#"
# What a stage that fails logs (``lambdas.runtime.reports``).
_FAILED_LINE = "Stage failed"
_LOG_GROUP = "/aws/lambda/"


@dataclass(frozen=True)
class Known:
    """What is known of the work of a dead letter.

    Attributes:
        run: The run's record; None if there is none, or if the letter is not about one.
        state: Where the ledger has the message; None if it does not know it.
        outputs: The stages that have put out, with the keys of their outputs.
    """

    run: RunRecord | None = None
    state: MessageState | None = None
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Failure:
    """Why a stage of a pipeline failed on a message, from its function's log."""

    stage: str | None
    error: str | None
    text: str | None


class Facts:
    """Looks things up, each run and each log once.

    Args:
        deployment: The stack.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._storage = Storage(deployment.bucket, deployment.session.client("s3"))
        self._dynamodb = deployment.session.client("dynamodb")
        self._runs: dict[str, RunRecord | None] = {}
        self._states: dict[str, dict[str, dict[str, Any]]] = {}
        self._outputs: dict[str, dict[str, dict[str, str]]] = {}

    def of(self, content: Content) -> Known:
        """What is known of one dead letter.

        Raises:
            StageError: Ledger or bucket could not be read.
        """
        if content.run is None or content.type == Kind.MESSAGE:
            return Known()
        run = self._run(content.run)
        if content.key is None or run is None:
            return Known(run)
        known = self._messages(content.run).get(content.key)
        outputs = self._folders(content.run).get(content.key, {})
        return Known(run, MessageState(known["state"]) if known else None, outputs)

    def completed(self, contents: Sequence[Content], pipeline: Pipeline | None) -> list[Content]:
        """The same dead letters, each with the state that failed and the error, as far as they can be found out.

        Raises:
            StageError: Ledger or bucket could not be read.
        """
        if pipeline is None:
            return [self._of_city(content) for content in contents]
        found = self._failures(pipeline, contents) if pipeline.express else {}
        return [_of_pipeline(content, found.get(content.message.id)) for content in contents]

    def _of_city(self, content: Content) -> Content:
        if content.key is None or content.run is None or self._run(content.run) is None:
            return content
        done = self._folders(content.run).get(content.key, {})
        state = next((stage for stage in STAGES[content.type] if stage not in done), None)
        known = self._messages(content.run).get(content.key, {})
        return replace(content, state=state, error=known.get("error"))

    def _run(self, run_id: str) -> RunRecord | None:
        if run_id not in self._runs:
            try:
                self._runs[run_id] = self._ledger(run_id).run(max_age=0)
            except InputNotFound:
                self._runs[run_id] = None
        return self._runs[run_id]

    def _messages(self, run_id: str) -> dict[str, dict[str, Any]]:
        """What the ledger has of each message of a run, by the message's key."""
        if run_id not in self._states:
            items = self._ledger(run_id).read_all(_LEDGER_PREFIX, "state", "error")
            self._states[run_id] = {item["item"].removeprefix(_LEDGER_PREFIX): item for item in items}
        return self._states[run_id]

    def _folders(self, run_id: str) -> dict[str, dict[str, str]]:
        """The outputs of each message of a run, by the message's key: a folder is named run and key."""
        if run_id not in self._outputs:
            prefix = f"executions/{run_id}-"
            found: dict[str, dict[str, str]] = defaultdict(dict)
            for path in self._storage.keys(prefix):
                key, _, rest = path.removeprefix(prefix).partition("/")
                found[key][rest.partition("/")[0]] = path
            self._outputs[run_id] = found
        return self._outputs[run_id]

    def _ledger(self, run_id: str) -> Ledger:
        return Ledger(self._deployment.ledger_table, run_id, self._dynamodb)

    def _failures(self, pipeline: Pipeline, contents: Sequence[Content]) -> dict[str, _Failure]:
        """The last failure of each message, by its id; its executions are named by that id first."""
        if not contents:
            return {}
        since = min(content.message.sent_at for content in contents)
        found: dict[str, tuple[int, _Failure]] = {}
        for at, line in self._failed_lines(pipeline, since):
            message_id = str(line.get("executionId", ""))[:36]
            failure = _Failure(line.get("currentStage"), line.get("errorType"), line.get("errorMessage"))
            if message_id not in found or found[message_id][0] <= at:
                found[message_id] = at, failure
        return {message_id: failure for message_id, (_, failure) in found.items()}

    def _failed_lines(self, pipeline: Pipeline, since: float) -> Iterator[tuple[int, dict[str, Any]]]:
        """When, and what, the functions of a pipeline have logged of failures."""
        logs = self._deployment.session.client("logs")
        for name in sorted(self._functions(pipeline)):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=_LOG_GROUP + name, filterPattern=f'"{_FAILED_LINE}"', startTime=int(since * 1000)
            )
            try:
                for page in pages:
                    for event in page["events"]:
                        line = _parsed(event["message"])
                        if line.get("message") == _FAILED_LINE:
                            yield event["timestamp"], line
            except ClientError as error:
                # A function that was never called has no log, and one of another account none that may be read.
                if error.response["Error"]["Code"] not in {"ResourceNotFoundException", "AccessDeniedException"}:
                    raise

    def _functions(self, pipeline: Pipeline) -> set[str]:
        states = self._deployment.session.client("stepfunctions")
        definition = states.describe_state_machine(stateMachineArn=pipeline.arn)["definition"]
        called = (arn.partition(":function:")[2] for arn in _called(json.loads(definition)))
        return {name.split(":")[0] for name in called if name}


def _of_pipeline(content: Content, failure: _Failure | None) -> Content:
    if failure is None or content.type != Kind.MESSAGE:
        return content
    return replace(content, state=failure.stage, error=failure.error, detail=failure.text)


def _called(definition: object) -> Iterator[str]:
    """All that a definition names as the function of a Task, at any depth."""
    if isinstance(definition, dict):
        name = definition.get("FunctionName")
        if isinstance(name, str):
            yield name
        for part in definition.values():
            yield from _called(part)
    elif isinstance(definition, list):
        for part in definition:
            yield from _called(part)


def _parsed(text: str) -> dict[str, Any]:
    """A line of a log; empty if it is no JSON object."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
