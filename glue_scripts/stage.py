"""A Glue job's side of the hand-over: read what the stage before left, leave exactly one ``output.json`` for the next.

::

    def heavy_etl(stage: StageRun) -> None:
        candidates = stage.read_records("candidates", SCHEMA)
        stage.write_records(enriched(candidates), field="candidates")


    if __name__ == "__main__":
        run(heavy_etl, sys.argv)

Spark's tasks write the records as part files, ``{stage}/parts/{run}/part-00000.jsonl``. The driver then makes the one
output of them, in the form of ``lambdas.runtime.envelope``, with its digest, without ever holding all of it. The part
files stay beside it. The input is read by the driver as a whole, which takes about eight times its size of memory: 1 GB
of input is what a ``G.1X`` driver has room for. A job that works on more is handed keys, and reads its tables itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Self

import boto3
from pyspark import RDD
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import StructType

from glue_scripts.parts import PartWriter, bodies
from lambdas.runtime import envelope
from lambdas.runtime.documents import Json, from_json, is_test, test_answer, to_json
from lambdas.runtime.errors import InputNotFound, InvalidInput, InvalidOutput
from lambdas.runtime.storage import Storage, spool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The column with a record's own JSON text, beside those that a schema takes out of it.
DOCUMENT = "_document"


@dataclass(frozen=True)
class Arguments:
    """What the state machine hands to the job; ``previous_stage`` is ``initial`` for a first stage.

    ``input_etag`` is there where the state machine itself wrote the input: the job reads exactly that.
    """

    execution_id: str
    stage_name: str
    previous_stage: str
    input_bucket: str
    input_key: str
    output_bucket: str
    output_key: str
    input_etag: str | None = None
    job_run_id: str = "local"

    @classmethod
    def of(cls, argv: Sequence[str]) -> Self:
        """Read them from ``sys.argv``. Further arguments are the script's own.

        Raises:
            InvalidInput: One is missing.
        """
        parser = argparse.ArgumentParser(allow_abbrev=False, exit_on_error=False)
        # Glue's own arguments are in capitals; Step Functions and Glue want underscores in all others.
        parser.add_argument("--JOB_RUN_ID", dest="job_run_id", default="local")
        for name in cls.__dataclass_fields__.keys() - {"job_run_id"}:
            parser.add_argument(f"--{name}")
        given = {name: value for name, value in vars(parser.parse_known_args(argv[1:])[0]).items() if value is not None}
        needed = cls.__dataclass_fields__.keys() - {"job_run_id", "input_etag"}
        if missing := sorted(needed - given.keys()):
            raise InvalidInput(
                f"The job was started without the arguments {', '.join(f'--{name}' for name in missing)}."
            )
        return cls(**given)


def run(work: Callable[[StageRun], None], argv: Sequence[str]) -> None:
    """Run a job as a stage of a workflow; the counterpart of ``lambdas.runtime.handler``.

    An execution's stage that has put out already is not done again. An empty input (``{}`` or ``[]``) is put out as it
    is, and one that says ``test`` or ``_test`` shows only that the stage is reached; both without Spark.

    Args:
        work: Reads and writes the stage's records; what it raises fails the job.
        argv: ``sys.argv``.

    Raises:
        InvalidInput: An argument is missing.
        Exception: What ``work`` raises, or ``StageRun.data``.
    """
    stage = StageRun(Arguments.of(argv), boto3.client("s3"))
    name = stage.arguments.stage_name
    if stage.is_done():
        print(f"{name} has put out already.")
        return
    data = stage.data
    if data in ({}, []):
        stage.write_data(data)
    elif is_test(data):
        stage.write_data(test_answer(name, data))
    else:
        try:
            work(stage)
        finally:
            stage.stop()
        if not stage.is_done():
            raise InvalidOutput(f"{name} has put nothing out.")


class StageRun:
    """One run of a job as a stage of a workflow.

    Args:
        arguments: What the state machine hands over.
        client: An S3 client.
    """

    def __init__(self, arguments: Arguments, client: S3Client) -> None:
        self.arguments = arguments
        self._input = Storage(arguments.input_bucket, client)
        self._output = Storage(arguments.output_bucket, client)

    def is_done(self) -> bool:
        """Whether the output stands.

        Raises:
            AccessDenied: The job's role may not read it.
            TransientStorageError: S3 could not be used.
        """
        return self._output.exists(self.arguments.output_key)

    def stop(self) -> None:
        """End the Spark session, if there is one."""
        if "spark" in vars(self):
            self.spark.stop()

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session."""
        return SparkSession.builder.appName(self.arguments.stage_name).getOrCreate()

    @cached_property
    def data(self) -> Json:
        """The input as a whole: what the previous stage put out, or what the workflow was started with.

        Raises:
            InputNotFound: There is none.
            VerificationFailed: It is not what was written.
            InvalidInput: The message that the workflow was started with is not JSON.
            AccessDenied: The job's role may not read it.
            TransientStorageError: S3 could not be used.
        """
        with self._fetched() as file:
            if self.arguments.input_etag is None:
                return json.load(file)[envelope.DATA]
            data = json.load(file)["initialData"]
        return _parsed(data) if isinstance(data, str) else data

    def _fetched(self) -> IO[bytes]:
        """The input in a file: verified, or exactly what the state machine wrote."""
        key, name = self.arguments.input_key, f"s3://{self._input.bucket}/{self.arguments.input_key}"
        try:
            file = self._input.fetch(key, self.arguments.input_etag)
        except InputNotFound as error:
            raise InputNotFound(
                f"Input data not found in S3. Previous stage '{self.arguments.previous_stage}' may have failed or not "
                f"written output. Path: {name}"
            ) from error
        if self.arguments.input_etag is None:
            envelope.verified(file, name)
        return file

    def read_records(self, field: str | None = None, schema: StructType | None = None) -> DataFrame:
        """The records of the input.

        Args:
            field: The field of the data that holds them; ``None`` where the data itself is the list.
            schema: The columns that are needed; a value of another type becomes null. The column ``DOCUMENT`` then
                holds the whole record as JSON. By default all that Spark finds in the records, and so nothing if
                there are none.

        Raises:
            InvalidInput: There is no list of records.
            Exception: As ``data``.
        """
        found = self.data if field is None else self.data.get(field, []) if isinstance(self.data, dict) else None
        if not isinstance(found, list):
            where = "" if field is None else f" in the field {field!r}"
            raise InvalidInput(f"The output of {self.arguments.previous_stage} has no list of records{where}.")
        context = self.spark.sparkContext
        lines = context.parallelize([to_json(record).decode() for record in found], context.defaultParallelism)
        if schema is None:
            return self.spark.read.json(lines)
        documents = self.spark.createDataFrame(lines.map(lambda line: (line,)), f"{DOCUMENT} string")
        return documents.withColumn("record", f.from_json(DOCUMENT, schema)).select(DOCUMENT, "record.*")

    def write_records(
        self,
        records: DataFrame | RDD[str],
        *,
        field: str | None = None,
        beside: Mapping[str, Json] | None = None,
        metrics: Mapping[str, int | float] | None = None,
    ) -> str:
        """Write the output of the stage, once. If an earlier run of this stage has written it, that one stands.

        Args:
            records: The records, or the JSON text of each.
            field: The field of the data that is to hold them; ``None`` to make the list the data itself.
            beside: The other fields of the data.
            metrics: A few small numbers, kept in the output.

        Returns:
            The digest of the output that stands.

        Raises:
            InvalidOutput: A record is not JSON; Spark raises its own error, which names this one.
            VerificationFailed: A part file is not what its task wrote.
            AccessDenied: The job's role may not write.
            TransientStorageError: S3 could not be used.
        """
        folder = f"{self.arguments.output_key.rpartition('/')[0]}/parts/{self.arguments.job_run_id}"
        write = PartWriter(self.arguments.output_bucket, folder)
        texts = records.toJSON() if isinstance(records, DataFrame) else records
        parts = sorted(texts.map(_line).mapPartitionsWithIndex(write).collect())
        before, after = _around(field, beside or {})
        lines = (line for body in bodies(self._output, parts) for line in body.splitlines())
        return self._write_once(lambda writer: writer.write_records(lines, before=before, after=after), metrics or {})

    def write_data(self, data: Json, metrics: Mapping[str, int | float] | None = None) -> str:
        """Write an output that the driver holds as a whole; as ``write_records``."""
        return self._write_once(lambda writer: writer.write_data(to_json(data)), metrics or {})

    def _write_once(self, write: Callable[[envelope.EnvelopeWriter], None], metrics: Mapping[str, int | float]) -> str:
        arguments = self.arguments
        with spool() as file:
            writer = envelope.EnvelopeWriter(file)
            write(writer)
            described = {
                "status": "SUCCEEDED",
                "executionId": arguments.execution_id,
                "stage": arguments.stage_name,
                "previousStage": arguments.previous_stage,
                "records": writer.records,
                "metrics": dict(metrics),
                "result": {},
            }
            digest = writer.seal(to_json(described))
            file.seek(0)
            if self._output.keep_first(arguments.output_key, file):
                return digest
        with self._output.fetch(arguments.output_key) as standing:
            return envelope.verified(standing, f"s3://{self._output.bucket}/{arguments.output_key}")


def _around(field: str | None, beside: Mapping[str, Json]) -> tuple[bytes, bytes]:
    """What stands before and after the list of records in the data."""
    if field is None:
        return b"", b""
    rest = to_json({name: value for name, value in beside.items() if name != field})[1:-1]
    return b"{" + to_json(field) + b":", (b"," + rest if rest else b"") + b"}"


def _line(record: str) -> bytes:
    """A record in a line of its own. What is not JSON must not get a valid digest."""
    try:
        return to_json(from_json(record)) + b"\n"
    except ValueError as error:
        raise InvalidOutput(f"A record is not JSON: {error}. It begins with {record[:100]!r}.") from error


def _parsed(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return from_json(text)
    except ValueError as error:
        raise InvalidInput(f"The message that the workflow was started with is not JSON: {error}.") from error
