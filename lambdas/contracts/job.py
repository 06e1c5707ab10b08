"""The input of a run: one city, its budgets, and when to stop."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from lambdas.contracts.base import Contract, Latitude, Longitude, Share, Text, Uuid, slug
from lambdas.contracts.connectors import BudgetGroup

MAX_RADIUS_KM = 50
# StartExecution refuses a larger input (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
MAX_INPUT_BYTES = 262_144
# Six hours. The state machine's own time-out is ten minutes above it: pages in flight and finalization end in between.
MAX_WALL_CLOCK_SECONDS = 21_600
_Amount = Annotated[int, Field(ge=0, le=10**12)]


class Center(Contract):
    """A point in WGS 84, in degrees."""

    lat: Latitude
    lng: Longitude


class Seed(Contract):
    """Where to look: a disc on the map. ``radius_km`` is in kilometres."""

    type: Literal["map"]
    center: Center
    radius_km: Annotated[float, Field(gt=0, le=MAX_RADIUS_KM, allow_inf_nan=False)]


class TokenBudget(Contract):
    """A budget in the units of its group (``lambdas.contracts.connectors``)."""

    tokens_per_min: _Amount
    max_tokens_total: _Amount

    @property
    def per_minute(self) -> int:
        """Units a minute."""
        return self.tokens_per_min

    @property
    def total(self) -> int:
        """Units in the whole run."""
        return self.max_tokens_total


class ByteBudget(Contract):
    """A budget in bytes received."""

    bytes_per_min: _Amount
    max_bytes_total: _Amount

    @property
    def per_minute(self) -> int:
        """Bytes a minute."""
        return self.bytes_per_min

    @property
    def total(self) -> int:
        """Bytes in the whole run."""
        return self.max_bytes_total


class CallBudget(Contract):
    """A budget in calls."""

    calls_per_min: _Amount
    max_calls_total: _Amount

    @property
    def per_minute(self) -> int:
        """Calls a minute."""
        return self.calls_per_min

    @property
    def total(self) -> int:
        """Calls in the whole run."""
        return self.max_calls_total


class Budgets(Contract):
    """What a run may spend, per group of connectors."""

    google: TokenBudget
    web: ByteBudget
    llm: TokenBudget
    open_data: CallBudget


class KillSwitches(Contract):
    """``true`` forbids every call of the group."""

    google: bool = False
    web: bool = False
    llm: bool = False
    open_data: bool = False


class EarlyStop(Contract):
    """Stop when new-unique over seen falls below ``min_new_unique_rate`` over the last ``window_calls`` calls."""

    min_new_unique_rate: Share
    window_calls: Annotated[int, Field(ge=1, le=100_000)]


class Timeouts(Contract):
    """``wall_clock_seconds``: from the opening of the run to the end of its finalization."""

    wall_clock_seconds: Annotated[int, Field(ge=1, le=MAX_WALL_CLOCK_SECONDS)]


class Orchestrator(Contract):
    """How the caller wants errors handled, and its own id for the run.

    ``fail_fast`` true ends the execution at the first failed state. A job that is started twice with the same
    ``correlation_id`` (or twice without one) is answered with its first run.
    """

    fail_fast: bool = False
    correlation_id: Uuid | None = None


class Sources(Contract):
    """Data that the run reads and that no service hands out.

    ``osm_extract``: an OpenStreetMap extract (``.osm.pbf``) for a real ``TileSweep``, as ``s3://bucket/key``. The
    command line also takes ``file://PATH`` and ``package://PACKAGE/PATH`` (a file inside an installed Python package)
    and uploads it first.
    """

    osm_extract: Annotated[str, StringConstraints(pattern=r"^(s3|file|package)://.+\.osm\.pbf$", max_length=1024)]


class RunInput(Contract):
    """One job: find every place worth visiting in one city.

    ``environment``: overrides by name, from the variables of whoever starts the run (``lambdas.contracts.effective``).
    The values of the seven golden inputs lie in ``examples/``; the JSON Schema made from this model is
    ``schemas/run-input.schema.json``.
    """

    job_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    city: Text
    seed: Seed
    budgets: Budgets
    kill_switches: KillSwitches
    early_stop: EarlyStop
    timeouts: Timeouts
    s3_prefix: Annotated[
        str, StringConstraints(pattern=r"^(?:cities|tests)/(?:[a-z0-9][a-z0-9._-]*/)+$", max_length=256)
    ]
    orchestrator: Orchestrator = Orchestrator()
    sources: Sources | None = None
    environment: dict[str, Annotated[str, StringConstraints(max_length=64)]] | None = None

    @field_validator("city")
    @classmethod
    def _has_slug(cls, city: str) -> str:
        slug(city)
        return city

    @property
    def slug(self) -> str:
        """The city's name as it stands in S3 keys."""
        return slug(self.city)

    def cap(self, group: BudgetGroup) -> int:
        """What a group may spend in the whole run: its total, and no more than its rate gives in the run's time."""
        budget: TokenBudget | ByteBudget | CallBudget = getattr(self.budgets, group.value)
        return min(budget.total, budget.per_minute * self.timeouts.wall_clock_seconds // 60)
