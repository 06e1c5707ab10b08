from __future__ import annotations

import pytest

from lambdas.contracts.connectors import Connector
from lambdas.runtime import errors, keys
from lambdas.runtime.calls import Request
from lambdas.runtime.context import Deadline, ExecutionContext, RunContext, StageResult
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable
from workflow.retries import PERMANENT_ERRORS, TRANSIENT_ERRORS

EVENT = {
    "executionId": "run-1",
    "runId": "run-1",
    "currentStage": "TileSweep",
    "previousStage": None,
    "workflowBucket": "bucket",
    "initialData": {"a": 1},
}


def test_the_event_of_a_stage_is_read():
    context = ExecutionContext.parse(EVENT)
    assert (context.execution_id, context.current_stage, context.previous_stage) == ("run-1", "TileSweep", None)
    assert context.initial_data == {"a": 1}


@pytest.mark.parametrize("field", ["executionId", "runId", "currentStage", "workflowBucket"])
def test_a_missing_field_is_named(field):
    with pytest.raises(InvalidInput, match=f"{field}: Field required"):
        RunContext.parse({name: value for name, value in EVENT.items() if name != field})


@pytest.mark.parametrize("bad", ["../other", "a/b", "", "%2e", "a" * 129, ".hidden"])
def test_an_execution_id_cannot_leave_its_folder(bad):
    with pytest.raises(InvalidInput, match="executionId"):
        ExecutionContext.parse({**EVENT, "executionId": bad})


def test_a_result_has_its_texts_beside_its_counters():
    result = StageResult(
        stage="Finalize", records_processed=1, output_key="k", output_sha256="0" * 64, result={"runStatus": "PARTIAL"}
    )
    assert result.document() == {
        "status": "SUCCESS",
        "stage": "Finalize",
        "recordsProcessed": 1,
        "outputKey": "k",
        "outputSha256": "0" * 64,
        "metrics": {},
        "runStatus": "PARTIAL",
    }


def test_a_deadline_ends():
    now = [0.0]
    deadline = Deadline(5, lambda: now[0])
    now[0] = 4.0
    deadline.check()
    assert deadline.remaining() == 1
    now[0] = 6.0
    assert deadline.remaining() == 0
    with pytest.raises(ServiceUnavailable):
        deadline.check()


def test_the_state_machines_know_every_error_by_its_kind():
    """A name that only one side knows would be retried when it must not be, or not retried when it should."""
    assert set(errors.PERMANENT) == set(PERMANENT_ERRORS)
    assert set(errors.TRANSIENT) == {name for name in TRANSIENT_ERRORS if not name.startswith("Lambda.")}
    assert (len(errors.PERMANENT), len(errors.TRANSIENT)) == (12, 5)


def test_requests_with_equal_params_are_the_same_request():
    one, two = Request({"a": 1, "b": [2]}), Request({"b": [2], "a": 1}, estimate=5)
    assert one.hash(Connector.WIKI) == two.hash(Connector.WIKI)
    assert one.hash(Connector.WIKI) != one.hash(Connector.OTM)
    assert one.hash(Connector.WIKI) != Request({"a": 1}).hash(Connector.WIKI)


def test_an_estimate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Request({}, estimate=0)


def test_keys_lie_below_the_prefixes_of_the_lifecycle_rules():
    assert keys.stage_output("run-1", "Rank") == "executions/run-1/Rank/output.json"
    assert keys.raw_json(Connector.GOOGLE_TEXT, "new-york", "h") == "raw/json/google/new-york/h.json"
    assert keys.raw_json(Connector.WIKI, "tokyo", "h") == "raw/json/open-data/tokyo/h.json"
    assert keys.raw_html("tokyo", "example.org", "h") == "raw/html/tokyo/example.org/h.html"
    assert keys.extracted("tokyo", "run-1", "h") == "extracted/tokyo/run-1/h.json"
    assert keys.manifest("tokyo", "run-1") == "manifests/tokyo/run-1.json"
    assert keys.targets("tokyo") == "manifests/tokyo/targets-v1.json"
    assert keys.places("tokyo", "run-1") == "cities/tokyo/run-1/places.jsonl"
    assert keys.places_geojson("tokyo", "run-1") == "cities/tokyo/run-1/places.geojson"
    assert keys.latest("tests/x/") == "tests/x/latest.json"
