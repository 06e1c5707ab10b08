"""The state machine of a pipeline: its stages one after the other, each handing over to the next through S3.

An execution's input is an array of messages, as the pipe's ``INPUT_TEMPLATE`` makes them, one or many::

    [{"messageId": "...", "initialData": what the body of the message holds}]

An Express execution takes each message through all stages by itself, and its output is exactly
``{"batchItemFailures": [...]}``, so that only messages that failed return to the queue. A Standard execution is one
message; the stage that failed is where it ends, with the stage's own error, and where RedriveExecution goes on.

``workflow.pipeline_stages`` makes the states of the stages; here is what surrounds them. Its own states have blanks in
their names, which no stage can have.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflow.definition import MachineType, StateMachine
from workflow.model import WorkflowConfiguration
from workflow.pipeline_stages import EXPRESS_MESSAGE, STANDARD_MESSAGE, Handover, stage_states
from workflow.states import Choice, ChoiceRule, Comparison, Fail, ItemProcessor, Map, Pass, State
from workflow.targets import Services

# For each message of a batch. `body` is JSON if the message is, and its text otherwise
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html).
INPUT_TEMPLATE = '{"messageId": "<$.messageId>", "initialData": <$.body>}'

_DONE, _FAILED = "Message done", "Message failed"
_TOO_MANY = "Too many messages"


def pipeline(
    config: WorkflowConfiguration,
    *,
    workflow_bucket: str,
    references: Mapping[str, str] | None = None,
    services: Services | None = None,
) -> StateMachine:
    """Build the definition.

    Args:
        config: The workflow.
        workflow_bucket: The name of the bucket through which stages hand over.
        references: The ARN of each stage's function, or the name of its job, by the stage's name. By default what the
            stage itself says, which must be a text then.
        services: The services of another partition than ``aws``.

    Returns:
        The state machine, for the type that ``config.machine_type`` says.
    """
    texts = references or {stage.name: stage.reference for stage in config.stages}
    express = config.machine_type is MachineType.EXPRESS
    message = EXPRESS_MESSAGE if express else STANDARD_MESSAGE
    handover = Handover(workflow_bucket, texts, services or Services(), message)
    states = _express(config, handover) if express else _standard(config, handover)
    return StateMachine(
        name=config.workflow_name,
        comment=config.comment or f"Stages: {', '.join(stage.name for stage in config.stages)}",
        start_at=next(iter(states)),
        timeout_seconds=config.execution_seconds,
        ends_where_it_fails=not express,
        states=states,
    )


def _express(config: WorkflowConfiguration, handover: Handover) -> dict[str, State]:
    """Each message by itself. The Map never fails as a whole: each Task's Catch ends in an outcome."""
    stages = stage_states(config, handover, done=_DONE, failed=_FAILED)
    message_id = f"{handover.message.path}.messageId"
    outcomes: dict[str, State] = {
        _DONE: Pass(parameters={"failures": []}),
        _FAILED: Pass(parameters={"failures": [{"itemIdentifier.$": message_id}], "error.$": "$.Error"}),
    }
    return {
        "Each message": Map(
            # What a stage needs of its message it takes from the context, so that the state stays small.
            item_selector={"messageId.$": message_id},
            max_items=config.batch_size,
            max_concurrency=config.batch_size,
            item_processor=ItemProcessor(start_at=next(iter(stages)), states={**stages, **outcomes}),
            next="Report failures",
        ),
        # A path with wildcards gives a list, and an empty one if no message failed.
        "Report failures": Pass(parameters={"batchItemFailures.$": "$[*].failures[*]"}),
    }


def _standard(config: WorkflowConfiguration, handover: Handover) -> dict[str, State]:
    """One message. Its stages stand in the machine itself, where its history shows them."""
    stages = stage_states(config, handover)
    too_many = Comparison(variable="$[1]", is_present=True)
    return {
        "Is one message": Choice(choices=(ChoiceRule(when=too_many, next=_TOO_MANY),), default=next(iter(stages))),
        **stages,
        _TOO_MANY: Fail(
            error="TooManyMessages", cause="A Standard pipeline takes one message an execution; start one for each."
        ),
    }
