"""City discovery: the whole product, composed of the other components."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass

import pulumi

from artifacts import Builder
from components.city_functions import CONTROL, FunctionSpec, function_of, functions_of, reserved_concurrency, targets_of
from components.context import StackContext
from components.frontier_queue import FrontierQueue, FrontierQueueArgs
from components.policies import Statement, invoke_functions, receive_messages, send_messages
from components.run_ledger import RunLedger, RunLedgerArgs
from components.stage_function import StageFunction, StageFunctionArgs, function_layer
from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs
from components.workflow_pipeline import FailureReports, QueueSource, Workflow, WorkflowPipeline, WorkflowPipelineArgs
from components.workflow_roles import (
    RoleSpec,
    WorkflowRoles,
    WorkflowRolesArgs,
    function_role,
    pipe_role,
    state_machine_role,
)
from workflow.city_discovery import REPORTED, city_discovery
from workflow.city_states import PHASES, CityState, Phase
from workflow.definition import MachineType, render
from workflow.page_processing import page_processing

PAGE_TIMEOUT_SECONDS = 300
CITY = "city-discovery"
PAGES = "page-processing"
PIPE = "frontier"
FAILURE_RULE = f"{CITY}-failure"


@dataclass(frozen=True)
class CityDiscoveryArgs:
    """What ``CityDiscovery`` is made of.

    Attributes:
        context: The stack.
        builder: Builds the zips of functions and layers.
    """

    context: StackContext
    builder: Builder


class CityDiscovery(pulumi.ComponentResource):
    """Bucket, frontier, ledger, functions with their roles, and the two state machines.

    ``city-discovery`` (Standard) runs a city from start to end. What its first states send to the frontier reaches
    ``page-processing`` (Express) through a pipe, in batches.

    Attributes:
        bucket: The bucket.
        frontier: The queue and its dead-letter queue.
        ledger: The ledger of runs.
        city: The Standard workflow.
        pages: The Express workflow.
    """

    bucket: WorkflowBucket
    frontier: FrontierQueue
    ledger: RunLedger
    city: WorkflowPipeline
    pages: WorkflowPipeline

    def __init__(self, name: str, args: CityDiscoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Before the first resource: a definition that breaks a rule must not leave half a stack.
        city, pages = workflows(args.context)
        super().__init__("data-scout:components:CityDiscovery", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        self.bucket = WorkflowBucket("data", WorkflowBucketArgs(context), child)
        self.frontier = FrontierQueue("frontier", FrontierQueueArgs(context, PAGE_TIMEOUT_SECONDS, FAILURE_RULE), child)
        self.ledger = RunLedger("ledger", RunLedgerArgs(context), child)
        self._roles = WorkflowRoles(
            "roles", WorkflowRolesArgs(context, roles_of(context), self.bucket.key_arn), child
        ).roles
        functions = self._functions(args, _versions(args.builder, city, pages))
        failures = FailureReports(FAILURE_RULE, self.frontier.dlq_arn, self.frontier.dlq_policy, REPORTED)
        self.city = WorkflowPipeline(
            CITY,
            WorkflowPipelineArgs(context, city, self._roles[f"{CITY}-role"], calls=functions, failures=failures),
            child,
        )
        frontier = context.settings.frontier
        source = QueueSource(
            PIPE,
            self.frontier.arn,
            self._roles[f"{PIPE}-pipe-role"],
            frontier.batch_size,
            frontier.batch_window_seconds,
        )
        self.pages = WorkflowPipeline(
            PAGES,
            WorkflowPipelineArgs(context, pages, self._roles[f"{PAGES}-role"], calls=functions, source=source),
            child,
        )
        self.register_outputs({"cityDiscoveryArn": self.city.arn, "pageProcessingArn": self.pages.arn})

    def _functions(self, args: CityDiscoveryArgs, versions: dict[str, str]) -> list[StageFunction]:
        settings, child = args.context.settings, pulumi.ResourceOptions(parent=self)
        functions = functions_of(settings)
        layers = {
            layer: function_layer(
                args.context, layer, args.builder.layer(layer, settings.functions.architecture), child
            )
            for layer in sorted({layer for function in functions for layer in function.layers})
        }
        environment = {
            "WORKFLOW_BUCKET": self.bucket.name,
            "LEDGER_TABLE": self.ledger.name,
            "FRONTIER_QUEUE_URL": self.frontier.url,
        }
        control_environment = {
            "STATE_MODES": _json({state.value: mode.value for state, mode in settings.states.items()}),
            "RUN_DEFAULTS": _json(settings.run_defaults()),
            "MAX_RECEIVE_COUNT": str(settings.frontier.max_receive_count),
            "VERSIONS": _json(versions),
        }
        return [
            StageFunction(
                function.name,
                StageFunctionArgs(
                    args.context,
                    function=function.name,
                    description=function.description,
                    handler=function.handler,
                    code=args.builder.function(function.name, function.all_packages),
                    role=self._roles[f"{function.name}-role"],
                    timeout_seconds=function.timeout_seconds,
                    memory_mb=function.memory_mb,
                    layers=[layers[layer] for layer in function.layers],
                    environment={**environment, **(control_environment if function is CONTROL else {})},
                    reserved_concurrency=reserved_concurrency(function, settings),
                ),
                child,
            )
            for function in functions
        ]


def workflows(context: StackContext) -> tuple[Workflow, Workflow]:
    """The two state machines of a stack, as they will be deployed.

    Args:
        context: The stack.

    Returns:
        ``city-discovery`` and ``page-processing``.

    Raises:
        DefinitionError: One of them breaks a rule; the message names the state.
    """
    settings, targets = context.settings, targets_of(context)
    city = city_discovery(
        targets,
        dlq_url=context.queue_url("frontier-dlq"),
        mean_poll_seconds=settings.frontier.mean_poll_seconds,
        retries=settings.retry,
    )
    pages = page_processing(
        targets,
        batch_size=settings.frontier.batch_size,
        concurrency=settings.frontier.batch_size,
        timeout_seconds=PAGE_TIMEOUT_SECONDS,
        retries=settings.retry,
    )
    return (
        Workflow(city, MachineType.STANDARD, targets.function_timeouts),
        Workflow(pages, MachineType.EXPRESS, targets.function_timeouts),
    )


def roles_of(context: StackContext) -> dict[str, RoleSpec]:
    """All roles of a stack by their names: one for each function, each state machine and the pipe."""
    functions = {
        f"{function.name}-role": function_role(
            context, function.name, *function.statements(context), uses_bucket=function.uses_bucket
        )
        for function in functions_of(context.settings)
    }
    city_calls = _calls(context, *PHASES[Phase.DISCOVERY], *PHASES[Phase.FINALIZATION])
    # Searches of maps, which the frontier also holds, are work of the function of ExpandNeighbors.
    page_calls = _calls(context, *PHASES[Phase.PROCESSING], CityState.EXPAND_NEIGHBORS)
    start_pages = Statement("StartWorkflow", ("states:StartSyncExecution",), (context.arn("state machine", PAGES),))
    return {
        **functions,
        f"{CITY}-role": state_machine_role(
            context, CITY, city_calls, send_messages(context.arn("queue", "frontier-dlq"))
        ),
        f"{PAGES}-role": state_machine_role(context, PAGES, page_calls),
        f"{PIPE}-pipe-role": pipe_role(context, PIPE, receive_messages(context.arn("queue", "frontier")), start_pages),
    }


def _calls(context: StackContext, *states: CityState) -> Statement:
    functions: list[FunctionSpec] = [CONTROL, *(function_of(state, context.settings) for state in states)]
    return invoke_functions(context.arn("function", function.name) for function in functions)


def _versions(builder: Builder, *machines: Workflow) -> dict[str, str]:
    """What a run's manifest says it was made with: the program's version, and a digest of each definition."""
    project = tomllib.loads((builder.root / "pyproject.toml").read_text())["project"]
    digests = {
        machine.definition.name: hashlib.sha256(render(machine.definition).encode()).hexdigest()[:12]
        for machine in machines
    }
    return {"program": project["version"], **digests}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
