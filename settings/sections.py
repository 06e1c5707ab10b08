"""The sections of a stack's configuration, with the defaults of their keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from settings.section import Positive, Section
from workflow.city_states import CityState

# What CloudWatch Logs takes
# (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip
Days = Annotated[int, Field(ge=1, le=3650)]
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TagValue = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9 +\-=._:/@]+$"),
    # `pulumi config set --path data-scout:tags.cost_center 4711` stores a number.
    Field(coerce_numbers_to_str=True),
]
# YAML 1.1 reads a bare OFF as the boolean false.
LogLevel = Annotated[Literal["OFF", "ERROR", "ALL"], BeforeValidator(lambda value: "OFF" if value is False else value)]


class Lifecycle(Section):
    """Days after which data is deleted: objects by key prefix, and items of the ledger."""

    executions: Days = Field(7, description="executions/: what states hand to each other")
    glue_temp: Days = Field(
        7, description="glue-temp/: what Glue jobs keep for a while, the Spark UI's events among it"
    )
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
    data_fetch: TokenBucket = Field(TokenBucket(capacity=3000, refill=300), alias="data.fetch")
    llm_tokens: TokenBucket = Field(TokenBucket(capacity=200_000, refill=0, period_seconds=0), alias="llm.tokens")
    nominatim: TokenBucket = Field(TokenBucket(capacity=500, refill=50), alias="nominatim")
    overture: TokenBucket = Field(TokenBucket(capacity=600, refill=600), alias="overture")
    location: TokenBucket = Field(TokenBucket(capacity=600, refill=600), alias="location")


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
