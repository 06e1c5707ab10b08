"""What is known elsewhere of dead letters: in the ledger, in the bucket, and in the logs of functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import MessageState
from lambdas.runtime.record import RunRecord
from lambdas.runtime.storage import Storage
from scout.pipelines.failures import Failure, last_failures
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
        found: dict[str, Failure] = {}
        if pipeline.express and contents:
            since = min(content.message.sent_at for content in contents)
            found = last_failures(self._deployment, pipeline, since)
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


def _of_pipeline(content: Content, failure: Failure | None) -> Content:
    if failure is None or content.type != Kind.MESSAGE:
        return content
    return replace(content, state=failure.stage, error=failure.error, detail=failure.text)
