"""Run a Pulumi program in this process, and hand each resource that it registers to an engine of ours.

The program is run as the engine's language host runs it: in the project's folder, as `__main__`, with its configuration
in the environment. What the SDK sends to the engine arrives in a monitor that takes the place of the SDK's mocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import os
import runpy
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from pulumi import Resource
from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack, massage, run_pulumi_func

import artifacts
from scout.embedded.wire import WireError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scout.embedded.deploy.stack_config import StackConfig
    from scout.embedded.resources import JsonObject

_log: Final = logging.getLogger(__name__)
_MAIN_FILE: Final = "__main__.py"
_STACK_TYPE: Final = "pulumi:pulumi:Stack"
# What the CLI says for a stack that belongs to no organization.
_ORGANIZATION: Final = "organization"

# Fields of a registration -> the resource option that fills it, for the options that have no meaning here.
_UNSUPPORTED: Final = {
    "importId": "import_",
    "retainOnDelete": "retain_on_delete",
    "providers": "providers",
    "provider": "provider",
    "remote": "remote components",
}


class ProgramError(Exception):
    """The program asks for something that this engine refuses, or does not have."""


@dataclass(frozen=True)
class Registration:
    """One resource as the program asks for it.

    Attributes:
        urn: Its URN.
        type: Its type token.
        name: Its name in the program.
        custom: False for a component.
        parent: The URN of its parent; empty if that is the stack.
        inputs: Its inputs as JSON values; `UNKNOWN` stands for what is not known yet.
        secrets: The inputs that hold a secret.
        dependencies: The URNs of what it depends on.
        property_dependencies: For each input, the URNs of what its value comes from.
        protect: Refuse to delete or replace it.
        ignore_changes: The inputs that keep the value that they had.
        replace_on_changes: The inputs that force a replacement beside those that the provider names.
        aliases: The URNs that it may have had before.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    inputs: JsonObject
    secrets: frozenset[str]
    dependencies: tuple[str, ...]
    property_dependencies: dict[str, list[str]]
    protect: bool
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    aliases: tuple[str, ...] = ()


class Engine(Protocol):
    """What decides on the resources of a program. Its methods are called from several threads at once."""

    def register(self, registration: Registration) -> tuple[str, JsonObject]:
        """Return the id of the resource and its outputs. In a preview, what is left out is unknown."""

    def register_outputs(self, urn: str, outputs: JsonObject) -> None:
        """Take what a component registers as its outputs."""

    def invoke(self, token: str, arguments: JsonObject) -> JsonObject:
        """Return the answer to a function of the provider."""


def run_program(config: StackConfig, engine: Engine, *, preview: bool = False) -> JsonObject:
    """Run the program of a project to its end.

    Args:
        config: The stack's configuration, and where the project is.
        engine: Decides on each resource.
        preview: Run as the engine's preview does, where outputs may be unknown.

    Returns:
        What the program exported. In a preview, what is unknown stands as `UNKNOWN`.

    Raises:
        ProgramError: A URN that stands twice, or an option without support.
        Exception: Whatever the program or `engine` raised, as it is. No resource is registered after the first error.
    """
    monitor = _Monitor(config, engine)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(_log_unretrieved)
        # Nothing of a program that ran here before may show in this one.
        set_root_resource(cast("Resource", None))
        SETTINGS.outputs.clear()
        set_all_config(dict(config.values), [])
        set_mocks(
            # Never asked: the monitor answers each request that would reach it.
            cast("Mocks", None),
            project=config.project,
            stack=config.stack,
            preview=preview,
            logger=_log,
            monitor=monitor,
            organization=_ORGANIZATION,
        )
        try:
            await run_pulumi_func(lambda: _run_main(config))
        except BaseException:
            # What depends on a resource that failed fails too, and may be heard of first.
            if monitor.failure is not None:
                raise monitor.failure from None
            raise

    # The SDK keeps its settings in context variables; a copy keeps them from the caller's.
    with _surroundings(config):
        contextvars.copy_context().run(asyncio.run, main())
    return monitor.exports


def _run_main(config: StackConfig) -> None:
    # Byte code is for Lambda's interpreter; a laptop's may be another, and each deployment would wait for it.
    with artifacts.override(replace(artifacts.builder(), bytecode=False)):
        runpy.run_path(str(config.directory / _MAIN_FILE), run_name="__main__")
    stack = get_root_resource()
    if isinstance(stack, Stack):
        # `set_mocks` made the stack and registered its outputs before there were any.
        stack.register_outputs(massage(stack.outputs, []))


def _log_unretrieved(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # After a failure the outputs of what depends on it hold the same error, and nobody asks for it again.
    _log.debug("%s", context.get("message"), exc_info=context.get("exception"))


@contextlib.contextmanager
def _surroundings(config: StackConfig) -> Iterator[None]:
    """Give the program the folder, the import path and the environment that the engine gives it."""
    variables = {"PULUMI_CONFIG": json.dumps(dict(config.values)), "PULUMI_CONFIG_SECRET_KEYS": "[]"}
    before = {name: os.environ.get(name) for name in variables}
    path = list(sys.path)
    os.environ.update(variables)
    sys.path.insert(0, str(config.directory))
    try:
        with contextlib.chdir(config.directory):
            yield
    finally:
        sys.path[:] = path
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Monitor(MockMonitor):
    """The engine's end of the protocol.

    Attributes:
        failure: The first error of any request.
        exports: What the program exported.
    """

    def __init__(self, config: StackConfig, engine: Engine) -> None:
        super().__init__(cast("Mocks", None))
        self.failure: Exception | None = None
        self.exports: JsonObject = {}
        self._config = config
        self._engine = engine
        self._urns: set[str] = set()
        self._lock = threading.Lock()

    def GetDeploymentInfo(self, request: object) -> resource_pb2.DeploymentInfo:  # noqa: N802 - the protocol's name
        # The SDK itself refuses what is not on this list, and turns a resource that stands for a value into its id.
        return resource_pb2.DeploymentInfo(supportedFeatures=[resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS])

    def RegisterResource(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        with self._remembering_failure():
            urn = self.make_urn(request.parent, request.type, request.name)
            self._claim(urn)
            if request.type == _STACK_TYPE:
                return resource_pb2.RegisterResourceResponse(urn=urn)
            identifier, outputs = self._engine.register(self._registration(urn, request))
            return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=encode(outputs))

    def RegisterResourceOutputs(  # noqa: N802 - the protocol's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> None:
        with self._remembering_failure():
            outputs, _ = decode(request.outputs, self._config.directory)
            if _type_of(request.urn) == _STACK_TYPE:
                # The empty set from `set_mocks` may come later.
                self.exports |= outputs
            else:
                self._engine.register_outputs(request.urn, outputs)

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:  # noqa: N802
        with self._remembering_failure():
            arguments, _ = decode(request.args, self._config.directory)
            answer = {"return": encode(self._engine.invoke(request.tok, arguments))}
            return resource_pb2.ResourceInvokeResponse(**answer)

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> object:  # noqa: N802
        with self._remembering_failure():
            raise ProgramError(f"{request.type} '{request.name}': reading a resource by its id has no support here")

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN that the engine would give: the types of all parents count, save the stack's."""
        above = _type_of(parent)
        qualified = type_ if above in ("", _STACK_TYPE) else f"{above}${type_}"
        return f"urn:pulumi:{self._config.stack}::{self._config.project}::{qualified}::{name}"

    def _claim(self, urn: str) -> None:
        with self._lock:
            if urn in self._urns:
                raise ProgramError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
            self._urns.add(urn)

    def _registration(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> Registration:
        for field, option in _UNSUPPORTED.items():
            if getattr(request, field):
                raise ProgramError(f"{request.type} '{request.name}': `{option}` has no support here")
        try:
            inputs, secrets = decode(request.object, self._config.directory)
        except WireError as error:
            raise ProgramError(f"{request.type} '{request.name}': {error}") from error
        return Registration(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent="" if _type_of(request.parent) == _STACK_TYPE else request.parent,
            inputs=inputs,
            secrets=secrets,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                key: sorted(value.urns) for key, value in sorted(request.propertyDependencies.items()) if value.urns
            },
            protect=request.protect,
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            aliases=tuple(request.aliasURNs),
        )

    @contextlib.contextmanager
    def _remembering_failure(self) -> Iterator[None]:
        if self.failure is not None:
            raise self.failure
        try:
            yield
        except Exception as error:
            with self._lock:
                self.failure = self.failure or error
            raise


def _type_of(urn: str) -> str:
    return urn.split("::")[2] if urn else ""
