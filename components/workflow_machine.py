"""A state machine with all that belongs to it: its logs, the pipe that feeds it, the rule that reports its failures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.context import StackContext
from components.workflow_roles import Role
from workflow.definition import MachineType, StateMachine, render
from workflow.rules import require_valid

# A pipe does not wait for a Standard workflow
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html).
INVOCATION_TYPES = {MachineType.EXPRESS: "REQUEST_RESPONSE", MachineType.STANDARD: "FIRE_AND_FORGET"}


@dataclass(frozen=True)
class Workflow:
    """A definition that keeps the rules: one that does not cannot be made.

    Attributes:
        definition: The state machine; its name is its name in the stack.
        machine_type: Standard or Express.
        function_timeouts: The time-out in seconds of each function that it calls, by the function's ARN.

    Raises:
        DefinitionError: AWS would refuse the definition, or it could not end as it should.
    """

    definition: StateMachine
    machine_type: MachineType
    function_timeouts: Mapping[str, int]

    def __post_init__(self) -> None:
        require_valid(self.definition, self.machine_type, self.function_timeouts)


@dataclass(frozen=True)
class QueueSource:
    """A queue whose messages start the state machine.

    Attributes:
        pipe: The pipe's name in the stack.
        queue_arn: The queue.
        role: What the pipe may do.
        batch_size: The most messages that one execution gets.
        batch_window_seconds: The longest wait for a full batch.
        input_template: What an execution gets of each message; by default the message as SQS has it.
        running: Whether the pipe fetches messages.
    """

    pipe: str
    queue_arn: pulumi.Input[str]
    role: Role
    batch_size: int
    batch_window_seconds: int
    input_template: str | None = None
    running: bool = True


@dataclass(frozen=True)
class FailureReports:
    """Where the events of executions that ended badly go: each has what is needed to start that execution again.

    Attributes:
        rule: The rule's name in the stack.
        queue_arn: The queue, whose policy must let this rule send.
        policy: That policy.
        own_report: The error of executions that reported themselves there, and are left out; None if none do.
    """

    rule: str
    queue_arn: pulumi.Input[str]
    policy: pulumi.Resource
    own_report: str | None = None


@dataclass(frozen=True)
class WorkflowMachineArgs:
    """What ``WorkflowMachine`` is made of.

    Attributes:
        context: The stack. Its settings say what the state machine logs, and whether there are traces.
        workflow: The state machine.
        role: What the state machine may do.
        definition: The workflow's JSON where ARNs in it are known only after the resources are there; ``workflow`` then
            has placeholders for them. By default that of ``workflow``.
        calls: What must be there before an execution starts.
        source: The queue that feeds it; None if executions are started otherwise.
        failures: Where executions that end badly are reported; None if nowhere. For Standard only: Express workflows
            emit no events (https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html).
    """

    context: StackContext
    workflow: Workflow
    role: Role
    definition: pulumi.Output[str] | None = None
    calls: Sequence[pulumi.Resource] = ()
    source: QueueSource | None = None
    failures: FailureReports | None = None

    def __post_init__(self) -> None:
        if self.failures and self.workflow.machine_type is MachineType.EXPRESS:
            raise ValueError(f"{self.workflow.definition.name}: Express workflows emit no events of their failures")


class WorkflowMachine(pulumi.ComponentResource):
    """A state machine, and what starts and watches it.

    Attributes:
        arn: The state machine's ARN.
        pipe_name: The pipe's name; None without a source.
    """

    arn: pulumi.Output[str]
    pipe_name: pulumi.Output[str] | None = None

    def __init__(self, name: str, args: WorkflowMachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:WorkflowMachine", name, None, opts)
        context, workflow = args.context, args.workflow
        self._tags = context.tags("workflow-machine")
        machine = aws.sfn.StateMachine(
            name,
            name=context.names.of("state machine", workflow.definition.name),
            type=workflow.machine_type.value,
            definition=args.definition or render(workflow.definition),
            role_arn=args.role.arn,
            logging_configuration=self._logging(name, args),
            tracing_configuration=aws.sfn.StateMachineTracingConfigurationArgs(
                enabled=context.settings.observability.tracing
            ),
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.role.policy, *args.calls]),
        )
        self.arn = machine.arn
        if args.source is not None:
            self.pipe_name = self._pipe(name, args.source, workflow.machine_type, context)
        if args.failures is not None:
            self._report_failures(name, args.failures, context)
        self.register_outputs({"arn": self.arn, "pipeName": self.pipe_name})

    def _logging(self, name: str, args: WorkflowMachineArgs) -> aws.sfn.StateMachineLoggingConfigurationArgs:
        """The log group and what goes there. OFF is said, not left out: what is left out stays as it was."""
        settings, machine = args.context.settings, args.workflow.definition.name
        if settings.observability.log_level == "OFF":
            return aws.sfn.StateMachineLoggingConfigurationArgs(level="OFF", include_execution_data=False)
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=args.context.log_group("state machine", machine),
            retention_in_days=settings.functions.log_retention_days,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.sfn.StateMachineLoggingConfigurationArgs(
            level=settings.observability.log_level,
            include_execution_data=settings.observability.include_execution_data,
            # Step Functions wants the log group's ARN with this ending.
            log_destination=log_group.arn.apply(lambda arn: f"{arn}:*"),
        )

    def _pipe(
        self, name: str, source: QueueSource, machine_type: MachineType, context: StackContext
    ) -> pulumi.Output[str]:
        pipe = aws.pipes.Pipe(
            name,
            name=context.names.of("pipe", source.pipe),
            description=f"Batches of messages for {name}",
            role_arn=source.role.arn,
            source=source.queue_arn,
            source_parameters=aws.pipes.PipeSourceParametersArgs(
                sqs_queue_parameters=aws.pipes.PipeSourceParametersSqsQueueParametersArgs(
                    batch_size=source.batch_size,
                    maximum_batching_window_in_seconds=source.batch_window_seconds,
                )
            ),
            target=self.arn,
            target_parameters=aws.pipes.PipeTargetParametersArgs(
                input_template=source.input_template,
                step_function_state_machine_parameters=aws.pipes.PipeTargetParametersStepFunctionStateMachineParametersArgs(
                    invocation_type=INVOCATION_TYPES[machine_type]
                ),
            ),
            desired_state="RUNNING" if source.running else "STOPPED",
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[source.role.policy]),
        )
        return pipe.name

    def _report_failures(self, name: str, failures: FailureReports, context: StackContext) -> None:
        """A rule for executions that ended badly, however they did."""
        pattern = self.arn.apply(
            lambda arn: json.dumps(
                {
                    "source": ["aws.states"],
                    "detail-type": ["Step Functions Execution Status Change"],
                    "detail": {"stateMachineArn": [arn], **_ended_badly(failures.own_report)},
                }
            )
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-failure",
            name=context.names.of("rule", failures.rule),
            description=f"Executions of {name} that ended badly"
            + (" and did not report it themselves" if failures.own_report else ""),
            event_pattern=pattern,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            f"{name}-failure",
            rule=rule.name,
            target_id="queue",
            arn=failures.queue_arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[failures.policy]),
        )


def _ended_badly(own_report: str | None) -> dict[str, object]:
    """The part of a pattern that matches every status but success, less the reports that came another way."""
    if own_report is None:
        return {"status": ["FAILED", "TIMED_OUT", "ABORTED"]}
    return {
        # Only a failure has an error in its event for certain, and only there may it be asked for.
        "$or": [
            {"status": ["FAILED"], "error": [{"anything-but": [own_report]}]},
            {"status": ["TIMED_OUT", "ABORTED"]},
        ]
    }
