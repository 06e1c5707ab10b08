"""Reports: what CI systems read, and what is kept for a later promotion."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.testing.memory_s3 import MemoryS3, refusal
from scout.deployment import Deployment
from scout.e2e import reports
from scout.e2e.checks import Check, Outcome
from scout.e2e.reports import Report
from scout.errors import ScoutError


class Session:
    """An account in which there is nothing but S3."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def client(self, service: str) -> Any:
        assert service == "s3"
        return self.s3


def deployment(s3: Any) -> Deployment:
    return Deployment("dev", cast(Any, Session(s3)), "bucket", "", "", "", "", "", "", {})


def report(given_input: str = "edinburgh", *, reason: str = "seen", **fields: Any) -> Report:
    checks = (
        Check(name="stack", outcome=Outcome.PASSED, reason="dev", seconds=0.1),
        Check(name="pipe", outcome=Outcome.FAILED, reason=reason, seconds=0.25),
        Check(name="start", outcome=Outcome.SKIPPED, reason="not looked at", seconds=0),
    )
    values = {
        "stack": "dev", "subject": "city-discovery", "given": given_input, "result": Outcome.FAILED,
        "started_at": "2026-01-02T03:04:05.678Z", "seconds": 1.5, "run_id": "run-1", "versions": {"program": "0.1.0"},
        "fingerprint": {"function f": "abc"}, "checks": checks,
    }  # fmt: skip
    return Report(**cast(Any, {**values, **fields}))


def test_the_files_of_a_report(tmp_path: Path):
    files = reports.write(report(), tmp_path / "new" / "folder")
    assert [path.name for path in files] == [
        "e2e-dev-city-discovery-20260102T030405678Z.json",
        "e2e-dev-city-discovery-20260102T030405678Z.xml",
    ]
    assert Report.model_validate_json(files[0].read_bytes()) == report()
    assert json.loads(files[0].read_text())["result"] == "failed"
    suite = ET.parse(files[1]).getroot()[0]  # noqa: S314 - just written
    counts = [suite.attrib[name] for name in ("tests", "failures", "skipped", "errors", "time")]
    assert counts == ["3", "1", "1", "0", "1.500"]
    assert [(case.attrib["name"], case[0].tag) for case in suite] == [
        ("stack", "system-out"), ("pipe", "failure"), ("start", "skipped")
    ]  # fmt: skip
    assert suite[1].attrib["time"] == "0.250"


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ScoutError, match=r"cannot be written to .*file"):
        reports.write(report(), tmp_path / "file")


@given(st.text())
def test_junit_is_xml_whatever_an_error_says(reason: str):
    root = ET.fromstring(reports.junit(report(reason=reason)))  # noqa: S314 - just written
    failure = root[0][1][0]
    assert failure.tag == "failure"
    printable = "".join(c for c in reason if c.isprintable())
    assert all(character in failure.attrib["message"] for character in printable)


def test_the_last_report_of_each_input_is_kept_and_the_latest_comes_first():
    stack = deployment(MemoryS3())
    assert reports.kept(stack, "city-discovery") == []
    reports.keep(stack, report("london", started_at="2026-01-01T00:00:00.000Z"))
    assert reports.keep(stack, report("edinburgh")) == "s3://bucket/e2e/city-discovery/edinburgh.json"
    reports.keep(stack, report("edinburgh", started_at="2026-03-01T00:00:00.000Z"))
    reports.keep(stack, report("message.json", subject="candidate-batch"))
    kept = reports.kept(stack, "city-discovery")
    assert [(held.given, held.started_at[:7]) for held in kept] == [("edinburgh", "2026-03"), ("london", "2026-01")]
    assert [held.given for held in reports.kept(stack, "candidate-batch")] == ["message.json"]


def test_a_report_that_cannot_be_kept_is_an_error():
    class Closed(MemoryS3):
        def put_object(self, **arguments: Any) -> Any:
            raise refusal(403, "PutObject")

    with pytest.raises(ScoutError, match=r"cannot be kept at s3://bucket/e2e/city-discovery/edinburgh\.json"):
        reports.keep(deployment(Closed()), report())


def test_something_else_in_its_place_is_named():
    s3 = MemoryS3()
    s3.objects["e2e/city-discovery/edinburgh.json"] = b"{}"
    with pytest.raises(ScoutError, match=r"edinburgh\.json is no report"):
        reports.kept(deployment(s3), "city-discovery")


def test_a_bucket_that_may_not_be_read_is_no_missing_report():
    class Closed(MemoryS3):
        def get_paginator(self, operation: str) -> Any:
            raise refusal(403, operation)

    with pytest.raises(ScoutError, match="cannot be read"):
        reports.kept(deployment(Closed()), "city-discovery")
