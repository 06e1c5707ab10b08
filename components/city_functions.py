"""The Lambda functions of city discovery as data: what each runs, what it needs, and what it may touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.context import StackContext
from components.function_spec import BASE_PACKAGES, FunctionSpec
from components.policies import (
    Statement,
    change_visibility,
    converse_with,
    list_objects,
    read_objects,
    read_secrets,
    search_places,
    send_messages,
    use_ledger,
    write_objects,
)
from settings import Settings
from workflow.city_states import PHASES, CityState, Phase, StateMode
from workflow.targets import LargeDedupe, Targets


def _no_secrets(_: Settings) -> Sequence[str]:
    return ()


def _database(settings: Settings) -> Sequence[str]:
    """The secret of the database that takes places, if there is one."""
    postgres = settings.finalization.persist.postgres
    return () if postgres is None else (postgres.secret,)


def _search_key(settings: Settings) -> Sequence[str]:
    """The secret with the key of the web search, if there is one."""
    secret = settings.connectors.tavily.secret
    return () if secret is None else (secret,)


def _check_key(settings: Settings) -> Sequence[str]:
    """The secret with the key of the check by Google, if there is one."""
    google = settings.connectors.google
    return (google.secret,) if google.enabled and google.secret is not None else ()


# The model that ``lambdas.connectors.bedrock`` takes where a stack names none.
DEFAULT_MODEL = "amazon.nova-lite-v1:0"


def _asking(context: StackContext) -> Sequence[Statement]:
    settings = context.settings
    model = settings.connectors.bedrock.model_id or DEFAULT_MODEL
    return converse_with(model, context.partition, settings.region, context.account)


@dataclass(frozen=True, kw_only=True)
class CityFunction(FunctionSpec):
    """A function of city discovery. An Express execution calls control twice and up to three page functions in a row,
    and ends after 300 s.

    Attributes:
        reads: Key prefixes below which it reads objects, and may list them.
        writes: Key prefixes below which it writes objects.
        sends_to_frontier: It sends messages to the frontier.
        returns_to_frontier: It says when messages come back to the frontier.
        uses_model: It asks the language model.
        locates: It asks Amazon Location Service, where the stack has turned that on.
        secrets: The names of the secrets that it reads, by the stack's settings.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    sends_to_frontier: bool = False
    returns_to_frontier: bool = False
    uses_model: bool = False
    locates: bool = False
    secrets: Callable[[Settings], Sequence[str]] = _no_secrets

    def statements(self, context: StackContext) -> tuple[Statement, ...]:
        """What this function may do, beyond writing its logs."""
        bucket = context.bucket_arn
        objects = (
            [read_objects(bucket, self.reads), write_objects(bucket, self.writes), list_objects(bucket, self.reads)]
            if self.reads
            else []
        )
        queue = context.arn("queue", "frontier")
        sending = [send_messages(queue)] if self.sends_to_frontier else []
        returning = [change_visibility(queue)] if self.returns_to_frontier else []
        names = self.secrets(context.settings)
        secrets = [read_secrets(map(context.secret_arn, names))] if names else []
        asking = _asking(context) if self.uses_model else ()
        located = self.locates and context.settings.connectors.location.enabled
        locating = [search_places(context.partition, context.settings.region)] if located else []
        return (
            use_ledger(context.arn("table", "ledger")),
            *objects,
            *sending,
            *returning,
            *asking,
            *locating,
            *secrets,
        )

    @property
    def uses_bucket(self) -> bool:
        """Whether it reads or writes objects."""
        return bool(self.reads or self.writes)


CONTROL = CityFunction(
    name="control",
    description="Opens, watches and closes runs; admits and settles batches of messages",
    packages=("lambdas/control",),
    shared=BASE_PACKAGES,
    timeout_seconds=20,
    memory_mb=512,
    returns_to_frontier=True,
)

# Everything that a state writes. Golden inputs keep their pointer to the last run below cities/ or tests/.
_ALL_PREFIXES = ("executions/", "raw/", "extracted/", "manifests/", "cities/", "tests/")

MOCK = CityFunction(
    name="mock",
    description="Stands for all states that are mock, with a synthetic city in place of the outside world",
    packages=("lambdas/mock", "lambdas/finalization"),
    timeout_seconds=60,
    memory_mb=1024,
    layers=("core", "places"),
    reads=_ALL_PREFIXES,
    writes=_ALL_PREFIXES,
    sends_to_frontier=True,
)

# What follows the last page, and the same for whatever states found the places.
FINALIZATION: tuple[CityState, ...] = PHASES[Phase.FINALIZATION]
_RESULTS = ("executions/", "extracted/", "manifests/", "cities/", "tests/")

REAL: dict[CityState, CityFunction] = {
    CityState.DISCOVER_WEB_SOURCES: CityFunction(
        name="discover-web-sources",
        description="Finds pages of the web that write about a city",
        packages=("lambdas/discover_web_sources", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=300,
        memory_mb=1024,
        layers=("core", "web", "wiki"),
        # Answers of a search lie beside the pages.
        reads=("executions/", "raw/json/open-data/", "raw/html/"),
        writes=("executions/", "raw/json/open-data/", "raw/html/"),
        sends_to_frontier=True,
        secrets=_search_key,
    ),
    CityState.DISCOVER_TARGETS: CityFunction(
        name="discover-targets",
        description="Finds a city's border, and who publishes data on it",
        packages=("lambdas/discover_targets", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=300,
        memory_mb=1024,
        layers=("core", "web"),
        reads=("executions/", "raw/json/open-data/", "raw/html/"),
        writes=("executions/", "raw/json/open-data/", "raw/html/", "manifests/"),
        sends_to_frontier=True,
    ),
    CityState.SEED_PRIMARIES: CityFunction(
        name="seed-primaries",
        description="Asks Wikidata, Wikipedia and Wikivoyage for what a city is known for",
        packages=("lambdas/seed_primaries", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=300,
        memory_mb=1024,
        layers=("core", "places", "web", "wiki"),
        reads=("executions/", "raw/json/open-data/", "extracted/"),
        writes=("executions/", "raw/json/open-data/", "extracted/"),
    ),
    CityState.EXPAND_NEIGHBORS: CityFunction(
        name="expand-neighbors",
        description="Searches the map around the primaries, and where messages of the frontier say",
        packages=("lambdas/expand_neighbors", "lambdas/connectors", "lambdas/fetching"),
        # Searches of the frontier run within the 300 s of an Express execution.
        timeout_seconds=100,
        memory_mb=1024,
        layers=("core", "web"),
        reads=("executions/", "raw/json/open-data/", "extracted/"),
        writes=("executions/", "raw/json/open-data/", "extracted/"),
    ),
    CityState.TILE_SWEEP: CityFunction(
        name="tile-sweep",
        description="Finds the places of an OpenStreetMap extract, or of Overpass and Overture Maps",
        packages=("lambdas/tile_sweep", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=300,
        memory_mb=2048,
        layers=("core", "osm", "web", "overture"),
        reads=("executions/", "raw/json/open-data/", "extracted/", "reference/osm/"),
        writes=("executions/", "raw/json/open-data/", "extracted/"),
    ),
    CityState.WEB_FETCH: CityFunction(
        name="web-fetch",
        description="Fetches pages of the open web, as their sites allow it",
        packages=("lambdas/web_fetch", "lambdas/fetching"),
        timeout_seconds=60,
        memory_mb=1024,
        layers=("core", "web"),
        # Of a data set the record lies with the other open data.
        reads=("executions/", "raw/json/open-data/", "raw/html/"),
        writes=("executions/", "raw/json/open-data/", "raw/html/"),
        sends_to_frontier=True,
    ),
    CityState.EXTRACT_WITH_LLM: CityFunction(
        name="extract-with-llm",
        description="Finds the places that a page speaks of",
        packages=("lambdas/extract_with_llm", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=60,
        memory_mb=1024,
        layers=("core", "web"),
        reads=("executions/", "raw/html/", "raw/json/llm/"),
        writes=("executions/", "raw/json/llm/"),
        uses_model=True,
    ),
    CityState.GEOCODE_VALIDATE: CityFunction(
        name="geocode-validate",
        description="Locates the places of pages, and rejects what cannot be right",
        packages=("lambdas/geocode_validate", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=60,
        memory_mb=1024,
        layers=("core", "web"),
        reads=("executions/", "extracted/", "raw/json/open-data/"),
        writes=("executions/", "extracted/", "raw/json/open-data/"),
        locates=True,
    ),
    CityState.DEDUPE_CANONICALIZE: CityFunction(
        name="dedupe-canonicalize",
        description="Makes places of all sightings of a run",
        packages=("lambdas/dedupe_canonicalize", "lambdas/finalization"),
        timeout_seconds=900,
        # A million sightings take 1.8 GB of memory; they and their places lie on the disk meanwhile, 1.2 GB.
        memory_mb=3008,
        disk_mb=2048,
        layers=("core", "places"),
        reads=_RESULTS,
        writes=("executions/",),
    ),
    CityState.PERSIST: CityFunction(
        name="persist",
        description="Keeps the places of a run as files and in a database",
        packages=("lambdas/persist", "lambdas/finalization"),
        timeout_seconds=900,
        memory_mb=2048,
        # A million places are 1.3 GB as lines, and 0.7 GB as map and table.
        disk_mb=4096,
        layers=("core", "places", "parquet", "postgres"),
        reads=("executions/", "cities/"),
        writes=("executions/", "cities/"),
        secrets=_database,
    ),
    CityState.RANK: CityFunction(
        name="rank",
        description="Puts the places of a run in their order",
        packages=("lambdas/rank", "lambdas/finalization"),
        timeout_seconds=900,
        memory_mb=2048,
        disk_mb=4096,
        layers=("core", "places", "parquet"),
        reads=("executions/", "cities/"),
        writes=("executions/", "cities/"),
    ),
    CityState.FINALIZE: CityFunction(
        name="finalize",
        description="Verifies and measures what a run leaves behind, and writes its manifest",
        packages=("lambdas/finalize", "lambdas/finalization", "lambdas/connectors", "lambdas/fetching"),
        timeout_seconds=900,
        # A million places, as columns in which duplicates are looked for, take 1.8 GB of memory.
        memory_mb=3008,
        disk_mb=4096,
        layers=("core", "places", "web"),
        # Answers of Google's, of which there are none where the check is off.
        reads=(*_RESULTS, "raw/json/google/"),
        writes=("executions/", "manifests/", "cities/", "tests/", "raw/json/google/"),
        secrets=_check_key,
    ),
}


def function_of(state: CityState, settings: Settings) -> CityFunction:
    """The function that serves a state in this stack."""
    return MOCK if settings.states[state] is StateMode.MOCK else REAL[state]


def functions_of(settings: Settings) -> list[CityFunction]:
    """The functions of a stack: control, one for all mock states if there are any, and one for each real state."""
    return list(dict.fromkeys([CONTROL, *(function_of(state, settings) for state in CityState)]))


def reserved_concurrency(function: CityFunction, settings: Settings) -> int | None:
    """What a function takes for itself of the account's concurrency: only real states' functions, and only by flag."""
    if not settings.functions.reserve_concurrency:
        return None
    by_function = {spec.name: settings.concurrency.by_state.get(state) for state, spec in REAL.items()}
    return by_function.get(function.name)


def targets_of(context: StackContext, large_dedupe: LargeDedupe | None = None) -> Targets:
    """What the state machines of the stack call.

    Args:
        context: The stack.
        large_dedupe: As for ``Targets``.
    """
    return Targets(
        functions={state: function_of(state, context.settings).target(context) for state in CityState},
        control=CONTROL.target(context),
        workflow_bucket=context.bucket,
        large_dedupe=large_dedupe,
        partition=context.partition,
    )
