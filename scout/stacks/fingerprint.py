"""What is deployed, as digests: where two fingerprints are equal, so are definitions, code, and settings of functions.

It is read from AWS and not from any file: what somebody changed by hand shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from scout.errors import ScoutError
from scout.pipelines.messages import named

if TYPE_CHECKING:
    from scout.deployment import Deployment

CITY_DISCOVERY = "city-discovery"
_FUNCTION = re.compile(r'"arn:aws[a-z-]*:lambda:[^":]+:\d+:function:([A-Za-z0-9_-]+)[":]')
_JOB = re.compile(r'"JobName":\s*"([^"$]+)"')
# Of a function's configuration, what decides what it does.
_FUNCTION_FIELDS = ("CodeSha256", "Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "Environment", "Role")
_JOB_FIELDS = ("Command", "DefaultArguments", "GlueVersion", "NumberOfWorkers", "Role", "Timeout", "WorkerType")
_DIGEST_LENGTH = 16


def machines_of(deployment: Deployment, subject: str) -> tuple[str, ...]:
    """The state machines of city discovery or of a pipeline, by ARN.

    Args:
        deployment: The stack.
        subject: ``city-discovery``, or a pipeline's name.

    Raises:
        ScoutError: The stack has no such pipeline.
    """
    if subject == CITY_DISCOVERY:
        return (deployment.city_discovery_arn, deployment.page_processing_arn)
    return (named(deployment, subject).arn,)


def fingerprint(deployment: Deployment, subject: str) -> dict[str, str]:
    """What is deployed of city discovery or of a pipeline.

    Args:
        deployment: The stack.
        subject: ``city-discovery``, or a pipeline's name.

    Returns:
        A digest for each state machine, and for each function and Glue job that their definitions call.

    Raises:
        ScoutError: AWS refused to say, or something that a definition calls is not there.
    """
    try:
        return dict(_read(deployment, machines_of(deployment, subject)))
    except (ClientError, BotoCoreError) as error:
        raise ScoutError(
            f"what stack {deployment.stack} has deployed cannot be read: {error}; `scout doctor` says what is missing"
        ) from error


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The names of what differs between two fingerprints, and how, in order."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            lines.append(f"{name} is gone")
        elif name not in old:
            lines.append(f"{name} is new")
        elif old[name] != new[name]:
            lines.append(f"{name} has changed")
    return lines


def _read(deployment: Deployment, machines: Iterable[str]) -> Iterable[tuple[str, str]]:
    session = deployment.session
    states, functions, jobs = session.client("stepfunctions"), session.client("lambda"), session.client("glue")
    definitions = []
    for arn in machines:
        machine = states.describe_state_machine(stateMachineArn=arn)
        definitions.append(machine["definition"])
        yield f"state machine {machine['name']}", _digest([machine["type"], machine["definition"]])
    text = "\n".join(definitions)
    for name in sorted(set(_FUNCTION.findall(text))):
        held = functions.get_function_configuration(FunctionName=name)
        layers = [layer["Arn"] for layer in held.get("Layers", [])]
        yield f"function {name}", _digest([_picked(held, _FUNCTION_FIELDS), layers])
    for name in sorted(set(_JOB.findall(text))):
        job = jobs.get_job(JobName=name)["Job"]
        yield f"job {name}", _digest([_picked(job, _JOB_FIELDS), _scripts(deployment, job)])


def _scripts(deployment: Deployment, job: Mapping[str, Any]) -> dict[str, str]:
    """The script of a job and its modules: they keep their keys when they change, so their contents are asked for."""
    s3, found = deployment.session.client("s3"), {}
    arguments = job.get("DefaultArguments", {})
    named = [arguments.get(name, "") for name in ("--extra-py-files", "--additional-python-modules")]
    beside = [url for urls in named for url in urls.split(",") if url.startswith("s3://")]
    for url in (job["Command"]["ScriptLocation"], *beside):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        found[url] = s3.head_object(Bucket=bucket, Key=key)["ETag"]
    return found


def _picked(held: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    return {field: held.get(field) for field in fields}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]
