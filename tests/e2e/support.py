"""Whole runs, and what they leave behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from lambdas.contracts.candidate import Place
from lambdas.contracts.connectors import BudgetGroup, Connector
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound
from lambdas.runtime.ledger import Ledger
from scout.cities import inputs, runs
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


def eventually(check: Callable[[], Any], seconds: float = 30) -> Any:
    """What `check` answers once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def dead_letter(deployment: Deployment, about: str, seconds: float = 30) -> dict[str, Any]:
    """The body of the one message in the DLQ that speaks of an execution; it and all others are taken out."""
    sqs, url = deployment.session.client("sqs"), deployment.frontier_dlq_url
    found: list[dict[str, Any]] = []

    def receive() -> bool:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=3, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            if about in message["Body"]:
                found.append({**json.loads(message["Body"]), "attributes": message.get("MessageAttributes", {})})
        return bool(found)

    assert eventually(receive, seconds), f"the DLQ has nothing about {about}"
    receive()  # a second report would come from the event that the execution's end sends
    assert len(found) == 1, found
    return found[0]


def calls_really_made(deployment: Deployment, group: BudgetGroup, slug: str, since: str) -> list[datetime]:
    """When each raw answer of a group's services was stored, from a moment on: one for each call."""
    connector = next(connector for connector in Connector if connector.group is group)
    prefix = f"raw/{connector.raw_prefix}/{slug}/"
    begin = datetime.fromisoformat(since).replace(microsecond=0)
    pages = (
        deployment.session.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=deployment.bucket, Prefix=prefix, Delimiter="/")
    )
    times = [found["LastModified"] for page in pages for found in page.get("Contents", [])]
    return sorted(moment for moment in times if moment >= begin)


def ledger_of(deployment: Deployment, run_id: str) -> Ledger:
    """The ledger of a run."""
    return Ledger(deployment.ledger_table, run_id, deployment.session.client("dynamodb"))


def when(ledger: Ledger, true: Callable[[Ledger], bool]) -> None:
    """Wait until something is true of a run."""

    def check() -> bool:
        try:
            return true(ledger)
        except InputNotFound:
            return False

    assert eventually(check, 120)


def depth(deployment: Deployment, queue_url: str) -> int:
    answer = deployment.session.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = answer["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])
