"""What a new run of a job takes over from one that failed: stages whose outputs stand, and all that was found.

A stage looks for its own output before it works, and is answered from it. So a new run skips a stage if its output lies
in the new run's folder before the run is started. Of a stage that sends messages to the frontier, the output alone is
not its whole effect: it is skipped only if all of its messages were done, for those of the failed run are dropped. Nor
is a stage skipped that left out a part of its work, such as one that was at it when a gate closed.

Only the stages of the discovery phase are taken over. Those of the finalization phase sum up what all before them have
found, which may be more in the new run; they ask nothing of outside services.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.contracts.manifest import StateStatus
from lambdas.runtime import envelope, keys
from lambdas.runtime.documents import to_json
from lambdas.runtime.errors import InputNotFound, OutputConflict
from lambdas.runtime.messages import MessageState
from lambdas.runtime.parallel import in_parallel
from scout.cities.facts import RunFacts, ledger_of, storage_of
from scout.cities.outputs import objects
from workflow.city_states import PHASES, Phase

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from lambdas.runtime.storage import Storage
    from scout.deployment import Deployment

_STAGES = tuple(state.value for state in PHASES[Phase.DISCOVERY])


def stages(deployment: Deployment, known: RunFacts) -> tuple[str, ...]:
    """The stages of a run that a new run of its job need not do again.

    Args:
        deployment: Where.
        known: A run that ended badly.

    Raises:
        StageError: The ledger or the bucket could not be read, or an output is not what its stage wrote.
    """
    if known.record is None:
        # Nothing tells which of its messages were done.
        return ()
    items = ledger_of(deployment, known.run_id).read_all("MSG#", "state", "sender")
    storage, unfinished = storage_of(deployment), unfinished_stages(known.run_id, items)
    return tuple(
        stage for stage in _STAGES if stage not in unfinished and is_whole(_output(storage, known.run_id, stage) or {})
    )


def is_whole(output: Mapping[str, Any]) -> bool:
    """Whether a stage has done all of its work: no gate, kill switch or budget has kept it from a part.

    Args:
        output: What it put out; empty if it has put nothing out.
    """
    return output.get("status") == StateStatus.SUCCEEDED and output.get("skipped") == 0


def take_over(deployment: Deployment, known: RunFacts, skipped: tuple[str, ...], run_id: str) -> None:
    """Lay what stands into the folders of a run that is to be started. A repeated call changes nothing.

    Args:
        deployment: Where.
        known: The run that it is taken from.
        skipped: From :func:`stages`.
        run_id: The new run's id.

    Raises:
        StageError: The bucket could not be read or written.
        ClientError: S3 refused to copy an object.
    """
    assert known.job is not None, "what has no job is not run again"  # noqa: S101
    storage = storage_of(deployment)
    for stage in skipped:
        output = _output(storage, known.run_id, stage)
        if output is None:
            raise OutputConflict(f"The output of {stage} of run {known.run_id} has gone meanwhile.")
        fields = {**output, "executionId": run_id, "runId": run_id, "takenFrom": known.run_id}
        storage.put_once(keys.stage_output(run_id, stage), _sealed(fields))
    # All candidates, those of stages that work again too: what they find again has the same key.
    slug = known.job.slug
    before, after = (keys.extracted_prefix(slug, each) for each in (known.run_id, run_id))
    names = [key.removeprefix(before) for key, _ in objects(deployment, before)]
    in_parallel(partial(_copy, deployment.session.client("s3"), deployment.bucket, before, after), names)


def _output(storage: Storage, run_id: str, stage: str) -> dict[str, Any] | None:
    key = keys.stage_output(run_id, stage)
    try:
        with storage.fetch(key) as file:
            return envelope.opened(file, f"s3://{storage.bucket}/{key}")
    except InputNotFound:
        return None


def _sealed(fields: Mapping[str, Any]) -> bytes:
    """An output with the same data, which says of itself what the fields say."""
    file = io.BytesIO()
    writer, data = envelope.EnvelopeWriter(file), fields[envelope.DATA]
    if isinstance(data, list):
        writer.write_records(to_json(record) for record in data)
    else:
        writer.write_data(to_json(data))
    writer.seal(
        to_json({name: value for name, value in fields.items() if name not in {envelope.DATA, envelope.DIGEST}})
    )
    return file.getvalue()


def _copy(client: S3Client, bucket: str, before: str, after: str, name: str) -> None:
    client.copy_object(Bucket=bucket, Key=after + name, CopySource={"Bucket": bucket, "Key": before + name})


def unfinished_stages(run_id: str, items: Iterable[Mapping[str, Any]]) -> set[str]:
    """The stages from which frontier messages come that were not done, be it by way of the pages of other messages.

    Args:
        run_id: The run.
        items: Its messages as the ledger has them: ``item``, ``state`` and ``sender``, which is ``execution|stage``.
    """
    by_execution = {f"{run_id}-{item['item'].removeprefix('MSG#')}": item for item in items}
    found = set()
    for item in by_execution.values():
        if item["state"] == MessageState.DONE:
            continue
        execution_id, _, stage = item["sender"].partition("|")
        # A page's execution is called after its run and its message.
        while execution_id in by_execution:
            execution_id, _, stage = by_execution[execution_id]["sender"].partition("|")
        found.add(stage)
    return found
