"""What Lambda says of its invocations: the REPORT lines of those that worked for a run."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.runtime.parallel import in_parallel
from scout.cities import logs

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

    from scout.deployment import Deployment

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
_REPORT = re.compile(r"^REPORT RequestId: \S+\s.*?Billed Duration: (?P<ms>\d+) ms\s+Memory Size: (?P<mb>\d+) MB", re.S)
_START = "START RequestId: "
# What CloudWatch Logs counts for each line beside its text (https://aws.amazon.com/cloudwatch/pricing/).
_LINE_BYTES = 26


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function.

    Attributes:
        function: Its name.
        architecture: ``arm64`` or ``x86_64``.
        billed_seconds: What Lambda bills.
        memory_mb: The function's memory.
        log_bytes: What its lines weigh.
        lines: Those of its lines that are JSON objects.
        at: When the first of its lines was written, in milliseconds since the epoch.
    """

    function: str
    architecture: str
    billed_seconds: float
    memory_mb: int
    log_bytes: int
    lines: Sequence[Mapping[str, Any]]
    at: int

    @property
    def gb_seconds(self) -> float:
        """What is billed for its duration."""
        return self.billed_seconds * self.memory_mb / 1024


def about(
    deployment: Deployment, functions: Iterable[str], name: str, since: datetime, until: datetime
) -> list[Invocation]:
    """The invocations of functions whose log speaks of a run.

    All lines of the functions in that time are read, since those that tell the time of an invocation do not say for
    whom it was.

    Args:
        deployment: Where.
        functions: Their names.
        name: The id of the run, or of the execution.
        since: From when on.
        until: Up to when.
    """
    search = _Search(deployment.session.client("lambda"), deployment.session.client("logs"), name, since, until)
    return [invocation for found in in_parallel(search.of_function, sorted(functions)) for invocation in found]


@dataclass(frozen=True)
class _Search:
    """What is looked for. Its clients are shared by threads: a session must not make them in several."""

    functions: LambdaClient
    logs: CloudWatchLogsClient
    name: str
    since: datetime
    until: datetime

    def of_function(self, function: str) -> list[Invocation]:
        configuration = self.functions.get_function_configuration(FunctionName=function)
        architecture = configuration.get("Architectures", ["x86_64"])[0]
        streams: defaultdict[str, list[Any]] = defaultdict(list)
        for event in logs.events(self.logs, logs.group_of(self.functions, function), self.since, self.until):
            streams[event["logStreamName"]].append(event)
        return [
            invocation
            for events in streams.values()
            for invocation in _invocations(function, architecture, events)
            if any(self.name in text for text in invocation.texts)
        ]


@dataclass(frozen=True)
class _Told(Invocation):
    """An invocation with the text of its lines."""

    texts: Sequence[str] = ()


def _invocations(function: str, architecture: str, events: Iterable[Any]) -> Iterator[_Told]:
    """One environment works on one invocation at a time, so that a stream has its lines from START to REPORT."""
    texts: list[str] = []
    at = 0
    for event in events:
        text = event["message"].rstrip("\n")
        if text.startswith(_START):
            texts, at = [], event["timestamp"]
        texts.append(text)
        if found := _REPORT.match(text):
            size = sum(len(line.encode()) + _LINE_BYTES for line in texts)
            milliseconds, memory = int(found["ms"]), int(found["mb"])
            yield _Told(
                function, architecture, milliseconds / 1000, memory, size, list(_objects(texts)), at, tuple(texts)
            )
            texts = []


def _objects(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    for text in texts:
        if text.startswith("{"):
            try:
                yield json.loads(text)
            except ValueError:
                continue
