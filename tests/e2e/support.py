"""Whole runs, and what they leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lambdas.contracts.candidate import Place
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest
from lambdas.runtime import keys
from scout import inputs, runs
from scout.deployment import Deployment

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Silent:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.snapshots: list[runs.Snapshot] = []
        self.run_id = ""

    def started(self, run_id: str, job: RunInput) -> None:
        self.run_id = run_id

    def update(self, snapshot: runs.Snapshot) -> None:
        self.snapshots.append(snapshot)

    def ended(self) -> None:
        pass


def example(name: str) -> RunInput:
    return inputs.load(EXAMPLES / f"input.{name}.json")


def changed(job: RunInput, **changes: Any) -> RunInput:
    """The same job with some of its top-level fields replaced."""
    return RunInput.parse({**job.document(), **changes})


def run(deployment: Deployment, job: RunInput) -> tuple[runs.RunResult, Silent]:
    view = Silent()
    return runs.run(deployment, job, view=view), view


def read(deployment: Deployment, key: str) -> bytes:
    return deployment.session.client("s3").get_object(Bucket=deployment.bucket, Key=key)["Body"].read()


def places_of(deployment: Deployment, manifest: Manifest) -> list[Place]:
    body = read(deployment, keys.places(manifest.input.slug, manifest.run_id)).decode()
    return [Place.model_validate_json(line) for line in body.splitlines()]


def geojson_of(deployment: Deployment, manifest: Manifest) -> dict[str, Any]:
    return dict(json.loads(read(deployment, keys.places_geojson(manifest.input.slug, manifest.run_id))))


def depth(deployment: Deployment, queue_url: str) -> int:
    answer = deployment.session.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = answer["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])
