"""The functions of the pipelines under test: their stages do what the message says.

A message is an object. ``fail`` says how often a stage fails before it works, by the stage's name; ``bytes`` how much
``grow`` puts out, and ``grow`` how much a legacy stage adds. Each stage writes its name at the end of ``path``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.runtime.aws import AWS, Aws
from lambdas.runtime.context import ExecutionContext, StageOutput
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput, ServiceUnavailable
from lambdas.runtime.handler import stage
from lambdas.runtime.handover import StageInput

_RECORD = "x" * 1000


@stage
def probe(given: StageInput, aws: Aws) -> StageOutput:
    """Fail as often as the message says, then hand on."""
    data, context = given.read(), given.context
    if not isinstance(data, dict):
        raise InvalidInput("The message is not an object.")
    attempt = _attempts(context, aws)
    if attempt <= data.get("fail", {}).get(context.current_stage, 0):
        raise ServiceUnavailable(f"attempt {attempt} was to fail")
    return StageOutput({**data, "path": [*data.get("path", []), context.current_stage]})


@stage
def grow(given: StageInput, aws: Aws) -> StageOutput:
    """Put out as many bytes as the message says."""
    return StageOutput(_records(given.read()["bytes"]))


@stage
def count(given: StageInput, aws: Aws) -> StageOutput:
    """Go through the records of the stage before, and count what they hold."""
    sizes = [len(record["text"]) for record in given.records()]
    return StageOutput({"records": len(sizes), "bytes": sum(sizes)}, len(sizes))


def tamper(event: Mapping[str, Any], context: Any, aws: Aws = AWS) -> Json:
    """Work as ``probe`` does, then take one character out of what stands in S3."""
    result = probe(event, context, aws)
    where = {"Bucket": event["workflowBucket"], "Key": result["outputKey"]}
    body = aws.s3.get_object(**where)["Body"].read().decode()
    aws.s3.put_object(**where, Body=body.replace("path", "pat", 1).encode())
    return result


def legacy(event: Mapping[str, Any], context: Any) -> Json:
    """A function from before the hand-over through S3: its data comes in the event and goes out as its answer."""
    data = event.get("data", event)
    if data.get("fail", {}).get("legacy"):
        raise ServiceUnavailable("was to fail")
    return {**data, "path": [*data.get("path", []), "legacy"], "padding": "x" * data.get("grow", 0)}


def _attempts(context: ExecutionContext, aws: Aws) -> int:
    """Which attempt of this stage in this execution it is."""
    prefix = f"attempts/{context.execution_id}/{context.current_stage}/"
    aws.s3.put_object(Bucket=context.workflow_bucket, Key=f"{prefix}{uuid.uuid4()}", Body=b"")
    return aws.s3.list_objects_v2(Bucket=context.workflow_bucket, Prefix=prefix)["KeyCount"]


def _records(size: int) -> Iterator[Json]:
    for number in range(size // len(_RECORD)):
        yield {"number": number, "text": _RECORD}
