"""A Lambda function of a workflow, with its log group; and the layers that functions share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from artifacts import PYTHON_VERSION, Artifact
from components.context import StackContext
from components.workflow_roles import Role
from workflow.targets import LambdaFunction

RUNTIME = f"python{PYTHON_VERSION}"
# What Lambda calls a function without reserved concurrency; leaving the argument out would not take a reservation back.
_UNRESERVED = -1


DISK_MB = 512
"""The /tmp of a function that asks for no more (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


@dataclass(frozen=True)
class StageFunctionArgs:
    """What ``StageFunction`` is made of.

    Attributes:
        context: The stack. Its settings say the architecture, the log level, how long logs are kept, and whether there
            are traces.
        function: The function's name in the stack, such as ``tile-sweep``.
        description: What it does.
        handler: The module and the function that Lambda calls.
        code: The zip with the code.
        role: What it may do.
        timeout_seconds: Of one invocation; at most 900.
        memory_mb: 128 to 10,240; the share of a CPU grows with it.
        layers: The ARNs of layer versions.
        environment: Environment variables beyond those that every function has.
        reserved_concurrency: The most invocations at once, taken from the account's limit; None reserves nothing.
        disk_mb: The size of its /tmp, 512 to 10,240.
    """

    context: StackContext
    function: str
    description: str
    handler: str
    code: Artifact
    role: Role
    timeout_seconds: int
    memory_mb: int
    layers: Sequence[pulumi.Input[str]] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    disk_mb: int = DISK_MB


class StageFunction(pulumi.ComponentResource):
    """A Lambda function that finds its log group and its permissions there when it first runs.

    Attributes:
        name: The function's name.
        arn: The function's ARN.
        target: The function as a state machine calls it, known before the function is there.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    target: LambdaFunction

    def __init__(self, name: str, args: StageFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:StageFunction", name, None, opts)
        context, settings = args.context, args.context.settings
        tags = context.tags("stage-function")
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=context.log_group("function", args.function),
            retention_in_days=settings.functions.log_retention_days,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        environment = {
            "POWERTOOLS_SERVICE_NAME": args.function,
            "LOG_LEVEL": settings.functions.log_level,
            **args.environment,
        }
        function = aws.lambda_.Function(
            name,
            name=context.names.of("function", args.function),
            description=args.description,
            role=args.role.arn,
            runtime=RUNTIME,
            architectures=[settings.functions.architecture],
            handler=args.handler,
            code=pulumi.FileArchive(str(args.code.path)),
            source_code_hash=args.code.code_sha256,
            layers=args.layers,
            memory_size=args.memory_mb,
            timeout=args.timeout_seconds,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=environment),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if settings.observability.tracing else "PassThrough"
            ),
            ephemeral_storage=(
                aws.lambda_.FunctionEphemeralStorageArgs(size=args.disk_mb) if args.disk_mb > DISK_MB else None
            ),
            reserved_concurrent_executions=args.reserved_concurrency or _UNRESERVED,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group, args.role.policy]),
        )
        self.name, self.arn = function.name, function.arn
        self.target = LambdaFunction(arn=context.arn("function", args.function), timeout_seconds=args.timeout_seconds)
        self.register_outputs({"name": self.name, "arn": self.arn})


def function_layer(
    context: StackContext, layer: str, code: Artifact, opts: pulumi.ResourceOptions | None = None
) -> pulumi.Output[str]:
    """Publish a layer.

    Args:
        context: The stack.
        layer: The layer's name in the stack.
        code: The zip with the packages.
        opts: Resource options.

    Returns:
        The ARN of the version with this code.
    """
    version = aws.lambda_.LayerVersion(
        f"{layer}-layer",
        layer_name=context.names.of("layer", layer),
        description=f"Third-party packages: {layer}",
        code=pulumi.FileArchive(str(code.path)),
        source_code_hash=code.code_sha256,
        compatible_architectures=[context.settings.functions.architecture],
        compatible_runtimes=[RUNTIME],
        opts=opts,
    )
    return version.arn
