"""Stages, services, candidates and messages for tests of the SDK."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from lambdas.contracts.candidate import Candidate, Confidences, ExternalRefs, Lineage, Source
from lambdas.contracts.connectors import Connector
from lambdas.contracts.frontier import WebMessage
from lambdas.runtime import record
from lambdas.runtime.aws import Aws
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import ServiceUnavailable
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.queue import Queue
from lambdas.runtime.run import Run
from lambdas.runtime.storage import Storage
from tests.integration.runtime.ledgers import TABLE

# Bucket names are shared by all accounts, and so by all processes that run tests.
BUCKET = f"data-scout-test-{os.getpid()}"


def empty(aws: Aws) -> None:
    """Leave neither objects nor a table."""
    aws.deadline = Deadline(60)
    for found in aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        aws.s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    aws.dynamodb.delete_table(TableName=TABLE)
    record._CACHE.clear()


class Outside:
    """An outside service that counts what is asked of it."""

    def __init__(self, units: int = 1, failing: str = "") -> None:
        self.asked: Counter[str] = Counter()
        self.units = units
        self.failing = failing

    def __call__(self, request: Request) -> Reply:
        name = str(request.params["name"])
        self.asked[name] += 1
        if name == self.failing:
            raise ServiceUnavailable(f"no answer about {name}")
        return Reply(request, {"about": name}, units=self.units, items=2)


class Sleeper:
    def __init__(self) -> None:
        self.waits: list[float] = []
        self.now = 1000.0

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def run_of(
    aws: Aws,
    run_id: str = "run-1",
    *,
    state: str = "TileSweep",
    deadline: float = 60,
    sleeper: Sleeper | None = None,
) -> Run:
    ledger = Ledger(TABLE, run_id, aws.dynamodb, **({"clock": lambda: sleeper.now} if sleeper else {}))
    queue = Queue(os.environ["FRONTIER_QUEUE_URL"], aws.sqs)
    arguments: dict[str, Any] = {"sleep": sleeper} if sleeper else {}
    return Run(
        state=state,
        execution_id=run_id,
        ledger=ledger,
        storage=Storage(BUCKET, aws.s3),
        queue=queue,
        deadline=Deadline(deadline),
        **arguments,
    )


def requests(*names: object, estimate: int = 1) -> list[Request]:
    return [Request({"name": str(name)}, estimate) for name in names]


def candidate(number: int, **changes: Any) -> Candidate:
    plain = Candidate(
        record_id=f"osm/node/{number}",
        name=f"Place {number}",
        source=Source.OSM,
        lat=55.95,
        lng=-3.19 + number / 1e4,
        coordinates_confidence=1.0,
        confidences=Confidences(overall=0.9),
        lineage=Lineage(created_at="2026-01-01T00:00:00.000Z", pipeline_version="1"),
        external_refs=ExternalRefs(osm_id=str(number), osm_type="node"),
    )
    return plain.model_copy(update=changes)


def page(number: int, **changes: Any) -> WebMessage:
    plain = WebMessage(
        city="Edinburgh",
        run_id="run-1",
        correlation_id="00000000-0000-0000-0000-000000000000",
        budget_token=Connector.WEB_FETCH,
        source_url=f"https://example.org/{number}",
        source_name="example",
        source_type="html",
        crawl_depth=0,
        enqueued_at="2026-01-01T00:00:00.000Z",
    )
    return plain.model_copy(update=changes)


class Invocation:
    """The context object of an invocation."""

    aws_request_id = "request-1"

    def __init__(self, seconds: float = 60) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self._seconds * 1000)
