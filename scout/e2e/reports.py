"""The report of an end-to-end test: as JSON, as JUnit XML for CI systems, and kept in the workflow bucket."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from botocore.exceptions import ClientError
from pydantic import Field, ValidationError

from lambdas.contracts.base import Contract
from lambdas.runtime.errors import StageError
from lambdas.runtime.storage import Storage
from scout.e2e.checks import Check, Outcome
from scout.errors import ScoutError

if TYPE_CHECKING:
    from scout.deployment import Deployment

# What XML 1.0 cannot hold in any form (https://www.w3.org/TR/xml/#charsets).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Report(Contract):
    """An end-to-end test that has ended.

    Attributes:
        stack: The stack; None where none was found.
        subject: What was tested: ``city-discovery``, or a pipeline's name.
        given: What it was tested with: a golden input, or a message.
        result: Whether every check passed.
        started_at: When it began.
        seconds: How long it took.
        run_id: The run, or the execution.
        versions: The versions that the run says it was made with.
        fingerprint: What was deployed (``scout.stacks.fingerprint``).
        checks: Every check.
    """

    report_version: Literal[1] = 1
    stack: str | None
    subject: str
    given: str
    result: Literal[Outcome.PASSED, Outcome.FAILED]
    started_at: str
    seconds: Annotated[float, Field(ge=0)]
    run_id: str | None
    versions: Mapping[str, str]
    fingerprint: Mapping[str, str]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.result is Outcome.PASSED

    @property
    def text(self) -> str:
        """The report as JSON."""
        return self.model_dump_json(indent=2) + "\n"


def write(report: Report, folder: Path) -> list[Path]:
    """Write a report to a folder, made if missing.

    Returns:
        The files: ``e2e-STACK-SUBJECT-TIME.json`` and the same with ``.xml``.

    Raises:
        ScoutError: The folder cannot be written to.
    """
    time = re.sub(r"[-:.]", "", report.started_at)
    base = folder / f"e2e-{report.stack or 'none'}-{report.subject}-{time}"
    files = {
        base.with_name(f"{base.name}.json"): report.text.encode(),
        base.with_name(f"{base.name}.xml"): junit(report),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, body in files.items():
            path.write_bytes(body)
    except OSError as error:
        raise ScoutError(f"the report cannot be written to {folder}: {error.strerror}") from error
    return list(files)


def junit(report: Report) -> bytes:
    """The report in the form that CI systems read
    (https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd).
    """
    counts = {outcome: sum(check.outcome is outcome for check in report.checks) for outcome in Outcome}
    numbers = {
        "tests": str(len(report.checks)),
        "failures": str(counts[Outcome.FAILED]),
        "skipped": str(counts[Outcome.SKIPPED]),
        "errors": "0",
        "time": f"{report.seconds:.3f}",
    }
    name = f"scout e2e {report.stack or 'none'} {report.subject} {report.given}"
    root = ET.Element("testsuites", numbers)
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), "timestamp": report.started_at, **numbers})
    for check in report.checks:
        where = {
            "classname": f"e2e.{report.stack}.{report.subject}",
            "name": check.name,
            "time": f"{check.seconds:.3f}",
        }
        case = ET.SubElement(suite, "testcase", where)
        if check.outcome is Outcome.PASSED:
            ET.SubElement(case, "system-out").text = _clean(check.reason)
        else:
            kind = "failure" if check.outcome is Outcome.FAILED else "skipped"
            ET.SubElement(case, kind, {"message": _clean(check.reason)})
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def prefix(subject: str) -> str:
    """Where the last reports of a part of a stack lie in its workflow bucket; no lifecycle rule deletes them."""
    return f"e2e/{subject}/"


def keep(deployment: Deployment, report: Report) -> str:
    """Keep a report as the last one of its part of the stack with this input.

    Returns:
        Where it lies.

    Raises:
        ScoutError: AWS refused.
    """
    key = f"{prefix(report.subject)}{report.given}.json"
    where = f"s3://{deployment.bucket}/{key}"
    try:
        Storage(deployment.bucket, deployment.session.client("s3")).put(key, report.text.encode())
    except (StageError, ClientError) as error:
        raise ScoutError(
            f"the result cannot be kept at {where}, where `scout promote` looks for it: {error}"
        ) from error
    return where


def kept(deployment: Deployment, subject: str) -> list[Report]:
    """The last report of a part of a stack with each input that it was tested with, the latest first.

    Raises:
        ScoutError: AWS refused, or something else lies there.
    """
    storage, where = Storage(deployment.bucket, deployment.session.client("s3")), prefix(subject)
    found = []
    try:
        for key in storage.keys(where):
            where = key
            found.append(Report.model_validate_json(storage.get(key)))
    except ValidationError as error:
        raise ScoutError(
            f"s3://{deployment.bucket}/{where} is no report of an end-to-end test: run `scout e2e` again"
        ) from error
    except (StageError, ClientError) as error:
        raise ScoutError(f"s3://{deployment.bucket}/{where} cannot be read: {error}") from error
    return sorted(found, key=lambda report: report.started_at, reverse=True)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
