"""Pipelines for tests: small ones by hand, and any that a user could write, for property tests."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from workflow.definition import MachineType, StateMachine
from workflow.model import WorkflowConfiguration, WorkflowType
from workflow.pipeline import pipeline
from workflow.stages import GlueStage, LambdaStage, RetryConfiguration, Stage
from workflow.states import Map, Scope, Task

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
BUCKET = "data-scout-test-data-123456789012"
QUICK = RetryConfiguration(lambda_max_attempts=1, lambda_interval_seconds=1)


def lambda_stage(name: str, seconds: int = 10, **changes: Any) -> LambdaStage:
    return LambdaStage(name, function=FUNCTION + name, timeout_seconds=seconds, **changes)


def glue_stage(name: str, minutes: int = 30, **changes: Any) -> GlueStage:
    return GlueStage(name, job=f"job-{name}", timeout_minutes=minutes, **changes)


def configuration(*stages: Stage, **changes: Any) -> WorkflowConfiguration:
    return WorkflowConfiguration(**{"workflow_name": "sample", "stages": stages, **changes})


def express(*stages: Stage, **changes: Any) -> WorkflowConfiguration:
    return configuration(*stages, **{"workflow_type": WorkflowType.EXPRESS, "retry": QUICK, **changes})


def standard(*stages: Stage, **changes: Any) -> WorkflowConfiguration:
    return configuration(*stages, **{"workflow_type": WorkflowType.STANDARD, **changes})


def definition(config: WorkflowConfiguration) -> StateMachine:
    return pipeline(config, workflow_bucket=BUCKET)


def stage_scope(config: WorkflowConfiguration) -> Scope:
    """Where the stages' states stand: in the machine itself, or in the Map over the messages."""
    machine = definition(config)
    if config.machine_type is MachineType.STANDARD:
        return machine
    messages = machine.states["Each message"]
    assert isinstance(messages, Map)
    return messages.item_processor


def tasks(config: WorkflowConfiguration) -> dict[str, Task]:
    """The Task of each stage, by the stage's name."""
    states = stage_scope(config).states
    found = {stage.name: states[stage.name] for stage in config.stages}
    assert all(isinstance(task, Task) for task in found.values())
    return {name: task for name, task in found.items() if isinstance(task, Task)}


def payload(task: Task) -> dict[str, Any]:
    """The event of a Lambda stage."""
    event = (task.parameters or {})["Payload"]
    assert isinstance(event, dict)
    return event


def arguments(task: Task) -> dict[str, Any]:
    """The arguments of a Glue stage."""
    given = (task.parameters or {})["Arguments"]
    assert isinstance(given, dict)
    return given


def message_path(config: WorkflowConfiguration) -> str:
    """Where a stage finds its message in the context object."""
    return "$$.Execution.Input[0]" if config.machine_type is MachineType.STANDARD else "$$.Map.Item.Value"


def folder(config: WorkflowConfiguration, execution: str, message: str = "m-1") -> str:
    """The name of the folder of a message's outputs."""
    return execution if config.machine_type is MachineType.STANDARD else f"{message}-{execution}"


def evaluated(text: object, execution: str, message: str = "m-1") -> str:
    """What Step Functions makes of a path into the context object, or of ``States.Format`` with such paths."""
    assert isinstance(text, str)
    context = {
        "$$.Execution.Name": execution,
        "$$.Execution.Input[0].messageId": message,
        "$$.Map.Item.Value.messageId": message,
    }
    if not text.startswith("States.Format("):
        return context[text]
    call = re.fullmatch(r"States\.Format\('([^']*)', (.*)\)", text)
    assert call is not None, text
    parts = [context[argument] for argument in call[2].split(", ")]
    assert call[1].count("{}") == len(parts)
    return call[1].replace("{}", "%s") % tuple(parts)


# Not only names of stages as they usually are: whatever the pattern allows, short ones and those of common states too.
_ODD = st.sampled_from(["Message", "Messages", "Load", "LoadFailed", "Succeeded", "TooManyMessages", "KeepForG", "G"])
NAMES = (
    _ODD
    | st.from_regex(r"[A-Z][A-Za-z0-9]{0,12}Stage", fullmatch=True)
    | st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}", fullmatch=True).filter(lambda name: name != "initial")
)


@st.composite
def configurations(draw: st.DrawFn, *, glue: bool = True, legacy: bool = False, most: int = 6) -> WorkflowConfiguration:
    """Any workflow that can be: Express where it fits, Standard otherwise."""
    names = draw(st.lists(NAMES, min_size=1, max_size=most, unique=True))
    stages: list[Stage] = []
    for name in names:
        if glue and draw(st.booleans()):
            stages.append(glue_stage(name, draw(st.integers(1, 10_080))))
        else:
            after_glue = bool(stages) and isinstance(stages[-1], GlueStage)
            old = legacy and not after_glue and draw(st.booleans())
            stages.append(lambda_stage(name, draw(st.integers(1, 900)), legacy=old))
    retry = RetryConfiguration(
        lambda_max_attempts=draw(st.integers(0, 4)),
        lambda_interval_seconds=draw(st.integers(1, 60)),
        lambda_backoff_rate=draw(st.sampled_from([1.0, 1.5, 2.0])),
        glue_max_attempts=draw(st.integers(0, 4)),
        glue_interval_minutes=draw(st.integers(1, 10)),
    )
    return configuration(*stages, retry=retry)
