"""The configuration of a stack as one typed, validated object.

The Pulumi engine hands every value to the program as a string (objects as JSON), accepts keys that nobody knows, and
replaces a project's object by the stack's whole object instead of merging the two. So the defaults of nested keys, the
refusal of unknown keys and all types live here. ``schemas/stack-config.schema.json`` is generated from these models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from workflow.city_states import IMPLEMENTED_REAL, STATE_NAMES, CityState, StateMode
from workflow.retries import STATE_RETRIES, RetryPolicy

REGION_KEY = "aws:region"
# Fields that are no keys of the project's namespace: the engine says the first two, the provider owns the third.
_NOT_KEYS = frozenset({"project", "stack", "region"})

# What CloudWatch Logs takes
# (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip
Days = Annotated[int, Field(ge=1, le=3650)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TagValue = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9 +\-=._:/@]+$"),
    # `pulumi config set --path data-scout:tags.cost_center 4711` stores a number.
    Field(coerce_numbers_to_str=True),
]
# YAML 1.1 reads a bare OFF as the boolean false.
LogLevel = Annotated[Literal["OFF", "ERROR", "ALL"], BeforeValidator(lambda value: "OFF" if value is False else value)]


class ConfigError(ValueError):
    """The configuration of a stack is wrong. The message has one line per wrong key, with what is valid there."""


class Section(BaseModel):
    """A part of the configuration: immutable, closed to unknown keys, and ``"0.25"`` is taken for 0.25."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lifecycle(Section):
    """Days after which data is deleted: objects by key prefix, and items of the ledger."""

    executions: Days = Field(7, description="executions/: what states hand to each other")
    raw_google: Days = Field(30, description="raw/json/google/: Google's terms allow no longer")
    raw_open_data: Days = Field(90, description="raw/json/open-data/")
    raw_llm: Days = Field(90, description="raw/json/llm/")
    raw_html: Days = Field(90, description="raw/html/")
    extracted: Days = Field(90, description="extracted/")
    manifests: Days = Field(90, description="manifests/")
    ledger: Days = Field(90, description="A run in the ledger; as long is a job answered with its first run")
    incomplete_uploads: Days = Field(1, description="Parts of multipart uploads that were never completed")
    noncurrent_versions: Days = Field(7, description="Overwritten and deleted versions under every prefix")


class Concurrency(Section):
    """How many invocations of a state run at once: what its real function reserves of the account's concurrency."""

    web_fetch: Positive = Field(8, alias="web.fetch", description="WebFetch")
    extract_llm: Positive = Field(4, alias="extract.llm", description="ExtractWithLLM")
    geocode_validate: Positive = Field(4, alias="geocode.validate", description="GeocodeValidate")
    expand_neighbors: Positive = Field(6, alias="maps.expand_neighbors", description="ExpandNeighbors")
    tile_sweep: Positive = Field(6, alias="maps.tile_sweep", description="TileSweep")

    @property
    def by_state(self) -> dict[CityState, int]:
        """The number for each state that has one."""
        return {
            CityState.WEB_FETCH: self.web_fetch,
            CityState.EXTRACT_WITH_LLM: self.extract_llm,
            CityState.GEOCODE_VALIDATE: self.geocode_validate,
            CityState.EXPAND_NEIGHBORS: self.expand_neighbors,
            CityState.TILE_SWEEP: self.tile_sweep,
        }


class TokenBucket(Section):
    """A rate limit: ``refill`` tokens come every ``period_seconds``, and no more than ``capacity`` are kept."""

    capacity: Positive
    refill: Annotated[int, Field(ge=0)] = Field(description="0: what is spent does not come back within a run")
    period_seconds: Annotated[int, Field(ge=0)] = Field(60, description="0 counts as a minute")


class TokenBuckets(Section):
    """The rate limit of each outside service. A service that is named replaces its default whole."""

    google_text: TokenBucket = Field(TokenBucket(capacity=1000, refill=150), alias="google.text")
    google_nearby: TokenBucket = Field(TokenBucket(capacity=1500, refill=150), alias="google.nearby")
    google_details: TokenBucket = Field(TokenBucket(capacity=1000, refill=100), alias="google.details")
    overpass: TokenBucket = Field(TokenBucket(capacity=800, refill=80), alias="overpass")
    otm: TokenBucket = Field(TokenBucket(capacity=800, refill=80), alias="otm")
    wiki: TokenBucket = Field(TokenBucket(capacity=800, refill=80), alias="wiki")
    tavily_api: TokenBucket = Field(TokenBucket(capacity=1000, refill=100), alias="tavily.api")
    web_fetch: TokenBucket = Field(TokenBucket(capacity=3000, refill=300), alias="web.fetch")
    llm_tokens: TokenBucket = Field(TokenBucket(capacity=200_000, refill=0, period_seconds=0), alias="llm.tokens")
    nominatim: TokenBucket = Field(TokenBucket(capacity=500, refill=50), alias="nominatim")


class Observability(Section):
    """What the state machines report beyond metrics; all of it costs money, so all of it is off by default."""

    log_level: LogLevel = Field("OFF", description="Execution logs of the state machines")
    include_execution_data: bool = Field(False, description="Inputs and outputs of states in these logs")
    tracing: bool = Field(False, description="X-Ray, for state machines and functions")


class Encryption(Section):
    """How the bucket is encrypted: with S3's own key, or with a key of the stack."""

    kms: bool = Field(False, description="true: a KMS key of the stack, rotated every year")


class Functions(Section):
    """What all Lambda functions share."""

    architecture: Literal["arm64", "x86_64"] = "arm64"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_retention_days: RetentionDays = Field(30, description="Logs of functions and state machines")
    reserve_concurrency: bool = Field(
        True, description="false in an account whose concurrency limit leaves nothing to reserve"
    )


class Frontier(Section):
    """The queue of pages and map searches, and how it is emptied."""

    batch_size: Annotated[int, Field(ge=1, le=10)] = Field(10, description="Messages in one batch")
    batch_window_seconds: Annotated[int, Field(ge=0, le=300)] = Field(1, description="Longest wait for a full batch")
    max_receive_count: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="Tries before the DLQ")
    poll_seconds: Annotated[int, Field(ge=1, le=300)] = Field(2, description="First wait between two looks at a run")
    max_poll_seconds: Annotated[int, Field(ge=45, le=300)] = Field(
        60, description="Longest wait between two looks; with less, six hours of them would fill a run's history"
    )

    @property
    def mean_poll_seconds(self) -> int:
        """The least mean of the waits of a long run: each is at least a fiftieth of the run's age, or the longest."""
        return min(40, self.max_poll_seconds * 2 // 3)


class Tags(Section):
    """Who owns the stack and who pays for it; on every resource."""

    owner: TagValue = "data-scout"
    cost_center: TagValue = "data-scout"


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
        keys = _keys_of(cls)
        document = {key: _parse(keys[key], text) for key, text in own.items() if key in keys}
        if over := _concurrency(environ or {}):
            section = document.get("concurrency")
            document["concurrency"] = {**(section if isinstance(section, Mapping) else {}), **over}
        region = {REGION_KEY: config[REGION_KEY]} if REGION_KEY in config else {}
        problems = [_unknown(project, key) for key in own if key not in keys]
        problems += _unusable_states(project, document.get("states"))
        try:
            settings = cls.model_validate({"project": project, "stack": stack} | region | document)
        except ValidationError as error:
            problems += [_explain(project, problem) for problem in error.errors()]
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
    keys = {f"{project}:{key}": settings["properties"][key] for key in _keys_of(Settings)}
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
    names = {f"CONCURRENCY_{key}".replace(".", "_").upper(): key for key in _keys_of(Concurrency)}
    return {key: environ[name] for name, key in names.items() if name in environ}


def _keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a model as they stand in the configuration, with the types of their values."""
    return {
        field.alias or name: field.annotation for name, field in model.model_fields.items() if name not in _NOT_KEYS
    }


def _unknown(project: str, key: str) -> str:
    """What to say of a key at the top level that does not exist."""
    section, dot, rest = key.partition(".")
    if dot and section in _keys_of(Settings):
        # The engine takes `states.Rank` for one name, not for a path.
        return (
            f"{project}:{key}: is one key with a dot in its name. Write {rest!r} below {project}:{section}, or set it"
            f" with: pulumi config set --path '{project}:{key}' VALUE"
        )
    return f"{project}:{key}: no such key; valid are {_valid_keys([key])}"


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


def _valid_keys(path: Sequence[int | str]) -> str:
    """The keys that are valid beside the last one of a path."""
    annotation: Any = Settings
    for part in path[:-1]:
        annotation = get_args(annotation)[1] if get_origin(annotation) is dict else _keys_of(annotation)[str(part)]
    return ", ".join(_keys_of(annotation))


def _explain(project: str, problem: ErrorDetails) -> str:
    """One line for one problem: the key, what is wrong with it, what is valid."""
    path = [part for part in problem["loc"] if part != "[key]"]
    key = REGION_KEY if path == [REGION_KEY] else f"{project}:" + ".".join(str(part) for part in path)
    given = problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            return f"{key}: no such key; valid are {_valid_keys(path)}"
        case "enum" | "literal_error" if len(path) < len(problem["loc"]):
            return f"{key}: no such key; valid are {problem['ctx']['expected']}"
        case "enum" | "literal_error":
            return f"{key}: {given!r} is not valid; valid are {problem['ctx']['expected']}"
        case "missing":
            return f"{key}: is missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key}: must be an object, not {given!r}"
        case _:
            return f"{key}: {problem['msg']}; given is {given!r}"


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
