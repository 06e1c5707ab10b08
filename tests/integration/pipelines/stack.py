"""A stack of pipelines under test, and what tests do with it."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scout.deployment import Deployment
from scout.embedded.deploy.commands import deploy
from scout.embedded.emulator.instance import Emulator
from scout.pipelines.failures import Failure
from scout.pipelines.following import Sent, StageDone, send
from scout.pipelines.messages import Pipeline, execution_input
from tests.integration.account import Account
from workflow.city_states import CityState

HERE, PROJECT = Path(__file__).parent, Path(__file__).resolve().parents[3]
# Messages come back soon, but not before an execution has ended that a busy machine slows down.
VISIBILITY_SECONDS = "20"
RETRY = {"lambda_interval_seconds": 1, "lambda_backoff_rate": 1.0, "glue_max_attempts": 0}


def stages(*names: str) -> list[dict[str, Any]]:
    """Stages by their names: one of ``Glue…`` is the job, one of ``Old…`` is legacy, and all others are probes."""
    made: list[dict[str, Any]] = []
    for name in names:
        if name.startswith("Glue"):
            made.append({"name": name, "job": "tag"})
        elif name.startswith("Old"):
            made.append({"name": name, "function": "legacy", "legacy": True})
        else:
            special = name.lower()
            made.append({"name": name, "function": special if special in {"grow", "count", "tamper"} else "probe"})
    return made


def express(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "EXPRESS", "retry": RETRY, "stages": stages(*names), **more}


def standard(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "STANDARD", "retry": RETRY, "stages": stages(*names), **more}


PIPELINES = {
    "express": express("First", "Second", "Third", batch_size=5),
    "standard": standard("First", "Second", "Third"),
    "legacy": standard("OldFirst", "OldSecond"),
    "hybrid": standard("OldFirst", "New", "OldSecond", "Newer"),
    "hybrid-express": express("New", "OldFirst", "Newer"),
    "hybrid-batch": express("New", "OldFirst", "Newer", batch_size=5),
    "tampered": standard("First", "Tamper", "Third"),
    "large": express("Grow", "Count"),
    "glue": standard("GlueFirst", "Second", "GlueThird", "GlueLast"),
    "glue-after-legacy": standard("OldFirst", "GlueSecond"),
}


class Silent:
    """Follows a message without a word."""

    def sent(self, pipeline: Pipeline, message_id: str) -> None:
        pass

    def stage_done(self, stage: StageDone) -> None:
        pass

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        pass


@dataclass(frozen=True)
class Stack:
    """The deployed stack."""

    account: Account
    deployment: Deployment

    def __getitem__(self, name: str) -> Pipeline:
        return self.deployment.pipelines[name]

    def through(self, name: str, message: Any, timeout: float = 60) -> Sent:
        """Send a message through a pipeline, from its queue to its last output."""
        return send(self.deployment, self[name], json.dumps(message), view=Silent(), timeout=timeout)

    def put(self, name: str, *bodies: str) -> list[str]:
        """Put messages into a pipeline's queue at once; their ids."""
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        done = self.account.sqs.send_message_batch(QueueUrl=self[name].queue_url, Entries=entries)["Successful"]
        return [item["MessageId"] for item in sorted(done, key=lambda item: int(item["Id"]))]

    def start(self, name: str, message: Any, execution: str) -> str:
        """Start an execution directly; its ARN."""
        text = execution_input("message", message)
        started = self.account.states.start_execution(stateMachineArn=self[name].arn, name=execution, input=text)
        return started["executionArn"]

    def keys(self, prefix: str) -> list[str]:
        """The keys in the bucket that begin so."""
        s3 = self.account.session.client("s3")
        found = s3.list_objects_v2(Bucket=self.deployment.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def attempts(self, execution: str, stage: str) -> int:
        """How often a stage was tried in an execution."""
        return len(self.keys(f"attempts/{execution}/{stage}/"))

    def waiting(self, url: str) -> int:
        """How many messages a queue holds, seen and unseen."""
        found = self.account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(value) for name, value in found.items() if name.startswith("ApproximateNumberOfMessages"))


def deployed(emulator: Emulator, folder: Path) -> Stack:
    """Deploy the stack of ``program.py`` with ``PIPELINES``, in an account of its own.

    Args:
        emulator: The embedded AWS.
        folder: An empty one, for the project and its state.
    """
    _project(folder, PIPELINES)
    account = Account(emulator, f"{secrets.randbelow(9 * 10**11) + 10**11}")
    outputs = deploy(folder, "test", emulator, folder / "state", account=account.id).outputs
    pipelines = {name: Pipeline.of(name, made) for name, made in outputs["pipelines"].items()}
    for pipeline in pipelines.values():
        account.sqs.set_queue_attributes(
            QueueUrl=pipeline.queue_url, Attributes={"VisibilityTimeout": VISIBILITY_SECONDS}
        )
    # Of city discovery there is nothing.
    nothing = ("",) * 6
    return Stack(account, Deployment("test", account.session, outputs["bucketName"], *nothing, pipelines))


def _project(folder: Path, pipelines: Mapping[str, Any]) -> None:
    for name in ("lambdas", "glue_scripts", "tests"):
        (folder / name).symlink_to(PROJECT / name, target_is_directory=True)
    shutil.copy(HERE / "program.py", folder / "__main__.py")
    (folder / "Pulumi.yaml").write_text("name: data-scout\nruntime: python\n")
    config = {
        "aws:region": "us-east-1",
        "data-scout:states": {state.value: "mock" for state in CityState},
        "data-scout:pipelines": pipelines,
        "data-scout:force_destroy": True,
    }
    (folder / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": config}))
