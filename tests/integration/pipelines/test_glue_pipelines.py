"""Pipelines with Glue stages on the embedded AWS, whose jobs really run on Spark."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.xdist_group("spark")

RECORDS = [{"n": number, "text": f"Zürich {number}\n"} for number in range(10)]
# A job waits for another one of the tests that run beside this one, and Spark takes its time to start.
SECONDS = 300


@pytest.mark.property(20)
@pytest.mark.property(23)
@pytest.mark.property(28)
def test_jobs_first_in_the_middle_and_last(stack):
    sent = stack.through("glue", {"path": [], "records": RECORDS}, timeout=SECONDS)
    assert [done.stage for done in sent.stages] == ["GlueFirst", "Second", "GlueThird", "GlueLast"]
    assert sent.data["path"] == ["GlueFirst", "Second", "GlueThird", "GlueLast"]
    tags = {"GlueFirst": True, "GlueThird": True, "GlueLast": True}
    assert sorted(sent.data["records"], key=lambda record: record["n"]) == [record | tags for record in RECORDS]
    # The message, as the workflow itself has written it for the first job; and one output of each stage.
    folder = f"executions/{sent.execution_id}"
    keys = stack.keys(f"{folder}/")
    assert f"{folder}/initial/output.json" in keys
    assert [key for key in keys if key.startswith(f"{folder}/GlueLast/") and "/parts/" not in key] == [
        f"{folder}/GlueLast/output.json"
    ]
    assert any(key.startswith(f"{folder}/GlueLast/parts/") for key in keys)
    assert sent.stages[-1].records == len(RECORDS)
    # What the jobs print goes where the stack keeps it, and nowhere else.
    logs = stack.account.session.client("logs")
    for output in ("output", "error"):
        group = f"/aws-glue/data-scout-test-tag/{output}"
        assert len(logs.describe_log_streams(logGroupName=group)["logStreams"]) >= 3
    assert not logs.describe_log_groups(logGroupNamePrefix="/aws-glue/jobs")["logGroups"]


def test_a_job_after_a_legacy_stage_reads_what_that_returned(stack):
    sent = stack.through("glue-after-legacy", {"path": [], "records": RECORDS[:2]}, timeout=SECONDS)
    assert sent.data["path"] == ["legacy", "GlueSecond"]
    assert [record["GlueSecond"] for record in sent.data["records"]] == [True, True]


@pytest.mark.property(29)
def test_a_job_that_fails_fails_the_execution_and_is_reported(stack):
    message: dict[str, object] = {"fail": {"GlueFirst": 1}, "records": RECORDS}
    described = stack.account.ended(stack.start("glue", message, "job-fails"), timeout=SECONDS)
    assert described["status"] == "FAILED"
    assert "was to fail" in described["cause"]
    (report,) = stack.account.drain(str(stack["glue"].failure_queue_url), 1, timeout=30)
    assert json.loads(report["Body"])["detail"]["executionArn"] == described["executionArn"]
    assert not any("GlueFirst" in key for key in stack.keys("executions/job-fails/"))


@pytest.mark.parametrize("message", [{"records": []}, {}], ids=["no-records", "nothing"])
def test_no_records_and_no_message_at_all(stack, message, request):
    execution = request.node.callspec.id
    described = stack.account.ended(stack.start("glue-after-legacy", message, execution), timeout=SECONDS)
    assert described["status"] == "SUCCEEDED", described
