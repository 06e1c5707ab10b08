"""DedupeCanonicalize as a Glue job, on a real Spark: it leaves what the state's function leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from artifacts import LockOnlyBuilder
from components import city_jobs
from lambdas.contracts.candidate import CANDIDATES, Candidate
from lambdas.contracts.manifest import StateStatus
from lambdas.dedupe_canonicalize.handler import STAGES
from lambdas.runtime import keys, record
from lambdas.runtime.aws import Aws
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.stage import handle
from tests.integration.conformance.jobs import Jobs
from tests.integration.runtime.ledgers import TABLE, job, make_table, opened
from tests.integration.runtime.stages import Invocation
from tools.dedupe.synthetic import EDINBURGH, TOKYO, City, sightings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.account import Account

pytestmark = pytest.mark.xdist_group("spark")

ROOT = Path(__file__).parents[3]
RECORDS, SEED = 10_000, 42
# Of so many sightings: seven blocks and five parts.
SIZES = {"--block_records": "1500", "--part_records": "2000"}
STATE = "DedupeCanonicalize"


class Town:
    """A run that has found a synthetic city, and what its state leaves in different executions."""

    def __init__(self, account: Account, city: City) -> None:
        self.jobs, self.slug, self.run_id = Jobs(account), city.name.lower(), f"run-{city.name.lower()}"
        self.bucket = self.jobs.bucket
        self.aws = Aws()
        make_table(self.aws.dynamodb)
        self.ledger: Ledger = opened(self.aws.dynamodb, self.run_id, of=job(self.slug))
        found = [candidate for candidate, _ in sightings(city, RECORDS, SEED)][:RECORDS]
        # Each hundredth comes again from another call, which tells less of it.
        again = [candidate.model_copy(update={"category": None}) for candidate in found[::100]]
        for start in range(0, RECORDS, 1_000):
            self._put(f"{start:05d}", found[start : start + 1_000])
        self._put("again", again)

    def _put(self, name: str, candidates: list[Candidate]) -> None:
        key = keys.extracted(self.slug, self.run_id, name)
        self.aws.s3.put_object(Bucket=self.bucket, Key=key, Body=CANDIDATES.dump_json(candidates, exclude_none=True))

    def in_function(self, execution: str) -> dict[str, Any]:
        event = {
            "executionId": execution,
            "runId": self.run_id,
            "currentStage": STATE,
            "previousStage": "TileSweep",
            "workflowBucket": self.bucket,
        }
        handle(event, Invocation(900), STAGES, self.aws, {"LEDGER_TABLE": TABLE, "FRONTIER_QUEUE_URL": "none"})
        return self.output(execution)

    def define(self) -> None:
        modules = LockOnlyBuilder(ROOT).modules("dedupe-on-spark-test", city_jobs.MODULES)
        everything = f"arn:aws:s3:::{self.bucket}"
        role = self.jobs.account.role(
            "glue",
            (["s3:GetObject", "s3:PutObject", "s3:ListBucket"], [everything, f"{everything}/*"]),
            ("dynamodb:*", "*"),
        )
        arguments = {
            "--extra-py-files": self.jobs.put("glue/modules.zip", (ROOT / modules.path).read_bytes()),
            "--additional-python-modules": self.jobs.put(
                "glue/requirements.txt", (ROOT / city_jobs.REQUIREMENTS).read_bytes()
            ),
            "--python-modules-installer-option": "-r",
            "--ledger_table": TABLE,
            "--frontier_queue_url": "none",
            "--timeout_minutes": "10",
        }
        script = (ROOT / city_jobs.SCRIPT).read_text(encoding="utf-8")
        self.jobs.define("dedupe", script, Role=role, DefaultArguments=arguments, Timeout=10)

    def on_spark(self, execution: str, **changes: str) -> dict[str, Any]:
        """Run the job to its end; how that was."""
        arguments = {
            "--execution_id": execution,
            "--run_id": self.run_id,
            "--stage_name": STATE,
            "--previous_stage": "TileSweep",
            "--workflow_bucket": self.bucket,
            **SIZES,
            **changes,
        }
        return self.jobs.ended("dedupe", self.jobs.start("dedupe", Arguments=arguments), timeout=400)

    def output(self, execution: str) -> dict[str, Any]:
        return dict(json.loads(self.read(keys.stage_output(execution, STATE))))

    def read(self, key: str) -> bytes:
        return self.aws.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def written(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.aws.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]]


@pytest.fixture(params=[EDINBURGH, TOKYO], ids=lambda city: city.name)
def town(request, account: Account, monkeypatch) -> Iterator[Town]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": account.id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": account.region,
        "AWS_ENDPOINT_URL": account.emulator.endpoint_url,
    }.items():
        monkeypatch.setenv(name, value)
    made = Town(account, request.param)
    yield made
    made.jobs.stop_all()
    record._CACHE.clear()


def test_the_job_leaves_the_places_that_the_function_leaves(town: Town):
    expected = town.in_function("by-function")
    assert expected["data"]["counts"]["candidates"] == RECORDS
    assert RECORDS / 10 < expected["data"]["counts"]["duplicates_merged"] < RECORDS

    town.define()
    ended = town.on_spark("by-job")
    assert ended["JobRunState"] == "SUCCEEDED", ended
    found = town.output("by-job")
    places = {name: f"executions/{name}/{STATE}/places.jsonl" for name in ("by-function", "by-job")}
    assert town.read(places["by-job"]) == town.read(places["by-function"])

    # The outputs differ in the names of the execution, and in their digests for that.
    assert found["data"]["outputs"][0].pop("key") == places["by-job"]
    assert expected["data"]["outputs"][0].pop("key") == places["by-function"]
    for output in (found, expected):
        assert len(output.pop("sha256")) == 64
        assert output.pop("executionId")
    assert found == expected
    parts = [key for key in town.written(f"executions/by-job/{STATE}/") if "/parts/" in key]
    assert len(parts) > 1
    # The ledger counts the job as it counts the function.
    report = town.ledger.read(f"STATE#{STATE}")
    assert report is not None
    assert (report[StateStatus.SUCCEEDED], report["records"]) == (2, 2 * expected["records"])

    # An output that stands is not made again: this takes no Spark.
    again = town.on_spark("by-job")
    assert again["JobRunState"] == "SUCCEEDED"
    assert [key for key in town.written(f"executions/by-job/{STATE}/") if "/parts/" in key] == parts


def test_a_job_that_fails_says_why_and_leaves_no_output(town: Town):
    town.define()
    ended = town.on_spark("fails", **{"--run_id": "no-such-run"})
    assert (ended["JobRunState"], "no-such-run" in ended["ErrorMessage"]) == ("FAILED", True), ended
    assert "Contents" not in town.aws.s3.list_objects_v2(Bucket=town.bucket, Prefix="executions/")
