"""Express or Standard, for a pipeline of a stack or one in a file: which it is, why, and what both cost."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from scout.errors import InputRefused, ScoutError
from scout.stacks.configuration import stack_settings
from workflow.model import WorkflowConfiguration
from workflow.pipeline_config import GlueStageConfig, PipelineConfig, StageConfig
from workflow.stages import ConfigurationError
from workflow.targets import GlueJobTarget, LambdaFunction

# What a stage of a file takes at most where it does not say: the defaults of the example's functions and jobs.
_DEFAULT_SECONDS, _DEFAULT_MINUTES = 60, 120
_SOMEWHERE = "arn:aws:lambda:us-east-1:000000000000:function:"


def from_file(path: Path) -> tuple[str, WorkflowConfiguration]:
    """Read a pipeline as it would stand in a stack's configuration.

    Args:
        path: A YAML file with the keys of one pipeline: ``stages``, ``type``, ``retry``, ...

    Raises:
        InputRefused: It is not a pipeline, or one that could not work.
        ScoutError: It cannot be read.
    """
    try:
        written = PipelineConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScoutError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputRefused(str(path), [f"it is not YAML: {error}"]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)]
        raise InputRefused(str(path), problems) from error
    return path.stem, _configuration(path.stem, written)


def from_stack(stack: str, pipeline: str) -> tuple[str, WorkflowConfiguration]:
    """A pipeline of a stack's configuration.

    Raises:
        ScoutError: The stack's configuration is wrong, or has no such pipeline.
    """
    settings = stack_settings(stack)
    if pipeline not in settings.pipelines:
        known = ", ".join(settings.pipelines) or "none"
        raise ScoutError(f"stack {stack} has no pipeline {pipeline!r}; it has: {known}")
    return pipeline, _configuration(pipeline, settings.pipelines[pipeline])


def _configuration(name: str, written: PipelineConfig) -> WorkflowConfiguration:
    try:
        return written.configuration(name, _assumed)
    except ConfigurationError as error:
        raise InputRefused(name, list(error.problems)) from error


def _assumed(written: StageConfig) -> object:
    """A function or job with the time-out that the stage says, or that the program gives its own."""
    from components.candidate_functions import FUNCTIONS  # noqa: PLC0415 - imports Pulumi, which takes a second

    if isinstance(written, GlueStageConfig):
        return GlueJobTarget(name=written.job, timeout_minutes=written.timeout_minutes or _DEFAULT_MINUTES)
    own = FUNCTIONS.get(written.function)
    seconds = written.timeout_seconds or (own.timeout_seconds if own else _DEFAULT_SECONDS)
    return LambdaFunction(arn=_SOMEWHERE + written.name, timeout_seconds=seconds)
