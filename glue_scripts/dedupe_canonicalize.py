"""DedupeCanonicalize as a Glue job, for runs with more sightings than its function has memory for.

What it reads, what it leaves and what the ledger says of it is the same as of the function,
``lambdas/dedupe_canonicalize``; whoever comes after it does not know which of both it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple

from pyspark.sql import SparkSession

from glue_scripts.parts import bodies
from glue_scripts.places import Sizes, Work
from lambdas.dedupe_canonicalize.state import keeping_ids
from lambdas.finalization.outputs import unranked_key
from lambdas.finalization.results import handed_over
from lambdas.runtime.context import Deadline, StageOutput
from lambdas.runtime.errors import InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.runtime.stage import handle
from lambdas.runtime.storage import spool

NAMES = (
    "execution_id", "run_id", "stage_name", "previous_stage", "workflow_bucket", "ledger_table", "frontier_queue_url",
    "timeout_minutes",
)  # fmt: skip
# How much a task takes on; where a run is not told, as ``Sizes`` has it.
SIZES = ("block_records", "part_records")


class Invocation:
    """A run of the job in the place of a function's invocation.

    Args:
        job_run_id: The run's id.
        minutes: When Glue ends it.
    """

    def __init__(self, job_run_id: str, minutes: float) -> None:
        self.aws_request_id = job_run_id
        self._deadline = Deadline(60 * minutes)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Glue ends the run."""
        return round(1000 * self._deadline.remaining())


def arguments_of(argv: Sequence[str]) -> dict[str, str]:
    """The job's arguments, without ``--``; those that are not there are left out.

    Raises:
        InvalidInput: One is missing.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--JOB_RUN_ID", dest="job_run_id", default="local")
    for name in (*NAMES, *SIZES):
        parser.add_argument(f"--{name}")
    given = {name: value for name, value in vars(parser.parse_known_args(argv[1:])[0]).items() if value is not None}
    if missing := [f"--{name}" for name in NAMES if name not in given]:
        raise InvalidInput(f"The job was started without the arguments {', '.join(missing)}.")
    return given


def run(argv: Sequence[str]) -> None:
    """Do the work of the state in an execution, unless its output stands already.

    Args:
        argv: ``sys.argv``.

    Raises:
        InvalidInput: An argument is missing or not valid.
        Exception: Whatever failed; it is in the ledger then.
    """
    given = arguments_of(argv)
    event = {
        "executionId": given["execution_id"],
        "runId": given["run_id"],
        "currentStage": given["stage_name"],
        "previousStage": given["previous_stage"],
        "workflowBucket": given["workflow_bucket"],
    }
    environment = {"LEDGER_TABLE": given["ledger_table"], "FRONTIER_QUEUE_URL": given["frontier_queue_url"]}

    def dedupe(_: StageInput, run: Run) -> StageOutput:
        sizes = Sizes(*(int(given.get(name, default)) for name, default in zip(SIZES, astuple(Sizes()), strict=True)))
        return dedupe_canonicalize(run, given["job_run_id"], sizes)

    invocation = Invocation(given["job_run_id"], float(given["timeout_minutes"]))
    handle(event, invocation, {given["stage_name"]: dedupe}, environment=environment)


def dedupe_canonicalize(run: Run, job_run_id: str, sizes: Sizes) -> StageOutput:
    """Make places of all candidates of a run, on Spark.

    Args:
        run: The run.
        job_run_id: Names the folder of the part files.
        sizes: How much a task takes on.

    Returns:
        As ``lambdas.dedupe_canonicalize.state.dedupe_canonicalize``.

    Raises:
        Exception: As that; and what Spark raises.
    """
    builder = SparkSession.builder.appName(run.state)
    # Pairs are collected from all parts at once: several gigabytes where there are tens of millions of sightings.
    spark = builder.config("spark.driver.maxResultSize", "0").getOrCreate()
    folder = f"{unranked_key(run.execution_id).rpartition('/')[0]}/parts/{job_run_id}"
    work = Work(spark.sparkContext, run.storage.bucket, folder, run.job.city, run.record.started_at, sizes)
    try:
        return keeping_ids(run, lambda known: _handed_over(run, work, known))
    finally:
        spark.stop()


def _handed_over(run: Run, work: Work, known: Mapping[str, str]) -> StageOutput:
    made = work.places(run.extracted(), known)
    with spool() as lines:
        for body in bodies(run.storage, made.parts):
            lines.write(body)
        return handed_over(run, lines, sightings=made.sightings, places=made.places)


if __name__ == "__main__":
    run(sys.argv)
