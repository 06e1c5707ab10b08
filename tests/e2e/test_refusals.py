"""What must not run does not run, and nothing is lost on the way."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from lambdas.runtime import keys
from scout.cities import runs
from scout.deployment import Deployment
from tests.e2e.support import Silent, changed, dead_letter, depth, eventually, example, run

pytestmark = pytest.mark.e2e


def start(deployment: Deployment, document: str) -> str:
    answer = deployment.session.client("stepfunctions").start_execution(
        stateMachineArn=deployment.city_discovery_arn, name=f"raw-{uuid.uuid4()}", input=document
    )
    return answer["executionArn"]


def ended(deployment: Deployment, arn: str) -> dict[str, Any]:
    states = deployment.session.client("stepfunctions")

    def execution() -> dict[str, Any] | None:
        answer = dict(states.describe_execution(executionArn=arn))
        return answer if answer["status"] != "RUNNING" else None

    result = eventually(execution, 60)
    assert result is not None
    return dict(result)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": {"type": "map", "center": {"lat": 91, "lng": 0}, "radius_km": 5}}, "seed.center.lat"),
        ({"speed": "high"}, "speed"),
        ({"city": 7}, "city"),
    ],
)
def test_a_wrong_input_is_refused_before_any_state_runs(
    mock_stack: Deployment, change: dict[str, Any], named: str
) -> None:
    document = {**example("early-stop-test").document(), **change}
    arn = start(mock_stack, json.dumps(document))
    execution = ended(mock_stack, arn)

    assert execution["status"] == "FAILED"
    assert execution["error"] == "InvalidInput"
    assert named in execution["cause"]
    history = mock_stack.session.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    entered = [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]
    assert entered == ["OpenRun", "RunRefused"]

    report = dead_letter(mock_stack, arn)["detail"]
    assert (report["status"], report["error"]) == ("FAILED", "InvalidInput")
    assert json.loads(report["input"]) == document


def test_the_same_job_twice_is_answered_with_the_first_run(mock_stack: Deployment) -> None:
    correlation = {"correlation_id": str(uuid.uuid4())}
    job = changed(example("early-stop-test"), orchestrator=correlation)
    first, _ = run(mock_stack, job)
    execution = ended(mock_stack, start(mock_stack, json.dumps(job.document())))

    assert execution["status"] == "SUCCEEDED"
    answer = json.loads(execution["output"])["run"]
    assert answer["duplicate"] is True
    assert answer["runId"] == first.run_id


def test_two_runs_of_a_city_at_once_do_not_disturb_each_other(mock_stack: Deployment) -> None:
    job = example("early-stop-test")
    ids = [runs.start(mock_stack, job) for _ in range(2)]
    for run_id in ids:
        assert runs.follow(mock_stack, run_id, Silent(), 120)["status"] == "SUCCEEDED"
        manifest = json.loads(
            mock_stack.session.client("s3")
            .get_object(Bucket=mock_stack.bucket, Key=keys.manifest(job.slug, run_id))["Body"]
            .read()
        )
        assert manifest["run_id"] == run_id
        assert manifest["stopped_by"] == "early_stop"


def test_a_poison_message_ends_in_the_dlq_alone_and_with_its_attributes(mock_stack: Deployment) -> None:
    sqs = mock_stack.session.client("sqs")
    attributes: Any = {"correlation_id": {"DataType": "String", "StringValue": str(uuid.uuid4())}}
    sqs.send_message(QueueUrl=mock_stack.frontier_queue_url, MessageBody="{not json", MessageAttributes=attributes)

    assert eventually(lambda: depth(mock_stack, mock_stack.frontier_dlq_url), 90) == 1
    dead = sqs.receive_message(QueueUrl=mock_stack.frontier_dlq_url, MessageAttributeNames=["All"])["Messages"][0]
    assert dead["Body"] == "{not json"
    assert dead["MessageAttributes"]["correlation_id"] == attributes["correlation_id"]
    sqs.delete_message(QueueUrl=mock_stack.frontier_dlq_url, ReceiptHandle=dead["ReceiptHandle"])
    assert eventually(lambda: depth(mock_stack, mock_stack.frontier_queue_url) == 0)
