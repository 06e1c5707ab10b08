"""What a state machine calls: Lambda functions with their time-outs, and the bucket through which stages hand over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workflow.city_states import CityState
from workflow.states import Catcher, Path, Retrier, Task, Template

# A Task's clock starts before its function's: the service call and the start of a cold function come first.
START_SECONDS = 3


class LambdaFunction(BaseModel):
    """A Lambda function. Its time-out is at most 900 s (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arn: Annotated[str, Field(min_length=1)]
    timeout_seconds: Annotated[int, Field(ge=1, le=900)]


class GlueJobTarget(BaseModel):
    """A Glue job. Its time-out is at most seven days (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-jobs-job.html)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=255)]
    timeout_minutes: Annotated[int, Field(ge=1, le=10_080)]


class LargeDedupe(BaseModel):
    """What makes places of more sightings than the function of DedupeCanonicalize has memory for.

    Attributes:
        beyond: With more sightings than so many the job does it.
        job: The job.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    beyond: Annotated[int, Field(ge=0)]
    job: GlueJobTarget


class Services(BaseModel):
    """The services that a state machine calls.

    Attributes:
        partition: The AWS partition of the service integrations.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: str = "aws"

    def integration(self, action: str) -> str:
        """The Resource of an optimized service integration, such as ``sqs:sendMessage``."""
        return f"arn:{self.partition}:states:::{action}"

    def invoke(
        self,
        function: LambdaFunction,
        payload: Template,
        *,
        result_selector: Template | None = None,
        result_path: Path | None = None,
        retry: tuple[Retrier, ...],
        catch: tuple[Catcher, ...],
        next: str | None,  # noqa: A002 (the field's name in the language)
    ) -> Task:
        """A Task that calls a function and waits for its reply.

        Args:
            function: What is called. The Task's time-out follows from the function's.
            payload: The event, with paths.
            result_selector: What is kept of the reply, where the function's return value is ``$.Payload``.
            result_path: Where it is put.
            retry: The Task's Retry.
            catch: The Task's Catch.
            next: The next state; None ends the scope.

        Returns:
            The Task.
        """
        return Task(
            resource=self.integration("lambda:invoke"),
            parameters={"FunctionName": function.arn, "Payload": payload},
            result_selector=result_selector,
            result_path=result_path,
            timeout_seconds=function.timeout_seconds + START_SECONDS,
            retry=retry,
            catch=catch,
            next=next,
        )


class Targets(Services):
    """What both state machines of city discovery call.

    Attributes:
        functions: The function of each of the twelve states; mock states share one.
        control: The function for the operations on a run.
        workflow_bucket: The name of the bucket.
        large_dedupe: What does the work of DedupeCanonicalize for large runs; ``None`` where its function does it for
            all, as that of a mock state.
    """

    functions: Mapping[CityState, LambdaFunction]
    control: LambdaFunction
    workflow_bucket: Annotated[str, Field(min_length=1)]
    large_dedupe: LargeDedupe | None = None

    @model_validator(mode="after")
    def _every_state_has_a_function(self) -> Self:
        missing = [state.value for state in CityState if state not in self.functions]
        if missing:
            raise ValueError(f"no function is given for {', '.join(missing)}")
        return self

    @property
    def function_timeouts(self) -> dict[str, int]:
        """The time-out in seconds of each function by its ARN, as the rules need it."""
        return {function.arn: function.timeout_seconds for function in (*self.functions.values(), self.control)}
