"""The base handler of pipeline stages: what surrounds a stage, so that a stage is nothing but its work.

As a function::

    @stage
    def handler(given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput([record for record in given.read() if record["score"] > 0.5])

or as a class::

    class Filter(StageHandler):
        def process(self, given: StageInput, aws: Aws) -> StageOutput: ...


    handler = Filter()

Either is the Lambda handler itself. ``lambdas.testing`` runs it without AWS.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, overload

from lambdas.runtime import reports
from lambdas.runtime.aws import AWS, Aws
from lambdas.runtime.context import Deadline, ExecutionContext, LambdaContext, StageOutput
from lambdas.runtime.documents import test_answer
from lambdas.runtime.errors import InvalidOutput
from lambdas.runtime.handover import StageInput, put_out, result_of, standing
from lambdas.runtime.storage import Storage

Process: TypeAlias = Callable[[StageInput, Aws], StageOutput]


class StageHandler(ABC):
    """A Lambda handler that does one stage's work.

    Attributes:
        takes_empty: Whether an empty input (``{}`` or ``[]``) is work for this stage. By default it is not: the stage
            then puts out the same nothing, so that an execution with nothing to do succeeds.
    """

    takes_empty: bool = False

    @abstractmethod
    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        """Do the work.

        Args:
            given: The input: ``read`` for all of it, ``records`` for one record after the other.
            aws: Clients, bounded by the time that the invocation has left.

        Returns:
            What the next stage gets.

        Raises:
            StageError: By the names in ``lambdas.runtime.errors``, permanent ones are not tried again. Whatever else is
                raised fails the stage, too, and is tried again.
        """

    def __call__(self, event: Mapping[str, Any], lambda_context: LambdaContext, aws: Aws = AWS) -> dict[str, Any]:
        """Read, work, write once, report.

        An execution's stage that has put out already is answered from there, without doing its work again.

        Args:
            event: ``ExecutionContext`` as JSON.
            lambda_context: The context object of the Lambda runtime.
            aws: The clients.

        Returns:
            ``StageResult`` as JSON.

        Raises:
            InvalidInput: The event is not valid.
            Exception: Whatever failed; a stage that fails raises, so that Retry and Catch see it.
        """
        context = ExecutionContext.parse(event)
        aws.deadline = Deadline.of(lambda_context)
        storage = Storage(context.workflow_bucket, aws.s3)
        began = time.monotonic()
        reports.started(context)
        try:
            summary = standing(storage, context)
            if summary is None:
                with StageInput(context, storage) as given:
                    summary = put_out(storage, context, self._output(given, aws))
            result = result_of(context, summary, storage)
        except Exception as error:
            reports.failed(context, time.monotonic() - began, error)
            raise
        where = {"bucket": storage.bucket, "key": result.output_key, "recordsProcessed": result.records_processed}
        seconds = time.monotonic() - began
        reports.completed(context, seconds, where, result.metrics, Records=result.records_processed)
        return result.document()

    def _output(self, given: StageInput, aws: Aws) -> StageOutput:
        if given.is_empty() and not self.takes_empty:
            return StageOutput(given.read(), 0)
        if given.is_test():
            return StageOutput(test_answer(given.context.current_stage, given.read()), 1)
        output: object = self.process(given, aws)
        if not isinstance(output, StageOutput):
            stage = given.context.current_stage
            raise InvalidOutput(
                f"{stage} returned {type(output).__name__} and no StageOutput: `return StageOutput(data)`."
            )
        return output


class _FunctionStage(StageHandler):
    """A stage whose work is a function."""

    def __init__(self, process: Process, takes_empty: bool) -> None:
        self._process = process
        self.takes_empty = takes_empty
        self.__doc__ = process.__doc__

    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        """Call the function."""
        return self._process(given, aws)


@overload
def stage(process: Process, /) -> StageHandler: ...
@overload
def stage(*, takes_empty: bool = False) -> Callable[[Process], StageHandler]: ...
def stage(
    process: Process | None = None, /, *, takes_empty: bool = False
) -> StageHandler | Callable[[Process], StageHandler]:
    """Make the Lambda handler of a stage out of a function.

    Args:
        process: As ``StageHandler.process``.
        takes_empty: As ``StageHandler.takes_empty``.

    Returns:
        The handler; without ``process``, a decorator that makes it.
    """
    if process is None:
        return lambda function: _FunctionStage(function, takes_empty)
    return _FunctionStage(process, takes_empty)
