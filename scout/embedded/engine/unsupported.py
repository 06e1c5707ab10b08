"""What the provider protocol has beside resources and functions, of which the embedded AWS has nothing."""

from __future__ import annotations

from typing import NoReturn

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc


class Unsupported(provider_pb2_grpc.ResourceProviderServicer):
    """Answers these calls as the protocol wants it: UNIMPLEMENTED, or nothing where nothing is an answer."""

    # The names of the methods, and of what they take, are the protocol's.
    # ruff: noqa: N802

    def GetMapping(
        self, request: provider_pb2.GetMappingRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        """Say that nothing is known of other tools' names."""
        return provider_pb2.GetMappingResponse()

    def GetMappings(
        self, request: provider_pb2.GetMappingsRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingsResponse:
        """Say that nothing is known of other tools' names."""
        return provider_pb2.GetMappingsResponse()

    def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refuse: the schema is that of the AWS plugin, of which the handlers know a part."""
        _refuse(context, "the embedded AWS has no schema: unset PULUMI_DEBUG_PROVIDERS to take that of the AWS plugin")

    def Parameterize(self, request: provider_pb2.ParameterizeRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refuse: the AWS plugin takes no parameters."""
        _refuse(context, "the provider aws takes no parameters")

    def Construct(self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refuse: the AWS plugin has no components."""
        _refuse(context, f"the provider aws has no component {request.type}")

    def Call(self, request: provider_pb2.CallRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refuse: only components have methods."""
        _refuse(context, f"the provider aws has no method {request.tok}")

    def List(self, request: provider_pb2.ListRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refuse: the AWS CLI lists what is there."""
        _refuse(context, "the embedded AWS lists no resources here: use the AWS CLI with `scout aws env`")


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
    raise AssertionError("abort raises")
