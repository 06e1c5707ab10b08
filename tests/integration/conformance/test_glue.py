"""Spark jobs of Glue: what a script finds, how its run ends, what its role allows."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.account import wait_until, zip_of
from tests.integration.conformance.jobs import ENDLESS, Jobs, is_running

# One Spark at a time is enough for two processors, and these tests count what runs.
pytestmark = pytest.mark.xdist_group("spark")

EVERYTHING = """
import json, os, sys
import boto3
import beside
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession, functions as F
from pyspark.sql.types import LongType

options = getResolvedOptions(sys.argv, ["JOB_NAME", "bucket", "factor"])
spark = SparkSession.builder.appName(options["JOB_NAME"]).getOrCreate()

@F.udf(LongType())
def scaled(n):
    from inside.scale import times  # on the side of the workers, too
    return times(n, int(options["factor"]))

rows = spark.createDataFrame([(c, n) for n in range(100) for c in "ab"], ["city", "n"])
totals = rows.withColumn("m", scaled("n")).groupBy("city").agg(F.sum("m").alias("total")).orderBy("city").collect()
try:
    import pydantic
except ImportError:
    reached = False
else:
    reached = True
print("to the output")
print("to the errors", file=sys.stderr)
seen = {
    "argv": sys.argv[1:], "options": options, "totals": {row["city"]: row["total"] for row in totals},
    "spark": spark.version, "master": spark.sparkContext.master, "conf": spark.conf.get("spark.sql.shuffle.partitions"),
    "zone": spark.conf.get("spark.sql.session.timeZone"), "beside": beside.NAME, "pydantic": reached,
    "env": dict(os.environ), "cwd": os.getcwd(), "role": boto3.client("sts").get_caller_identity()["Arn"],
    "java": spark.sparkContext._gateway.proc.pid,
}
boto3.client("s3").put_object(Bucket=options["bucket"], Key="rank/result.json", Body=json.dumps(seen))
"""


def test_a_script_runs_on_spark_with_its_arguments_its_files_and_its_role(jobs: Jobs) -> None:
    scale = "def times(n, factor):\n    return n * factor\n"
    package = jobs.put("lib/inside.zip", zip_of(**{"inside/__init__.py": "", "inside/scale.py": scale}))
    module = jobs.put("lib/beside.py", "NAME = 'beside'\n")
    jobs.define(
        "rank",
        EVERYTHING,
        DefaultArguments={
            "--bucket": jobs.bucket,
            "--factor": "2",
            "--fixed": "by the job",
            "--extra-py-files": f"{package},{module}",
            "--conf": "spark.sql.shuffle.partitions=3 --conf spark.sql.ansi.enabled=true",
            "--enable-metrics": "true",
            "--TempDir": f"s3://{jobs.bucket}/temporary/",
        },
        NonOverridableArguments={"--fixed": "for good"},
        WorkerType="G.1X",
        NumberOfWorkers=2,
    )
    run = jobs.start("rank", Arguments={"--factor": "3", "--fixed": "by the run", "--more": "1"})

    ended = jobs.ended("rank", run)

    assert ended.get("ErrorMessage", "") == ""
    assert ended["JobRunState"] == "SUCCEEDED"
    assert run.startswith("jr_")
    assert (ended["Id"], ended["JobName"], ended["Attempt"]) == (run, "rank", 0)
    assert (ended["WorkerType"], ended["NumberOfWorkers"], ended["GlueVersion"]) == ("G.1X", 2, "5.1")
    assert ended["StartedOn"] <= ended["CompletedOn"]
    assert 0 < ended["ExecutionTime"] <= (ended["CompletedOn"] - ended["StartedOn"]).total_seconds()

    seen = jobs.result("rank")
    assert seen["argv"][:4] == ["--JOB_NAME", "rank", "--JOB_RUN_ID", run]
    given = dict(zip(seen["argv"][4::2], seen["argv"][5::2], strict=True))
    assert (given["--factor"], given["--fixed"], given["--more"]) == ("3", "for good", "1")
    assert given["--enable-metrics"] == "true"
    assert seen["options"]["TempDir"] == f"s3://{jobs.bucket}/temporary/"
    assert seen["totals"] == {"a": 3 * 4950, "b": 3 * 4950}
    assert (seen["spark"], seen["master"], seen["conf"], seen["zone"]) == ("3.5.6", "local[2]", "3", "UTC")
    assert (seen["beside"], seen["pydantic"]) == ("beside", False)
    assert seen["role"].split(":")[-1] == "assumed-role/glue-0/GlueJobRunnerSession"
    assert not {"GATEWAY_PORT", "SFN_WAIT_SCALE", "SCOUT_JAVA", "VIRTUAL_ENV", "SSL_CERT_FILE"} & seen["env"].keys()
    assert "to the output" in jobs.printed("output", run)
    assert "to the errors" in jobs.printed("error", run)
    wait_until(lambda: not Path(seen["cwd"]).exists() and not is_running(seen["java"]))


ANALYSIS = """
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().range(1).select("nowhere").collect()
"""
NO_S3 = """
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().read.json("s3://bucket/key")
"""
CHAINED = """
class Broken(Exception):
    pass
try:
    int("x")
except ValueError as error:
    raise Broken("no such column") from error
"""


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("raise ValueError('no such column')", "ValueError: no such column", id="built-in"),
        pytest.param(CHAINED, "Broken: no such column", id="chained"),
        pytest.param("def f(:\n", "SyntaxError: invalid syntax", id="syntax"),
        pytest.param("import sys\nsys.exit(3)", "Command failed with exit code 3", id="exit code"),
        pytest.param("import nowhere", "ModuleNotFoundError: No module named 'nowhere'", id="import"),
        pytest.param(ANALYSIS, "AnalysisException: [UNRESOLVED_COLUMN", id="of Spark"),
        pytest.param(NO_S3, 'An error occurred while calling {}.json. No FileSystem for scheme "s3"', id="of Java"),
    ],
)
def test_a_failed_script_tells_its_exception(jobs: Jobs, script: str, message: str) -> None:
    jobs.define("fails", script)
    ended = jobs.ended("fails", jobs.start("fails"))
    assert ended["JobRunState"] == "FAILED"
    assert re.sub(r"o\d+", "{}", ended["ErrorMessage"]).startswith(message)


WRITES = """
import sys, boto3
from awsglue.utils import getResolvedOptions
options = getResolvedOptions(sys.argv, ["bucket", "key"])
boto3.client("s3").put_object(Bucket=options["bucket"], Key=options["key"], Body=b"x")
"""


def test_a_script_may_do_what_its_role_allows_and_no_more(jobs: Jobs) -> None:
    jobs.define("writes", WRITES, DefaultArguments={"--bucket": jobs.bucket})
    allowed = jobs.ended("writes", jobs.start("writes", Arguments={"--key": "a/result.json"}))
    assert allowed["JobRunState"] == "SUCCEEDED", allowed
    denied = jobs.ended("writes", jobs.start("writes", Arguments={"--key": "other"}))
    assert denied["JobRunState"] == "FAILED"
    assert "An error occurred (AccessDenied) when calling the PutObject operation" in denied["ErrorMessage"]
    assert "is not authorized to perform: s3:PutObject" in denied["ErrorMessage"]


def test_the_role_must_be_able_to_read_the_script(jobs: Jobs) -> None:
    jobs.define("hidden", "print(1)", Role=jobs.account.role("glue", ("s3:PutObject", "*"), name="blind"))
    ended = jobs.ended("hidden", jobs.start("hidden"))
    assert ended["JobRunState"] == "FAILED"
    assert "is not authorized to perform: s3:GetObject" in ended["ErrorMessage"]
    assert "scripts/hidden.py" in ended["ErrorMessage"]


def test_a_role_that_glue_may_not_assume_is_refused_at_the_start(jobs: Jobs) -> None:
    jobs.define("job", "print(1)", Role=jobs.account.role("lambda", ("*", "*")))
    with pytest.raises(ClientError, match=r"InvalidInputException.* should be given assume role permissions for Glue"):
        jobs.start("job")


def test_what_cannot_be_launched_says_why(jobs: Jobs) -> None:
    # Only to who may list does S3 say that an object is missing.
    jobs.define("gone", None, Role=jobs.account.role("glue", ("s3:*", "*"), name="lists"))
    ended = jobs.ended("gone", jobs.start("gone"))
    assert (ended["JobRunState"], ended["ExecutionTime"]) == ("FAILED", 0)
    assert ended["ErrorMessage"].startswith(f"LAUNCH ERROR | s3://{jobs.bucket}/nowhere/gone.py: NoSuchKey")

    jobs.define("job", "print(1)")
    for arguments, told in (
        ({"--additional-python-modules": "pandas"}, "one s3://bucket/requirements.txt, in which every package has"),
        ({"--extra-jars": "s3://jars/one.jar"}, "the embedded AWS does not have the job parameter --extra-jars"),
        ({"--job-language": "scala"}, "--job-language must be python"),
        ({"--extra-py-files": jobs.put("lib/data.csv", "x")}, "data.csv is neither a .py file nor a zip"),
    ):
        failed = jobs.ended("job", jobs.start("job", Arguments=arguments))
        assert failed["JobRunState"] == "FAILED"
        assert told in failed["ErrorMessage"]


def test_packages_of_a_lock_are_there_for_driver_and_workers(jobs: Jobs) -> None:
    lock = (Path(__file__).parents[3] / "glue_scripts" / "requirements" / "places.txt").read_text(encoding="utf-8")
    anyascii = re.search(r"^anyascii==.*(?:\n    --hash=.*)+", lock, re.MULTILINE)
    assert anyascii
    script = """
import anyascii, boto3, json, sys
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

bucket = getResolvedOptions(sys.argv, ["bucket"])["bucket"]
rows = SparkSession.builder.getOrCreate().sparkContext.parallelize(["Edinburgh", "Zürich"], 2)
found = rows.map(lambda name: __import__("anyascii").anyascii(name)).collect()
boto3.client("s3").put_object(Bucket=bucket, Key="modules/result.json", Body=json.dumps([anyascii.__name__, *found]))
"""
    arguments = {
        "--bucket": jobs.bucket,
        "--additional-python-modules": jobs.put("lib/requirements.txt", anyascii.group()),
        "--python-modules-installer-option": "-r",
    }
    jobs.define("modules", script, DefaultArguments=arguments)
    ended = jobs.ended("modules", jobs.start("modules"))
    assert ended["JobRunState"] == "SUCCEEDED", ended
    assert jobs.result("modules") == ["anyascii", "Edinburgh", "Zurich"]

    wrong = jobs.put("lib/wrong.txt", re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", anyascii.group()))
    failed = jobs.ended("modules", jobs.start("modules", Arguments={"--additional-python-modules": wrong}))
    assert failed["JobRunState"] == "FAILED"
    assert failed["ErrorMessage"].startswith("LAUNCH ERROR | Spark or a module cannot be installed: ")


def test_runs_wait_stop_and_time_out(jobs: Jobs) -> None:
    """Several runs side by side, since the shortest time-out is a minute."""
    jobs.define("slow", ENDLESS, Timeout=1, ExecutionProperty={"MaxConcurrentRuns": 3})
    first = jobs.start("slow")
    jobs.begun("slow", first)

    # As many at a time as a laptop can bear: the third waits.
    second = jobs.start("slow", Timeout=5)
    jobs.begun("slow", second)
    third = jobs.start("slow", Timeout=5)
    with pytest.raises(jobs.glue.exceptions.ConcurrentRunsExceededException):
        jobs.start("slow")
    time.sleep(1)
    assert jobs.state("slow", third) == "STARTING"

    # One that has not begun ends at once, one that has ends with all that it started.
    answer = jobs.glue.batch_stop_job_run(JobName="slow", JobRunIds=[third, second, "jr_nowhere"])
    assert {item["JobRunId"] for item in answer["SuccessfulSubmissions"]} == {third, second}
    assert [item["ErrorDetail"]["ErrorCode"] for item in answer["Errors"]] == ["EntityNotFoundException"]
    assert jobs.ended("slow", third)["ExecutionTime"] == 0
    stopped = jobs.ended("slow", second)
    assert (stopped["JobRunState"], jobs.state("slow", third)) == ("STOPPED", "STOPPED")
    assert "ErrorMessage" not in stopped
    late = jobs.glue.batch_stop_job_run(JobName="slow", JobRunIds=[second])
    assert late["Errors"][0]["ErrorDetail"]["ErrorCode"] == "InvalidInputException"

    # The place is free again.
    fourth = jobs.start("slow", Timeout=5)
    jobs.begun("slow", fourth)
    listed = jobs.glue.get_job_runs(JobName="slow", MaxResults=3)
    assert [run["Id"] for run in listed["JobRuns"]] == [fourth, third, second]
    more = jobs.glue.get_job_runs(JobName="slow", NextToken=listed["NextToken"])
    assert [run["Id"] for run in more["JobRuns"]] == [first]
    assert "NextToken" not in more

    over = jobs.ended("slow", first)
    assert (over["JobRunState"], over["Timeout"]) == ("TIMEOUT", 1)
    assert over["ExecutionTime"] >= over["Timeout"] * 60
    assert jobs.state("slow", fourth) == "RUNNING"


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ({"Command": {"Name": "pythonshell", "ScriptLocation": "s3://b/s.py"}}, "type glueetl, not pythonshell"),
        ({"Command": {"Name": "gluestreaming", "ScriptLocation": "s3://b/s.py"}}, "type glueetl, not gluestreaming"),
        ({"GlueVersion": "4.0"}, "not Glue 4.0"),
        ({"MaxRetries": 1}, "MaxRetries must be 0"),
        ({"Connections": {"Connections": ["db"]}}, "does not have Connections"),
        ({"Timeout": 10_081}, "Timeout must be 1 to 10080"),
    ],
)
def test_what_is_not_here_is_refused_when_a_job_is_defined(jobs: Jobs, definition: dict[str, Any], told: str) -> None:
    with pytest.raises(jobs.glue.exceptions.InvalidInputException, match=told):
        jobs.define("job", "print(1)", **definition)
    assert jobs.glue.get_jobs()["Jobs"] == []


def test_an_update_replaces_the_definition(jobs: Jobs) -> None:
    jobs.define("job", "print(1)", Description="one", ExecutionProperty={"MaxConcurrentRuns": 7}, Tags={"a": "1"})
    before = jobs.glue.get_job(JobName="job")["Job"]
    assert before["ExecutionProperty"] == {"MaxConcurrentRuns": 7}
    same = {"Role": before["Role"], "Command": before["Command"]}
    jobs.glue.update_job(JobName="job", JobUpdate={**same, "Timeout": 9})
    after = jobs.glue.get_job(JobName="job")["Job"]
    assert (after["Timeout"], after["ExecutionProperty"]) == (9, {"MaxConcurrentRuns": 1})
    assert "Description" not in after
    assert after["CreatedOn"] == before["CreatedOn"]
    arn = f"arn:aws:glue:{jobs.account.region}:{jobs.account.id}:job/job"
    assert jobs.glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "1"}
    with pytest.raises(jobs.glue.exceptions.InvalidInputException, match="MaxRetries"):
        jobs.glue.update_job(JobName="job", JobUpdate={**same, "MaxRetries": 2})
