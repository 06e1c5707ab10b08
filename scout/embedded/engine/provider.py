"""The provider protocol of the Pulumi engine, answered by the resource handlers.

The engine calls Handshake, Attach and GetPluginInfo when it connects; CheckConfig, DiffConfig and Configure for the
provider resource; then for each resource Check, Diff if it has one already, and Create, Update or Delete; Read when it
refreshes or imports; Invoke for functions. In a preview it calls Create and Update with `preview`, and never Delete.
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/provider_plugin.go sends what arrives here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2

from scout.embedded.aws import AccountContext, AwsEndpoint
from scout.embedded.engine.answers import Properties, difference
from scout.embedded.engine.configuration import Target, region_of
from scout.embedded.engine.refusals import InitFailed, RefusedCall, answering
from scout.embedded.engine.unsupported import Unsupported
from scout.embedded.errors import UNKNOWN_TYPE, ResourceError, name_taken, naming
from scout.embedded.resources import HANDLERS, UNKNOWN, Incomplete, invoke
from scout.embedded.resources.differences import changed_inputs
from scout.embedded.wire import WireError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scout.embedded.resources import Handler, JsonObject

# The part of a configuration key that older engines write before its name.
_VARIABLES: Final = "aws:config:"


@dataclass(frozen=True)
class _Resource:
    """What a request says of the resource that it is about."""

    urn: str
    type: str
    name: str


class Provider(Unsupported):
    """Answers the engines that are connected; safe for many threads.

    Each connection has a configuration of its own: an engine opens one for each provider resource.

    Args:
        endpoint: The embedded AWS.
        account: Where all resources are. Twelve digits.
        directory: The program's folder, which paths of archives and assets start from.
        handlers: The handler of each resource type.
    """

    def __init__(
        self, endpoint: AwsEndpoint, account: str, directory: Path, handlers: Mapping[str, Handler] = HANDLERS
    ) -> None:
        self._endpoint = endpoint
        self._account = account
        self._directory = directory
        self._handlers = handlers
        self._regions: dict[str, str] = {}
        self._cancelled: set[str] = set()
        self._contexts: dict[str, AccountContext] = {}
        self._lock = threading.Lock()

    # The names of the methods, and of what they take, are the protocol's.
    # ruff: noqa: N802

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Say what is understood."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Take an engine's address. Nothing is asked of it."""
        with self._lock:
            # A port that an earlier engine had; each cancels its connections when it is done with them.
            self._cancelled.discard(context.peer())
            self._regions.pop(context.peer(), None)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Say which plugin this stands for: the one that the program is written for."""
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Begin no change any more for this engine; those under way take seconds, and are brought to their end."""
        with self._lock:
            self._cancelled.add(context.peer())
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Say what is wrong with the configuration of the provider."""
        with answering(context):
            given = Properties(request.news, self._directory)
            target = Target(self._account, region_of(given.values, self._endpoint.region))
            if problems := target.problems(given.values):
                return provider_pb2.CheckResponse(failures=_failures(problems))
            return provider_pb2.CheckResponse(inputs=given.answer(target.pinned(given.values)))

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say that what is in one region is not in another."""
        with answering(context):
            old = Properties(request.old_inputs, self._directory).values
            new = Properties(request.news, self._directory).values
            Target(self._account, "").require(old)
            keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
            before, after = (region_of(values, self._endpoint.region) for values in (old, new))
            some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
            return provider_pb2.DiffResponse(
                changes=some if keys else none, diffs=keys, replaces=["region"] if before != after else []
            )

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the configuration of one provider resource."""
        with answering(context):
            if not (request.sends_old_inputs and request.sends_old_inputs_to_delete):
                raise RefusedCall(
                    grpc.StatusCode.FAILED_PRECONDITION, "this engine does not send old inputs: update the Pulumi CLI"
                )
            configuration: JsonObject = {
                key.removeprefix(_VARIABLES): value for key, value in request.variables.items()
            } | decode(request.args, self._directory)[0]
            target = Target(self._account, region_of(configuration, self._endpoint.region))
            target.require(configuration)
            with self._lock:
                self._regions[context.peer()] = target.region
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
            )

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Say what is wrong with the inputs of a resource, or fill in what they leave out."""
        with answering(context):
            handler = self._handler(request)
            try:
                given = Properties(request.news, self._directory)
            except WireError as error:
                failure = provider_pb2.CheckFailure(property=error.argument, reason=str(error))
                return provider_pb2.CheckResponse(failures=[failure])
            if problems := handler.check(given.values):
                return provider_pb2.CheckResponse(failures=_failures(problems))
            return provider_pb2.CheckResponse(inputs=given.answer(handler.complete(given.values)))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say whether a resource is to be changed, and whether it is to be replaced for that."""
        with answering(context):
            old = Properties(request.old_inputs, self._directory).values
            new = Properties(request.news, self._directory).values
            return difference(self._handler(request), old, new, request.ignoreChanges)

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make a resource, whole or not at all; in a preview, say what would be known of it."""
        with answering(context):
            handler, ctx = self._handler(request), self._context(context)
            given = Properties(request.properties, self._directory)
            if request.preview:
                _, expected = handler.expected(given.values, ctx)
                told = dict.fromkeys([*expected, *(handler.assigned - {"id"}), *handler.volatile], UNKNOWN)
                return provider_pb2.CreateResponse(properties=given.answer(told | given.values))
            self._refuse_cancelled(context)
            with naming(_resource(request), "create"):
                holder = handler.find(given.values, ctx)
                if holder is not None:
                    raise name_taken(holder)
                try:
                    identifier, outputs = handler.create(given.values, ctx)
                except Incomplete as error:
                    failure = ResourceError(_resource(request), "create", error.code, error.message)
                    raise InitFailed(failure, error.identifier, given.answer(given.values)) from error
            return provider_pb2.CreateResponse(id=identifier, properties=given.answer(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Say how a resource stands, of which the engine may know nothing but the id; nothing if it is gone."""
        with answering(context):
            handler, ctx = self._handler(request), self._context(context)
            inputs = Properties(request.inputs, self._directory)
            properties = Properties(request.properties, self._directory)
            identifier = request.id
            with naming(_resource(request), "read"):
                observed = handler.observe(identifier, inputs.values, ctx)
                if observed is None:
                    return provider_pb2.ReadResponse()
                if not inputs.values and "id" not in handler.assigned:
                    # An import may name it in another way.
                    identifier = handler.expected(observed, ctx)[0]
                outputs = handler.read(identifier, observed, ctx)
            if outputs is None:
                return provider_pb2.ReadResponse()
            known = inputs.answer(observed, handler.archives)
            return provider_pb2.ReadResponse(
                id=identifier,
                inputs=known,
                properties=properties.answer(outputs, handler.archives, secrets=inputs.secrets),
            )

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change a resource; in a preview, say what would then be known of it."""
        with answering(context):
            handler, ctx = self._handler(request), self._context(context)
            old = Properties(request.old_inputs, self._directory).values
            given = Properties(request.news, self._directory)
            if request.preview:
                outputs = Properties(request.olds, self._directory)
                told = dict.fromkeys(handler.volatile, UNKNOWN) | handler.foretold(old, outputs.values, given.values)
                return provider_pb2.UpdateResponse(properties=given.answer(told))
            self._refuse_cancelled(context)
            with naming(_resource(request), "update"):
                if changed_inputs(old, given.values):
                    updated = handler.update(request.id, old, given.values, ctx)
                else:
                    # An engine asks for this where a creation was left incomplete.
                    updated = handler.resume(request.id, given.values, ctx)
            return provider_pb2.UpdateResponse(properties=given.answer(updated))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Delete a resource; one that is gone already is as good."""
        with answering(context):
            handler, ctx = self._handler(request), self._context(context)
            self._refuse_cancelled(context)
            with naming(_resource(request), "delete"):
                handler.delete(request.id, Properties(request.old_inputs, self._directory).values, ctx)
            return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        """Answer a function of the provider."""
        with answering(context):
            arguments = Properties(request.args, self._directory).values
            answer = {"return": encode(invoke(request.tok, arguments, self._context(context)))}
            return provider_pb2.InvokeResponse(**answer)

    def _handler(self, request: Any) -> Handler:  # noqa: ANN401 - the requests have no type in common
        resource = _resource(request)
        if resource.type not in self._handlers:
            raise ResourceError(resource, "look-up", UNKNOWN_TYPE, "the embedded AWS has no handler for this type.")
        return self._handlers[resource.type]

    def _context(self, context: grpc.ServicerContext) -> AccountContext:
        with self._lock:
            region = self._regions.get(context.peer())
            others = set(self._regions.values())
            if region is None and len(others) == 1:
                # A connection that was idle is made anew. What all have is right for it, too.
                region = others.pop()
            if region is None:
                raise RefusedCall(grpc.StatusCode.FAILED_PRECONDITION, "the provider is not configured: call Configure")
            if region not in self._contexts:
                self._contexts[region] = AccountContext(self._endpoint, self._account, region)
            return self._contexts[region]

    def _refuse_cancelled(self, context: grpc.ServicerContext) -> None:
        with self._lock:
            if context.peer() in self._cancelled:
                raise RefusedCall(grpc.StatusCode.CANCELLED, "cancelled before it was begun")


def _resource(request: Any) -> _Resource:  # noqa: ANN401 - the requests have no type in common
    # Older engines send the URN alone.
    _, _, rest = request.urn.partition("::")
    types, _, name = rest.partition("::")[2].partition("::")
    return _Resource(request.urn, request.type or types.rpartition("$")[2], request.name or name)


def _failures(problems: list[Any]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=problem.argument, reason=str(problem)) for problem in problems]
