"""The state machine ``page-processing`` (Express): one execution handles one batch of frontier messages.

Its input is the array of SQS records that the Pipe hands over; its output is exactly ``{"batchItemFailures": [...]}``,
so that only messages that failed return to the queue. A message that fails does not fail its batch. If the batch cannot
be admitted or settled, the execution fails and the whole batch returns; every effect is idempotent.

Nothing waits long here: a Task that timed out is not tried again in place, and no wait before a retry is longer than
3 s. The queue tries again: a message that failed comes back soon, a batch that failed after its visibility time-out.
"""

from __future__ import annotations

from collections.abc import Mapping

from workflow.city_states import CityState
from workflow.definition import StateMachine
from workflow.retries import CONTROL_RETRY, STATE_RETRIES, STOP_ERRORS, TIMEOUT_ERRORS, RetryPolicy, retry_block
from workflow.states import (
    ALL_ERRORS,
    Catcher,
    Choice,
    ChoiceRule,
    Comparison,
    Fail,
    ItemProcessor,
    Map,
    Pass,
    Retrier,
    Task,
    Template,
)
from workflow.targets import Targets

# The search of a frontier message of type `maps`: not one of the twelve states, but work of ExpandNeighbors' function.
SEARCH_MAPS = "SearchMaps"

_TRANSIENT_RETRY = RetryPolicy(max_attempts=2)
_MAX_DELAY_SECONDS = 3


def page_processing(
    targets: Targets,
    *,
    batch_size: int = 10,
    concurrency: int = 10,
    timeout_seconds: int = 300,
    retries: Mapping[CityState, RetryPolicy] = STATE_RETRIES,
) -> StateMachine:
    """Build the definition.

    Args:
        targets: Functions and bucket.
        batch_size: The most messages that the Pipe hands over at once.
        concurrency: Messages of a batch that are handled at the same time. With fewer than ``batch_size`` the batch
            takes several rounds, which must fit into ``timeout_seconds`` together.
        timeout_seconds: For the whole execution; at most 300, the limit of Express workflows.
        retries: For errors that are neither permanent nor known to be transient, by state.

    Returns:
        The state machine, of type EXPRESS.
    """
    return StateMachine(
        name="page-processing",
        comment="Handles a batch of frontier messages, and names those that are to return to the queue",
        start_at="AdmitBatch",
        timeout_seconds=timeout_seconds,
        states={
            "AdmitBatch": targets.invoke(
                targets.control,
                {"operation": "AdmitBatch", "records.$": "$"},
                result_selector={"items.$": "$.Payload.items"},
                retry=_retry(CONTROL_RETRY),
                catch=(Catcher(error_equals=(ALL_ERRORS,), next="BatchReturned"),),
                next="ProcessMessages",
            ),
            "ProcessMessages": Map(
                items_path="$.items",
                max_items=batch_size,
                max_concurrency=concurrency,
                item_processor=_one_message(targets, retries),
                result_path="$.outcomes",
                next="SettleBatch",
            ),
            "SettleBatch": targets.invoke(
                targets.control,
                {"operation": "SettleBatch", "items.$": "$.items", "outcomes.$": "$.outcomes"},
                result_selector={"batchItemFailures.$": "$.Payload.batchItemFailures"},
                retry=_retry(CONTROL_RETRY),
                catch=(Catcher(error_equals=(ALL_ERRORS,), next="BatchReturned"),),
                next=None,
            ),
            "BatchReturned": Fail(error_path="$.Error", cause_path="$.Cause"),
        },
    )


def _one_message(targets: Targets, retries: Mapping[CityState, RetryPolicy]) -> ItemProcessor:
    """What is done with one message: ``$`` is the item that AdmitBatch made of it, ``$.previous`` the last stage."""

    def stage(state: CityState, payload: Template, *, then: str, name: str | None = None) -> Task:
        name = name or state.value
        return targets.invoke(
            targets.functions[state],
            {
                "executionId.$": "$.executionId",
                "runId.$": "$.runId",
                "currentStage": name,
                **({"state": state.value} if name != state else {}),
                "workflowBucket": targets.workflow_bucket,
                **payload,
            },
            result_selector={"stage": name, "outputKey.$": "$.Payload.outputKey"},
            result_path="$.previous",
            retry=_retry(retries[state]),
            catch=(
                Catcher(error_equals=STOP_ERRORS, result_path="$.failure", next="MessageDropped"),
                Catcher(error_equals=(ALL_ERRORS,), result_path="$.failure", next="MessageFailed"),
            ),
            next=then,
        )

    first: Template = {"previousStage": None, "initialData.$": "$.message"}
    later: Template = {"previousStage.$": "$.previous.stage", "initialData": None}
    return ItemProcessor(
        start_at="Route",
        states={
            "Route": Choice(
                choices=(
                    ChoiceRule(when=_action("web"), next=CityState.WEB_FETCH),
                    ChoiceRule(when=_action("maps"), next=SEARCH_MAPS),
                    ChoiceRule(when=_action("drop"), next="MessageDropped"),
                ),
                default="MessageRejected",
            ),
            CityState.WEB_FETCH: stage(CityState.WEB_FETCH, first, then=CityState.EXTRACT_WITH_LLM),
            CityState.EXTRACT_WITH_LLM: stage(CityState.EXTRACT_WITH_LLM, later, then=CityState.GEOCODE_VALIDATE),
            SEARCH_MAPS: stage(CityState.EXPAND_NEIGHBORS, first, then=CityState.GEOCODE_VALIDATE, name=SEARCH_MAPS),
            CityState.GEOCODE_VALIDATE: stage(CityState.GEOCODE_VALIDATE, later, then="MessageDone"),
            "MessageDone": _outcome({"outcome": "done"}),
            "MessageDropped": _outcome({"outcome": "dropped"}),
            "MessageFailed": _outcome({"outcome": "failed", "error.$": "$.failure.Error"}),
            "MessageRejected": _outcome({"outcome": "failed", "error": "InvalidInput"}),
        },
    )


def _action(name: str) -> Comparison:
    return Comparison(variable="$.action", string_equals=name)


def _outcome(outcome: Template) -> Pass:
    return Pass(
        parameters={"messageId.$": "$.messageId", "messageKey.$": "$.messageKey", "runId.$": "$.runId", **outcome}
    )


def _retry(policy: RetryPolicy) -> tuple[Retrier, ...]:
    return retry_block(
        policy.capped(_MAX_DELAY_SECONDS), transient=_TRANSIENT_RETRY.capped(_MAX_DELAY_SECONDS), never=TIMEOUT_ERRORS
    )
