"""Lambda functions as data, and the functions made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from artifacts import Builder
from components.context import StackContext
from components.policies import Statement
from components.stage_function import DISK_MB, StageFunction, StageFunctionArgs, function_layer
from components.workflow_roles import Role, RoleSpec, function_role
from workflow.targets import LambdaFunction

BASE_PACKAGES = ("lambdas/__init__.py", "lambdas/contracts", "lambdas/runtime")
COMMON_PACKAGES = (*BASE_PACKAGES, "lambdas/places")


@dataclass(frozen=True, kw_only=True)
class FunctionSpec(ABC):
    """A function of the stack.

    Attributes:
        name: Its name in the stack.
        description: What it does.
        packages: What its zip holds beside ``shared``.
        handler: What Lambda calls; by default ``handler`` in the module ``handler`` of the first package.
        timeout_seconds: Of one invocation.
        memory_mb: Its memory.
        layers: Its layers.
        shared: What its zip holds as others do; ``BASE_PACKAGES`` for a function that works on no places.
        disk_mb: The size of its /tmp.
    """

    name: str
    description: str
    packages: tuple[str, ...]
    handler: str = ""
    timeout_seconds: int
    memory_mb: int
    layers: tuple[str, ...] = ("core",)
    shared: tuple[str, ...] = COMMON_PACKAGES
    disk_mb: int = DISK_MB

    def __post_init__(self) -> None:
        if not self.handler:
            object.__setattr__(self, "handler", self.packages[0].replace("/", ".") + ".handler.handler")

    @property
    def all_packages(self) -> tuple[str, ...]:
        """Everything its zip holds."""
        return (*self.shared, *self.packages)

    @property
    def role(self) -> str:
        """The name of its role in the stack."""
        return f"{self.name}-role"

    @property
    @abstractmethod
    def uses_bucket(self) -> bool:
        """Whether it reads or writes objects."""

    @abstractmethod
    def statements(self, context: StackContext) -> tuple[Statement, ...]:
        """What this function may do, beyond writing its logs."""

    def target(self, context: StackContext) -> LambdaFunction:
        """This function as a state machine calls it."""
        return LambdaFunction(arn=context.arn("function", self.name), timeout_seconds=self.timeout_seconds)


def function_roles(context: StackContext, functions: Iterable[FunctionSpec]) -> dict[str, RoleSpec]:
    """The roles of functions by their names in the stack, one for each."""
    return {
        function.role: function_role(
            context, function.name, *function.statements(context), uses_bucket=function.uses_bucket
        )
        for function in functions
    }


class FunctionLayers(pulumi.ComponentResource):
    """The layers that the functions of a stack share.

    Attributes:
        arns: The ARN of each layer's version, by the layer's name.
    """

    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        context: StackContext,
        builder: Builder,
        functions: Iterable[FunctionSpec],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("data-scout:components:FunctionLayers", name, None, opts)
        architecture, child = context.settings.functions.architecture, pulumi.ResourceOptions(parent=self)
        self.arns = {
            layer: function_layer(context, layer, builder.layer(layer, architecture), child)
            for layer in sorted({layer for function in functions for layer in function.layers})
        }
        self.register_outputs({"arns": self.arns})


@dataclass(frozen=True)
class FunctionSources:
    """What functions are made of beside their specifications.

    Attributes:
        context: The stack.
        builder: Builds their zips.
        layers: The layers of the stack.
        roles: The roles by their names in the stack.
    """

    context: StackContext
    builder: Builder
    layers: FunctionLayers
    roles: Mapping[str, Role]

    def make(
        self,
        spec: FunctionSpec,
        opts: pulumi.ResourceOptions,
        environment: Mapping[str, pulumi.Input[str]],
        reserved_concurrency: int | None = None,
    ) -> StageFunction:
        """Make a function.

        Args:
            spec: The function.
            opts: Resource options.
            environment: Its environment variables.
            reserved_concurrency: As for ``StageFunctionArgs``.
        """
        return StageFunction(
            spec.name,
            StageFunctionArgs(
                self.context,
                function=spec.name,
                description=spec.description,
                handler=spec.handler,
                code=self.builder.function(spec.name, spec.all_packages),
                role=self.roles[spec.role],
                timeout_seconds=spec.timeout_seconds,
                memory_mb=spec.memory_mb,
                layers=[self.layers.arns[layer] for layer in spec.layers],
                disk_mb=spec.disk_mb,
                environment=environment,
                reserved_concurrency=reserved_concurrency,
            ),
            opts,
        )
