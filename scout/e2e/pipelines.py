"""The end-to-end test of a pipeline: a message from its queue to the output of its last stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lambdas.runtime.storage import Storage
from scout.e2e import prerequisites
from scout.e2e.checks import CheckFailed, Checks
from scout.e2e.stack_test import StackTest
from scout.pipelines import following, messages

if TYPE_CHECKING:
    from pathlib import Path

    from scout.deployment import Deployment
    from scout.pipelines.following import Sent
    from scout.pipelines.messages import Pipeline


class PipelineTest(StackTest):
    """Sends a message through a pipeline of a deployed stack.

    Args:
        find: Finds the stack.
        name: The pipeline.
        message: The message: a JSON file.
        view: Makes the observer of the message.
        timeout: Seconds that it may take.
    """

    def __init__(
        self,
        find: Callable[[], Deployment],
        name: str,
        message: Path,
        *,
        view: Callable[[Deployment], following.Observer],
        timeout: float,
    ) -> None:
        super().__init__(find, name, message.name)
        self._message = message
        self._view = view
        self._timeout = timeout
        self._sent: Sent | None = None

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline.

        Raises:
            ScoutError: The stack has none of that name.
        """
        return messages.named(self.deployment, self.subject)

    def prerequisites(self) -> Mapping[str, Callable[[], str]]:
        """What must hold before the message is sent."""
        return self.common() | {
            "state machine": lambda: prerequisites.machines(
                self.deployment, {self.pipeline.arn: "EXPRESS" if self.pipeline.express else "STANDARD"}
            ),
            "pipe": lambda: prerequisites.pipe(self.deployment, self.pipeline.pipe_name),
        }

    def test(self, checks: Checks, ready: tuple[str, ...]) -> None:
        """Send the message, and check what it left."""
        checks.run("message", self._through, ready)
        checks.run("outputs", self._outputs, ("message",))
        checks.run("records", self._records, ("message",))
        checks.run("dead letters", self.no_dead_letters, ready)

    def _through(self) -> str:
        deployment, pipeline = self.deployment, self.pipeline
        body = messages.read_message(self._message, pipeline, deployment.bucket)
        sent = following.send(deployment, pipeline, body, view=self._view(deployment), timeout=self._timeout)
        self._sent, self.run_id = sent, sent.execution_id
        return f"message {sent.message_id} came through {len(pipeline.stages)} stages"

    def _outputs(self) -> str:
        """Read back once more, as the next reader would."""
        if self._sent is None:
            raise CheckFailed("no message came through")
        storage = Storage(self.deployment.bucket, self.deployment.session.client("s3"))
        seen = {done.stage: done.sha256 for done in self._sent.stages}
        for stage in self.pipeline.outputs:
            held = following.read_output(storage, self._sent.execution_id, stage)
            if held is None:
                raise CheckFailed(f"{stage} left no output")
            if held.sha256 != seen.get(stage):
                raise CheckFailed(f"the output of {stage} has changed since it was first seen")
        return f"{len(seen)} outputs match their digests"

    def _records(self) -> str:
        if self._sent is None:
            raise CheckFailed("no message came through")
        if empty := [done.stage for done in self._sent.stages if not done.records]:
            raise CheckFailed(f"{', '.join(empty)} processed no record: the message proves nothing of what follows")
        return ", ".join(f"{done.stage} {done.records:,}" for done in self._sent.stages)
