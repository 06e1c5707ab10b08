"""GlueJob: a Spark job of a workflow, with what it may do, its logs and its script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artifacts import Artifact
from components.glue_job import GlueJob, GlueJobArgs
from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs
from tests.unit.pulumi_support import Graph, context_of, record

BUCKET = "data-scout-mock-data-123456789012"
SCRIPT = Path("glue_scripts/heavy_etl.py")
MODULES = Artifact(Path(".build/functions/heavy.zip"), b"0" * 32)


def build(changes: dict[str, object] | None = None, **arguments: Any) -> Graph:
    context = context_of(changes)

    def make() -> None:
        bucket = WorkflowBucket("data", WorkflowBucketArgs(context))
        GlueJob("heavy", GlueJobArgs(context, "heavy", "Heavy work", SCRIPT, MODULES, bucket, **arguments))

    return record(make)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build()


def test_the_job(graph):
    job = graph.one("Job").inputs
    assert job["name"] == "data-scout-mock-heavy"
    assert (job["glueVersion"], job["workerType"], job["numberOfWorkers"], job["timeout"]) == ("5.1", "G.1X", 2, 120)
    assert job["command"] == {
        "name": "glueetl",
        "pythonVersion": "3",
        "scriptLocation": f"s3://{BUCKET}/glue-scripts/heavy/script.py",
    }
    # The stage's Retry does it, and counts it.
    assert job["maxRetries"] == 0
    assert job["executionProperty"] == {"maxConcurrentRuns": 4}
    assert "securityConfiguration" not in job


@pytest.mark.property(35)
def test_its_arguments_turn_on_logs_metrics_and_the_spark_ui_in_places_of_its_own(graph):
    arguments = graph.one("Job").inputs["defaultArguments"]
    assert arguments == {
        "--job-language": "python",
        "--TempDir": f"s3://{BUCKET}/glue-temp/heavy/",
        "--extra-py-files": f"s3://{BUCKET}/glue-scripts/heavy/modules.zip",
        "--enable-continuous-cloudwatch-log": "true",
        "--custom-logGroup-prefix": "/aws-glue/data-scout-mock-heavy",
        "--enable-metrics": "true",
        "--enable-job-insights": "true",
        "--enable-spark-ui": "true",
        "--spark-event-logs-path": f"s3://{BUCKET}/glue-temp/heavy/spark-events/",
    }
    assert graph.names("LogGroup") == {
        "/aws-glue/data-scout-mock-heavy/error",
        "/aws-glue/data-scout-mock-heavy/output",
    }


def test_script_and_modules_are_uploaded(graph):
    uploads = {item.inputs["key"]: item.inputs["source"].path for item in graph.of_type("BucketObjectv2")}
    assert uploads == {
        "glue-scripts/heavy/script.py": str(SCRIPT),
        "glue-scripts/heavy/modules.zip": str(MODULES.path),
    }


@pytest.mark.property(40)
@pytest.mark.property(42)
def test_its_role_allows_the_hand_over_and_what_spark_keeps(graph):
    statements = {item["Sid"]: item for item in graph.one("RolePolicy").document["Statement"]}
    arn = f"arn:aws:s3:::{BUCKET}"
    reads = [f"{arn}/glue-scripts/heavy/*", f"{arn}/executions/*", f"{arn}/glue-temp/heavy/*"]
    assert statements["ReadObjects"]["Resource"] == reads
    assert statements["WriteObjects"]["Resource"] == [f"{arn}/executions/*", f"{arn}/glue-temp/heavy/*"]
    assert statements["DeleteObjects"]["Resource"] == f"{arn}/glue-temp/heavy/*"
    # So that a missing input is a 404, and not a 403.
    assert statements["ListObjects"]["Action"] == "s3:ListBucket"
    assert statements["PutMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Glue"}}
    assert statements.keys() == {
        "ReadObjects", "WriteObjects", "DeleteObjects", "ListObjects", "WriteLogs", "PutMetrics"
    }  # fmt: skip


def test_where_the_bucket_has_a_key_what_spark_writes_is_encrypted_with_it():
    graph = build({"encryption": {"kms": True}})
    made = graph.one("SecurityConfiguration").inputs
    assert graph.one("Job").inputs["securityConfiguration"] == made["name"] == "data-scout-mock-heavy"
    encryption = made["encryptionConfiguration"]
    assert encryption["s3Encryption"] == {
        "s3EncryptionMode": "SSE-KMS",
        "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
    }
    assert "UseKey" in {item["Sid"] for item in graph.one("RolePolicy").document["Statement"]}


def test_every_option_can_be_set():
    graph = build(
        None,
        timeout_minutes=30,
        worker_type="G.2X",
        number_of_workers=10,
        max_concurrent_runs=1,
        arguments={"country": "GB"},
        security_configuration="existing",
    )
    job = graph.one("Job").inputs
    assert (job["workerType"], job["numberOfWorkers"], job["timeout"]) == ("G.2X", 10, 30)
    assert (job["securityConfiguration"], job["defaultArguments"]["--country"]) == ("existing", "GB")
    assert job["executionProperty"] == {"maxConcurrentRuns": 1}


def test_packages_beyond_those_of_glue_come_from_a_lock():
    graph = build(requirements=Path("glue_scripts/requirements/places.txt"))
    uploads = {item.inputs["key"]: item.inputs["source"].path for item in graph.of_type("BucketObjectv2")}
    assert uploads["glue-scripts/heavy/requirements.txt"] == "glue_scripts/requirements/places.txt"
    arguments = graph.one("Job").inputs["defaultArguments"]
    assert arguments["--additional-python-modules"] == f"s3://{BUCKET}/glue-scripts/heavy/requirements.txt"
    assert arguments["--python-modules-installer-option"] == "-r"


def test_it_reads_where_it_is_told_to_and_writes_nothing_more():
    graph = build(reads=["extracted/"])
    statements = {item["Sid"]: item for item in graph.one("RolePolicy").document["Statement"]}
    assert f"arn:aws:s3:::{BUCKET}/extracted/*" in statements["ReadObjects"]["Resource"]
    assert "extracted/*" in statements["ListObjects"]["Condition"]["StringLikeIfExists"]["s3:prefix"]
    assert not any("extracted" in arn for arn in statements["WriteObjects"]["Resource"])


def test_one_worker_is_too_few():
    with pytest.raises(ValueError, match="number_of_workers is 1; Glue takes at least 2"):
        build(None, number_of_workers=1)
