"""The state machine ``city-discovery`` (Standard): one execution is one run of one city.

Its data holds S3 keys and counters, never items::

    {"run": what OpenRun said, "frontier": the last poll, "results": {state: ...}, "errors": {state: {Error, Cause}}}

A state that fails leaves its error under ``errors``, and the run goes on to finalization with what was found; with
``run.failFast`` it is closed, reported to the DLQ and ends as failed instead. Whatever else makes an execution fail is
reported by a rule on its status, and so is a run that could not report itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from workflow.bounds import state_seconds
from workflow.city_states import PHASES, CityState, Phase
from workflow.definition import MachineType, StateMachine
from workflow.retries import CONTROL_RETRY, FRONTIER_BUSY, STATE_RETRIES, STOP_ERRORS, RetryPolicy, retry_block
from workflow.stages import BUSY_JOB, GlueStage, RetryConfiguration
from workflow.states import (
    ALL_ERRORS,
    DISCARD,
    And,
    Catcher,
    Choice,
    ChoiceRule,
    Comparison,
    Condition,
    Fail,
    Path,
    Retrier,
    State,
    Succeed,
    Task,
    Template,
    Wait,
)
from workflow.targets import Targets

# In the order in which they are asked, with what PollFrontier returns as `gate` when they are closed.
GATES = {
    "EarlyStopGate": "early_stop",
    "BudgetGate": "budget",
    "DeadlineGate": "deadline",
    "KillSwitchGate": "kill_switch",
}

# The error of an execution that reported itself to the DLQ: the failure rule, which reports all others, leaves it out.
REPORTED = "RunReported"

# Ten minutes above the longest wall clock of a run: a search is ended by its own deadline and not by this one.
SEARCH_SECONDS = 22_200

# Beside the function of DedupeCanonicalize, for runs with too many sightings for it.
DEDUPE_BY_COUNT, LARGE_DEDUPE = "DedupeByCount", "DedupeOnGlue"
# Whose work a state of the machine does that is named otherwise.
WORK_OF = {LARGE_DEDUPE: CityState.DEDUPE_CANONICALIZE}

# Pages in flight when a run is closed end within the 300 s of their Express execution. With full jitter these waits add
# up to 430 s on average.
_UNTIL_PAGES_END = RetryPolicy(interval_seconds=1, backoff_rate=1.5, max_attempts=60, max_delay_seconds=15)


def city_discovery(
    targets: Targets,
    *,
    dlq_url: str,
    timeout_seconds: int | None = None,
    mean_poll_seconds: int = 30,
    retries: Mapping[CityState, RetryPolicy] = STATE_RETRIES,
) -> StateMachine:
    """Build the definition.

    Args:
        targets: Functions and bucket.
        dlq_url: The queue to which a run that fails fast is reported.
        timeout_seconds: For the whole execution; by default :data:`SEARCH_SECONDS`, and what the states of finalization
            may take at most.
        mean_poll_seconds: The least mean of the waits (``waitSeconds``) that PollFrontier asks for over a whole
            execution; at the start of a run they may be shorter. A turn of the polling loop takes up to 32 of the
            25,000 events that an execution may have, so the rules refuse less than 29 s for six hours.
        retries: For errors that are neither permanent nor known to be transient, by state.

    Returns:
        The state machine, of type STANDARD.
    """
    build = _Builder(targets, retries)
    finalization = build.finalization()
    at_most = SEARCH_SECONDS + ceil(sum(map(state_seconds, finalization.values())))
    return StateMachine(
        name="city-discovery",
        comment="Finds every place worth visiting in a city, within the budgets of the run",
        start_at="OpenRun",
        timeout_seconds=timeout_seconds or at_most,
        states={
            **build.opening(),
            **build.discovery(),
            **build.polling(mean_poll_seconds),
            **build.closing(),
            **finalization,
            **build.ending(dlq_url),
        },
    )


@dataclass(frozen=True)
class _Builder:
    """The parts of the machine, in the order in which a run passes through them."""

    targets: Targets
    retries: Mapping[CityState, RetryPolicy]

    def opening(self) -> dict[str, State]:
        """The same job twice is answered with the first run, and does nothing more."""
        return {
            "OpenRun": self._control(
                "OpenRun",
                {
                    "executionId.$": "$$.Execution.Name",
                    "executionArn.$": "$$.Execution.Id",
                    "stateMachineArn.$": "$$.StateMachine.Id",
                    "input.$": "$",
                },
                result_selector={"run.$": "$.Payload.run", "results": {}, "errors": {}},
                catch=(Catcher(error_equals=(ALL_ERRORS,), next="RunRefused"),),
                next="IsDuplicateRun",
            ),
            "IsDuplicateRun": _if(
                Comparison(variable="$.run.duplicate", boolean_equals=True),
                then="AlreadyRun",
                default=CityState.DISCOVER_WEB_SOURCES,
            ),
            "AlreadyRun": Succeed(),
            "RunRefused": Fail(error_path="$.Error", cause_path="$.Cause"),
        }

    def discovery(self) -> dict[str, State]:
        """A stage that may not spend is skipped: what that means for the run is for the gates to say."""
        stages = PHASES[Phase.DISCOVERY]
        states: dict[str, State] = {}
        for previous, stage, following in zip((None, *stages), stages, (*stages[1:], "PollFrontier"), strict=False):
            states[stage] = self._stage(
                stage,
                previous=previous,
                initial_data={"initialData": None} if previous else {"initialData.$": "$$.Execution.Input"},
                catch=(
                    Catcher(error_equals=STOP_ERRORS, result_path=f"$.results.{stage}", next=following),
                    _failed(stage, then="ToDLQOrContinue"),
                ),
                next=following,
            )
        return states

    def polling(self, mean_seconds: int) -> dict[str, State]:
        """Look into the ledger, and again, until the frontier of the run is drained or a gate closes."""
        gates: dict[str, State] = {
            name: _if(Comparison(variable="$.frontier.gate", string_equals=gate), then="CloseFrontier", default=after)
            for (name, gate), after in zip(GATES.items(), (*list(GATES)[1:], "FrontierDrained"), strict=True)
        }
        return {
            "PollFrontier": self._control(
                "PollFrontier",
                _RUN,
                result_selector={
                    "gate.$": "$.Payload.gate",
                    "drained.$": "$.Payload.drained",
                    "pending.$": "$.Payload.pending",
                    "waitSeconds.$": "$.Payload.waitSeconds",
                },
                result_path="$.frontier",
                catch=(_failed("PollFrontier", then="ToDLQOrContinue"),),
                next=next(iter(gates)),
            ),
            **gates,
            "FrontierDrained": _if(
                Comparison(variable="$.frontier.drained", boolean_equals=True),
                then="CloseFrontier",
                default="AwaitFrontier",
            ),
            "AwaitFrontier": Wait(
                seconds_path="$.frontier.waitSeconds",
                mean_seconds=mean_seconds,
                # The gate of a run's deadline closes before.
                within_seconds=SEARCH_SECONDS,
                next="PollFrontier",
            ),
        }

    def closing(self) -> dict[str, State]:
        """No page of a closed run is begun; those in flight are waited for, since what they find counts."""
        return {
            "CloseFrontier": self._control(
                "CloseFrontier",
                _RUN,
                result_selector={"candidates.$": "$.Payload.candidates"} if self.targets.large_dedupe else None,
                result_path=_FOUND if self.targets.large_dedupe else DISCARD,
                retry=(_UNTIL_PAGES_END.on(FRONTIER_BUSY), *retry_block(CONTROL_RETRY)),
                catch=(_failed("CloseFrontier", then="ToDLQOrDedupe"),),
                next=self._dedupe,
            ),
            "ToDLQOrContinue": _if(_FAIL_FAST, then="StopFrontier", default="CloseFrontier"),
            "ToDLQOrDedupe": _if(_FAIL_FAST, then="SendToDLQ", default=self._dedupe),
            "StopFrontier": self._control(
                "CloseFrontier",
                _RUN,
                result_path=DISCARD,
                retry=retry_block(CONTROL_RETRY, never=(FRONTIER_BUSY,)),
                catch=(
                    Catcher(error_equals=(FRONTIER_BUSY,), result_path=DISCARD, next="SendToDLQ"),
                    _failed("StopFrontier", then="SendToDLQ"),
                ),
                next="SendToDLQ",
            ),
        }

    def finalization(self) -> dict[str, State]:
        """Whatever was found is merged, kept, ranked and reported, also after an error or a closed gate."""
        *stages, last = PHASES[Phase.FINALIZATION]
        states: dict[str, State] = {}
        for previous, stage, following in zip(
            (CityState.TILE_SWEEP, *stages), stages, (*stages[1:], last), strict=False
        ):
            states[stage] = self._stage(
                stage,
                previous=previous,
                initial_data={"initialData": None},
                catch=(_failed(stage, then="ToDLQOrFinalize"),),
                next=following,
            )
        return {
            **self._large_dedupe(),
            **states,
            "ToDLQOrFinalize": _if(_FAIL_FAST, then="SendToDLQ", default=last),
            last: self._stage(
                last,
                previous=stages[-1],
                initial_data={"initialData": {"errors.$": "$.errors"}},
                also_keep={"runStatus.$": "$.Payload.runStatus"},
                catch=(_failed(last, then="SendToDLQ"),),
                next="IsRunFailed",
            ),
        }

    @property
    def _dedupe(self) -> str:
        """Where finalization begins."""
        return DEDUPE_BY_COUNT if self.targets.large_dedupe else CityState.DEDUPE_CANONICALIZE

    def _large_dedupe(self) -> dict[str, State]:
        """What does not fit into the memory of a function is the work of a job, which leaves the same.

        Where the frontier could not be closed nobody has counted; the function then does it, which is right for all but
        the largest runs, and says so if its memory does not do.
        """
        large, state = self.targets.large_dedupe, CityState.DEDUPE_CANONICALIZE
        if large is None:
            return {}
        stage = GlueStage(state, job=large.job)
        many = Comparison(variable=f"{_FOUND}.candidates", numeric_greater_than=large.beyond)
        counted = Comparison(variable=f"{_FOUND}.candidates", is_present=True)
        output = f"States.Format('executions/{{}}/{state}/output.json', $$.Execution.Name)"
        return {
            DEDUPE_BY_COUNT: _if(And(rules=(counted, many)), then=LARGE_DEDUPE, default=state),
            LARGE_DEDUPE: Task(
                resource=self.targets.integration("glue:startJobRun.sync"),
                parameters={
                    "JobName": large.job.name,
                    "Arguments": {
                        "--execution_id.$": "$$.Execution.Name",
                        "--run_id.$": "$.run.runId",
                        "--stage_name": state,
                        "--previous_stage": CityState.TILE_SWEEP,
                        "--workflow_bucket": self.targets.workflow_bucket,
                    },
                },
                result_selector={"status.$": "$.JobRunState", "jobRun.$": "$.Id", "outputKey.$": output},
                result_path=f"$.results.{state}",
                timeout_seconds=stage.task_seconds,
                retry=(_BUSY_JOB, *_JOB_RETRY.retriers(stage, MachineType.STANDARD)[1:]),
                catch=(_failed(state, then="ToDLQOrFinalize"),),
                next=CityState.PERSIST,
            ),
        }

    def ending(self, dlq_url: str) -> dict[str, State]:
        """The report has the shape of the frontier's messages, so that whoever reads the DLQ can read it too."""
        return {
            "IsRunFailed": _if(
                Comparison(variable=f"$.results.{CityState.FINALIZE}.runStatus", string_equals="FAILED"),
                then="RunFailed",
                default="RunSucceeded",
            ),
            "RunSucceeded": Succeed(),
            "SendToDLQ": Task(
                resource=self.targets.integration("sqs:sendMessage"),
                parameters={
                    "QueueUrl": dlq_url,
                    "MessageBody": {
                        "type": "run",
                        "city.$": "$.run.city",
                        "run_id.$": "$.run.runId",
                        "correlation_id.$": "$.run.correlationId",
                        "budget_token": "run",
                        "enqueued_at.$": "$$.State.EnteredTime",
                        "execution_arn.$": "$$.Execution.Id",
                        "errors.$": "$.errors",
                    },
                    "MessageAttributes": {
                        "correlation_id": {"DataType": "String", "StringValue.$": "$.run.correlationId"},
                        "run_id": {"DataType": "String", "StringValue.$": "$.run.runId"},
                    },
                },
                result_path=DISCARD,
                timeout_seconds=30,
                retry=retry_block(CONTROL_RETRY),
                catch=(_failed("SendToDLQ", then="RunFailed"),),
                next=REPORTED,
            ),
            REPORTED: Fail(error=REPORTED, cause_path=_CAUSE),
            "RunFailed": Fail(error="RunFailed", cause_path=_CAUSE),
        }

    def _stage(
        self,
        stage: CityState,
        *,
        previous: CityState | None,
        initial_data: Template,
        also_keep: Template | None = None,
        catch: tuple[Catcher, ...],
        next: str,  # noqa: A002
    ) -> Task:
        return self.targets.invoke(
            self.targets.functions[stage],
            {
                "executionId.$": "$$.Execution.Name",
                "runId.$": "$.run.runId",
                "currentStage": stage,
                "previousStage": previous,
                "workflowBucket": self.targets.workflow_bucket,
                **initial_data,
            },
            result_selector={
                "status.$": "$.Payload.status",
                "recordsProcessed.$": "$.Payload.recordsProcessed",
                "outputKey.$": "$.Payload.outputKey",
                **(also_keep or {}),
            },
            result_path=f"$.results.{stage}",
            retry=retry_block(self.retries[stage]),
            catch=catch,
            next=next,
        )

    def _control(
        self,
        operation: str,
        payload: Template,
        *,
        result_selector: Template | None = None,
        result_path: Path | None = None,
        retry: tuple[Retrier, ...] = retry_block(CONTROL_RETRY),
        catch: tuple[Catcher, ...],
        next: str,  # noqa: A002
    ) -> Task:
        return self.targets.invoke(
            self.targets.control,
            {"operation": operation, **payload},
            result_selector=result_selector,
            result_path=result_path,
            retry=retry,
            catch=catch,
            next=next,
        )


_CAUSE = "States.Format('Run {} failed. Errors by state: {}', $.run.runId, States.JsonToString($.errors))"
_RUN: Template = {"runId.$": "$.run.runId"}
# What CloseFrontier counted; not there if it failed.
_FOUND = "$.found"
# A job that does not find its workers is waited for, 80 minutes; one that failed is tried once more.
_BUSY_JOB = BUSY_JOB.model_copy(update={"max_attempts": 12})
_JOB_RETRY = RetryConfiguration(glue_max_attempts=1)
_FAIL_FAST = Comparison(variable="$.run.failFast", boolean_equals=True)


def _if(condition: Condition, *, then: str, default: str) -> Choice:
    return Choice(choices=(ChoiceRule(when=condition, next=then),), default=default)


def _failed(state: str, *, then: str) -> Catcher:
    """Any error of a state: keep it under ``errors``."""
    return Catcher(error_equals=(ALL_ERRORS,), result_path=f"$.errors.{state}", next=then)
