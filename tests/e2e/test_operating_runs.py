"""What an operator asks of runs, and does to one: list, status, logs, outputs, compare, stop, resume."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lambdas.contracts.manifest import Manifest, RunStatus, StoppedBy
from lambdas.runtime import keys
from lambdas.runtime.errors import InputNotFound
from scout import cli
from scout.cities import executions, facts, logs, resuming, runs, standing
from scout.cities.facts import Status
from scout.cities.resuming import ResumeWay, StopWay
from scout.deployment import Deployment
from scout.errors import InputRefused, ScoutError
from scout.stacks import deployed
from tests.e2e.support import Silent, changed, dead_letter, eventually, example, run
from tests.e2e.test_helsinki import extract

__all__ = ["extract"]

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("operating-runs")]

Scout = Callable[..., Result]


@pytest.fixture
def scout(monkeypatch: pytest.MonkeyPatch) -> Scout:
    """The command line, on a stack of these tests."""

    def call(stack: Deployment, *words: str, code: int = 0) -> Result:
        monkeypatch.setattr(deployed, "deployment", lambda _=None: stack)
        result = CliRunner().invoke(cli.app, [*words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture(scope="module")
def kept() -> dict[str, Manifest]:
    return {}


@pytest.fixture
def two_runs(mock_stack: Deployment, kept: dict[str, Manifest]) -> tuple[Manifest, Manifest]:
    """Two finished runs of one job, made once."""
    for name in ("first", "second"):
        if name not in kept:
            kept[name] = run(mock_stack, example("early-stop-test"))[0].manifest
    return kept["first"], kept["second"]


def started(stack: Deployment, name: str, state: str, **changes: Any) -> str:
    """A run that has come to a state."""
    run_id = runs.start(stack, changed(example(name), **changes))
    arn = executions.arn_of(stack, run_id)
    assert eventually(lambda: state in {span.state for span in executions.spans(executions.history(stack, arn))}, 120)
    return run_id


def ended(stack: Deployment, run_id: str) -> Manifest:
    execution = runs.follow(stack, run_id, Silent(), 300)
    assert execution["status"] == "SUCCEEDED", execution
    return facts.of(stack, run_id).finished()


def test_the_list_has_each_run_newest_first_by_city_status_and_page(
    mock_stack: Deployment, two_runs: tuple[Manifest, Manifest], scout: Scout
) -> None:
    def listed(*words: str) -> list[dict[str, Any]]:
        return list(json.loads(scout(mock_stack, "list", "--json", *words).stdout)["runs"])

    everything = listed("--limit", "1000")
    starts = [found["started_at"] for found in everything]
    assert starts == sorted(starts, reverse=True)
    first, second = two_runs
    mine = listed("--city", "EDINBURGH", "--status", "succeeded", "--limit", "1000")
    ids = [found["run_id"] for found in mine]
    assert ids.index(second.run_id) < ids.index(first.run_id)
    assert {found["status"] for found in mine} == {"succeeded"}
    entry = next(found for found in mine if found["run_id"] == first.run_id)
    assert (entry["places"], entry["stopped_by"]) == (first.counts.places, "early_stop")
    assert listed("--city", "nowhere") == []
    pages = [listed("--limit", "1", "--page", str(number))[0]["run_id"] for number in (1, 2)]
    assert pages == [found["run_id"] for found in everything[:2]]
    assert first.run_id in scout(mock_stack, "list", "--limit", "1000").stdout


def test_the_status_of_a_run_has_the_numbers_of_its_manifest(
    mock_stack: Deployment, two_runs: tuple[Manifest, Manifest], scout: Scout
) -> None:
    manifest = two_runs[0]
    found = json.loads(scout(mock_stack, "status", manifest.run_id, "--json").stdout)
    assert (found["status"], found["stopped_by"], found["errors"]) == ("succeeded", "early_stop", [])
    assert found["counts"] == manifest.counts.document()
    assert found["budgets"] == {group: use.document() for group, use in manifest.budgets.items()}
    assert found["gate"] == manifest.gate.document() if manifest.gate else None
    by_name = {state["state"]: state for state in found["states"]}
    assert by_name.keys() >= {"OpenRun", "TileSweep", "PollFrontier", "Finalize", "WebFetch"}
    assert all(by_name[name]["report"] == report.document() for name, report in manifest.states.items())
    assert by_name["WebFetch"]["entered"] is None, "pages run in the other state machine"
    shown = scout(mock_stack, "status", manifest.run_id).stdout
    assert f"{manifest.counts.places:,}" in shown
    assert "DedupeCanonicalize" in shown


def test_an_unknown_run_is_said_to_be_unknown(mock_stack: Deployment) -> None:
    for ask in (facts.of, standing.of):
        with pytest.raises(ScoutError, match="has no run nobody-knows-it; `scout list`"):
            ask(mock_stack, "nobody-knows-it")


def test_the_log_of_a_run_is_in_order_and_only_its_own(
    mock_stack: Deployment, two_runs: tuple[Manifest, Manifest], scout: Scout
) -> None:
    first, second = two_runs
    lines = list(logs.of(mock_stack, first.run_id))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {line.fields.get("message") for line in lines} >= {
        "Starting stage",
        "Stage completed successfully",
        "Operation completed",
    }
    assert {line.function.rpartition("-")[2] for line in lines} == {"mock", "control"}
    assert not any(second.run_id in line.text for line in lines)
    assert {line.state for line in lines} >= {"OpenRun", "AdmitBatch", "SettleBatch", "WebFetch", "Finalize"}
    of_state = scout(mock_stack, "logs", first.run_id, "--state", "TileSweep", "--json").stdout.splitlines()
    assert {json.loads(line)["currentStage"] for line in of_state} == {"TileSweep"}
    errors = scout(mock_stack, "logs", first.run_id, "--errors", "--json").stdout.splitlines()
    # A frontier that is closed while pages are in flight says so, and is tried again.
    assert {json.loads(line)["errorType"] for line in errors} <= {"FrontierBusy"}


def test_outputs_are_verified_and_copied(
    mock_stack: Deployment, two_runs: tuple[Manifest, Manifest], scout: Scout, tmp_path: Path
) -> None:
    manifest = two_runs[0]
    found = json.loads(scout(mock_stack, "outputs", manifest.run_id, "--json", "--out", str(tmp_path)).stdout)
    kinds = {left["what"] for left in found["outputs"]}
    assert kinds == {"manifest", "result", "stage", "pages", "candidates"}
    folder = tmp_path / manifest.run_id
    assert Manifest.model_validate_json((folder / "manifest.json").read_bytes()) == manifest
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        "places.jsonl",
        "places.geojson",
        "canonical.jsonl",
        "stages",
    }
    assert json.loads((folder / "stages" / "Rank.json").read_text())["runId"] == manifest.run_id

    s3, key = mock_stack.session.client("s3"), manifest.outputs[0].key
    body = s3.get_object(Bucket=mock_stack.bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=mock_stack.bucket, Key=key, Body=body[:-2] + b"\n")
    try:
        with pytest.raises(ScoutError, match="is not what the manifest"):
            scout(mock_stack, "outputs", manifest.run_id, "--out", str(tmp_path / "other"))
        assert not (tmp_path / "other").exists()
    finally:
        s3.put_object(Bucket=mock_stack.bucket, Key=key, Body=body)


def test_two_runs_are_compared_by_places_and_numbers(
    mock_stack: Deployment, two_runs: tuple[Manifest, Manifest], scout: Scout
) -> None:
    first, second = two_runs
    found = json.loads(scout(mock_stack, "compare", first.run_id, second.run_id, "--json").stdout)
    changes = {change["name"]: change for change in found["changes"]}
    assert changes["places"]["first"] == first.counts.places
    assert changes["places"]["difference"] == second.counts.places - first.counts.places
    assert changes["web spent"]["second"] == second.budgets["web"].spent
    assert found["same_input"] is True
    assert found["kept"] + len(found["gained"]) == second.counts.places
    itself = json.loads(scout(mock_stack, "compare", first.run_id, first.run_id, "--json").stdout)
    assert (itself["kept"], itself["gained"], itself["lost"]) == (first.counts.places, [], [])
    assert "are in both" in scout(mock_stack, "compare", first.run_id, second.run_id).stdout


def test_a_stopped_run_ends_with_what_it_found_and_others_go_on(mock_stack: Deployment, scout: Scout) -> None:
    run_id = started(mock_stack, "london", "SeedPrimaries")
    assert facts.of(mock_stack, run_id).status is Status.RUNNING
    with pytest.raises(ScoutError, match="is still running"):
        resuming.plan_resume(mock_stack, run_id)
    with pytest.raises(InputRefused, match="give --yes"):
        scout(mock_stack, "stop", run_id)
    dry = json.loads(scout(mock_stack, "stop", run_id, "--dry-run", "--json").stdout)
    assert (dry["ways"], dry["stopped"]) == (["close"], False)
    assert facts.ledger_of(mock_stack, run_id).run(max_age=0).gate is None

    other = started(mock_stack, "edinburgh", "SeedPrimaries")
    assert "ends with what it has found" in scout(mock_stack, "stop", run_id, "--yes").stdout
    with pytest.raises(ScoutError, match="looks for no more already"):
        resuming.plan_stop(mock_stack, run_id)
    assert facts.ledger_of(mock_stack, other).run(max_age=0).gate is None, "the other run goes on"
    resuming.stop(mock_stack, resuming.plan_stop(mock_stack, other, abort=True))

    watched = scout(mock_stack, "watch", run_id, "--json").stdout
    manifest = Manifest.model_validate_json(watched)
    assert (manifest.status, manifest.stopped_by) == (RunStatus.SUCCEEDED, StoppedBy.KILL_SWITCH)
    assert manifest.gate is not None
    assert manifest.gate.detail == "an operator has stopped the run"
    assert manifest.counts.places > 0
    with pytest.raises(ScoutError, match=r"has ended \(succeeded\): nothing to stop"):
        resuming.plan_stop(mock_stack, run_id)
    with pytest.raises(ScoutError, match="has ended well"):
        resuming.plan_resume(mock_stack, run_id)


def test_an_aborted_run_goes_on_where_it_ended_by_a_redrive(mock_stack: Deployment, scout: Scout) -> None:
    run_id = started(mock_stack, "edinburgh", "TileSweep")
    arn = executions.arn_of(mock_stack, run_id)
    mock_stack.session.client("stepfunctions").stop_execution(executionArn=arn, error="Console", cause="by hand")
    dead_letter(mock_stack, arn)
    shown = json.loads(scout(mock_stack, "status", run_id, "--json", code=1).stdout)
    assert (shown["status"], shown["execution"]["redrivable"]) == ("aborted", True)
    assert {"where": "execution", "what": "Console: by hand"} in shown["errors"]
    # Its pages still spend: that can be stopped, or the run resumed.
    assert resuming.plan_stop(mock_stack, run_id).ways == (StopWay.CLOSE,)

    planned = json.loads(scout(mock_stack, "resume", run_id, "--dry-run", "--json").stdout)
    assert (planned["way"], planned["resumed_as"]) == ("redrive", None)
    assert "TileSweep" in planned["why"]
    resumed = scout(mock_stack, "resume", run_id, "--json").stdout
    manifest = Manifest.model_validate_json(resumed)
    assert (manifest.run_id, manifest.status) == (run_id, RunStatus.SUCCEEDED)
    assert manifest.stopped_by in {StoppedBy.DRAINED, StoppedBy.EARLY_STOP}
    visited = [span.state for span in executions.spans(executions.history(mock_stack, arn))]
    for state in ("OpenRun", "SeedPrimaries", "ExpandNeighbors", "TileSweep"):
        assert visited.count(state) == 1, "what had ended well is not done again"


def test_a_run_that_was_stopped_and_aborted_is_finalized_when_it_is_resumed(mock_stack: Deployment) -> None:
    run_id = started(mock_stack, "edinburgh", "ExpandNeighbors")
    planned = resuming.plan_stop(mock_stack, run_id, abort=True)
    assert planned.ways == (StopWay.CLOSE, StopWay.ABORT)
    resuming.stop(mock_stack, planned)
    dead_letter(mock_stack, run_id)
    known = facts.of(mock_stack, run_id)
    assert (known.status, known.execution.error) == (Status.ABORTED, "OperatorStop")
    with pytest.raises(ScoutError, match="has no manifest"):
        known.finished()
    again = resuming.plan_resume(mock_stack, run_id)
    assert again.way is ResumeWay.REDRIVE
    resumed, _ = resuming.resume(mock_stack, again)
    assert resuming.resume(mock_stack, again)[0] == resumed == run_id, "asked for twice, it is done once"
    manifest = ended(mock_stack, run_id)
    assert manifest.stopped_by is StoppedBy.KILL_SWITCH
    assert manifest.counts.places > 0


def test_a_new_run_skips_the_stages_whose_outputs_stand(mock_stack: Deployment, scout: Scout) -> None:
    run_id = started(mock_stack, "edinburgh", "ExpandNeighbors")
    resuming.stop(mock_stack, resuming.plan_stop(mock_stack, run_id, abort=True))
    dead_letter(mock_stack, run_id)
    planned = json.loads(scout(mock_stack, "resume", run_id, "--new-run", "--dry-run", "--json").stdout)
    # The first two had nothing to do, since the input kills their connectors.
    assert (planned["way"], planned["skips"]) == ("new_run", ["SeedPrimaries"])
    manifest = Manifest.model_validate_json(scout(mock_stack, "resume", run_id, "--new-run", "--json").stdout)
    assert manifest.run_id != run_id
    assert manifest.status is RunStatus.SUCCEEDED
    seeding = [line.fields for line in logs.of(mock_stack, manifest.run_id, state="SeedPrimaries")]
    assert "Stage completed successfully" in {line["message"] for line in seeding}
    assert "Calls settled" not in {line["message"] for line in seeding}, "it asked nobody anything"
    assert manifest.states["SeedPrimaries"].records > 0
    # What was found before is found again.
    storage, slug = facts.storage_of(mock_stack), manifest.input.slug
    before, after = (
        {key.rpartition("/")[2] for key in storage.keys(keys.extracted_prefix(slug, each))}
        for each in (run_id, manifest.run_id)
    )
    assert before <= after
    assert manifest.counts.primaries == 200


@pytest.fixture
def extract_put_right(mixed_stack: Deployment, extract: Path) -> Iterator[Callable[[str], None]]:
    s3, put = mixed_stack.session.client("s3"), []

    def put_right(key: str) -> None:
        s3.put_object(Bucket=mixed_stack.bucket, Key=key, Body=extract.read_bytes())
        put.append(key)

    yield put_right
    for key in put:
        s3.delete_object(Bucket=mixed_stack.bucket, Key=key)


def test_a_run_that_reported_itself_is_resumed_as_a_new_run(
    mixed_stack: Deployment, extract_put_right: Callable[[str], None], scout: Scout
) -> None:
    key = f"reference/osm/{uuid.uuid4()}.osm.pbf"
    correlation_id = str(uuid.uuid4())
    job = changed(
        example("helsinki"),
        sources={"osm_extract": f"s3://{mixed_stack.bucket}/{key}"},
        orchestrator={"fail_fast": True, "correlation_id": correlation_id},
    )
    run_id = runs.start(mixed_stack, job)
    assert runs.follow(mixed_stack, run_id, Silent(), 120)["error"] == "RunReported"
    dead_letter(mixed_stack, run_id)
    errors = [json.loads(line) for line in scout(mixed_stack, "logs", run_id, "--errors", "--json").stdout.splitlines()]
    assert errors
    # A frontier that is closed while pages are in flight says so, too.
    stages = {(line["currentStage"], line["errorType"]) for line in errors if "currentStage" in line}
    assert stages == {("TileSweep", "ExtractNotFound")}
    found = dict(standing.of(mixed_stack, run_id).errors)
    assert found["TileSweep"].startswith("ExtractNotFound")
    left = json.loads(scout(mixed_stack, "outputs", run_id, "--json").stdout)["outputs"]
    assert "manifest" not in {one["what"] for one in left}, "what it came through is there all the same"
    assert any(one["key"].endswith("/ExpandNeighbors/output.json") for one in left)

    planned = resuming.plan_resume(mixed_stack, run_id)
    assert planned.way is ResumeWay.NEW_RUN
    assert "RunReported, which fails again" in planned.why
    assert "SeedPrimaries" in planned.skips
    extract_put_right(key)
    resumed, again = resuming.resume(mixed_stack, planned)
    assert resumed != run_id
    assert again.orchestrator.correlation_id != correlation_id
    assert ended(mixed_stack, resumed).status is RunStatus.SUCCEEDED


def test_a_run_that_was_refused_is_not_resumed(mock_stack: Deployment) -> None:
    run_id = f"refused-{uuid.uuid4().hex[:8]}"
    states = mock_stack.session.client("stepfunctions")
    states.start_execution(stateMachineArn=mock_stack.city_discovery_arn, name=run_id, input='{"city": "Nowhere"}')
    runs.follow(mock_stack, run_id, Silent(), 60)
    dead_letter(mock_stack, run_id)
    with pytest.raises(ScoutError, match="was refused, and so would be the same input again"):
        resuming.plan_resume(mock_stack, run_id)
    assert [line.fields["errorType"] for line in logs.of(mock_stack, run_id, errors=True)] == ["InvalidInput"]


def test_the_same_job_twice_is_a_duplicate(mock_stack: Deployment) -> None:
    job = changed(example("early-stop-test"), orchestrator={"correlation_id": str(uuid.uuid4())})
    first = run(mock_stack, job)[0].run_id
    second = runs.start(mock_stack, job)
    assert runs.follow(mock_stack, second, Silent(), 60)["status"] == "SUCCEEDED"
    assert facts.of(mock_stack, first).status is Status.SUCCEEDED
    known = facts.of(mock_stack, second)
    assert known.status is Status.DUPLICATE
    with pytest.raises(ScoutError, match="did nothing: its job had a run already"):
        known.finished()
    with pytest.raises(InputNotFound):
        facts.ledger_of(mock_stack, second).run(max_age=0)
