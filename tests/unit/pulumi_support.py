"""Runs the program, or a part of it, under Pulumi mocks that record every resource.

Under the SDK's own mocks much passes that the engine refuses or that nobody looks at. Here a duplicate name is an
error, the outputs that components register are kept, and a test that builds resources gets them as a graph to assert
on, after the event loop is done, so that no assertion can be left waiting in an ``apply`` that never runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, rpc, set_all_config, set_mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack, massage, run_pulumi_func

import artifacts
from components.context import StackContext
from scout.embedded.deploy.stack_config import load_stack_config
from settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = "data-scout"
ACCOUNT = "123456789012"
REGION = "us-east-1"

Properties = dict[str, Any]
Outputs = Callable[[Properties], Properties]


def _arn(
    service: str, resource: Callable[[Properties], str], region: bool = True
) -> Callable[[Properties], Properties]:
    where = f"{REGION}:{ACCOUNT}" if region else f":{ACCOUNT}"
    return lambda inputs: {"arn": f"arn:aws:{service}:{where}:{resource(inputs)}"}


def _queue(inputs: Properties) -> Properties:
    name = inputs["name"]
    return {
        "arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",
    }


def _named(prefix: str) -> Callable[[Properties], str]:
    return lambda inputs: f"{prefix}{inputs['name']}"


def _nothing(_: Properties) -> Properties:
    return {}


# What the provider adds to a resource's inputs. A type that is not here is one that the program should not make.
OUTPUTS: dict[str, Outputs] = {
    "aws:s3/bucket:Bucket": lambda inputs: {"arn": f"arn:aws:s3:::{inputs['bucket']}"},
    "aws:s3/bucketVersioning:BucketVersioning": _nothing,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _nothing,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _nothing,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _nothing,
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _nothing,
    "aws:s3/bucketPolicy:BucketPolicy": _nothing,
    "aws:kms/key:Key": lambda _: {"arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", "keyId": "1"},
    "aws:kms/alias:Alias": _nothing,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _nothing,
    "aws:dynamodb/table:Table": _arn("dynamodb", _named("table/")),
    "aws:iam/role:Role": _arn("iam", _named("role/"), region=False),
    "aws:iam/rolePolicy:RolePolicy": _nothing,
    "aws:cloudwatch/logGroup:LogGroup": _arn("logs", _named("log-group:")),
    "aws:lambda/layerVersion:LayerVersion": _arn("lambda", lambda inputs: f"layer:{inputs['layerName']}:1"),
    "aws:lambda/function:Function": _arn("lambda", _named("function:")),
    "aws:sfn/stateMachine:StateMachine": _arn("states", _named("stateMachine:")),
    "aws:pipes/pipe:Pipe": _arn("pipes", _named("pipe/")),
    "aws:cloudwatch/eventRule:EventRule": _arn("events", _named("rule/")),
    "aws:cloudwatch/eventTarget:EventTarget": _nothing,
    "aws:glue/job:Job": _arn("glue", _named("job/")),
    "aws:glue/securityConfiguration:SecurityConfiguration": _nothing,
    "aws:s3/bucketObjectv2:BucketObjectv2": _nothing,
    "aws:sns/topic:Topic": _arn("sns", _named("")),
}
CALLS: dict[str, Properties] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/tester",
        "id": ACCOUNT,
        "userId": "tester",
    },
}


@dataclass(frozen=True)
class Resource:
    """A resource as the program asked for it."""

    type: str
    name: str
    inputs: Properties
    parent: str
    depends_on: frozenset[str]
    retained: bool = False

    @property
    def document(self) -> Any:
        """The policy of a resource that has one."""
        return json.loads(self.inputs.get("policy") or self.inputs["assumeRolePolicy"])


@dataclass
class Graph:
    """All that a program made. It knows whether anybody looked at it."""

    made: list[Resource] = field(default_factory=list)
    component_outputs: dict[str, Properties] = field(default_factory=dict)
    exports: Properties = field(default_factory=dict)
    looked_at: bool = False

    @property
    def resources(self) -> list[Resource]:
        """What was made, in the order of its registration."""
        self.looked_at = True
        return self.made

    def names(self, suffix: str) -> set[str]:
        """The physical names of all resources of a type."""
        return {resource.inputs["name"] for resource in self.of_type(suffix)}

    def of_type(self, suffix: str) -> list[Resource]:
        """The resources whose type ends in ``:suffix``."""
        return [resource for resource in self.resources if resource.type.endswith(f":{suffix}")]

    def one(self, suffix: str, name: str | None = None) -> Resource:
        """The only resource of a type, or the only one of that name."""
        found = [resource for resource in self.of_type(suffix) if name in (None, resource.name)]
        assert len(found) == 1, f"{len(found)} resources of type {suffix} and name {name}"
        return found[0]


GRAPHS: list[Graph] = []
"""The graphs of the running test; ``conftest.py`` sees to it that each was looked at."""


def _label(urn: str) -> str:
    """A URN as tests name a resource: ``Queue frontier``."""
    if not urn:
        return ""
    types, _, name = urn.split("::", 2)[2].partition("::")
    return f"{types.rpartition(':')[2]} {name}"


class _RecordingMocks(Mocks):
    def __init__(self, preview: bool) -> None:
        self.preview = preview

    def call(self, args: MockCallArgs) -> Properties:  # type: ignore[override] # the SDK takes a plain answer too
        return CALLS[args.token]

    def new_resource(self, args: MockResourceArgs) -> tuple[str, Properties]:
        if not args.custom:
            return "", args.inputs
        # In a preview nothing exists yet, so neither the id nor what the provider adds is known.
        return ("", args.inputs) if self.preview else (f"{args.name}-id", args.inputs | OUTPUTS[args.typ](args.inputs))


class _RecordingMonitor(MockMonitor):
    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.graph = Graph()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name
        if request.type == "pulumi:pulumi:Stack":
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if any((known.type, known.name) == (request.type, request.name) for known in self.graph.made):
            raise AssertionError(f"two resources of type {request.type} are named {request.name!r}")
        if request.custom and request.type not in OUTPUTS:
            raise AssertionError(f"unexpected resource type {request.type}")
        self.graph.made.append(
            Resource(
                type=request.type,
                name=request.name,
                inputs=rpc.deserialize_properties(request.object, keep_unknowns=True),
                parent=_label(request.parent),
                depends_on=frozenset(_label(urn) for urn in request.dependencies),
                retained=request.retainOnDelete,
            )
        )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> None:  # noqa: N802 - the engine's name
        outputs = rpc.deserialize_properties(request.outputs, keep_unknowns=True)
        label = _label(request.urn)
        if label.startswith("Stack "):
            self.graph.exports |= outputs
        else:
            self.graph.component_outputs[label] = outputs


def record(
    build: Callable[[], object], *, stack: str = "test", config: Mapping[str, str] | None = None, preview: bool = False
) -> Graph:
    """Run a function that makes resources.

    Args:
        build: What makes them.
        stack: The stack's name.
        config: The configuration as the engine holds it.
        preview: Nothing is made, so what only the provider knows is unknown.

    Returns:
        What was made. It is an error to make nothing.
    """
    monitor = _RecordingMonitor(_RecordingMocks(preview))

    def program() -> None:
        build()
        # `set_mocks` registered the stack's outputs before there were any.
        root = cast("Stack", get_root_resource())
        root.register_outputs(massage(root.outputs, []))

    async def main() -> None:
        # What depends on a resource that failed fails with the same error, which `run_pulumi_func` raises.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        # What a run before left behind, a failed one also outputs that belong to its closed loop.
        set_root_resource(cast("pulumi.Resource", None))
        SETTINGS.outputs.clear()
        set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
        set_all_config(dict(config or {}))
        await run_pulumi_func(program)

    contextvars.copy_context().run(asyncio.run, main())
    assert monitor.graph.made, "nothing was made"
    GRAPHS.append(monitor.graph)
    return monitor.graph


def stack_config(stack: str) -> dict[str, str]:
    """The configuration of a committed stack, as the engine hands it to the program."""
    return dict(load_stack_config(ROOT, stack).values)


def run_program(stack: str, *, config: Mapping[str, str] | None = None, preview: bool = False) -> Graph:
    """Run ``__main__.py`` for a committed stack, with layers that need no package index.

    Args:
        stack: The stack's name.
        config: Keys to lay over the stack's configuration.
        preview: Nothing is made.

    Returns:
        What the program made.
    """

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"))

    with artifacts.override(artifacts.LockOnlyBuilder(ROOT)):
        return record(program, stack=stack, config={**stack_config(stack), **(config or {})}, preview=preview)


def context_of(changes: Mapping[str, object] | None = None, stack: str = "mock") -> StackContext:
    """The context of a stack whose configuration is that of ``mock``, with some keys changed."""
    config = stack_config("mock") | {f"{PROJECT}:{key}": json.dumps(value) for key, value in (changes or {}).items()}
    return StackContext(Settings.load(PROJECT, stack, config), account=ACCOUNT)
