"""`scout e2e` on deployed stacks: green on a good one, and red for what is really wrong with one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StoppedBy
from lambdas.runtime import keys
from scout.cities import runs, stopping
from scout.deployment import Deployment
from scout.e2e import golden, reports, testing
from scout.e2e.checks import Check, Outcome
from scout.e2e.cities import CityTest
from scout.e2e.pipelines import PipelineTest
from scout.pipelines.failures import Failure
from scout.pipelines.following import StageDone
from scout.pipelines.messages import Pipeline
from scout.stacks.fingerprint import CITY_DISCOVERY, fingerprint
from tests.e2e.support import EXAMPLES, changed, eventually, example, ledger_of, when

pytestmark = pytest.mark.e2e

Meddle = Callable[[str], Any]
LANE = "candidate-realtime"


class Heard:
    """Watches tests, runs and messages; at each stop on the way it may meddle with the stack."""

    def __init__(self, **meddle: Meddle) -> None:
        self.checks: list[Check] = []
        self.run_id = ""
        self._meddle = meddle

    def checked(self, check: Check) -> None:
        self.checks.append(check)

    def started(self, run_id: str, job: RunInput) -> None:
        self.run_id = run_id
        self._at("started")

    def update(self, snapshot: runs.Snapshot) -> None:
        pass

    def ended(self) -> None:
        self._at("ended")

    def sent(self, pipeline: Pipeline, message_id: str) -> None:
        self._at("sent")

    def stage_done(self, stage: StageDone) -> None:
        if stage.stage == "ReactiveStage":
            self.run_id = stage.key
            self._at("last")

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        pass

    def _at(self, stop: str) -> None:
        if stop in self._meddle:
            self._meddle[stop](self.run_id)


def run_city(
    deployment: Deployment,
    heard: Heard,
    job: RunInput | None = None,
    *,
    city: str = "early-stop-test",
    timeout: float = 300,
    fail_fast: bool = False,
) -> reports.Report:
    empty(deployment, deployment.frontier_dlq_url)
    given, expected = golden.load(city)
    test = CityTest(
        lambda: deployment, city, job or given, expected, view=lambda _: heard, timeout=timeout, fail_fast=fail_fast
    )
    return testing.run(test, heard, fail_fast=fail_fast)


def send_message(deployment: Deployment, heard: Heard, message: Path, *, timeout: float = 300) -> reports.Report:
    empty(deployment, deployment.pipelines[LANE].dlq_url)
    test = PipelineTest(lambda: deployment, LANE, message, view=lambda _: heard, timeout=timeout)
    return testing.run(test, heard)


def those(report: reports.Report, outcome: Outcome) -> dict[str, str]:
    return {check.name: check.reason for check in report.checks if check.outcome is outcome}


def add_dead_letter(deployment: Deployment, url: str) -> None:
    deployment.session.client("sqs").send_message(QueueUrl=url, MessageBody='{"type": "web"}')


def empty(deployment: Deployment, *urls: str) -> None:
    for url in urls:
        deployment.session.client("sqs").purge_queue(QueueUrl=url)


def test_a_good_stack_is_green_and_its_report_is_kept(mock_stack: Deployment) -> None:
    heard = Heard()
    report = run_city(mock_stack, heard)
    assert report.passed, those(report, Outcome.FAILED)
    assert list(report.checks) == heard.checks
    assert report.run_id == heard.run_id
    assert report.versions["program"]
    assert report.fingerprint == fingerprint(mock_stack, CITY_DISCOVERY)

    reports.keep(mock_stack, report)
    kept = {held.given: held for held in reports.kept(mock_stack, CITY_DISCOVERY)}
    assert kept["early-stop-test"] == report


def test_nothing_is_started_on_a_stack_whose_pipe_is_stopped(mock_stack: Deployment) -> None:
    stopping.emergency_stop(mock_stack)
    try:
        heard = Heard()
        report = run_city(mock_stack, heard)
    finally:
        stopping.start_frontier(mock_stack)
    assert not report.passed
    assert list(those(report, Outcome.FAILED)) == ["pipe"]
    assert "STOPPED" in those(report, Outcome.FAILED)["pipe"]
    assert heard.run_id == ""
    assert report.run_id is None


def test_everything_that_goes_wrong_during_a_run_is_told_apart(mock_stack: Deployment) -> None:
    job = example("early-stop-test")
    function = f"data-scout-{mock_stack.stack}-mock"
    lambda_ = mock_stack.session.client("lambda")
    timeout = lambda_.get_function_configuration(FunctionName=function)["Timeout"]

    def at_the_start(_: str) -> None:
        add_dead_letter(mock_stack, mock_stack.frontier_dlq_url)
        lambda_.update_function_configuration(FunctionName=function, Timeout=timeout + 1)

    def at_the_end(run_id: str) -> None:
        key = keys.places(job.slug, run_id)
        mock_stack.session.client("s3").put_object(Bucket=mock_stack.bucket, Key=key, Body=b"{}\n")

    try:
        report = run_city(mock_stack, Heard(started=at_the_start, ended=at_the_end))
    finally:
        lambda_.update_function_configuration(FunctionName=function, Timeout=timeout)
        empty(mock_stack, mock_stack.frontier_dlq_url)
    failed = those(report, Outcome.FAILED)
    assert list(failed) == ["outputs", "dead letters", "deployment"]
    assert failed["dead letters"].startswith(f"data-scout-{mock_stack.stack}-frontier-dlq holds 1; ")
    assert "places.jsonl has 3 bytes" in failed["outputs"]
    assert failed["deployment"] == f"the stack was changed during the test: function {function} has changed"
    assert list(those(report, Outcome.SKIPPED)) == ["places"]


def test_a_run_that_takes_too_long_is_halted(mock_stack: Deployment) -> None:
    heard = Heard(started=lambda run_id: when(ledger_of(mock_stack, run_id), lambda ledger: bool(ledger.run())))
    report = run_city(mock_stack, heard, example("london"), timeout=0.5)
    assert "every kill switch of it is on" in those(report, Outcome.FAILED)["end"]
    assert "execution" in those(report, Outcome.SKIPPED)
    manifest = eventually(lambda: manifest_of(mock_stack, "london", heard.run_id), 120)
    assert manifest["stopped_by"] == StoppedBy.KILL_SWITCH


def manifest_of(deployment: Deployment, slug: str, run_id: str) -> dict[str, Any]:
    s3 = deployment.session.client("s3")
    try:
        found = s3.get_object(Bucket=deployment.bucket, Key=keys.manifest(slug, run_id))
    except s3.exceptions.NoSuchKey:
        return {}
    return dict(json.loads(found["Body"].read()))


def without_extract(deployment: Deployment) -> RunInput:
    key = f"s3://{deployment.bucket}/reference/osm/nowhere.osm.pbf"
    return changed(example("helsinki"), sources={"osm_extract": key})


def test_a_state_that_fails_is_named(mixed_stack: Deployment) -> None:
    report = run_city(mixed_stack, Heard(), without_extract(mixed_stack), city="helsinki")
    failed = those(report, Outcome.FAILED)
    assert {"status", "states"} <= failed.keys()
    assert "PARTIAL without TileSweep: TileSweep: ExtractNotFound" in failed["status"]
    assert "TileSweep failed: ExtractNotFound" in failed["states"]


def test_with_fail_fast_the_run_ends_at_its_first_failed_state_and_the_test_with_it(mixed_stack: Deployment) -> None:
    report = run_city(mixed_stack, Heard(), without_extract(mixed_stack), city="helsinki", fail_fast=True)
    empty(mixed_stack, mixed_stack.frontier_dlq_url)
    assert list(those(report, Outcome.FAILED)) == ["execution"]
    assert "RunReported" in those(report, Outcome.FAILED)["execution"]
    assert {"evidence", "manifest", "dead letters", "deployment"} <= those(report, Outcome.SKIPPED).keys()


def test_nothing_is_started_while_dead_letters_lie_there(mock_stack: Deployment) -> None:
    heard = Heard()
    given, expected = golden.load("early-stop-test")
    test = CityTest(lambda: mock_stack, "early-stop-test", given, expected, view=lambda _: heard, timeout=60)
    add_dead_letter(mock_stack, mock_stack.frontier_dlq_url)
    try:
        report = testing.run(test, heard)
    finally:
        empty(mock_stack, mock_stack.frontier_dlq_url)
    assert "`scout dlq analyze frontier`" in those(report, Outcome.FAILED)["queues"]
    assert heard.run_id == ""


def test_a_run_that_cannot_be_started_is_told(mock_stack: Deployment) -> None:
    job = changed(example("helsinki"), sources={"osm_extract": "file:///nowhere/map.osm.pbf"})
    report = run_city(mock_stack, Heard(), job, city="helsinki")
    assert list(those(report, Outcome.FAILED)) == ["start"]
    assert "/nowhere/map.osm.pbf cannot be read" in those(report, Outcome.FAILED)["start"]


def test_a_stack_that_is_not_what_its_outputs_say_is_not_tested(mock_stack: Deployment) -> None:
    gone = dataclasses.replace(mock_stack, page_processing_arn=mock_stack.page_processing_arn + "-gone")
    report = run_city(gone, Heard())
    assert list(those(report, Outcome.FAILED)) == ["stack"]
    assert all(check.outcome is Outcome.SKIPPED for check in report.checks[1:])


def test_a_message_comes_through_a_pipeline(mock_stack: Deployment) -> None:
    report = send_message(mock_stack, Heard(), EXAMPLES / "candidates.json")
    assert report.passed, those(report, Outcome.FAILED)
    assert (report.subject, report.given) == (LANE, "candidates.json")
    assert f"function data-scout-{mock_stack.stack}-candidate-etl" in report.fingerprint


def test_what_goes_wrong_with_a_message_is_told_apart(mock_stack: Deployment, tmp_path: Path) -> None:
    pipeline, s3 = mock_stack.pipelines[LANE], mock_stack.session.client("s3")
    message = tmp_path / "nobody.json"
    message.write_text(json.dumps({**json.loads((EXAMPLES / "candidates.json").read_text()), "records": []}))

    def at_the_end(key: str) -> None:
        add_dead_letter(mock_stack, pipeline.dlq_url)
        s3.delete_object(Bucket=mock_stack.bucket, Key=key.replace("ReactiveStage", "ScoreStage"))

    try:
        report = send_message(mock_stack, Heard(last=at_the_end), message)
    finally:
        empty(mock_stack, pipeline.dlq_url)
    failed = those(report, Outcome.FAILED)
    assert list(failed) == ["outputs", "records", "dead letters"]
    assert failed["outputs"] == "ScoreStage left no output"
    assert "ETLStage" in failed["records"]


@pytest.mark.parametrize(
    ("body", "timeout", "said"),
    [
        ('{"nonsense": true}', 120, "has failed at ETLStage of candidate-realtime: InvalidInput: "),
        ((EXAMPLES / "candidates.json").read_text(), 0.01, "has not come through candidate-realtime in time"),
    ],
    ids=["fails", "late"],
)
def test_a_message_that_does_not_come_through(
    mock_stack: Deployment, tmp_path: Path, body: str, timeout: float, said: str
) -> None:
    pipeline = mock_stack.pipelines[LANE]
    message = tmp_path / "message.json"
    message.write_text(body)
    try:
        report = send_message(mock_stack, Heard(), message, timeout=timeout)
    finally:
        empty(mock_stack, pipeline.queue_url, pipeline.dlq_url)
    assert list(those(report, Outcome.FAILED)) == ["message"]
    assert said in those(report, Outcome.FAILED)["message"]
    assert list(those(report, Outcome.SKIPPED)) == ["outputs", "records"]


def test_a_pipeline_that_the_stack_does_not_have(mock_stack: Deployment) -> None:
    test = PipelineTest(lambda: mock_stack, "nix", EXAMPLES / "candidates.json", view=lambda _: Heard(), timeout=1)
    report = testing.run(test, Heard())
    assert "has no pipeline 'nix'" in those(report, Outcome.FAILED)["stack"]
    assert test.found is None, "no result is kept of what is not there"
