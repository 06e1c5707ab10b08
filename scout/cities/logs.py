"""What all functions of a stack have logged about one run, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lambdas.control.handler import OPERATIONS
from lambdas.runtime.parallel import in_parallel
from scout.cities import executions
from scout.cities.executions import ENDED, Execution, asking
from workflow.city_states import STATE_NAMES
from workflow.page_processing import SEARCH_MAPS

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

    from scout.deployment import Deployment

# Before the start, for clocks that differ; after the end, for pages in flight and lines that are on their way.
BEFORE, AFTER = timedelta(minutes=1), timedelta(minutes=15)
# How often a log that is followed is asked for more, and how long lines of an ended run may still be on their way.
_POLL_SECONDS = 2.0
_LATE_SECONDS = 5.0
# Lines come out of order by so much: each look goes back so far, and what was seen is left out.
_OVERLAP = timedelta(seconds=30)
# The most lines that CloudWatch Logs gives at once.
_PAGE = 10_000
_ERRORS = {"ERROR", "CRITICAL"}
SUBJECTS = (*STATE_NAMES, SEARCH_MAPS, *OPERATIONS)
"""What a line can be about: the states of a city, and the operations on a run (:mod:`lambdas.control`)."""


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        at: When it was logged.
        function: Which function said it.
        id: What tells it from other lines: the id that CloudWatch gave it, if it gave one.
        text: The line as it was written.
        fields: The same, where it is a JSON object; empty otherwise.
    """

    at: datetime
    function: str
    id: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The state, or the operation on the run, that it is about."""
        return str(self.fields.get("currentStage") or self.fields.get("operation") or "")

    @property
    def is_error(self) -> bool:
        """Whether it tells of a failure."""
        return self.fields.get("level") in _ERRORS or "errorType" in self.fields

    def document(self) -> dict[str, Any]:
        """For machines: its fields, and where it comes from."""
        return {"at": self.at.isoformat(), "function": self.function, **(self.fields or {"message": self.text})}


def of(
    deployment: Deployment, run: str, *, state: str | None = None, errors: bool = False, follow: bool = False
) -> Iterator[Line]:
    """The lines about a run, in the order in which they were written.

    Args:
        deployment: Where.
        run: Its id, or ``last``.
        state: Only lines about this state or operation.
        errors: Only lines that tell of a failure.
        follow: Go on until the run has ended.

    Raises:
        ScoutError: There is no such run, or AWS refused.
    """
    execution = executions.named(deployment, run)
    with asking(f"the logs of run {execution.run_id} on stack {deployment.stack}"):
        for line in _read(deployment, execution, follow=follow):
            if (state is None or line.state == state) and (line.is_error or not errors):
                yield line


def functions_of(deployment: Deployment) -> list[str]:
    """The names of the functions that the two state machines of the city workflow call."""
    return called_by(deployment, deployment.city_discovery_arn, deployment.page_processing_arn)


def called_by(deployment: Deployment, *machines: str) -> list[str]:
    """The names of the functions that state machines call.

    Args:
        deployment: Where.
        machines: Their ARNs.
    """
    states = deployment.session.client("stepfunctions")
    found: set[str] = set()
    for arn in machines:
        found |= set(_called(json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])))
    return sorted(found)


def group_of(client: LambdaClient, function: str) -> str:
    """The log group of a function."""
    configuration = client.get_function_configuration(FunctionName=function)
    return configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"


def _read(deployment: Deployment, execution: Execution, *, follow: bool) -> Iterator[Line]:
    functions, client = deployment.session.client("lambda"), deployment.session.client("logs")
    groups = {function: group_of(functions, function) for function in functions_of(deployment)}
    seen: set[str] = set()
    since, late = execution.started_at - BEFORE, 0.0
    while True:
        # The status is asked for first: what was written before the end is then read.
        ended = not follow or execution.status in ENDED
        until = execution.stopped_at + AFTER if execution.stopped_at else datetime.now(UTC) + AFTER
        look = partial(_lines, client, execution.run_id, since, until)
        fresh = [line for found in in_parallel(look, list(groups.items())) for line in found if line.id not in seen]
        yield from sorted(fresh, key=lambda line: line.at)
        seen |= {line.id for line in fresh}
        since = max([since, *(line.at - _OVERLAP for line in fresh)])
        if ended:
            if not follow or late >= _LATE_SECONDS:
                return
            late += _POLL_SECONDS
        time.sleep(_POLL_SECONDS)
        execution = executions.named(deployment, execution.run_id)


def _lines(
    client: CloudWatchLogsClient, run_id: str, since: datetime, until: datetime, place: tuple[str, str]
) -> list[Line]:
    """The lines of one function, which is given with its log group."""
    function, group = place
    # A phrase, so that it is found wherever it stands: as the run of a stage, in a key, in a message.
    found = events(client, group, since, until, pattern=f'"{run_id}"')
    return [_line(function, event) for event in found]


def events(
    client: CloudWatchLogsClient, group: str, since: datetime, until: datetime, pattern: str = ""
) -> Iterator[FilteredLogEventTypeDef]:
    """What a log group holds of a stretch of time, by the time at which it was written.

    Args:
        client: Asks for them.
        group: The log group.
        since: From when on.
        until: Up to when.
        pattern: What lines have to match, as CloudWatch Logs has it; by default all do.
    """
    begin, end = _milliseconds(since), _milliseconds(until)
    paginator = client.get_paginator("filter_log_events")
    seen: set[tuple[str, int, str]] = set()
    while True:
        count, last = 0, begin
        for page in paginator.paginate(logGroupName=group, filterPattern=pattern, startTime=begin, endTime=end):
            for event in page["events"]:
                count, last = count + 1, event["timestamp"]
                own = event["logStreamName"], last, event["message"]
                # Lines that are equal in all of this are told once where two looks meet, and as often as they are there
                # otherwise.
                if begin == last and own in seen:
                    continue
                seen.add(own)
                yield event
        # The embedded AWS ends here without a token for the next page.
        if count < _PAGE or last == begin:
            return
        begin = last


def _line(function: str, event: Any) -> Line:  # noqa: ANN401 - an event of boto3
    text = event["message"].rstrip("\n")
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    fields = fields if isinstance(fields, dict) else {}
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    # What is written in one go reaches CloudWatch at one moment; the logger has noted when each line was said.
    own = event.get("eventId") or f"{event['logStreamName']}|{event['timestamp']}|{text}"
    return Line(_said_at(fields) or at, function, own, text, fields)


def _said_at(fields: dict[str, Any]) -> datetime | None:
    try:
        return datetime.strptime(fields["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z")
    except (KeyError, TypeError, ValueError):
        return None


def _called(scope: dict[str, Any]) -> Iterator[str]:
    for state in scope["States"].values():
        name = state.get("Parameters", {}).get("FunctionName") if state["Type"] == "Task" else None
        if name:
            # An ARN may end with a version or an alias.
            yield name.split(":")[6] if name.startswith("arn:") else name
        for inner in [*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])]:
            yield from _called(inner)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
