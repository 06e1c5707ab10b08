"""How stages hand over: a stage's input, read and verified; its output, sealed and written once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Self, TypeAlias

from pydantic import ValidationError

from lambdas.contracts.manifest import StateStatus
from lambdas.runtime import documents, envelope, keys, reports
from lambdas.runtime.context import ExecutionContext, StageOutput, StageResult, explain
from lambdas.runtime.documents import Json, from_json, to_json
from lambdas.runtime.errors import InputNotFound, InvalidInput, InvalidOutput
from lambdas.runtime.storage import Storage, spool

if TYPE_CHECKING:
    from collections.abc import Mapping

# What goes through a state has at most 262,144 bytes (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html),
# and the rest of the result and of the message wants some of them.
MAX_INLINE_BYTES = 200_000

Summary: TypeAlias = dict[str, Any]
"""The fields of an output but for its data."""


class StageInput:
    """What a stage is given. The previous stage's output is read only when it is asked for, and once.

    As a context manager it lets go of what it has read at its end.

    Args:
        context: The event.
        storage: The workflow bucket.
    """

    def __init__(self, context: ExecutionContext, storage: Storage) -> None:
        self.context = context
        self.storage = storage
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def initial_data(self) -> Json:
        """What the state machine itself hands over."""
        return self.context.initial_data

    def read(self) -> Json:
        """The input: the initial data for a first stage, else what the previous stage put out.

        Raises:
            InvalidInput: A first stage without initial data, or a message that is not JSON.
            InputNotFound: The previous stage has put nothing out.
            VerificationFailed: Its output does not match its digest.
            AccessDenied: The role may not read it.
            TransientStorageError: S3 could not be used.
        """
        return self._data if self._is_in_the_event else self._parsed

    def records(self) -> Iterator[Json]:
        """The input record by record, for one that need not fit into memory. It must be a list.

        Raises:
            InvalidInput: It is not a list.
            Exception: As ``read``.
        """
        if self._is_in_the_event:
            if not isinstance(self._data, list):
                raise InvalidInput(f"The input of {self.context.current_stage} is not a list of records.")
            yield from self._data
            return
        if self._begins_with() != b"[":
            raise InvalidInput(f"The output of {self.context.previous_stage} is not a list of records.")
        yield from envelope.records(self._previous_output())

    def read_optional(self) -> Json | None:
        """The same as ``read``, or ``None`` where the previous stage has put nothing out.

        Raises:
            VerificationFailed: Its output does not match its digest.
            TransientStorageError: S3 could not be used.
        """
        try:
            return self.read()
        except InputNotFound:
            return None

    def is_empty(self) -> bool:
        """Whether the input is ``{}`` or ``[]``.

        Raises:
            Exception: As ``read``.
        """
        if self._is_in_the_event:
            return self._data in ({}, [])
        return self._begins_with(2) in (b"{}", b"[]")

    def is_test(self) -> bool:
        """Whether the input says ``test`` or ``_test``: that a stage is to show that it is reached, and no more.

        Raises:
            Exception: As ``read``.
        """
        if not self._is_in_the_event and self._begins_with() != b"{":
            return False
        return documents.is_test(self.read())

    @property
    def _is_in_the_event(self) -> bool:
        return self.context.previous_stage is None or self.context.input_inline

    @cached_property
    def _data(self) -> Json:
        """The input that is in the event."""
        data, stage = self.context.initial_data, self.context.current_stage
        if self.context.input_inline:
            return data
        if data is None:
            raise InvalidInput(f"initialData is null for the first stage, {stage}.")
        if not isinstance(data, str):
            return data
        # A pipe hands over the text of a message whose body is not JSON, or that it does not look into.
        try:
            return from_json(data)
        except ValueError as error:
            raise InvalidInput(f"The message for the first stage, {stage}, is not JSON: {error}.") from error

    @cached_property
    def _parsed(self) -> Json:
        """The previous stage's output."""
        file = self._previous_output()
        file.seek(0)
        return json.load(file)[envelope.DATA]

    def _begins_with(self, count: int = 1) -> bytes:
        """The first bytes of the previous stage's output."""
        file = self._previous_output()
        file.seek(envelope.DATA_AT)
        return file.read(count)

    def _previous_output(self) -> IO[bytes]:
        if self._file is not None:
            return self._file
        previous = str(self.context.previous_stage)
        key = keys.stage_output(self.context.execution_id, previous)
        path = f"s3://{self.storage.bucket}/{key}"
        where = {"bucket": self.storage.bucket, "key": key}
        reports.LOGGER.info("Reading input from S3", extra=reports.fields(self.context) | where)
        try:
            file = self.storage.fetch(key)
        except InputNotFound as error:
            raise InputNotFound(
                f"Input data not found in S3. Previous stage '{previous}' may have failed or not written output. "
                f"Path: {path}"
            ) from error
        envelope.verified(file, path)
        self._file = file
        return file


def standing(storage: Storage, context: ExecutionContext) -> Summary | None:
    """What an earlier invocation of this stage in this execution has put out; ``None`` if none has.

    Raises:
        VerificationFailed: It does not match its digest.
        AccessDenied: The role may not read it.
        TransientStorageError: S3 could not be used.
    """
    key = output_key(context)
    try:
        file = storage.fetch(key)
    except InputNotFound:
        return None
    with file:
        envelope.verified(file, f"s3://{storage.bucket}/{key}")
        return envelope.described(file)


def put_out(
    storage: Storage, context: ExecutionContext, output: StageOutput, fields: Mapping[str, Json] | None = None
) -> Summary:
    """Write a stage's output. Where another invocation of the same stage came first, its output stands.

    Args:
        storage: The workflow bucket.
        context: The stage.
        output: What it puts out.
        fields: What else the output is to say of itself.

    Returns:
        The fields of the output that stands, but for its data.

    Raises:
        InvalidOutput: The output is not JSON, or a number of records, a metric or a result cannot be one.
        AccessDenied: The role may not write it.
        TransientStorageError: S3 could not be used.
        Exception: Whatever the stage raises while its records are written; nothing is in S3 then.
    """
    with spool() as file:
        writer = envelope.EnvelopeWriter(file)
        if isinstance(output.data, Iterator | list):
            writer.write_records(_json(record, context) for record in output.data)
        else:
            writer.write_data(_json(output.data, context))
        described = {
            "status": StateStatus.SUCCEEDED.value,
            "executionId": context.execution_id,
            "stage": context.current_stage,
            "previousStage": context.previous_stage,
            "records": _count(output, writer.records),
            "metrics": dict(output.metrics),
            "result": dict(output.result),
            **(fields or {}),
        }
        # Once the output stands, no attempt could be answered otherwise.
        _plain_result(context, {**described, envelope.DIGEST: "0" * 64})
        digest = writer.seal(_json(described, context))
        where = {"bucket": storage.bucket, "key": output_key(context), "sizeBytes": file.tell()}
        file.seek(0)
        if storage.keep_first(output_key(context), file):
            reports.LOGGER.info("Output written successfully", extra=reports.fields(context) | where)
            return {**described, envelope.DIGEST: digest}
    reports.LOGGER.warning("Another invocation has put out first; its output stands", extra=reports.fields(context))
    found = standing(storage, context)
    assert found is not None, "S3 has said that it stands"  # noqa: S101
    return found


def result_of(context: ExecutionContext, summary: Summary, storage: Storage) -> StageResult:
    """What the state machine is answered.

    Raises:
        InvalidOutput: The state is to hold the output, and it is larger than a state can be.
    """
    plain = _plain_result(context, summary)
    if not context.output_inline:
        return plain
    data = json.loads(storage.get(plain.output_key))[envelope.DATA]
    size = len(to_json(data))
    if size > MAX_INLINE_BYTES:
        raise InvalidOutput(
            f"The output of {context.current_stage} has {size:,} bytes, and the legacy stage after it takes it through "
            f"the state, which has room for {MAX_INLINE_BYTES:,}. Migrate that stage to the hand-off through S3."
        )
    return plain.model_copy(update={"output": data})


def _plain_result(context: ExecutionContext, summary: Summary) -> StageResult:
    try:
        return StageResult(
            stage=context.current_stage,
            records_processed=summary["records"],
            output_key=output_key(context),
            output_sha256=summary[envelope.DIGEST],
            metrics=summary["metrics"],
            result=summary["result"],
        )
    except ValidationError as error:
        raise InvalidOutput(
            f"What {context.current_stage} says of its output is not valid: {explain(error)}."
        ) from error


def output_key(context: ExecutionContext) -> str:
    """Where a stage's output lies."""
    return keys.stage_output(context.execution_id, context.current_stage)


def _json(document: Json, context: ExecutionContext) -> bytes:
    try:
        return to_json(document)
    except (TypeError, ValueError) as error:
        raise InvalidOutput(f"What {context.current_stage} put out is not JSON: {error}.") from error


def _count(output: StageOutput, written: int) -> int:
    if output.records is not None:
        return output.records
    if isinstance(output.data, Iterator):
        return written
    return len(output.data) if isinstance(output.data, list) else int(output.data not in (None, {}))
