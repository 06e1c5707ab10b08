"""The configuration of a stack as one typed, validated object.

The Pulumi engine hands every value to the program as a string (objects as JSON), accepts keys that nobody knows, and
replaces a project's object by the stack's whole object instead of merging the two. So the defaults of nested keys, the
refusal of unknown keys and all types live in this package. ``schemas/stack-config.schema.json`` is generated from its
models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from settings.connectors import Connectors
from settings.finalization import Finalization
from settings.problems import REGION_KEY, explain, keys_of, unknown
from settings.section import Positive, Section, Share
from settings.sections import (
    Concurrency,
    Encryption,
    Frontier,
    Functions,
    Lifecycle,
    Observability,
    Tags,
    TokenBuckets,
)
from workflow.city_states import IMPLEMENTED_REAL, STATE_NAMES, CityState, StateMode
from workflow.pipeline_config import PipelineConfig
from workflow.retries import STATE_RETRIES, RetryPolicy


def _not_taken(name: str) -> str:
    if name in {"city-discovery", "page-processing"}:
        raise ValueError(f"{name} is a workflow of city discovery; choose another name")
    return name


# Its resources' names are made of it; those of city discovery are taken.
PipelineName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$"),
    AfterValidator(_not_taken),
]


class ConfigError(ValueError):
    """The configuration of a stack is wrong. The message has one line per wrong key, with what is valid there."""


def _in_order(states: dict[CityState, StateMode]) -> dict[CityState, StateMode]:
    """The states in the order of the workflow, whatever the order in the file or the engine's."""
    return {state: states[state] for state in CityState if state in states}


def _over_default_retries(given: object) -> object:
    """What a stack says of a state's retries, laid over the default of that state."""
    if not isinstance(given, Mapping):
        return given
    laid_over = {
        state: {**STATE_RETRIES[CityState(state)].model_dump(), **changes}
        for state, changes in given.items()
        if state in STATE_NAMES and isinstance(changes, Mapping)
    }
    return {**STATE_RETRIES, **given, **laid_over}


class Settings(Section):
    """Everything that the program reads. ``load`` makes it from what the engine hands over."""

    project: str
    stack: str
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = Field(alias=REGION_KEY)
    states: Annotated[dict[CityState, StateMode], AfterValidator(_in_order)] = Field(
        description="Which implementation each of the twelve states has",
        json_schema_extra={"required": [state.value for state in CityState]},
    )
    lifecycle: Lifecycle = Lifecycle()
    retry: Annotated[dict[CityState, RetryPolicy], BeforeValidator(_over_default_retries)] = Field(
        STATE_RETRIES,
        description="Retries of errors that are not known to be permanent; laid over each state's default",
    )
    concurrency: Concurrency = Concurrency()
    token_buckets: TokenBuckets = TokenBuckets()
    split_ratio: Share = Field(0.7, description="Part of the budget that primaries get; secondaries get the rest")
    finalize_reserve_seconds: Positive = Field(120, description="Kept free for finalization at the end of a run")
    observability: Observability = Observability()
    encryption: Encryption = Encryption()
    functions: Functions = Field(Functions(), alias="lambda")
    frontier: Frontier = Frontier()
    connectors: Connectors = Connectors()
    finalization: Finalization = Finalization()
    pipelines: dict[PipelineName, PipelineConfig] = Field({}, description="Pipelines of Lambda and Glue stages")
    tags: Tags = Tags()
    force_destroy: bool = Field(False, description="destroy also deletes the bucket's objects and the ledger")

    @classmethod
    def load(
        cls, project: str, stack: str, config: Mapping[str, str], environ: Mapping[str, str] | None = None
    ) -> Self:
        """Make the settings of a stack from the engine's configuration.

        Args:
            project: The project's name: the namespace of its keys.
            stack: The stack's name.
            config: All keys with their namespaces; every value a string, objects as JSON. Other namespaces than the
                project's are left to their providers, save ``aws:region``.
            environ: Environment variables. ``CONCURRENCY_<KEY>`` lies over the config: ``CONCURRENCY_WEB_FETCH`` over
                ``concurrency.web.fetch``.

        Returns:
            The validated settings.

        Raises:
            ConfigError: Some keys are wrong, missing or unknown, or a state is to be real that has no implementation
                yet; the message names each of them.
        """
        own = {key.removeprefix(f"{project}:"): text for key, text in config.items() if key.startswith(f"{project}:")}
        keys = keys_of(cls)
        document = {key: _parse(keys[key], text) for key, text in own.items() if key in keys}
        if over := _concurrency(environ or {}):
            section = document.get("concurrency")
            document["concurrency"] = {**(section if isinstance(section, Mapping) else {}), **over}
        region = {REGION_KEY: config[REGION_KEY]} if REGION_KEY in config else {}
        problems = [unknown(cls, project, key) for key in own if key not in keys]
        problems += _unusable_states(project, document.get("states"))
        try:
            settings = cls.model_validate({"project": project, "stack": stack} | region | document)
        except ValidationError as error:
            problems += [explain(cls, project, problem) for problem in error.errors()]
        if problems:
            raise ConfigError(f"the configuration of stack {stack!r} is wrong:\n  " + "\n  ".join(problems))
        return settings

    def run_defaults(self) -> dict[str, Any]:
        """What a run is opened with and its input does not say: rate limits, the split, when to look and to stop."""
        return {
            "split_ratio": self.split_ratio,
            "token_buckets": self.token_buckets.model_dump(by_alias=True),
            "finalize_reserve_seconds": self.finalize_reserve_seconds,
            "poll_seconds": self.frontier.poll_seconds,
            "max_poll_seconds": self.frontier.max_poll_seconds,
            "ledger_days": self.lifecycle.ledger,
        }


def stack_config_schema(project: str = "data-scout") -> dict[str, Any]:
    """The JSON Schema of a stack file, ``Pulumi.<stack>.yaml``, for editors.

    Args:
        project: The namespace of the keys.

    Returns:
        The schema, with the descriptions and defaults of these models.
    """
    settings = Settings.model_json_schema(by_alias=True)
    keys = {f"{project}:{key}": settings["properties"][key] for key in keys_of(Settings)}
    for schema in keys.values():
        if schema.get("type") in {"boolean", "integer", "number"}:
            # `pulumi config set` writes every value at the top level as a string.
            schema["type"] = [schema["type"], "string"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Configuration of a stack of {project}",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "required": [f"{project}:states"],
                "properties": keys | {REGION_KEY: settings["properties"][REGION_KEY]},
                # Keys of providers are theirs to check.
                "patternProperties": {f"^(?!{project}:)[^:]+:": True},
                "additionalProperties": False,
            },
            # What `pulumi stack init` and `pulumi config set --secret` write beside it.
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "$defs": settings["$defs"],
    }


def _concurrency(environ: Mapping[str, str]) -> dict[str, str]:
    """What environment variables say of the concurrency, by the keys of that section."""
    names = {f"CONCURRENCY_{key}".replace(".", "_").upper(): key for key in keys_of(Concurrency)}
    return {key: environ[name] for name, key in names.items() if name in environ}


def _is_object(annotation: object) -> bool:
    return get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse(annotation: object, text: str) -> object:
    """A value as the engine holds it: objects come as JSON, all else as the text that it is."""
    if not _is_object(annotation):
        return text
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _unusable_states(project: str, states: object) -> Iterator[str]:
    """States that the stack does not mention, and those that it wants real before they are."""
    if not isinstance(states, Mapping):
        return
    for state in CityState:
        if state not in states:
            yield f"{project}:states.{state}: is missing; valid are 'mock' and 'real'"
        elif states[state] == StateMode.REAL and state not in IMPLEMENTED_REAL:
            implemented = ", ".join(sorted(IMPLEMENTED_REAL))
            yield f"{project}:states.{state}: has no real implementation yet (only {implemented}); set it to 'mock'"
