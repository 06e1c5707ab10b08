"""City discovery: the whole product, composed of the other components."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass

import pulumi

from artifacts import Builder
from components.city_functions import (
    CONTROL,
    FINALIZATION,
    REAL,
    CityFunction,
    function_of,
    functions_of,
    reserved_concurrency,
    targets_of,
)
from components.city_jobs import dedupe_job, large_dedupe, run_large_dedupe
from components.context import StackContext
from components.function_spec import FunctionLayers, FunctionSources, function_roles
from components.glue_job import GlueJob
from components.policies import Statement, invoke_functions, receive_messages, send_messages
from components.run_ledger import RunLedger, RunLedgerArgs
from components.source_queue import SourceQueue, SourceQueueArgs
from components.stage_function import StageFunction
from components.workflow_bucket import WorkflowBucket
from components.workflow_machine import FailureReports, QueueSource, Workflow, WorkflowMachine, WorkflowMachineArgs
from components.workflow_roles import RoleSpec, WorkflowRoles, WorkflowRolesArgs, pipe_role, state_machine_role
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
        builder: Builds the zips of functions.
        bucket: Where states hand over, and where results lie.
        layers: The layers of the functions.
    """

    context: StackContext
    builder: Builder
    bucket: WorkflowBucket
    layers: FunctionLayers


class CityDiscovery(pulumi.ComponentResource):
    """Frontier, ledger, functions with their roles, and the two state machines.

    ``city-discovery`` (Standard) runs a city from start to end. What its first states send to the frontier reaches
    ``page-processing`` (Express) through a pipe, in batches.

    Attributes:
        frontier: The queue and its dead-letter queue.
        ledger: The ledger of runs.
        city: The Standard workflow.
        pages: The Express workflow.
    """

    frontier: SourceQueue
    ledger: RunLedger
    city: WorkflowMachine
    pages: WorkflowMachine

    def __init__(self, name: str, args: CityDiscoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        city, pages = workflows(args.context)
        super().__init__("data-scout:components:CityDiscovery", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        frontier = context.settings.frontier
        queue = SourceQueueArgs(context, "frontier", PAGE_TIMEOUT_SECONDS, frontier.max_receive_count, FAILURE_RULE)
        self.frontier = SourceQueue("frontier", queue, child)
        self.ledger = RunLedger("ledger", RunLedgerArgs(context), child)
        roles = WorkflowRolesArgs(context, roles_of(context), args.bucket.key_arn)
        self._roles = WorkflowRoles("roles", roles, child).roles
        functions = self._functions(args, _versions(args.builder, city, pages))
        jobs = [self._dedupe_job(args)] if large_dedupe(context) else []
        failures = FailureReports(FAILURE_RULE, self.frontier.dlq.arn, self.frontier.dlq.policy, REPORTED)
        self.city = WorkflowMachine(
            CITY,
            WorkflowMachineArgs(
                context, city, self._roles[f"{CITY}-role"], calls=[*functions, *jobs], failures=failures
            ),
            child,
        )
        source = QueueSource(
            PIPE,
            self.frontier.arn,
            self._roles[f"{PIPE}-pipe-role"],
            frontier.batch_size,
            frontier.batch_window_seconds,
        )
        self.pages = WorkflowMachine(
            PAGES,
            WorkflowMachineArgs(context, pages, self._roles[f"{PAGES}-role"], calls=functions, source=source),
            child,
        )
        self.register_outputs({"cityDiscoveryArn": self.city.arn, "pageProcessingArn": self.pages.arn})

    def _functions(self, args: CityDiscoveryArgs, versions: dict[str, str]) -> list[StageFunction]:
        settings, child = args.context.settings, pulumi.ResourceOptions(parent=self)
        sources = FunctionSources(args.context, args.builder, args.layers, self._roles)
        environment = {
            "WORKFLOW_BUCKET": args.bucket.name,
            "LEDGER_TABLE": self.ledger.name,
            "FRONTIER_QUEUE_URL": self.frontier.url,
        }
        control_environment = {
            "STATE_MODES": _json({state.value: mode.value for state, mode in settings.states.items()}),
            "RUN_DEFAULTS": _json(settings.run_defaults()),
            "MAX_RECEIVE_COUNT": str(settings.frontier.max_receive_count),
            "VERSIONS": _json(versions),
        }
        outside = {"CONNECTORS": _json(settings.connectors.said())}
        ending = {"FINALIZATION": _json(settings.finalization.said())}
        more = {
            CONTROL.name: control_environment,
            **{function.name: ending if state in FINALIZATION else outside for state, function in REAL.items()},
            REAL[CityState.FINALIZE].name: ending | outside,
        }
        return [
            sources.make(
                function,
                child,
                {**environment, **more.get(function.name, {})},
                reserved_concurrency(function, settings),
            )
            for function in functions_of(settings)
        ]

    def _dedupe_job(self, args: CityDiscoveryArgs) -> GlueJob:
        child = pulumi.ResourceOptions(parent=self)
        return dedupe_job(
            args.context,
            args.builder,
            args.bucket,
            child,
            ledger_table=self.ledger.name,
            frontier_url=self.frontier.url,
        )


def check(context: StackContext) -> None:
    """See that the two state machines keep the rules, before anything is made.

    Raises:
        DefinitionError: One does not; the message names the state.
    """
    workflows(context)


def workflows(context: StackContext) -> tuple[Workflow, Workflow]:
    """The two state machines of a stack, as they will be deployed.

    Args:
        context: The stack.

    Returns:
        ``city-discovery`` and ``page-processing``.

    Raises:
        DefinitionError: One of them breaks a rule; the message names the state.
    """
    settings, targets = context.settings, targets_of(context, large_dedupe(context))
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
    city_calls = _calls(context, *PHASES[Phase.DISCOVERY], *PHASES[Phase.FINALIZATION])
    # Searches of maps, which the frontier also holds, are work of the function of ExpandNeighbors.
    page_calls = _calls(context, *PHASES[Phase.PROCESSING], CityState.EXPAND_NEIGHBORS)
    start_pages = Statement("StartWorkflow", ("states:StartSyncExecution",), (context.arn("state machine", PAGES),))
    return {
        **function_roles(context, functions_of(context.settings)),
        f"{CITY}-role": state_machine_role(
            context, CITY, city_calls, *run_large_dedupe(context), send_messages(context.arn("queue", "frontier-dlq"))
        ),
        f"{PAGES}-role": state_machine_role(context, PAGES, page_calls),
        f"{PIPE}-pipe-role": pipe_role(context, PIPE, receive_messages(context.arn("queue", "frontier")), start_pages),
    }


def _calls(context: StackContext, *states: CityState) -> Statement:
    functions: list[CityFunction] = [CONTROL, *(function_of(state, context.settings) for state in states)]
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
