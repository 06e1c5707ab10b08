"""Where a deployment is not what program and configuration ask for: it was not deployed since, or changed by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scout.doctor.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.doctor.program import Inputs, Program

_STATE_MODES, _VERSIONS = "STATE_MODES", "VERSIONS"
# Input of the resource -> field of the function's configuration.
_FIELDS = {"handler": "Handler", "runtime": "Runtime", "memorySize": "MemorySize", "timeout": "Timeout", "role": "Role"}
_GONE = {"ResourceNotFoundException", "StateMachineDoesNotExist", "EntityNotFoundException"}


def drift(
    deployment: Deployment, program: Program, advice: str, ignored: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Functions, layers, Glue jobs and state machines, each compared with what the program asks for.

    Args:
        deployment: The stack.
        program: Its program, with the names of its account.
        advice: What to do about it.
        ignored: Variables of functions that the place of the deployment decides, and not the program.
    """
    checks = (
        ("function", program.functions, partial(_function, ignored=ignored)),
        ("state machine", program.machines, _machine),
        ("job", program.jobs, _job),
    )
    found: list[Finding] = []
    for kind, wanted, look in checks:
        for name, inputs in wanted.items():
            try:
                problems = list(look(deployment, name, inputs, program))
            except ClientError as error:
                if error.response["Error"]["Code"] not in _GONE:
                    raise
                found.append(fail("drift", f"{kind} {name} is not there", advice))
                continue
            if problems:
                found.append(warn("drift", f"{kind} {name}: {'; '.join(problems)}", advice))
    yield from found
    if not found:
        counted = ", ".join(f"{len(wanted)} {kind}{'s' * (len(wanted) != 1)}" for kind, wanted, _ in checks)
        yield ok("drift", f"{counted} are as program and configuration ask for")


def _function(
    deployment: Deployment, name: str, inputs: Inputs, program: Program, *, ignored: frozenset[str]
) -> Iterator[str]:
    held = deployment.session.client("lambda").get_function_configuration(FunctionName=name)
    if held["CodeSha256"] != _base64(inputs["code"]["sha256"]):
        yield "its code differs"
    for key, field in _FIELDS.items():
        if inputs.get(key) != held.get(field):
            yield f"its {field} is {held.get(field)}, wanted is {inputs.get(key)}"
    variables = (inputs.get("environment", {}).get("variables", {}), held.get("Environment", {}).get("Variables", {}))
    wanted, given = ({name: side[name] for name in side.keys() - ignored} for side in variables)
    yield from _variables(wanted, given)
    yield from _layers(
        deployment, inputs.get("layers", []), [layer["Arn"] for layer in held.get("Layers", [])], program
    )


def _variables(wanted: Mapping[str, str], held: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(wanted.keys() | held.keys()):
        if name == _STATE_MODES and name in wanted and name in held:
            yield from _modes(json.loads(wanted[name]), json.loads(held[name]))
        elif _comparable(name, wanted.get(name)) != _comparable(name, held.get(name)):
            yield f"its variable {name} is {_shown(held.get(name))}, wanted is {_shown(wanted.get(name))}"


def _modes(wanted: Mapping[str, str], held: Mapping[str, str]) -> Iterator[str]:
    for state in sorted(wanted.keys() | held.keys()):
        if wanted.get(state) != held.get(state):
            yield f"{state} is deployed as {held.get(state)}, and its stack's file says {wanted.get(state)}"


def _comparable(name: str, value: str | None) -> object:
    if value is None:
        return None
    if name == _VERSIONS:
        # The digests beside it hold the account's id; what they are of is compared itself.
        return json.loads(value).get("program")
    if name.endswith("QUEUE_URL"):
        # The host is the endpoint's, which a program does not know.
        return value.split("/")[-2:]
    return value


def _layers(deployment: Deployment, wanted: list[str], held: list[str], program: Program) -> Iterator[str]:
    """By content: the number of a layer's version says only how often it was published."""
    names = [[arn.split(":")[6] for arn in arns] for arns in (wanted, held)]
    if names[0] != names[1]:
        yield f"its layers are {', '.join(names[1]) or 'none'}, wanted are {', '.join(names[0]) or 'none'}"
        return
    client = deployment.session.client("lambda")
    for arn, name in zip(held, names[1], strict=True):
        content = client.get_layer_version_by_arn(Arn=arn)["Content"]
        if content["CodeSha256"] != _base64(program.layers[name]["code"]["sha256"]):
            yield f"its layer {name} has other content"


def _machine(deployment: Deployment, name: str, inputs: Inputs, _: Program) -> Iterator[str]:
    known = {deployment.city_discovery_arn, deployment.page_processing_arn}
    known |= {pipeline.arn for pipeline in deployment.pipelines.values()}
    prefix = deployment.city_discovery_arn.rpartition(":")[0]
    arn = f"{prefix}:{name}"
    held = deployment.session.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    if arn not in known:
        yield "the stack does not export it"
    if json.loads(held["definition"]) != json.loads(inputs["definition"]):
        yield "its definition differs"
    if held["type"] != inputs.get("type", "STANDARD"):
        yield f"its type is {held['type']}, wanted is {inputs.get('type', 'STANDARD')}"
    levels = (held.get("loggingConfiguration", {}).get("level", "OFF"), _level(inputs))
    if levels[0] != levels[1]:
        yield f"it logs {levels[0]}, wanted is {levels[1]}"


def _level(inputs: Inputs) -> str:
    return str(inputs.get("loggingConfiguration", {}).get("level", "OFF"))


def _job(deployment: Deployment, name: str, inputs: Inputs, _: Program) -> Iterator[str]:
    held: Mapping[str, Any] = deployment.session.client("glue").get_job(JobName=name)["Job"]
    wanted = {
        "Role": inputs["roleArn"],
        "DefaultArguments": inputs.get("defaultArguments", {}),
        "GlueVersion": inputs.get("glueVersion"),
        "WorkerType": inputs.get("workerType"),
        "NumberOfWorkers": inputs.get("numberOfWorkers"),
        "Timeout": inputs.get("timeout"),
    }
    for field, value in wanted.items():
        if held.get(field) != value:
            yield f"its {field} is {_shown(held.get(field))}, wanted is {_shown(value)}"


def _base64(hexadecimal: str) -> str:
    """A SHA-256 as Lambda writes it."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def _shown(value: object) -> str:
    text = "not set" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
