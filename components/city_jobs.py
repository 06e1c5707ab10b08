"""The Glue job of city discovery: DedupeCanonicalize of more sightings than its function has memory for."""

from __future__ import annotations

from pathlib import Path

import pulumi

from artifacts import Builder
from components.city_functions import REAL
from components.context import StackContext
from components.function_spec import COMMON_PACKAGES
from components.glue_job import EXECUTIONS, GlueJob, GlueJobArgs
from components.policies import Statement, run_jobs, use_ledger
from components.workflow_bucket import WorkflowBucket
from workflow.city_states import CityState, StateMode
from workflow.targets import GlueJobTarget, LargeDedupe

_FUNCTION = REAL[CityState.DEDUPE_CANONICALIZE]
JOB = _FUNCTION.name
SCRIPT = Path("glue_scripts/dedupe_canonicalize.py")
REQUIREMENTS = Path("glue_scripts/requirements/places.txt")
# What the function's zip holds, and what distributes the work.
MODULES = (
    "glue_scripts/__init__.py",
    "glue_scripts/parts.py",
    "glue_scripts/places.py",
    *COMMON_PACKAGES,
    *_FUNCTION.packages,
)


def large_dedupe(context: StackContext) -> LargeDedupe | None:
    """The job and from how many sightings on it is used; ``None`` in a stack whose DedupeCanonicalize is mock."""
    if context.settings.states[CityState.DEDUPE_CANONICALIZE] is StateMode.MOCK:
        return None
    settings = context.settings.finalization.dedupe
    job = GlueJobTarget(name=context.names.of("job", JOB), timeout_minutes=settings.timeout_minutes)
    return LargeDedupe(beyond=settings.max_lambda_records, job=job)


def run_large_dedupe(context: StackContext) -> tuple[Statement, ...]:
    """What lets a state machine run the job, in a stack that has it."""
    return (run_jobs([context.arn("job", JOB)]),) if large_dedupe(context) else ()


def dedupe_job(
    context: StackContext,
    builder: Builder,
    bucket: WorkflowBucket,
    opts: pulumi.ResourceOptions,
    *,
    ledger_table: pulumi.Input[str],
    frontier_url: pulumi.Input[str],
) -> GlueJob:
    """Make the job. It may do what the function may: read what a run and the last one left, write its output.

    Args:
        context: The stack.
        builder: Builds the zip of its modules.
        bucket: The workflow bucket.
        opts: Resource options.
        ledger_table: The name of the ledger's table.
        frontier_url: The frontier, to which the job sends nothing, and may not.
    """
    settings = context.settings.finalization.dedupe
    return GlueJob(
        JOB,
        GlueJobArgs(
            context,
            job=JOB,
            description="Makes places of all sightings of a large run",
            script=SCRIPT,
            modules=builder.modules(f"{JOB}-job", MODULES),
            bucket=bucket,
            timeout_minutes=settings.timeout_minutes,
            worker_type=settings.worker_type,
            number_of_workers=settings.workers,
            arguments={
                "ledger_table": ledger_table,
                "frontier_queue_url": frontier_url,
                "timeout_minutes": str(settings.timeout_minutes),
            },
            requirements=REQUIREMENTS,
            reads=[prefix for prefix in _FUNCTION.reads if prefix != EXECUTIONS],
            statements=(use_ledger(context.arn("table", "ledger")),),
        ),
        opts,
    )
